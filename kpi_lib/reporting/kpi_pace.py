"""A daily KPI against its targets: the window that a target's period is, and last year's season."""

from __future__ import annotations

import datetime as dt

from kpi_lib.catalogue.models import Kpi
from kpi_lib.catalogue.pace import Pace, pace
from kpi_lib.catalogue.targets import Target, period_bounds, period_window
from kpi_lib.reporting import series
from kpi_lib.reporting.board import year_before
from kpi_lib.reporting.data import ReportData


def paces(data: ReportData, kpi: Kpi) -> list[Pace]:
    """Return how a KPI stands against each target of the as-of day, the shortest period first."""
    found = []
    for target in data.targets:
        if (target.metric, target.entity) != (kpi.code, data.entity.code):
            continue
        first, last = period_bounds(target.period, data.catalogue.calendar)
        if first <= data.as_of <= last:
            found.append(((last - first).days, _judge(data, kpi, target, first, last)))
    return [item for _, item in sorted(found, key=lambda pair: pair[0])]


def _judge(data: ReportData, kpi: Kpi, target: Target, first: dt.date, last: dt.date) -> Pace:
    phased = kpi.kind == "sum"
    value = _value(data, kpi, target.period)
    return pace(
        target,
        value,
        phased=phased,
        elapsed_days=(data.as_of - first).days + 1,
        total_days=(last - first).days + 1,
        prior_to_date=_sum(data, kpi, year_before(first), year_before(data.as_of)) if phased else None,
        prior_total=_sum(data, kpi, year_before(first), year_before(last)) if phased else None,
    )


def _value(data: ReportData, kpi: Kpi, period: str) -> float | None:
    """Return the figure of the window that the period is; None where it is missing or incomplete."""
    name = period_window(period).name
    if name not in {window.name for window in data.catalogue.windows}:
        return None
    figure = data.row(kpi.code, name)
    return None if figure.reason else figure.value


def _sum(data: ReportData, kpi: Kpi, first: dt.date, last: dt.date) -> float | None:
    """Return the sum of whole days; None when a day is missing: half a season is none."""
    days = series.spine(data.days(kpi.code), first, last)
    return None if series.missing(kpi, days).any() else float(days["value"].sum())
