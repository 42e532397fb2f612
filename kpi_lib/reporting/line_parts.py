"""What charts of lines share: their axes, their points, the months they are of, the targets they show."""

from __future__ import annotations

import calendar
import datetime as dt

import pandas as pd

from kpi_lib.catalogue.models import Kpi
from kpi_lib.catalogue.targets import Target, period_bounds
from kpi_lib.reporting.data import ReportData
from kpi_lib.reporting.plotting import Frame, Point, nice_ticks


def frame_of(
    data: ReportData,
    kpi: Kpi,
    lines: list[tuple[Point, ...]],
    size: tuple[int, int],
    x_domain: tuple[float, float],
    x_labels: tuple[tuple[float, str], ...],
    zero: bool | None = None,
) -> Frame:
    """Return the axes of a chart of lines; sums start at zero, ``zero`` says otherwise."""
    values = [value for points in lines for _, value in points if value is not None] or [0.0, 1.0]
    low, high = min(values), max(values)
    if kpi.kind == "sum" if zero is None else zero:
        low, high = min(low, 0.0), max(high, 0.0)
    ticks = nice_ticks(low, high, 3 if size[0] < 500 else 4)
    return Frame(*size, ticks, ticks[0], ticks[-1], kpi, data.currency, x_domain, x_labels)


def points_of(values: pd.Series) -> tuple[Point, ...]:
    """Return values as points at 1, 2, 3…; what is missing has no height."""
    return tuple(
        (float(number), None if pd.isna(value) else float(value))
        for number, value in enumerate(values, start=1)
    )


def day_labels(end: dt.date) -> tuple[tuple[float, str], ...]:
    """Return the days of a month that get a label."""
    return tuple((float(day), str(day)) for day in (1, 10, 20, end.day))


def month_of(day: dt.date) -> tuple[dt.date, dt.date]:
    """Return the first and the last day of a day's month."""
    return day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1])


def year_earlier(day: dt.date) -> dt.date:
    """Return the same date a year earlier, or the last of that month."""
    last = calendar.monthrange(day.year - 1, day.month)[1]
    return day.replace(year=day.year - 1, day=min(day.day, last))


def month_closed(day: dt.date) -> bool:
    """Return whether a day is the last of its month."""
    return day == month_of(day)[1]


def targets_of(data: ReportData, kpi: Kpi) -> list[tuple[dt.date, dt.date, Target]]:
    """Return a KPI's targets with the first and last day of each, the shortest period first."""
    own = [item for item in data.targets if (item.metric, item.entity) == (kpi.code, data.entity.code)]
    found = [(*period_bounds(item.period, data.catalogue.calendar), item) for item in own]
    return sorted(found, key=lambda item: (item[1] - item[0], item[0]))
