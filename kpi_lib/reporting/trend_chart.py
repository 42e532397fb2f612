"""Three years of months, a line for each twelve, with the targets that are for a month or a level."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from kpi_lib.catalogue.models import Kpi
from kpi_lib.catalogue.targets import Target
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting import series
from kpi_lib.reporting.data import ReportData
from kpi_lib.reporting.line_parts import frame_of, month_closed, month_of, points_of, targets_of
from kpi_lib.reporting.live import Reading
from kpi_lib.reporting.plotting import Label, Line, Point, Sketch, lines_spec, spread
from kpi_lib.reporting.status import period_words

TREND_YEARS = 3


def trend(data: ReportData, kpi: Kpi) -> Sketch:
    """Return the last 36 months, the open one dashed."""
    table = series.months(kpi, data.days(kpi.code), data.as_of, 12 * TREND_YEARS)
    years = [points_of(table["value"].iloc[12 * year : 12 * year + 12]) for year in range(TREND_YEARS)]
    colours = (("lly", 1.2), ("ly", 1.6), ("acc", 2.6))
    lines = [Line(points, colour, width) for points, (colour, width) in zip(years, colours, strict=True)]
    latest = years[-1]
    if not month_closed(data.as_of):
        lines[-1] = Line(latest[:-1], "acc", 2.6)
        lines.append(Line(latest[-2:], "acc", 1.6, (3, 4)))
    goals = _goals(data, kpi, table)
    lines += goals
    ends, here = _names(data, table, years)
    ends += [Label(12, line.points[0][1] or 0.0, "target", "ink") for line in goals[-1:] if _at_end(line)]
    dots = [(12.0, latest[-1][1], "acc")] if latest[-1][1] is not None else []
    months = [f"{stamp:%b}" for stamp in table.index[-12:]]
    said = _readings(data, kpi, table)
    specs = []
    for width, height, step in ((1132, 280, 1), (358, 230, 3), (660, 168, 1)):
        places = tuple((float(n + 1), name) for n, name in enumerate(months) if (11 - n) % step == 0)
        heights = [*years, *(line.points for line in goals)]
        frame = frame_of(data, kpi, heights, (width, height), (1, 12), places, zero=kpi.kind == "sum")
        specs.append(lines_spec(frame, lines, [*spread(ends, frame), *here], dots, said))
    words, caption = _trend_words(data, kpi, table), _trend_caption(data, kpi, table)
    if goals:
        words += f" Target: {_goal_words(data, kpi)}."
        caption = f"{caption} Dotted: the target, {_goal_words(data, kpi)}.".strip()
    return Sketch(specs[0], specs[1], words, caption, specs[2])


def _names(
    data: ReportData, table: pd.DataFrame, years: list[tuple[Point, ...]]
) -> tuple[list[Label], list[Label]]:
    """Return the names of the lines: those at the right end, and those of lines that stop before it."""
    ends: list[Label] = []
    here: list[Label] = []
    for number, points in enumerate(years):
        known = [(place, value) for place, value in points if value is not None]
        if not known:
            continue
        newest = number == TREND_YEARS - 1
        text = f"to {table.index[12 * number + 11]:%b %Y}"
        style = ("acc", "main_end") if newest else ()
        if known[-1][0] == len(points):
            if newest and not month_closed(data.as_of):
                ends.append(Label(12, known[-1][1], _open(data), "acc"))
            ends.append(Label(12, known[-1][1], text, *style))
        else:
            here.append(Label(*known[-1], text, *((style[0], "above") if style else ())))
    return ends, here


def _open(data: ReportData) -> str:
    _, end = month_of(data.as_of)
    return f"{data.as_of.day} of {end.day} days"


def _at_end(line: Line) -> bool:
    return line.points[-1][0] >= 12


def _shown_targets(data: ReportData, kpi: Kpi) -> list[tuple[dt.date, dt.date, Target]]:
    """Return the targets that a month can be held against: for a month, or of a level for any period."""
    return [
        item for item in targets_of(data, kpi) if kpi.kind != "sum" or month_of(item[0]) == (item[0], item[1])
    ]


def _goals(data: ReportData, kpi: Kpi, table: pd.DataFrame) -> list[Line]:
    """Return a dotted line over the months, of the newest twelve, that each target is for."""
    goals = []
    for first, last, item in _shown_targets(data, kpi):
        places = [
            float(number)
            for number, stamp in enumerate(table.index[-12:], start=1)
            if first <= stamp.date() <= last
        ]
        if places:
            start, end = max(places[0] - 0.4, 1.0), min(places[-1] + 0.4, 12.0)
            goals.append(Line(((start, item.target), (end, item.target)), "ink", 1.4, (1, 4)))
    return sorted(goals, key=lambda line: line.points[-1][0])


def _goal_words(data: ReportData, kpi: Kpi) -> str:
    first = data.as_of.replace(day=1)
    return fmt.listed(
        [
            f"{fmt.humanised(item.target, kpi, data.currency)} for {period_words(item.period)}"
            for start, end, item in _shown_targets(data, kpi)
            if start <= data.as_of and end >= first - dt.timedelta(days=334)
        ]
    )


def _readings(data: ReportData, kpi: Kpi, table: pd.DataFrame) -> list[Reading]:
    """Return what is said of each month of the year: its three values, newest first."""
    readings = []
    for place in range(12):
        lines = []
        for year in reversed(range(TREND_YEARS)):
            stamp, value = table.index[12 * year + place], table["value"].iloc[12 * year + place]
            text = "no value" if pd.isna(value) else fmt.exact(float(value), kpi, data.currency)
            newest = stamp == table.index[-1] and not month_closed(data.as_of)
            lines.append(f"{stamp:%b %Y}: {text}" + (f", {_open(data)}" if newest else ""))
        readings.append(Reading(f"{table.index[place]:%B}", tuple(lines)))
    return readings


def _trend_words(data: ReportData, kpi: Kpi, table: pd.DataFrame) -> str:
    whole = table["value"].iloc[:-1] if not month_closed(data.as_of) else table["value"]
    known = whole.dropna()
    first, last = table.index[0], table.index[-1]
    words = [f"{kpi.name} by month, {first:%B %Y} to {last:%B %Y}, a line for each twelve months."]
    return " ".join([*words, *_extremes(data, kpi, known)])


def _extremes(data: ReportData, kpi: Kpi, known: pd.Series) -> list[str]:
    """Say the highest and the lowest whole month; of a single one, or of equal ones, no superlative."""
    if known.empty:
        return []
    high, low = pd.Timestamp(str(known.idxmax())), pd.Timestamp(str(known.idxmin()))
    top, bottom = (fmt.amount(float(known[month]), kpi, data.currency) for month in (high, low))
    if len(known) == 1:
        return [f"The only whole month is {high:%B %Y} with {top}."]
    if high == low:
        return [f"Each of the {len(known)} whole months has {top}."]
    return [f"Highest whole month {high:%B %Y} with {top}, lowest {low:%B %Y} with {bottom}."]


def _trend_caption(data: ReportData, kpi: Kpi, table: pd.DataFrame) -> str:
    words = []
    if not month_closed(data.as_of):
        _, end = month_of(data.as_of)
        words.append(f"{data.as_of:%B %Y} is open, {data.as_of.day} of {end.day} days.")
    left_out = int(table["value"].isna().sum())
    if kpi.kind == "distinct":
        words.append("Distinct counts are not added up over days, so there is no line.")
    elif left_out:
        words.append(f"{fmt.plural(left_out, 'month')} without full data or without a value left out.")
    return " ".join(words)
