"""Dates as a reader is asked with them: dates, ISO texts, nothing."""

from __future__ import annotations

import datetime as dt

from kpi_lib.errors import UsageError
from kpi_lib.periods import iso_day

Day = dt.date | str | None
EVER = (dt.date(1, 1, 1), dt.date(9999, 12, 31))


def read_day(value: Day, what: str) -> dt.date | None:
    """Return a date, or None for nothing."""
    if value is None or value == "":
        return None
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    try:
        return iso_day(value)
    except (TypeError, ValueError) as error:
        raise UsageError(f"'{value}' is no date.", where=what, remedy="Write it as 2026-11-20.") from error


def read_range(since: Day, until: Day) -> tuple[dt.date, dt.date]:
    """Return a first and a last date, in order."""
    first, last = read_day(since, "since") or EVER[0], read_day(until, "until") or EVER[1]
    if first > last:
        raise UsageError(f"since ({first}) comes after until ({last}).", where="since", remedy="Swap them.")
    return first, last
