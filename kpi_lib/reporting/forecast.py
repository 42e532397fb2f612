"""Where a month would close at its pace against last year, and how far such forecasts have been off."""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass

import pandas as pd

from kpi_lib.catalogue.models import Kpi
from kpi_lib.reporting import charts, series
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.board import year_before
from kpi_lib.reporting.data import ReportData
from kpi_lib.reporting.month_chart import PACE_MOST
from kpi_lib.reporting.reasons import changed
from kpi_lib.reporting.words import against

#: So many past months are tried, and so many of them must have had a forecast.
TRIED = 12
LEAST = 6
#: A forecast that missed by more than this is a direction and no figure to plan with.
LOOSE = 0.25


@dataclass(frozen=True)
class Forecast:
    """Where the running month would close.

    Parameters
    ----------
    closes
        The month's value at the pace so far.
    tested
        How many past months had a forecast on the same day of the month.
    miss
        The largest of their misses, as a share of the forecast; None when too few could be tried.
    """

    closes: float
    tested: int = 0
    miss: float | None = None

    @property
    def low(self) -> float | None:
        """The month's value if the forecast is as far too high as the worst of those tried."""
        return None if self.miss is None else self.closes * (1 - self.miss)

    @property
    def high(self) -> float | None:
        """The month's value if the forecast is as far too low as the worst of those tried."""
        return None if self.miss is None else self.closes * (1 + self.miss)


def forecast(data: ReportData, kpi: Kpi) -> Forecast | None:
    """Return where the month closes at its pace, with the record of the same rule over past months.

    None where :func:`kpi_lib.reporting.charts.pace` has nothing to say.
    """
    closes = charts.pace(data, kpi)
    if closes is None:
        return None
    misses = [miss for back in range(1, TRIED + 1) if (miss := _miss(data, kpi, back)) is not None]
    return Forecast(closes, len(misses), max(misses) if len(misses) >= LEAST else None)


def sentence(data: ReportData, kpi: Kpi) -> str:
    """Return the forecast in words; empty when there is none."""
    found = forecast(data, kpi)
    if found is None:
        return ""
    currency = data.currency
    said = f"{_condition(data, kpi)}, it closes near {fmt.rough(found.closes, kpi, currency)}"
    if found.miss is None or found.low is None or found.high is None:
        return f"{said}."
    missed = f"on the {_ordinal(data.as_of.day)} of {found.tested} past months this rule missed by"
    if found.miss > LOOSE:
        return f"{said}; {missed} up to {fmt.percent(found.miss, 0)}, so it is no figure to plan with."
    low, high = (fmt.rough(value, kpi, currency) for value in (found.low, found.high))
    return f"{said}; {missed} at most {fmt.percent(found.miss)}, so between {low} and {high}."


def _condition(data: ReportData, kpi: Kpi) -> str:
    rest, change = f"If the rest of {data.as_of:%B}", changed(data.row(kpi.code, "mtd"), data.currency)
    if not change.known:
        return f"{rest} changes on last year as the days so far did"
    return f"{rest} stays {against(change, kpi)} last year"


def _miss(data: ReportData, kpi: Kpi, back: int) -> float | None:
    """Return by which share of it the forecast of a past month was missed; None where there was none."""
    first = (pd.Timestamp(data.as_of).to_period("M") - back).start_time.date()
    last = _month_end(first)
    before = first.replace(year=first.year - 1)
    before_last = _month_end(before)
    if data.as_of.day >= min(last.day, before_last.day):
        return None
    day = first.replace(day=data.as_of.day)
    now, past = _running(data, kpi, first, last), _running(data, kpi, before, before_last)
    reached, then = now.get(day), past.get(year_before(day))
    closed, whole = now.get(last), past.get(before_last)
    if reached is None or not then or closed is None or whole is None:
        return None
    if not 1 / PACE_MOST <= reached / then <= PACE_MOST:
        return None
    said = whole * reached / then
    return abs(closed / said - 1) if said > 0 else None


def _running(data: ReportData, kpi: Kpi, first: dt.date, last: dt.date) -> dict[dt.date, float]:
    values = series.running(kpi, series.spine(data.days(kpi.code), first, last)).dropna()
    return {pd.Timestamp(str(day)).date(): float(value) for day, value in values.items()}


def _month_end(day: dt.date) -> dt.date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
