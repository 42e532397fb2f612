"""Who the customers are, and what each is to bring in each year."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from kpi_lib.domains.marketplace.sampling.columns import Floats, Ints, day_number

BLOCK = 60
FIRST_ID = 101
_FIRSTS = (
    "Thistlewick", "Bramblecote", "Quillhaven", "Marrowmere", "Fennimoor", "Tallowby", "Wrenfold", "Oxterly",
    "Pippinshaw", "Dunnockfield", "Sorrelby", "Hazelwhit", "Copperlarch", "Mossgable", "Nettlecroft",
    "Larchwimble", "Gorsewick", "Kestrelby", "Umberlane", "Yarrowgate",
)  # fmt: skip
_TRADES = (
    "Foods", "Beverage Co.", "Snacks", "Outdoors", "Soap Works", "Coffee Roasters", "Pet Supply", "Tea House",
    "Bakery", "Home Goods", "Cycles", "Sparkling Water",
)  # fmt: skip
#: What happens to the customers of each block of sixty, in order.
ROLES = (
    *("flat",) * 4,
    *("growing",) * 14,
    *("shrinking",) * 10,
    *("churned",) * 6,
    *("joined",) * 10,
    *("reactivated",) * 2,
    "refunded", "credited", "surviving", "merged", "unnamed",
    *("wavering",) * 9,
)  # fmt: skip


@dataclass(frozen=True)
class Roster:
    """The customers and their plan.

    Parameters
    ----------
    ids
        QuickBooks ids, as numbers.
    names
        Company names; None where the ledger has none.
    roles
        One of :data:`ROLES` each.
    plan
        Cents by customer and year before credit memos; those of the last year up to its last day.
    first_days, last_days
        The years' bounds as days since 1970; the last one ends with the sample.
    """

    ids: Ints
    names: tuple[str | None, ...]
    roles: tuple[str, ...]
    plan: Ints
    first_days: Ints
    last_days: Ints

    def of(self, role: str) -> Ints:
        """Return the positions of the customers with a role."""
        return np.flatnonzero(np.array(self.roles) == role)


def make_roster(until: dt.date, years: int, scale: int, rng: np.random.Generator) -> Roster:
    """Return the customers of a sample that ends on ``until``."""
    size = BLOCK * scale
    roles = ROLES * scale
    numbers = range(until.year - years + 1, until.year + 1)
    last = [min(dt.date(year, 12, 31), until) for year in numbers]
    share = until.timetuple().tm_yday / dt.date(until.year, 12, 31).timetuple().tm_yday
    base = np.round(np.exp(rng.normal(11.2, 0.7, size))) * 100
    plan = base[:, None] * np.stack([_course(roles[i], i, years, rng) for i in range(size)])
    plan[:, -1] *= share
    return Roster(
        ids=FIRST_ID + np.arange(size),
        names=tuple(None if roles[i] == "unnamed" else _name(i) for i in range(size)),
        roles=roles,
        plan=np.floor(plan).astype(np.int64),
        first_days=np.array([day_number(dt.date(year, 1, 1)) for year in numbers]),
        last_days=np.array([day_number(day) for day in last]),
    )


def _name(number: int) -> str:
    name = f"{_FIRSTS[number % len(_FIRSTS)]} {_TRADES[7 * number % len(_TRADES)]}"
    return name if number < BLOCK else f"{name} {number // BLOCK + 1}"


def _course(role: str, number: int, years: int, rng: np.random.Generator) -> Floats:
    """Return what a customer brings in each year, as a multiple of its base; every branch draws alike."""
    year, noise, pace = np.arange(years), rng.uniform(0.85, 1.2, years), rng.uniform(0.08, 0.30)
    last = years - 1
    turn = number % last
    courses = {
        "flat": np.ones(years),
        "growing": (1 + pace) ** year,
        "shrinking": (1 - pace) ** year,
        "churned": noise * (year <= last - 1 - turn),
        "joined": noise * (year >= last - turn),
        "reactivated": noise * (year != last - 1),
        "refunded": noise,
        "credited": noise * (year <= last - 2),
        # Neither of the two alone has revenue in every year.
        "surviving": noise * (year >= last - 1),
        "merged": noise * (year < last - 1),
    }
    return np.asarray(courses.get(role, noise), dtype=np.float64)
