"""Deals in every state: won, lost, open, late, without an owner, without an amount."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kpi_lib.domains.marketplace.sampling.columns import Bools, Ints, instants, money
from kpi_lib.domains.marketplace.sampling.roster import Roster

#: Desks, not people.
OWNERS = ((301, "Sales Desk", "North"), (302, "Sales Desk", "South"), (303, "Sales Desk", "Online"))
STAGES = (
    ("qualified", "Qualified", 0.2),
    ("proposal", "Proposal sent", 0.4),
    ("negotiation", "In negotiation", 0.7),
    ("won", "Closed won", 1.0),
    ("lost", "Closed lost", 0.0),
)
_WON, _LOST = 3, 4
_FIRST_DEAL = 8001


@dataclass(frozen=True)
class Deals:
    """Deals as columns; days since 1970, amounts in cents, ``forecast`` −1 where there is none."""

    owner: Ints
    stage: Ints
    amount: Ints
    forecast: Ints
    created: Ints
    closes: Ints
    deleted: Bools

    @property
    def open(self) -> Bools:
        """Whether each is open."""
        return self.stage < _WON

    def numbers(self, chosen: Bools) -> list[int]:
        """Return the ids of the chosen deals that are not deleted."""
        return [_FIRST_DEAL + int(row) for row in np.flatnonzero(chosen & ~self.deleted)]


def make_deals(roster: Roster, until: int, rng: np.random.Generator) -> Deals:
    """Return about five past deals and one open one a customer."""
    customers, start = len(roster.ids), int(roster.first_days[0])
    past, now = 5 * customers, customers
    size = past + now
    created = rng.integers(start, until + 1, size)
    created[past:] = np.maximum(until - rng.integers(0, 120, now), start)
    closes = created + rng.integers(20, 150, size)
    closes[past:] = np.maximum(until + rng.integers(-25, 140, now), created[past:])
    decided = (np.arange(size) < past) & (closes <= until)
    stage = np.where(decided, np.where(rng.random(size) < 0.35, _WON, _LOST), rng.integers(0, 3, size))
    amount = rng.integers(40, 600, size) * 10_000
    amount = np.where((rng.random(size) < 0.04) & (stage < _WON), -1, amount)
    given = (rng.random(size) < 0.15) & (stage < _WON) & (amount > 0)
    return Deals(
        owner=np.where(rng.random(size) < 0.08, -1, rng.integers(0, len(OWNERS), size)),
        stage=stage,
        amount=amount,
        forecast=np.where(given, amount * rng.integers(10, 91, size) // 100, -1),
        created=created,
        closes=closes,
        deleted=rng.random(size) < 0.02,
    )


def deal_frame(deals: Deals, rng: np.random.Generator) -> pd.DataFrame:
    """Return ``deal``."""
    size = len(deals.stage)
    owner = pd.array(np.array([row[0] for row in OWNERS])[deals.owner], dtype="Int64")
    owner[deals.owner < 0] = pd.NA
    names = np.array([row[0] for row in STAGES])
    return pd.DataFrame(
        {
            "deal_id": _FIRST_DEAL + np.arange(size),
            "owner_id": owner,
            "deal_pipeline_id": pd.Series(["default"] * size, dtype="str"),
            "deal_pipeline_stage_id": pd.Series(names[deals.stage], dtype="str"),
            "property_amount": money(deals.amount, deals.amount >= 0),
            "property_hs_forecast_amount": money(deals.forecast, deals.forecast >= 0),
            "property_closedate": instants(deals.closes, rng.integers(32_400, 86_000, size)),
            "property_createdate": instants(deals.created, rng.integers(32_400, 86_000, size)),
            "property_hs_is_closed_won": deals.stage == _WON,
            "property_hs_is_closed": ~deals.open,
            "is_deleted": deals.deleted,
        }
    )


def stage_frame() -> pd.DataFrame:
    """Return ``deal_pipeline_stage``."""
    frame = pd.DataFrame(STAGES, columns=["stage_id", "label", "probability"])
    return frame.astype({"stage_id": "str", "label": "str"}).assign(pipeline_id="default")


def owner_frame() -> pd.DataFrame:
    """Return ``owner``."""
    frame = pd.DataFrame(OWNERS, columns=["owner_id", "first_name", "last_name"])
    return frame.astype({"first_name": "str", "last_name": "str"})


def company_frame(roster: Roster, rng: np.random.Generator) -> pd.DataFrame:
    """Return ``company``: every customer, some with a quota."""
    size = len(roster.ids)
    return pd.DataFrame(
        {
            "id": 50_000 + roster.ids,
            "property_name": pd.Series(list(roster.names), dtype="str"),
            "property_quota": money(rng.integers(5, 26, size) * 100_000, rng.random(size) < 0.5),
        }
    )
