"""The chart of a brief's first metric: this fiscal year to date against the last one, and the target."""

from __future__ import annotations

import calendar
import datetime as dt

from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.board import Board, Standing
from kpi_lib.reporting.board_charts import trend
from kpi_lib.reporting.plotting import Frame, Label, Line, Point, Sketch, lines_spec, nice_ticks, spread

_MONTHS = 12


def year_to_date(board: Board) -> Sketch:
    """Return the first metric by month ends, this year and last; its trend as bars where it does not grow."""
    item = board.leading[0]
    years = [_points(board, item, back) for back in (1, 0)]
    if not item.metric.phased or item.value is None or len(years[0]) < _MONTHS:
        return trend(board)
    before, now = years
    target = item.pace.target.target if item.pace is not None else None
    ends = [Label(before[-1][0], before[-1][1] or 0.0, str(board.fiscal_year - 1))]
    if target is not None:
        ends.append(Label(_MONTHS, target, f"target {fmt.rough(target, item.kpi, board.currency)}", "mut"))
    last = now[-1]
    dots = [(last[0], last[1] or 0.0, "acc")]
    here = [Label(last[0], last[1] or 0.0, str(board.fiscal_year), "acc", "above")]
    lines = [Line(before, "ly", 1.6), Line(now, "acc", 2.6)]
    values = [value for points in years for _, value in points if value is not None]
    high = max([*values, target or 0.0])
    specs = []
    for width, height in ((560, 236), (358, 216)):
        ticks = nice_ticks(min([0.0, *values]), high, 3 if width < 500 else 4)
        frame = Frame(
            width,
            height,
            ticks,
            ticks[0],
            ticks[-1],
            item.kpi,
            board.currency,
            (0, _MONTHS),
            _names(board),
            104,
        )
        specs.append(lines_spec(frame, lines, [*spread(ends, frame), *here], dots))
    return Sketch(specs[0], specs[1], _words(board, item), _caption(board))


def _points(board: Board, item: Standing, back: int) -> tuple[Point, ...]:
    """Return the metric at the month ends of a fiscal year; it begins at nothing."""
    first = board.year_start.replace(year=board.year_start.year - back)
    days = [
        (day, value) for day, value in item.trend if value is not None and 0 < _place(first, day) <= _MONTHS
    ]
    return ((0.0, 0.0), *((_place(first, day), value) for day, value in days))


def _place(first: dt.date, day: dt.date) -> float:
    months = 12 * (day.year - first.year) + day.month - first.month
    return months + day.day / calendar.monthrange(day.year, day.month)[1]


def _names(board: Board) -> tuple[tuple[float, str], ...]:
    start = board.year_start.month
    return tuple(
        (float(place), calendar.month_abbr[(start + place - 2) % 12 + 1]) for place in (1, 4, 7, 10, 12)
    )


def _words(board: Board, item: Standing) -> str:
    value = fmt.humanised(item.value, item.kpi, board.currency)
    said = f"{item.metric.label} by month ends, fiscal {board.fiscal_year} against {board.fiscal_year - 1}."
    said += f" To {fmt.day(board.as_of)}: {value}"
    if item.prior is not None:
        said += f", {fmt.humanised(item.prior, item.kpi, board.currency)} a year earlier"
    if item.pace is not None:
        said += f". Target: {fmt.humanised(item.pace.target.target, item.kpi, board.currency)}"
    return f"{said}."


def _caption(board: Board) -> str:
    return f"At the end of each month and on {fmt.day(board.as_of, year=False)}, from today’s sources."
