"""Contracts and offers, organizers' recaps and their listings."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kpi_lib.domains.marketplace.sampling.columns import Bools, Ints, dates, instants, money, split, text
from kpi_lib.domains.marketplace.sampling.roster import Roster

PROGRAMS = ("Sampling", "Sponsorship", "Gift Bag", "Pop-up")
#: How a contract goes: spent to the cent, beyond its value, only in part, or not at all.
FULL, OVER, PART, NONE = range(4)
_FIRST_CONTRACT = 601
_FIRST_OFFER = 30_001


@dataclass(frozen=True)
class Programs:
    """Contracts and the offers that spend them; days since 1970, cents."""

    customer: Ints
    value: Ints
    closed: Ints
    ends: Ints
    course: Ints
    offer_contract: Ints
    offer_amount: Ints
    offer_day: Ints
    offer_accepted: Bools

    @property
    def spent(self) -> Ints:
        """What the accepted offers of each contract add up to."""
        used = np.where(self.offer_accepted, self.offer_amount, 0)
        return np.bincount(self.offer_contract, used, minlength=len(self.value)).astype(np.int64)

    def numbers(self, chosen: Bools) -> list[int]:
        """Return the ids of the chosen contracts."""
        return [_FIRST_CONTRACT + int(row) for row in np.flatnonzero(chosen)]


def make_programs(roster: Roster, until: int, rng: np.random.Generator) -> Programs:
    """Return about one contract a customer; how long they take to be spent is skewed."""
    size = len(roster.ids)
    start = int(roster.first_days[0])
    closed = rng.integers(start, until + 1, size)
    value = rng.integers(20, 121, size) * 100_000
    course = rng.choice(4, size, p=[0.55, 0.12, 0.28, 0.05])
    share = np.select(
        [course == FULL, course == OVER, course == PART],
        [np.full(size, 100), rng.integers(105, 131, size), rng.integers(35, 90, size)],
    )
    takes = np.minimum(5 + np.exp(rng.normal(3.8, 0.8, size)), 400).astype(np.int64)
    counts = np.where(course == NONE, 0, rng.integers(6, 31, size))
    contract = np.repeat(np.arange(size), counts)
    amount = split(value * share // 100, counts, rng)
    first = closed + rng.integers(3, 21, size)
    day = first[contract] + (rng.random(len(contract)) * (takes[contract] + 1)).astype(np.int64)
    return Programs(
        customer=rng.permutation(size),
        value=value,
        closed=closed,
        ends=closed + rng.integers(120, 366, size),
        course=course,
        offer_contract=contract,
        offer_amount=amount,
        offer_day=day,
        offer_accepted=day <= until,
    )


def contract_frame(roster: Roster, programs: Programs, rng: np.random.Generator) -> pd.DataFrame:
    """Return ``contract``; a few have no end."""
    size = len(programs.value)
    return pd.DataFrame(
        {
            "contract_id": _FIRST_CONTRACT + np.arange(size),
            "customer_id": text(roster.ids[programs.customer]),
            "program": pd.Series(np.array(PROGRAMS)[rng.integers(0, len(PROGRAMS), size)], dtype="str"),
            "contract_value": money(programs.value),
            "close_date": dates(programs.closed),
            "end_date": dates(programs.ends, rng.random(size) >= 0.05),
        }
    )


def offer_frame(programs: Programs, until: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return ``offer``: those that spend a contract, some that came to nothing, a few of no contract."""
    size = len(programs.offer_contract)
    vain = size // 6
    loose = max(size // 100, 1)
    contract = np.concatenate([programs.offer_contract, rng.choice(programs.offer_contract, vain + loose)])
    amount = np.concatenate([programs.offer_amount, rng.integers(50_000, 400_000, vain + loose)])
    day = np.concatenate([programs.offer_day, rng.integers(until - 300, until + 1, vain + loose)])
    status = np.where(programs.offer_accepted, "accepted", "pending")
    other = np.array(["declined", "cancelled"])[rng.integers(0, 2, vain)]
    status = np.concatenate([status, other, np.full(loose, "accepted")])
    number = pd.array(_FIRST_CONTRACT + contract, dtype="Int64")
    number[size + vain :] = pd.NA
    # A cancelled offer had been accepted once.
    seconds = rng.integers(32_400, 86_000, len(day))
    return pd.DataFrame(
        {
            "offer_id": _FIRST_OFFER + np.arange(len(day)),
            "contract_id": number,
            "amount": money(amount),
            "status": pd.Series(status, dtype="str"),
            "accepted_at": instants(day, seconds, np.isin(status, ["accepted", "cancelled"])),
        }
    )


def quiet_month(until: dt.date, first: dt.date) -> dt.date:
    """Return the first day of the month in which no organizer answers: two before the last, or the first."""
    month = until.year * 12 + until.month - 3
    return max(dt.date(month // 12, month % 12 + 1, 1), first)


def recap_frame(roster: Roster, until: int, quiet: dt.date, rng: np.random.Generator) -> pd.DataFrame:
    """Return ``organizer_recap``: scores of every kind, some left out, and a month without any."""
    start = int(roster.first_days[0])
    size = max((until - start + 1) * len(roster.ids) // 120, 12)
    day = rng.integers(start, until + 1, size)
    months = day.astype("datetime64[D]").astype("datetime64[M]")
    day, size = day[months != np.datetime64(quiet, "M")], int((months != np.datetime64(quiet, "M")).sum())
    weights = np.array([2, 1, 1, 1, 2, 4, 6, 14, 22, 25, 22]) / 100
    score = pd.array(rng.choice(11, size, p=weights), dtype="Int64")
    score[rng.random(size) < 0.06] = pd.NA
    return pd.DataFrame(
        {
            "recap_id": 1 + np.arange(size),
            "organizer_id": 2001 + rng.integers(0, 80, size),
            "submitted_at": instants(day, rng.integers(32_400, 86_000, size)),
            "nps_score": score,
        }
    )


def listing_frame(roster: Roster, until: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return ``listing``: a growing number a month, on both sides of each new year's midnight, and drafts."""
    start = int(roster.first_days[0])
    size = (until - start + 1) * len(roster.ids) // 100 + 4
    day = start + ((until - start + 1) * np.sqrt(rng.random(size))).astype(np.int64)
    eve = np.concatenate([roster.last_days[:-1], roster.first_days])
    day = np.concatenate([day, eve])
    # 23:30 in California on New Year's Eve is already the next year in UTC.
    late = np.concatenate(
        [np.full(len(roster.last_days) - 1, 84_600), np.full(len(roster.first_days), 1_800)]
    )
    seconds = np.concatenate([rng.integers(32_400, 64_800, size), late])
    live = np.concatenate([rng.random(size) >= 0.07, np.ones(len(eve), dtype=bool)])
    return pd.DataFrame(
        {
            "listing_id": 1 + np.arange(len(day)),
            "organizer_id": 2001 + rng.integers(0, 80, len(day)),
            "listed_at": instants(day, seconds, live),
        }
    )
