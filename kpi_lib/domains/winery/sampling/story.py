"""What happens on which day: season, weekday, holidays, weather, growth, and the planted days."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ZONE = ZoneInfo("America/Los_Angeles")
MAIN, CAVE, ONLINE = 0, 1, 2
SHIPMENT_MONTHS = (2, 5, 8, 11)
SHIPMENT_FIRST_DAY = 5
SHIPMENT_DAYS = 4
EVENT_HORIZON = 60
#: Monday first.
_VISITS_BY_WEEKDAY = np.array([0.62, 0.55, 0.62, 0.80, 1.12, 1.82, 1.47])
_WEB_BY_WEEKDAY = np.array([1.10, 1.12, 1.05, 1.02, 0.98, 0.82, 0.91])
#: Relative visits in the middle of each month, January first: summer, then harvest.
_VISITS_BY_MONTH = np.array([0.62, 0.70, 0.84, 0.94, 1.06, 1.14, 1.18, 1.16, 1.30, 1.28, 0.98, 0.80])
_WEB_BY_MONTH = np.array([0.72, 0.85, 0.84, 0.86, 0.90, 0.88, 0.80, 0.82, 0.96, 1.05, 1.38, 1.94])


@dataclass(frozen=True)
class Story:
    """The days of the sample and how strong each line of business is on each of them.

    Day arrays have one entry a day from ``start``; strengths are around 1.
    """

    start: dt.date
    until: dt.date
    size: int
    months: Ints
    month_days: Ints
    weekdays: Ints
    visits: Floats
    web: Floats
    phone: Floats
    purchases: Floats
    events: Ints
    event_strength: Floats
    shipments: tuple[Ints, ...]
    closed_week: tuple[int, int]
    anomaly: int
    fee_change: int
    open_days: Bools
    offsets: Ints

    def date(self, day: int) -> dt.date:
        """Return the date of a day index, which may lie beyond the sample."""
        return self.start + dt.timedelta(days=int(day))

    def day(self, date: dt.date) -> int:
        """Return the day index of a date."""
        return (date - self.start).days

    def utc(self, days: Ints, seconds: Ints) -> Ints:
        """Return local clock times as seconds since the epoch, in UTC (days before the sample included)."""
        known = np.clip(days, 0, self.size - 1)
        # The clocks change at 02:00: before it the day's first offset holds, after it the last one.
        offset = np.where(seconds < 7200, self.offsets[known, 0], self.offsets[known, 1])
        epoch = (self.start - dt.date(1970, 1, 1)).days
        moments: Ints = (epoch + days) * 86400 + seconds - offset
        return moments

    def reopened(self, days: Ints) -> Ints:
        """Move days of the closed week to the first day after it."""
        first, last = self.closed_week
        return np.where((days >= first) & (days <= last), last + 1, days)


def tell(until: dt.date, years: int, rng: np.random.Generator) -> Story:
    """Return the story of ``years`` years that end on ``until``."""
    start = _years_before(until, years) + dt.timedelta(days=1)
    size = (until - start).days + 1
    stamps = np.datetime64(start, "D") + np.arange(size + EVENT_HORIZON)
    months = (stamps.astype("datetime64[M]").astype(np.int64) % 12) + 1
    month_days = (stamps - stamps.astype("datetime64[M]")).astype(np.int64) + 1
    weekdays = (stamps.astype(np.int64) + 3) % 7
    shipments = _shipments(months, month_days, size)
    closed = _closed_week(weekdays[:size], shipments)
    open_days = np.ones(size, dtype=bool)
    open_days[closed[0] : closed[1] + 1] = False
    fee_change = _fee_change(month_days[:size])
    weather = _weather(size, rng)
    age = np.arange(size) / 365.25
    # The dearer tasting keeps a few away, and those who come buy a little less.
    softer = np.clip((np.arange(size) - fee_change) / 90, 0, 1)
    holiday_visits, holiday_web = _holidays(start, size)
    visits = (
        _by_month(stamps[:size], _VISITS_BY_MONTH)
        * _VISITS_BY_WEEKDAY[weekdays[:size]]
        * np.exp(0.06 * age - 0.03 * softer)
        * weather
        * holiday_visits
    )
    campaign = np.clip((np.arange(size) - (size - 75)) / 30, 0, 1)
    web = (
        _by_month(stamps[:size], _WEB_BY_MONTH)
        * _WEB_BY_WEEKDAY[weekdays[:size]]
        * np.exp(0.06 * age + 0.05 * campaign)
        * rng.lognormal(0, 0.12, size)
        * holiday_web
    )
    phone = _by_month(stamps[:size], _WEB_BY_MONTH) ** 0.5 * np.exp(-0.09 * age) * (weekdays[:size] < 5)
    events, strength = _events(months, month_days, weekdays, closed, size, rng)
    return Story(
        start=start,
        until=until,
        size=size,
        months=months,
        month_days=month_days,
        weekdays=weekdays,
        visits=visits * open_days,
        web=web * open_days,
        phone=phone * open_days,
        purchases=1 - 0.05 * softer,
        events=events,
        event_strength=strength,
        shipments=shipments,
        closed_week=closed,
        anomaly=size - 20,
        fee_change=fee_change,
        open_days=open_days,
        offsets=_offsets(start, size),
    )


def _years_before(date: dt.date, years: int) -> dt.date:
    leap_day = (date.month, date.day) == (2, 29)
    return date.replace(year=date.year - years, day=28 if leap_day else date.day)


def _by_month(stamps: NDArray[np.datetime64], levels: Floats) -> Floats:
    """Return the monthly levels, joined smoothly between the middles of the months."""
    day_of_year = (stamps - stamps.astype("datetime64[Y]")).astype(np.float64)
    middles = (np.arange(-1, 13) + 0.5) * 30.44
    smooth: Floats = np.interp(day_of_year, middles, np.r_[levels[-1], levels, levels[0]])
    return smooth


def _weather(size: int, rng: np.random.Generator) -> Floats:
    shocks = rng.normal(0, 0.08, size)
    # A wet day is rarely alone: each day keeps about half of the day before.
    weights = 0.5 ** np.arange(8)
    smooth: Floats = np.exp(np.convolve(shocks, weights)[:size])
    return smooth


def _holidays(start: dt.date, size: int) -> tuple[Floats, Floats]:
    visits, web = np.ones(size), np.ones(size)

    def put(levels: Floats, date: dt.date, level: float, days: int = 1) -> None:
        first = (date - start).days
        levels[max(first, 0) : max(first + days, 0)] = level

    for year in range(start.year, start.year + size // 365 + 2):
        thanksgiving = _nth_weekday(year, 11, 3, 4)
        memorial_monday = dt.date(year, 5, 31) - dt.timedelta(days=dt.date(year, 5, 31).weekday())
        put(visits, dt.date(year, 1, 1), 0.0)
        put(visits, dt.date(year, 2, 14), 1.5)
        put(visits, memorial_monday - dt.timedelta(days=2), 1.3, 3)
        put(visits, dt.date(year, 7, 4), 1.4)
        put(visits, _nth_weekday(year, 9, 0, 1) - dt.timedelta(days=2), 1.3, 3)
        put(visits, thanksgiving, 0.0)
        put(visits, thanksgiving + dt.timedelta(days=1), 1.6, 2)
        put(visits, dt.date(year, 12, 25), 0.0)
        put(visits, dt.date(year, 12, 26), 1.4, 5)
        put(web, thanksgiving + dt.timedelta(days=1), 2.6, 4)
        put(web, dt.date(year, 12, 19), 0.35, 13)
    return visits, web


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> dt.date:
    first = dt.date(year, month, 1)
    return first + dt.timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _shipments(months: Ints, month_days: Ints, size: int) -> tuple[Ints, ...]:
    """Return the days of each quarter's club shipment; the same dates every year, so that years compare."""
    first = np.flatnonzero(
        np.isin(months[:size], SHIPMENT_MONTHS) & (month_days[:size] == SHIPMENT_FIRST_DAY)
    )
    return tuple(np.arange(day, min(day + SHIPMENT_DAYS, size)) for day in first.tolist())


def _closed_week(weekdays: Ints, shipments: tuple[Ints, ...]) -> tuple[int, int]:
    taken = np.concatenate([np.zeros(0, dtype=np.int64), *shipments])
    first = int(0.42 * len(weekdays))
    first += int(-weekdays[first] % 7)
    while np.isin(taken, np.arange(first, first + 7)).any():
        first += 7
    return first, first + 6


def _fee_change(month_days: Ints) -> int:
    """Return the first of the month about eight months before the end."""
    firsts = np.flatnonzero(month_days == 1)
    return int(firsts[max(len(firsts) - 9, 0)])


def _events(
    months: Ints,
    month_days: Ints,
    weekdays: Ints,
    closed: tuple[int, int],
    size: int,
    rng: np.random.Generator,
) -> tuple[Ints, Floats]:
    """Return event days (some beyond the end, already selling) and how large each is."""
    saturdays = (weekdays == 5) & ((month_days <= 7) | ((month_days > 14) & (month_days <= 21)))
    concerts = (weekdays == 4) & np.isin(months, (7, 8)) & (month_days <= 21)
    harvest = (weekdays == 3) & np.isin(months, (9, 10))
    days = np.flatnonzero(saturdays | concerts | harvest)
    # Two more in the weeks to come, whatever the calendar says.
    days = np.unique(np.r_[days, size + 8, size + 22])
    days = days[(days < closed[0]) | (days > closed[1])]
    return days, rng.lognormal(0, 0.25, len(days))


def _offsets(start: dt.date, size: int) -> Ints:
    """Return for each day the seconds that local time is ahead of UTC, at midnight and in the evening."""

    def offset(day: int) -> int:
        midnight = dt.datetime.combine(start + dt.timedelta(days=day), dt.time(), ZONE)
        return int((midnight.utcoffset() or dt.timedelta()).total_seconds())

    midnights = [offset(day) for day in range(size + 1)]
    return np.array([midnights[:-1], midnights[1:]], dtype=np.int64).T
