"""Arithmetic on arrays of days: months, weeks, and the fiscal years of week-pattern calendars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kpi_lib.periods.models import WEEKDAYS, Calendar

#: One-dimensional ``datetime64[D]``.
Days = npt.NDArray[np.datetime64]
Ints = npt.NDArray[np.int64]
Grain = Literal["week", "month", "quarter", "year"]

MONTHS: dict[str, int] = {"month": 1, "quarter": 3, "year": 12}
# 1970-01-01, day 0 of datetime64, was a Thursday.
_EPOCH_WEEKDAY = WEEKDAYS.index("thursday")


def as_days(dates: Any) -> Days:
    """Return dates of any unit as an array of ``datetime64[D]``."""
    return np.atleast_1d(np.asarray(dates)).astype("datetime64[D]")


def number(days: Days) -> Ints:
    """Return days as counts since 1970-01-01."""
    return days.astype("datetime64[D]").astype(np.int64)


def weekday(days: Days) -> Ints:
    """Return 0 for Monday to 6 for Sunday."""
    return (number(days) + _EPOCH_WEEKDAY) % 7


def month_index(days: Days) -> Ints:
    """Return months since January 1970."""
    return days.astype("datetime64[M]").astype(np.int64)


def month_first(months: Ints) -> Days:
    """Return the first day of months counted since January 1970."""
    return months.astype("datetime64[M]").astype("datetime64[D]")


def month_last(months: Ints) -> Days:
    """Return the last day of months counted since January 1970."""
    return month_first(months + 1) - length(1)


def shift_months(days: Days, months: int, *, month_end: bool = False) -> Days:
    """Move days by whole months, clamped to the length of the month they land in.

    Parameters
    ----------
    days
        Days to move.
    months
        How far; negative is earlier.
    month_end
        Whether the last day of a month always lands on the last day of the other one.
    """
    index = month_index(days)
    last = month_last(index + months)
    moved = np.minimum(month_first(index + months) + (days - month_first(index)), last)
    return np.where(days == month_last(index), last, moved) if month_end else moved


def week_first(days: Days, calendar: Calendar) -> Days:
    """Return the first day of each day's week."""
    return days - length((weekday(days) - WEEKDAYS.index(calendar.week_start)) % 7)


def fiscal_start(calendar: Calendar, *, fiscal: bool) -> int:
    """Return how many months after January the year starts."""
    return calendar.fiscal_start_month - 1 if fiscal else 0


def bounds(days: Days, calendar: Calendar, grain: Grain, *, fiscal: bool) -> tuple[Days, Days]:
    """Return the first and the last day of the period that each day lies in.

    Parameters
    ----------
    days
        Days.
    calendar
        The domain's calendar.
    grain
        Week, month, quarter or year.
    fiscal
        On the fiscal calendar.
    """
    if fiscal and calendar.week_pattern is not None:
        return WeekYears.around(days, calendar).bounds(days, grain)
    if grain == "week":
        first = week_first(days, calendar)
        return first, first + length(6)
    months = MONTHS[grain]
    index = month_index(days)
    index = index - (index - fiscal_start(calendar, fiscal=fiscal)) % months
    return month_first(index), month_last(index + months - 1)


def fiscal_year(days: Days, calendar: Calendar) -> Ints:
    """Return the name of each day's fiscal year."""
    if calendar.week_pattern is not None:
        return WeekYears.around(days, calendar).year(days)
    first, last = bounds(days, calendar, "year", fiscal=True)
    named = last if calendar.fiscal_named_by == "end" else first
    return month_index(named) // 12 + 1970


@dataclass(frozen=True)
class WeekYears:
    """The fiscal years of a week-pattern calendar around some days.

    Parameters
    ----------
    starts
        First day of each fiscal year, ascending; the last one only ends the year before it.
    names
        What each is called.
    month_weeks
        The week (from 0) in which each fiscal month starts, and 52 at the end.
    """

    starts: Days
    names: Ints
    month_weeks: Ints

    @classmethod
    def around(cls, days: Days, calendar: Calendar) -> WeekYears:
        """Lay out the fiscal years that cover the days, and two on either side."""
        lowest, highest = (np.array([1970, 1970]) if not len(days) else _years(days))[[0, -1]]
        years = np.arange(int(lowest) - 3, int(highest) + 4)
        weeks = [int(part) for part in (calendar.week_pattern or "4-4-5").split("-")] * 4
        # A year named by its start is the year before, unless it ends in December, where both agree.
        behind = calendar.fiscal_named_by == "start" and calendar.year_end_month != 12
        return cls(
            starts=_year_ends(years - 1, calendar) + length(1),
            names=years - int(behind),
            month_weeks=np.concatenate([[0], np.cumsum(weeks)]).astype(np.int64),
        )

    def index(self, days: Days) -> Ints:
        """Return the position of each day's fiscal year in ``starts``."""
        return np.searchsorted(self.starts, days, side="right") - 1

    def year(self, days: Days) -> Ints:
        """Return the name of each day's fiscal year."""
        return self.names[self.index(days)]

    def week(self, days: Days) -> Ints:
        """Return the fiscal week, from 0; 52 in the extra week of a 53-week year."""
        return number_of(days - self.starts[self.index(days)]) // 7

    def month(self, days: Days) -> Ints:
        """Return the fiscal month, from 0; the extra week belongs to the last one."""
        return np.minimum(np.searchsorted(self.month_weeks, self.week(days), side="right") - 1, 11)

    def bounds(self, days: Days, grain: Grain) -> tuple[Days, Days]:
        """Return the first and the last day of each day's fiscal period."""
        if grain == "week":
            first = self.starts[self.index(days)] + length(7 * self.week(days))
            return first, first + length(6)
        months = MONTHS[grain]
        month = self.month(days)
        return self.months(self.index(days), month - month % months, months)

    def months(self, year: Ints, month: Ints, count: int) -> tuple[Days, Days]:
        """Return the first and last day of ``count`` fiscal months from a month (from 0) of a year on."""
        first = self.starts[year] + length(7 * self.month_weeks[month])
        until = month + count
        inner = self.starts[year] + length(7 * self.month_weeks[np.minimum(until, 12)] - 1)
        return first, np.where(until >= 12, self.starts[year + 1] - length(1), inner)

    def year_earlier(self, days: Days) -> Days:
        """Return the same fiscal week and weekday a fiscal year earlier; NaT where there is none."""
        index = self.index(days)
        moved = self.starts[index - 1] + (days - self.starts[index])
        return np.where(moved < self.starts[index], moved, np.datetime64("NaT", "D"))

    def period_earlier(self, days: Days, grain: Grain) -> tuple[Days, Days]:
        """Return the start of the preceding fiscal month or quarter, and the day that matches in it.

        It is the same day of the same month of the period, clamped to that month's length; the last day
        of a month matches the last day of the other.
        """
        year, month, months = self.index(days), self.month(days), MONTHS[grain]
        first, last = self.months(year, month, 1)
        before = 12 * year + month - months
        target_first, target_last = self.months(before // 12, before % 12, 1)
        start = 12 * year + month - month % months - months
        moved = np.where(days == last, target_last, np.minimum(target_first + (days - first), target_last))
        return self.months(start // 12, start % 12, 1)[0], moved


def length(days: Ints | int) -> npt.NDArray[np.timedelta64]:
    """Return whole numbers as lengths in days: NumPy does not take bare numbers for them any more."""
    lengths: npt.NDArray[np.timedelta64] = np.asarray(days, dtype=np.int64).astype("timedelta64[D]")
    return lengths


def number_of(differences: npt.NDArray[np.timedelta64]) -> Ints:
    """Return differences of days as whole numbers."""
    return differences.astype("timedelta64[D]").astype(np.int64)


def _years(days: Days) -> Ints:
    return np.sort(month_index(np.array([days.min(), days.max()])) // 12 + 1970)


def _year_ends(years: Ints, calendar: Calendar) -> Days:
    last = month_last((years - 1970) * 12 + calendar.year_end_month - 1)
    back = (weekday(last) - WEEKDAYS.index(calendar.year_end_weekday)) % 7
    if calendar.year_end_rule == "nearest":
        back = np.where(back > 3, back - 7, back)
    return last - length(back)
