"""From windows, as-of dates and comparisons to spans of days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from kpi_lib.errors import DefinitionError, UsageError
from kpi_lib.periods.calendars import MONTHS, Days, WeekYears, as_days, bounds, length, shift_months
from kpi_lib.periods.models import Calendar, Comparison, Window

NOT_STARTED = "not_started"
NO_COUNTERPART = "no_counterpart"
_WEEKS_OF_A_YEAR = length(364)


def spans(
    as_of_dates: Any,
    windows: Sequence[Window],
    comparisons: Sequence[Comparison],
    calendar: Calendar,
) -> pd.DataFrame:
    """Return the days that each window covers and is compared with, as data.

    Parameters
    ----------
    as_of_dates
        Dates, as anything NumPy reads as ``datetime64``.
    windows, comparisons
        What to lay out; names must be unique.
    calendar
        The domain's calendar.

    Returns
    -------
    pandas.DataFrame
        One row per as-of date, window and comparison, in the order given: ``as_of_date, window,
        comparison, start_date, end_date, prior_start, prior_end, state, prior_state``. ``state`` is
        ``not_started`` or null; ``prior_state`` is ``not_started``, ``no_counterpart`` or null. A span
        that is not there has null dates.

    Raises
    ------
    UsageError
        When a date is missing.
    DefinitionError
        When two windows or two comparisons share a name.
    """
    for what, items in (("windows", windows), ("comparisons", comparisons)):
        repeated = [name for name, count in Counter(item.name for item in items).items() if count > 1]
        if repeated:
            raise DefinitionError(f"two {what} are called '{repeated[0]}'.", remedy="Rename one of them.")
    as_of = as_days(as_of_dates)
    if np.isnat(as_of).any():
        raise UsageError("an as-of date is missing (NaT).", remedy="Leave it out.")
    blocks = [_block(as_of, window, comparison, calendar) for window in windows for comparison in comparisons]
    if not blocks:
        return _frame(as_of[:0], *[as_of[:0]] * 4, window="", comparison="")
    frame = pd.concat(blocks, ignore_index=True)
    order = np.arange(len(frame)).reshape(len(blocks), len(as_of)).T.ravel()
    return frame.iloc[order].reset_index(drop=True)


def _block(as_of: Days, window: Window, comparison: Comparison, calendar: Calendar) -> pd.DataFrame:
    start, end = window_bounds(as_of, window, calendar)
    prior = prior_bounds(as_of, window, comparison, calendar)
    return _frame(as_of, start, end, *prior, window=window.name, comparison=comparison.name)


def _frame(as_of: Days, *ends: Days, window: str, comparison: str) -> pd.DataFrame:
    start, end, prior_start, prior_end = ends
    absent = np.isnat(start)
    prior_state = pd.Series(NO_COUNTERPART, index=range(len(as_of)), dtype="str")
    state = pd.Series(NOT_STARTED, index=range(len(as_of)), dtype="str")
    return pd.DataFrame(
        {
            "as_of_date": as_of.astype("datetime64[us]"),
            "window": pd.Series([window] * len(as_of), dtype="str"),
            "comparison": pd.Series([comparison] * len(as_of), dtype="str"),
            "start_date": start.astype("datetime64[us]"),
            "end_date": end.astype("datetime64[us]"),
            "prior_start": prior_start.astype("datetime64[us]"),
            "prior_end": prior_end.astype("datetime64[us]"),
            "state": state.where(absent),
            "prior_state": state.where(absent, prior_state.where(np.isnat(prior_start))),
        }
    )


def window_bounds(as_of: Days, window: Window, calendar: Calendar) -> tuple[Days, Days]:
    """Return the first and last day of a window at each as-of date; NaT before a fixed range starts.

    Parameters
    ----------
    as_of
        As-of dates, ``datetime64[D]``.
    window
        The window.
    calendar
        The domain's calendar.
    """
    if window.kind == "to_date":
        assert window.grain is not None  # noqa: S101 - held by Window itself
        return bounds(as_of, calendar, window.grain, fiscal=window.fiscal)[0], as_of
    if window.kind == "trailing":
        return as_of - length((window.days or 1) - 1), as_of
    if window.kind == "t12m":
        return shift_months(as_of, -12) + length(1), as_of
    first, last = np.datetime64(window.start, "D"), np.datetime64(window.end, "D")
    started = as_of >= first
    nothing = np.datetime64("NaT", "D")
    return np.where(started, first, nothing), np.where(started, np.minimum(as_of, last), nothing)


def prior_bounds(
    as_of: Days, window: Window, comparison: Comparison, calendar: Calendar
) -> tuple[Days, Days]:
    """Return the first and last day of the span a window is compared with; NaT where there is none.

    Windows of the fiscal calendar and trailing windows follow a week pattern where the calendar has one;
    the windows of the ordinary calendar (``mtd qtd ytd wtd t12m``, fixed ranges) never do.

    Parameters
    ----------
    as_of
        As-of dates, ``datetime64[D]``.
    window
        The window.
    comparison
        How the earlier span is found.
    calendar
        The domain's calendar.

    Raises
    ------
    UsageError
        When the comparison is with a target, which is no earlier span.
    """
    if comparison.kind == "target":
        raise UsageError(
            "a target has no earlier span of days.",
            remedy="Compare with it in kpi.rollup(…, comparisons=[…]).",
        )
    start, end = window_bounds(as_of, window, calendar)
    if comparison.kind == "prior_year_weekday":
        return start - _WEEKS_OF_A_YEAR, end - _WEEKS_OF_A_YEAR
    if window.kind == "to_date":
        return _prior_to_date(start, end, window, comparison, calendar)
    if comparison.kind == "prior_period" and window.kind != "t12m":
        return start - (end - start + length(1)), start - length(1)
    if window.kind == "range":
        return shift_months(start, -12), shift_months(end, -12)
    if window.kind == "trailing" and calendar.week_pattern is not None:
        earlier = WeekYears.around(as_of, calendar).year_earlier(as_of)
    else:
        # Twelve months end just before their own start, so the preceding period is the prior year.
        earlier = shift_months(as_of, -12)
    return window_bounds(earlier, window, calendar)


def _prior_to_date(
    start: Days, end: Days, window: Window, comparison: Comparison, calendar: Calendar
) -> tuple[Days, Days]:
    grain = window.grain or "month"
    by_period = comparison.kind == "prior_period" and grain != "year"
    if window.fiscal and calendar.week_pattern is not None:
        years = WeekYears.around(end, calendar)
        if by_period:
            return (
                (start - length(7), end - length(7)) if grain == "week" else years.period_earlier(end, grain)
            )
        earlier = years.year_earlier(end)
        matched = np.where(np.isnat(earlier), np.datetime64("NaT", "D"), years.year_earlier(start))
        return matched, earlier
    if grain == "week":
        days = length(7) if by_period else _WEEKS_OF_A_YEAR
        return start - days, end - days
    months = MONTHS[grain] if by_period else 12
    return shift_months(start, -months), shift_months(end, -months, month_end=True)
