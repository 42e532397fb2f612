"""The month to date against the same month of last year, day by day, and where it would close."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from kpi_lib.catalogue.models import Kpi
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting import series
from kpi_lib.reporting.data import ReportData
from kpi_lib.reporting.line_parts import (
    day_labels,
    frame_of,
    month_closed,
    month_of,
    points_of,
    targets_of,
    year_earlier,
)
from kpi_lib.reporting.live import Reading
from kpi_lib.reporting.plotting import Label, Line, Point, Sketch, lines_spec, spread
from kpi_lib.reporting.reasons import why_no_value

#: A pace is shown from this day of a month on, and only when the months do not differ wildly.
PACE_FROM_DAY = 7
PACE_MOST = 2.0


def pace(data: ReportData, kpi: Kpi) -> float | None:
    """Return where the month would close if the rest of it changed on last year as the days so far did.

    None when that cannot be said: too early, a closed month, nothing of last year's month left, something
    missing, months that differ wildly.
    """
    if kpi.kind != "sum" or data.as_of.day < PACE_FROM_DAY:
        return None
    figure = data.row(kpi.code, "mtd")
    _, end = month_of(data.as_of)
    before_start, before_end = month_of(year_earlier(data.as_of))
    whole = series.running(kpi, series.spine(data.days(kpi.code), before_start, before_end))
    if (
        data.as_of.day >= min(end.day, before_end.day)
        or not figure.whole
        or figure.value is None
        or not figure.prior
    ):
        return None
    ratio = figure.value / figure.prior
    closed = whole.iloc[-1]
    if pd.isna(closed) or not 1 / PACE_MOST <= ratio <= PACE_MOST:
        return None
    return float(closed) * ratio


@dataclass(frozen=True)
class _Month:
    """The running month and the same month a year before, day by day."""

    now: tuple[Point, ...]
    before: tuple[Point, ...]
    days: int

    @property
    def last(self) -> Point | None:
        """The last point that has a value."""
        return next((point for point in reversed(self.now) if point[1] is not None), None)


def month(data: ReportData, kpi: Kpi) -> Sketch:
    """Return the month to date, last year's month, the pace and the target."""
    start, end = month_of(data.as_of)
    before_start, before_end = month_of(year_earlier(data.as_of))
    drawn = _Month(
        points_of(series.running(kpi, series.spine(data.days(kpi.code), start, data.as_of))),
        points_of(series.running(kpi, series.spine(data.days(kpi.code), before_start, before_end))),
        max(end.day, before_end.day),
    )
    closes, goal = pace(data, kpi), target(data, kpi)
    lines = [Line(drawn.before, "ly", 1.6), Line(drawn.now, "acc", 2.6)]
    ends: list[Label] = []
    if closes is not None and drawn.last:
        lines.insert(1, Line((drawn.last, (end.day, closes)), "acc", 1.6, (3, 4)))
        ends.append(Label(end.day, closes, f"pace {fmt.rough(closes, kpi, data.currency)}"))
    if drawn.before and drawn.before[-1][1] is not None:
        ends.append(Label(before_end.day, drawn.before[-1][1], str(before_end.year)))
    if goal is not None:
        lines.append(Line(((1, goal), (end.day, goal)), "ink", 1.2, (1, 4)))
        ends.append(Label(end.day, goal, f"target {fmt.rough(goal, kpi, data.currency)}", "ink"))

    dots = [(drawn.last[0], drawn.last[1], "acc")] if drawn.last and drawn.last[1] is not None else []
    here = [_here(data, dot[0], dot[1], end.day) for dot in dots]
    said = _readings(data, kpi, drawn)
    specs = []
    for size in ((560, 236), (358, 216)):
        frame = frame_of(data, kpi, [line.points for line in lines], size, (1, drawn.days), day_labels(end))
        specs.append(lines_spec(frame, lines, [*spread(ends, frame), *here], dots, said))
    words, caption = _month_words(data, kpi, closes, goal), _month_caption(data, drawn)
    return Sketch(specs[0], specs[1], words, caption)


def target(data: ReportData, kpi: Kpi) -> float | None:
    """Return the height at which this month's target stands; None where no target is of that kind.

    Of what is added up only a target for the month itself is one; a level may be set for a longer period.
    """
    start, end = month_of(data.as_of)
    for first, last, item in targets_of(data, kpi):
        whole_month = (first, last) == (start, end)
        if whole_month or (kpi.kind != "sum" and first <= start and end <= last):
            return item.target
    return None


def _here(data: ReportData, place: float, value: float, days: int) -> Label:
    """Name the newest point: its year, and while the month is open how much of it this is."""
    text = str(data.as_of.year)
    if not month_closed(data.as_of):
        text += f", {data.as_of.day} of {days} days"
    return Label(place, value, text, "acc", "above" if place > days / 2 else "ahead")


def _readings(data: ReportData, kpi: Kpi, drawn: _Month) -> list[Reading]:
    """Return what is said of each day: this year's and last year's running figure."""
    start, _ = month_of(data.as_of)
    readings = []
    for number in range(1, drawn.days + 1):
        day = f"{number} {start:%b}"
        title = f"1–{day}" if kpi.kind != "last" and number > 1 else day
        lines = []
        for year, points in ((start.year, drawn.now), (start.year - 1, drawn.before)):
            if number <= len(points):
                value = points[number - 1][1]
                known = value is not None
                lines.append(f"{year}: {fmt.exact(value, kpi, data.currency) if known else 'no value'}")
        readings.append(Reading(title, tuple(lines)))
    return readings


def _month_words(data: ReportData, kpi: Kpi, closes: float | None, goal: float | None) -> str:
    figure = data.row(kpi.code, "mtd")
    before_start, before_end = month_of(year_earlier(data.as_of))
    what = {"sum": "running total", "last": "day by day"}.get(kpi.kind, "month to date, day by day")
    parts = [f"{kpi.name}, {what}, {data.as_of:%B %Y}."]
    if figure.value is not None and figure.end:
        now = fmt.amount(figure.value, kpi, data.currency)
        then = f", {fmt.amount(figure.prior, kpi, data.currency)} in {before_end.year}"
        then = then if figure.whole else f" ({why_no_value(figure)})" if figure.reason else ""
        parts.append(f"To {fmt.day(figure.end, year=False)}: {now}{then}.")
    else:
        parts.append(f"No value: {why_no_value(figure)}.")
    whole = series.running(kpi, series.spine(data.days(kpi.code), before_start, before_end)).iloc[-1]
    if not pd.isna(whole) and not month_closed(data.as_of):
        parts.append(f"{before_end:%B %Y} closed at {fmt.amount(float(whole), kpi, data.currency)}.")
    if closes is not None:
        parts.append(f"At the pace so far the month closes near {fmt.rough(closes, kpi, data.currency)}.")
    if goal is not None:
        parts.append(f"The target is {fmt.amount(goal, kpi, data.currency)}.")
    return " ".join(parts)


def _month_caption(data: ReportData, drawn: _Month) -> str:
    words = []
    if not month_closed(data.as_of):
        _, end = month_of(data.as_of)
        words.append(f"{data.as_of:%B} is open: {data.as_of.day} of {end.day} days.")
    last = int(drawn.last[0]) if drawn.last else 0
    if last < data.as_of.day:
        words.append(f"The line ends where data is missing: {last + 1} {data.as_of:%b}.")
    return " ".join(words)
