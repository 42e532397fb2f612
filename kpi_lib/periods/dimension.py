"""The date dimension: one row a day, data that a user can join and extend."""

from __future__ import annotations

import datetime as dt

import numpy as np
import numpy.typing as npt
import pandas as pd

from kpi_lib.errors import UsageError
from kpi_lib.periods.calendars import (
    MONTHS,
    Days,
    Grain,
    Ints,
    WeekYears,
    bounds,
    fiscal_year,
    length,
    month_first,
    month_index,
    number_of,
    shift_months,
    week_first,
    weekday,
)
from kpi_lib.periods.models import Calendar

_GRAINS: tuple[Grain, ...] = ("year", "quarter", "month", "week")
_Column = npt.NDArray[np.generic]


#: First and last day of ``dim_date``; no source, as-of date or window reaches beyond them.
DATE_DIMENSION = (dt.date(2015, 1, 1), dt.date(2035, 12, 31))


def dim_date(
    calendar: Calendar,
    start: dt.date | str = "2015-01-01",
    end: dt.date | str = "2035-12-31",
) -> pd.DataFrame:
    """Return the date dimension of a calendar.

    Parameters
    ----------
    calendar
        The domain's calendar.
    start, end
        First and last day, inclusive.

    Returns
    -------
    pandas.DataFrame
        One row a day, ``date_key`` first: calendar, ISO and fiscal parts with their first and last days,
        ``day_of_week`` (1 Monday to 7 Sunday), ``is_weekend``, ``prior_year_date`` (29 February maps to
        the 28th) and ``prior_year_weekday_date`` (364 days earlier). The first week of a calendar year,
        and of a fiscal year that is made of months, is the one that holds its first day; such a fiscal
        week ends with its year, while ``week_first_day`` to ``week_last_day`` is always the whole week.

    Raises
    ------
    UsageError
        When the end comes before the start.
    """
    first, last = np.datetime64(start, "D"), np.datetime64(end, "D")
    if last < first:
        raise UsageError(f"the date dimension would end on {last}, before it starts on {first}.")
    days: Days = first + length(np.arange((last - first).astype(np.int64) + 1))
    month = month_index(days)
    columns: dict[str, _Column] = {
        "date_key": days,
        "year": month // 12 + 1970,
        "quarter": month % 12 // 3 + 1,
        "month": month % 12 + 1,
        "week": _week_number(days, calendar, fiscal=False),
        "day_of_month": number_of(days - bounds(days, calendar, "month", fiscal=False)[0]) + 1,
        "day_of_year": number_of(days - bounds(days, calendar, "year", fiscal=False)[0]) + 1,
        "day_of_week": weekday(days) + 1,
        "is_weekend": weekday(days) >= 5,
    }
    for grain in _GRAINS:
        columns[f"{grain}_first_day"], columns[f"{grain}_last_day"] = bounds(
            days, calendar, grain, fiscal=False
        )
    columns |= _iso(days)
    columns |= _fiscal(days, calendar)
    columns["prior_year_date"] = shift_months(days, -12)
    columns["prior_year_weekday_date"] = days - length(364)
    return pd.DataFrame(
        {
            name: column.astype("datetime64[us]") if column.dtype.kind == "M" else column
            for name, column in columns.items()
        }
    )


def _week_number(days: Days, calendar: Calendar, *, fiscal: bool) -> Ints:
    year_first = bounds(days, calendar, "year", fiscal=fiscal)[0]
    return number_of(week_first(days, calendar) - week_first(year_first, calendar)) // 7 + 1


def _iso(days: Days) -> dict[str, _Column]:
    monday = days - length(weekday(days))
    year = month_index(monday + length(3)) // 12
    first = _iso_year_first(year)
    return {
        "iso_year": year + 1970,
        "iso_week": number_of(monday - first) // 7 + 1,
        "iso_year_first_day": first,
        "iso_year_last_day": _iso_year_first(year + 1) - length(1),
        "iso_week_first_day": monday,
        "iso_week_last_day": monday + length(6),
    }


def _iso_year_first(years_since_1970: Ints) -> Days:
    fourth = month_first(years_since_1970 * 12) + length(3)
    return fourth - length(weekday(fourth))


def _fiscal(days: Days, calendar: Calendar) -> dict[str, _Column]:
    if calendar.week_pattern is not None:
        years = WeekYears.around(days, calendar)
        month, week = years.month(days), years.week(days) + 1
    else:
        month = (month_index(days) - (calendar.fiscal_start_month - 1)) % 12
        week = _week_number(days, calendar, fiscal=True)
    columns: dict[str, _Column] = {
        "fiscal_year": fiscal_year(days, calendar),
        "fiscal_quarter": month // MONTHS["quarter"] + 1,
        "fiscal_month": month + 1,
        "fiscal_week": week,
    }
    year_first, year_last = bounds(days, calendar, "year", fiscal=True)
    for grain in _GRAINS:
        first, last = bounds(days, calendar, grain, fiscal=True)
        columns[f"fiscal_{grain}_first_day"] = np.maximum(first, year_first)
        columns[f"fiscal_{grain}_last_day"] = np.minimum(last, year_last)
    return columns
