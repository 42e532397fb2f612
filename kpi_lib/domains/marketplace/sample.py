"""A seeded generator of the marketplace's sources, in the shape in which Fivetran lands them.

About sixty fictional customers over five calendar years: they grow, shrink, stay, leave, come back and
merge; some revenue belongs to nobody known; invoices are credited, deleted, dated ahead and full of lines
that are no revenue. The sample knows its own planted answers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kpi_lib.domains.marketplace.sampling import deals as d
from kpi_lib.domains.marketplace.sampling import ledger, programs
from kpi_lib.domains.marketplace.sampling.columns import Ints, day_number, text
from kpi_lib.domains.marketplace.sampling.roster import Roster, make_roster
from kpi_lib.errors import UsageError

_LOADED_AT = "T11:00:00Z"
_YEARS = range(3, 11)


@dataclass(frozen=True)
class Sample:
    """The sources up to a date.

    Parameters
    ----------
    frames
        By source name, with the columns of ``sources.toml``; money as decimals with two places.
    manifest
        What ``manifest.json`` says about each source: loaded from, complete through, loaded at.
    planted
        Answers that the sample knows without any SQL; money in cents.
    """

    frames: Mapping[str, pd.DataFrame]
    manifest: dict[str, Any]
    planted: dict[str, Any]


def make(until: dt.date, *, seed: int = 7, years: int = 5, scale: int = 1) -> Sample:
    """Make the sources of ``years`` calendar years up to and including ``until``.

    Parameters
    ----------
    until
        The last business date. No clock is read: the same arguments give the same sample.
    seed
        Seed of the generator.
    years
        How many calendar years, 3 to 10; the last one ends with ``until``.
    scale
        How many times sixty customers.

    Raises
    ------
    UsageError
        When ``years`` or ``scale`` is out of range.
    """
    if years not in _YEARS:
        raise UsageError(f"A sample covers 3 to 10 years, not {years}.", where="years")
    if scale < 1:
        raise UsageError(f"A sample has at least sixty customers, not {60 * scale}.", where="scale")
    rng = np.random.default_rng([seed, until.toordinal(), years, scale])
    last, first = day_number(until), dt.date(until.year - years + 1, 1, 1)
    roster = make_roster(until, years, scale, rng)
    invoices = ledger.make_invoices(roster, last, rng)
    memos = ledger.make_memos(roster, invoices, last, rng)
    deals = d.make_deals(roster, last, rng)
    contracts = programs.make_programs(roster, last, rng)
    quiet = programs.quiet_month(until, first)
    invoice, invoice_line = ledger.invoice_frames(roster, invoices, last, rng)
    memo, memo_line = ledger.memo_frames(roster, memos, rng)
    frames = {
        "invoice": invoice,
        "invoice_line": invoice_line,
        "credit_memo": memo,
        "credit_memo_line": memo_line,
        "account": ledger.account_frame(),
        "customer": _customer_frame(roster),
        "deal": d.deal_frame(deals, rng),
        "deal_pipeline_stage": d.stage_frame(),
        "company": d.company_frame(roster, rng),
        "owner": d.owner_frame(),
        "contract": programs.contract_frame(roster, contracts, rng),
        "offer": programs.offer_frame(contracts, last, rng),
        "organizer_recap": programs.recap_frame(roster, last, quiet, rng),
        "listing": programs.listing_frame(roster, last, rng),
        "customer_merge": _merge_frame(roster),
    }
    net = ledger.net_revenue(roster, invoices, memos, last)
    planted = {
        **_planted_revenue(roster, net, first.year),
        "deals": {
            "open": deals.numbers(deals.open),
            "late": deals.numbers(deals.open & (deals.closes < last)),
            "without_owner": deals.numbers(deals.open & (deals.owner < 0)),
        },
        "contracts": {
            "overspent": contracts.numbers(contracts.spent > contracts.value),
            "spent": contracts.numbers(contracts.spent == contracts.value),
            "untouched": contracts.numbers(contracts.spent == 0),
        },
        "quiet_month": quiet,
    }
    return Sample(frames, _manifest(first, until, list(frames)), planted)


def _customer_frame(roster: Roster) -> pd.DataFrame:
    return pd.DataFrame({"id": text(roster.ids), "company_name": pd.Series(list(roster.names), dtype="str")})


def _merge_frame(roster: Roster) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "merged_customer_id": text(roster.ids[roster.of("merged")]),
            "customer_id": text(roster.ids[roster.of("surviving")]),
        }
    )


def _planted_revenue(roster: Roster, net: Ints, first_year: int) -> dict[str, Any]:
    """Return net revenue by customer and year after the merge, that of nobody known, and the roles."""
    merged, surviving = roster.of("merged"), roster.of("surviving")
    net[surviving] += net[merged]
    years = range(first_year, first_year + net.shape[1])
    rows = {
        str(roster.ids[row]): dict(zip(years, map(int, net[row]), strict=True))
        for row in range(len(roster.ids))
        if row not in merged
    }
    roles = {
        role: [str(number) for number in roster.ids[roster.of(role)]] for role in dict.fromkeys(roster.roles)
    }
    return {
        "net_revenue": rows,
        "unknown": dict(zip(years, map(int, net[-1]), strict=True)),
        "roles": roles,
    }


def _manifest(first: dt.date, last: dt.date, sources: list[str]) -> dict[str, Any]:
    load = {
        "loaded_from": first.isoformat(),
        "complete_through": last.isoformat(),
        "loaded_at": f"{last + dt.timedelta(days=1)}{_LOADED_AT}",
    }
    return {"schema_version": 1, "sample": True, "sources": {name: dict(load) for name in sources}}
