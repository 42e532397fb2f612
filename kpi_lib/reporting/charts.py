"""The charts: the month against last year, three years of months, a year of days."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from kpi_lib.catalogue.models import Kpi
from kpi_lib.errors import UsageError, did_you_mean
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting import series
from kpi_lib.reporting.data import ReportData
from kpi_lib.reporting.drawing import set_converter, to_svg
from kpi_lib.reporting.heat import heat
from kpi_lib.reporting.plotting import Frame, Label, Line, Point, Sketch, lines_spec, nice_ticks, spread
from kpi_lib.reporting.reasons import why_no_value

__all__ = ["KINDS", "pace", "set_converter", "sketch", "to_svg"]

#: A pace is shown from this day of a month on, and only when the months do not differ wildly.
PACE_FROM_DAY = 7
PACE_MOST = 2.0
TREND_YEARS = 3


def sketch(data: ReportData, kind: str, kpi: Kpi) -> Sketch:
    """Return a chart of a KPI.

    Parameters
    ----------
    data
        The report's data.
    kind
        ``cumulative`` (the month to date, day by day, against last year), ``trend`` (three years of
        months) or ``heat`` (a year of days).
    kpi
        Whose values.

    Returns
    -------
    Sketch
        Ready to be drawn.
    """
    if kind not in KINDS:
        raise UsageError(f"There is no chart '{kind}'.", remedy=did_you_mean(kind, KINDS))
    return KINDS[kind](data, kpi)


def pace(data: ReportData, kpi: Kpi) -> float | None:
    """Return where the month would close if the rest of it changed on last year as the days so far did.

    None when that cannot be said: too early, a closed month, nothing of last year's month left, something
    missing, months that differ wildly.
    """
    if kpi.kind != "sum" or data.as_of.day < PACE_FROM_DAY:
        return None
    figure = data.row(kpi.code, "mtd")
    _, end = _month(data.as_of)
    before_start, before_end = _month(_year_before(data.as_of))
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


def _cumulative(data: ReportData, kpi: Kpi) -> Sketch:
    start, end = _month(data.as_of)
    before_start, before_end = _month(_year_before(data.as_of))
    month = _Month(
        _points(series.running(kpi, series.spine(data.days(kpi.code), start, data.as_of))),
        _points(series.running(kpi, series.spine(data.days(kpi.code), before_start, before_end))),
        max(end.day, before_end.day),
    )
    closes = pace(data, kpi)
    lines = [Line(month.before, "ly", 1.6), Line(month.now, "acc", 2.6)]
    ends: list[Label] = []
    if closes is not None and month.last:
        lines.insert(1, Line((month.last, (end.day, closes)), "acc", 1.6, (3, 4)))
        ends.append(Label(end.day, closes, f"pace {fmt.rough(closes, kpi, data.currency)}"))
    if month.before and month.before[-1][1] is not None:
        ends.append(Label(before_end.day, month.before[-1][1], str(before_end.year)))

    dots = [(month.last[0], month.last[1], "acc")] if month.last and month.last[1] is not None else []
    here = [Label(*dot[:2], str(data.as_of.year), "acc", "above") for dot in dots]
    specs = []
    for size in ((560, 236), (358, 216)):
        frame = _frame(data, kpi, [line.points for line in lines], size, (1, month.days), _days(end))
        specs.append(lines_spec(frame, lines, [*spread(ends, frame), *here], dots))
    return Sketch(specs[0], specs[1], _month_words(data, kpi, closes), _month_caption(data, month))


def _month_words(data: ReportData, kpi: Kpi, closes: float | None) -> str:
    figure = data.row(kpi.code, "mtd")
    before_start, before_end = _month(_year_before(data.as_of))
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
    return " ".join(parts)


def _month_caption(data: ReportData, month: _Month) -> str:
    words = []
    if not month_closed(data.as_of):
        _, end = _month(data.as_of)
        words.append(f"{data.as_of:%B} is open: {data.as_of.day} of {end.day} days.")
    last = int(month.last[0]) if month.last else 0
    if last < data.as_of.day:
        words.append(f"The line ends where data is missing: {last + 1} {data.as_of:%b}.")
    return " ".join(words)


def _trend(data: ReportData, kpi: Kpi) -> Sketch:
    table = series.months(kpi, data.days(kpi.code), data.as_of, 12 * TREND_YEARS)
    open_month = not month_closed(data.as_of)
    years = [_points(table["value"].iloc[12 * year : 12 * year + 12]) for year in range(TREND_YEARS)]
    colours = (("lly", 1.2), ("ly", 1.6), ("acc", 2.6))
    lines = [Line(points, colour, width) for points, (colour, width) in zip(years, colours, strict=True)]
    latest = years[-1]
    if open_month and kpi.kind == "sum":
        lines[-1] = Line(latest[:-1], "acc", 2.6)
        lines.append(Line(latest[-2:], "acc", 1.6, (3, 4)))
    ends, here = [], []
    for number, points in enumerate(years):
        known = [(place, value) for place, value in points if value is not None]
        if not known:
            continue
        text = f"to {table.index[12 * number + 11]:%b %Y}"
        style = ("acc", "main_end") if number == TREND_YEARS - 1 else ()
        if known[-1][0] == len(points):
            ends.append(Label(12, known[-1][1], text, *style))
        else:
            here.append(Label(*known[-1], text, *((style[0], "above") if style else ())))
    dots = [(12.0, latest[-1][1], "acc")] if latest[-1][1] is not None else []
    names = [f"{stamp:%b}" for stamp in table.index[-12:]]
    specs = []
    for width, height, step in ((1132, 280, 1), (358, 230, 3), (660, 168, 1)):
        places = tuple((float(n + 1), name) for n, name in enumerate(names) if (11 - n) % step == 0)
        frame = _frame(data, kpi, years, (width, height), (1, 12), places, zero=kpi.kind == "sum")
        specs.append(lines_spec(frame, lines, [*spread(ends, frame), *here], dots))
    words, caption = _trend_words(data, kpi, table), _trend_caption(data, kpi, table)
    return Sketch(specs[0], specs[1], words, caption, specs[2])


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
        _, end = _month(data.as_of)
        words.append(f"{data.as_of:%B %Y} is open, {data.as_of.day} of {end.day} days.")
    left_out = int(table["value"].isna().sum())
    if kpi.kind == "distinct":
        words.append("Distinct counts are not added up over days, so there is no line.")
    elif left_out:
        words.append(f"{fmt.plural(left_out, 'month')} without full data or without a value left out.")
    return " ".join(words)


def _frame(
    data: ReportData,
    kpi: Kpi,
    lines: list[tuple[Point, ...]],
    size: tuple[int, int],
    x_domain: tuple[float, float],
    x_labels: tuple[tuple[float, str], ...],
    zero: bool | None = None,
) -> Frame:
    values = [value for points in lines for _, value in points if value is not None] or [0.0, 1.0]
    low, high = min(values), max(values)
    if kpi.kind == "sum" if zero is None else zero:
        low, high = min(low, 0.0), max(high, 0.0)
    ticks = nice_ticks(low, high, 3 if size[0] < 500 else 4)
    return Frame(*size, ticks, ticks[0], ticks[-1], kpi, data.currency, x_domain, x_labels)


def _points(values: pd.Series) -> tuple[Point, ...]:
    return tuple(
        (float(number), None if pd.isna(value) else float(value))
        for number, value in enumerate(values, start=1)
    )


def _days(end: dt.date) -> tuple[tuple[float, str], ...]:
    return tuple((float(day), str(day)) for day in (1, 10, 20, end.day))


def _month(day: dt.date) -> tuple[dt.date, dt.date]:
    return day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1])


def _year_before(day: dt.date) -> dt.date:
    last = calendar.monthrange(day.year - 1, day.month)[1]
    return day.replace(year=day.year - 1, day=min(day.day, last))


def month_closed(day: dt.date) -> bool:
    """Return whether a day is the last of its month."""
    return day == _month(day)[1]


KINDS: dict[str, Callable[[ReportData, Kpi], Sketch]] = {
    "cumulative": _cumulative,
    "trend": _trend,
    "heat": heat,
}
