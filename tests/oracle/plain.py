"""The semantics once more, slow and obvious: one date, one day, one series at a time.

Nothing here comes from ``kpi_lib.periods`` or ``kpi_lib.compute`` but the definitions themselves
(calendar, window, comparison), so that a mistake has to be made twice to go unseen.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache

from kpi_lib.periods import WEEKDAYS, Calendar, Comparison, Window

DAY = dt.timedelta(days=1)
Span = tuple[dt.date, dt.date]


def days_of(first: dt.date, last: dt.date) -> list[dt.date]:
    found, day = [], first
    while day <= last:
        found.append(day)
        day += DAY
    return found


def month_length(year: int, month: int) -> int:
    first_of_next = dt.date(year + 1, 1, 1) if month == 12 else dt.date(year, month + 1, 1)
    return (first_of_next - DAY).day


def is_month_end(day: dt.date) -> bool:
    return (day + DAY).month != day.month


def months_earlier(day: dt.date, months: int, keep_month_end: bool) -> dt.date:
    year, month = day.year, day.month
    for _ in range(months):
        month -= 1
        if month == 0:
            year, month = year - 1, 12
    length = month_length(year, month)
    if keep_month_end and is_month_end(day):
        return dt.date(year, month, length)
    return dt.date(year, month, min(day.day, length))


# Week-pattern calendars: every fiscal year is written out as a list of weeks.


@dataclass(frozen=True)
class Week:
    year: int
    number: int
    month: int
    days: tuple[dt.date, ...]


@cache
def year_end(calendar: Calendar, year: int) -> dt.date:
    last = dt.date(year, calendar.year_end_month, month_length(year, calendar.year_end_month))
    wanted = WEEKDAYS.index(calendar.year_end_weekday)
    if calendar.year_end_rule == "last":
        while last.weekday() != wanted:
            last -= DAY
        return last
    for distance in (0, 1, 2, 3):
        for candidate in (last - distance * DAY, last + distance * DAY):
            if candidate.weekday() == wanted:
                return candidate
    raise AssertionError("one of seven days is the wanted weekday")


@cache
def weeks(calendar: Calendar, year: int) -> tuple[Week, ...]:
    """Return the weeks of the fiscal year that ends with the year-end month of ``year``."""
    assert calendar.week_pattern is not None
    day, last = year_end(calendar, year - 1) + DAY, year_end(calendar, year)
    lengths = [int(part) for _ in range(4) for part in calendar.week_pattern.split("-")]
    months = [month for month, length in enumerate(lengths, start=1) for _ in range(length)]
    found = []
    while day <= last:
        month = months[len(found)] if len(found) < 52 else 12
        found.append(Week(year, len(found) + 1, month, tuple(day + i * DAY for i in range(7))))
        day += 7 * DAY
    return tuple(found)


@cache
def week_of(calendar: Calendar, day: dt.date) -> tuple[Week, int]:
    """Return the fiscal week of a day and its place in it."""
    for year in (day.year - 1, day.year, day.year + 1):
        for week in weeks(calendar, year):
            if week.days[0] <= day <= week.days[-1]:
                return week, (day - week.days[0]).days
    raise AssertionError(f"no fiscal week holds {day}")


def fiscal_months(calendar: Calendar, year: int, months: tuple[int, ...]) -> list[dt.date]:
    return [day for week in weeks(calendar, year) if week.month in months for day in week.days]


def period_of(calendar: Calendar, day: dt.date, grain: str) -> tuple[int, tuple[int, ...]]:
    week, _ = week_of(calendar, day)
    size = {"month": 1, "quarter": 3, "year": 12}[grain]
    first = (week.month - 1) // size * size + 1
    return week.year, tuple(range(first, first + size))


def same_week_a_year_earlier(calendar: Calendar, day: dt.date) -> dt.date | None:
    week, place = week_of(calendar, day)
    for other in weeks(calendar, week.year - 1):
        if other.number == week.number:
            return other.days[place]
    return None


# Windows.


def on_week_pattern(window: Window, calendar: Calendar) -> bool:
    return window.fiscal and calendar.week_pattern is not None


def first_day(as_of: dt.date, window: Window, calendar: Calendar) -> dt.date:
    if on_week_pattern(window, calendar):
        if window.grain == "week":
            return week_of(calendar, as_of)[0].days[0]
        assert window.grain is not None
        return fiscal_months(calendar, *period_of(calendar, as_of, window.grain))[0]
    if window.grain == "week":
        day = as_of
        while WEEKDAYS[day.weekday()] != calendar.week_start:
            day -= DAY
        return day
    start_month = calendar.fiscal_start_month if window.fiscal else 1
    starts = {"month": range(1, 13), "quarter": range(0, 12, 3), "year": range(0, 12, 12)}[window.grain or ""]
    first_months = {(start_month - 1 + step) % 12 + 1 for step in starts}
    day = as_of.replace(day=1)
    while day.month not in first_months:
        day = (day - DAY).replace(day=1)
    return day


def span(as_of: dt.date, window: Window, calendar: Calendar) -> Span | None:
    if window.kind == "to_date":
        return first_day(as_of, window, calendar), as_of
    if window.kind == "trailing":
        return as_of - (window.days - 1) * DAY, as_of
    if window.kind == "t12m":
        return months_earlier(as_of, 12, False) + DAY, as_of
    if as_of < window.start:
        return None
    return window.start, min(as_of, window.end)


def prior_span(
    as_of: dt.date, window: Window, comparison: Comparison, calendar: Calendar
) -> tuple[Span | None, str | None]:
    """Return the prior span, or None and why there is none."""
    current = span(as_of, window, calendar)
    if current is None:
        return None, "not_started"
    start, end = current
    if comparison.kind == "prior_year_weekday":
        return (start - 364 * DAY, end - 364 * DAY), None
    if window.kind == "to_date":
        return _prior_to_date(start, end, window, comparison, calendar)
    if comparison.kind == "prior_period" and window.kind in ("trailing", "range"):
        length = (end - start).days + 1
        return (start - length * DAY, start - DAY), None
    if window.kind == "range":
        return (months_earlier(start, 12, False), months_earlier(end, 12, False)), None
    if window.kind == "trailing" and calendar.week_pattern is not None:
        matched = same_week_a_year_earlier(calendar, as_of)
        if matched is None:
            return None, "no_counterpart"
        return span(matched, window, calendar), None
    return span(months_earlier(as_of, 12, False), window, calendar), None


def _prior_to_date(
    start: dt.date, end: dt.date, window: Window, comparison: Comparison, calendar: Calendar
) -> tuple[Span | None, str | None]:
    preceding = comparison.kind == "prior_period" and window.grain != "year"
    if window.grain == "week" and preceding:
        return (start - 7 * DAY, end - 7 * DAY), None
    if on_week_pattern(window, calendar):
        if preceding:
            return _preceding_fiscal_period(end, window, calendar), None
        first, last = (same_week_a_year_earlier(calendar, day) for day in (start, end))
        return (None, "no_counterpart") if first is None or last is None else ((first, last), None)
    if window.grain == "week":
        return (start - 364 * DAY, end - 364 * DAY), None
    months = {"month": 1, "quarter": 3, "year": 12}[window.grain] if preceding else 12
    return (months_earlier(start, months, False), months_earlier(end, months, True)), None


def _preceding_fiscal_period(end: dt.date, window: Window, calendar: Calendar) -> Span:
    year, months = period_of(calendar, end, window.grain)
    month = week_of(calendar, end)[0].month
    own = fiscal_months(calendar, year, (month,))
    before = [(number - len(months)) for number in months]
    matched_month = month - len(months)
    if before[0] < 1:
        year, before, matched_month = year - 1, [n + 12 for n in before], matched_month + 12
    target = fiscal_months(calendar, year, (matched_month,))
    place = own.index(end)
    matched = target[-1] if end == own[-1] else target[min(place, len(target) - 1)]
    return fiscal_months(calendar, year, tuple(before))[0], matched
