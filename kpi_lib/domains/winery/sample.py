"""A seeded generator of the winery's sources.

The sample tells a story (season, harvest, club shipments, a fee change, a closed week) and
holds the edges that break careless code (refunds across months, events realized later, both
clock changes, leap days). It knows its own planted answers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kpi_lib.domains.winery.sampling import orders as o
from kpi_lib.domains.winery.sampling import tables
from kpi_lib.domains.winery.sampling.club import make_club
from kpi_lib.domains.winery.sampling.edges import Edge, edge_orders, plan_edges
from kpi_lib.domains.winery.sampling.history import frames_known_on
from kpi_lib.domains.winery.sampling.ledger import Ledger, make_ledger
from kpi_lib.domains.winery.sampling.products import make_products
from kpi_lib.domains.winery.sampling.story import Story, tell
from kpi_lib.domains.winery.sampling.visits import EXPERIENCES, make_visits
from kpi_lib.errors import UsageError

_LOADED_AT = "T11:00:00Z"
_YEARS = range(1, 16)


@dataclass(frozen=True)
class Sample:
    """The sources up to a date.

    Parameters
    ----------
    frames
        By source name, with the columns of ``sources.toml``; money as decimals with two places.
    manifest
        What ``manifest.json`` shall say: that this is a sample, and for each source what it covers
        and when it was loaded.
    planted
        Answers that the sample knows without any SQL.
    """

    frames: Mapping[str, pd.DataFrame]
    manifest: dict[str, Any]
    planted: dict[str, Any]

    def known_on(self, day: dt.date) -> Sample:
        """Return the sources as they were when ``day`` was over.

        Later rows are gone, later refunds and cancellations have not happened, and orders that
        arrive late are still under way; so a build of this sample and then of the whole one is
        a night with late data.

        Raises
        ------
        UsageError
            When the day lies outside the sample.
        """
        load = self.manifest["sources"]["stg_order"]
        first, last = (dt.date.fromisoformat(load[key]) for key in ("loaded_from", "complete_through"))
        if not first <= day <= last:
            raise UsageError(f"The sample covers {first} to {last}, not {day}.", where="day")
        return Sample(
            frames_known_on(self.frames, day, self.planted["late_orders"]),
            _manifest(first, day, list(self.frames)),
            {"late_orders": self.planted["late_orders"]},
        )


def make(until: dt.date, *, seed: int = 7, years: int = 4) -> Sample:
    """Make the sources of ``years`` years up to and including ``until``.

    Parameters
    ----------
    until
        The last business date. No clock is read: the same arguments give the same sample.
    seed
        Seed of the generator.
    years
        How many years, 1 to 15.

    Raises
    ------
    UsageError
        When ``years`` is out of range.
    """
    if years not in _YEARS:
        raise UsageError(f"A sample covers 1 to 15 years, not {years}.", where="years")
    rng = np.random.default_rng([seed, until.toordinal(), years])
    story = tell(until, years, rng)
    visits = make_visits(story, rng)
    club = make_club(story, visits.tasting_guests, rng)
    edges = plan_edges(story)
    orders = o.join([*o.make_orders(story, visits, club, rng), edge_orders(edges)])
    products = make_products(until.year)
    ledger = make_ledger(story, orders, edges, products, rng)
    customers = tables.name_customers(orders, len(club.customer), rng)
    reservations, guests = tables.reservation_frames(story, visits, rng)
    frames = {
        "stg_order": tables.order_frame(story, ledger, customers),
        "stg_order_item": tables.item_frame(ledger, products),
        "stg_product": tables.product_frame(products),
        "stg_tock_reservation": reservations,
        "stg_tock_guest": guests,
        "stg_club_membership": tables.membership_frame(story, club),
        "dim_experience": tables.experience_frame(),
        "dim_customer": tables.customer_frame(story, club, orders, customers, rng),
    }
    return Sample(frames, _manifest(story.start, until, list(frames)), _planted(story, ledger, edges))


def _manifest(first: dt.date, last: dt.date, sources: list[str]) -> dict[str, Any]:
    load = {
        "loaded_from": first.isoformat(),
        "complete_through": last.isoformat(),
        "loaded_at": f"{last + dt.timedelta(days=1)}{_LOADED_AT}",
    }
    return {"schema_version": 1, "sample": True, "sources": {name: dict(load) for name in sources}}


def _planted(story: Story, ledger: Ledger, edges: tuple[Edge, ...]) -> dict[str, Any]:
    orders = ledger.orders
    future = (orders.realized >= story.size) & ~ledger.voided
    nowhere = (orders.channel == o.POS) & np.isin(orders.location, (o.POPUP, o.NOWHERE))
    experience = EXPERIENCES[0]
    return {
        "edges": [
            {
                "name": edges[orders.mark[row] - 1].name,
                "order_id": tables.FIRST_ORDER_ID + int(row),
                "local_date": story.date(orders.day[row]),
                "line": "web",
                "subtotal_cents": int(ledger.subtotal[row]),
            }
            for row in np.flatnonzero(orders.mark)
        ],
        "refunds": _refunds(story, ledger),
        "late_orders": {
            tables.FIRST_ORDER_ID + int(row): story.date(ledger.arrival[row])
            for row in np.flatnonzero(ledger.arrival > orders.day)
        },
        "closed_week": tuple(story.date(day) for day in story.closed_week),
        "anomaly": {"date": story.date(story.anomaly), "kpi": "ecomm_revenue", "times": 6},
        "fee_change": {
            "date": story.date(story.fee_change),
            "experience": experience.name,
            "cents_before": experience.fee,
            "cents_after": experience.new_fee,
        },
        "shipments": [(story.date(days[0]), story.date(days[-1])) for days in story.shipments],
        "future_events": {"orders": int(future.sum()), "subtotal_cents": int(ledger.subtotal[future].sum())},
        "unassigned": {
            "date": story.date(orders.day[nowhere].min()) if nowhere.any() else None,
            "orders": int(nowhere.sum()),
        },
    }


def _refunds(story: Story, ledger: Ledger) -> dict[str, dict[str, Any]]:
    """Return one refund of each sort: full, partial, and in another month than its sale."""
    paid, refunded = ledger.orders.day, ledger.refund_day
    some = (refunded >= 0) & (ledger.orders.kind == o.PLAIN)
    month = story.months
    sorts = {
        "full": some & (ledger.refund == ledger.subtotal),
        "partial": some & (ledger.refund < ledger.subtotal),
        "across_months": some & (month[paid] != month[np.maximum(refunded, 0)]),
    }
    return {
        name: {
            "order_id": tables.FIRST_ORDER_ID + int(row),
            "paid": story.date(paid[row]),
            "refunded": story.date(refunded[row]),
            "cents": int(ledger.refund[row]),
        }
        for name, chosen in sorts.items()
        for row in np.flatnonzero(chosen)[-1:]
    }
