"""Small multiples: the trend of each location in a panel of its own."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from kpi_lib.catalogue.models import Kpi
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting import live, series
from kpi_lib.reporting.data import ReportData
from kpi_lib.reporting.line_parts import month_closed
from kpi_lib.reporting.live import Reading
from kpi_lib.reporting.plotting import Data, Sketch, Spec, channels, filled, nice_ticks, template
from kpi_lib.reporting.theme import tokens

MONTHS = 12
MOST_PANELS = 12
#: Panels share a scale unless the smallest of them would lie flat on it.
SHARED_FROM = 0.4
HEAD, PLOT, FOOT, GAP = 34, 84, 26, 28
_LETTER_PX = 7.4


@dataclass(frozen=True)
class Panel:
    """One location: the last twelve months and the twelve before, from the oldest."""

    name: str
    now: tuple[float | None, ...]
    before: tuple[float | None, ...]

    @property
    def known(self) -> list[float]:
        """The values that are there."""
        return [value for value in (*self.before, *self.now) if value is not None]


@dataclass(frozen=True)
class _Spot:
    """Where a panel lies on the drawing, and its scales."""

    left: float
    top: float
    across: float
    low: float
    high: float

    @property
    def step(self) -> float:
        return (self.across - 8) / (MONTHS - 1)

    def x(self, month: int) -> float:
        return round(self.left + 4 + month * self.step, 1)

    def y(self, value: float) -> float:
        return round(self.top + PLOT * (1 - (value - self.low) / (self.high - self.low)), 1)


def locations(data: ReportData, kpi: Kpi) -> Sketch | None:
    """Return the trend of every location; None where fewer than two have one."""
    found = _with_figures(data, kpi)
    panels = [_panel(data, kpi, code, name) for code, name in found[:MOST_PANELS]]
    shown = [panel for panel in panels if any(panel.known)]
    if len(shown) < 2:
        return None
    months = series.months(kpi, data.days(kpi.code), data.as_of, 2 * MONTHS).index
    wide, narrow = (
        _spec(data, kpi, shown, months, width, min(len(shown), most)) for width, most in ((1132, 4), (358, 2))
    )
    return Sketch(wide, narrow, _words(data, kpi, shown), _caption(data, len(found), shown))


def _with_figures(data: ReportData, kpi: Kpi) -> list[tuple[str, str]]:
    """Return the locations that have a figure this year or last, the largest first: code and name.

    Only the days of those that are shown are read: there may be hundreds.
    """
    sized = []
    for entity in data.catalogue.entities:
        if entity.parent != data.entity.code:
            continue
        figure = data.of_entity(entity.code, kpi.code, "ytd")
        if figure is not None and (figure.value or figure.prior):
            sized.append((abs(figure.value or 0.0), entity.code, entity.name))
    return [(code, name) for _, code, name in sorted(sized, key=lambda item: -item[0])]


def _panel(data: ReportData, kpi: Kpi, entity: str, name: str) -> Panel:
    table = series.months(kpi, data.days_of(entity, kpi.code), data.as_of, 2 * MONTHS)["value"]
    values = tuple(None if pd.isna(value) else float(value) for value in table)
    return Panel(name, values[MONTHS:], values[:MONTHS])


def _spec(
    data: ReportData, kpi: Kpi, panels: Sequence[Panel], months: pd.Index, width: int, columns: int
) -> Spec:
    shared = _scale(kpi, panels) if share_a_scale(panels) else None
    across = (width - GAP * (columns - 1)) / columns
    height = -(-len(panels) // columns) * (HEAD + PLOT + FOOT)
    sets: Data = {name: [] for name in ("lines", "rules", "texts", "names", live.READINGS)}
    for number, panel in enumerate(panels):
        row, column = divmod(number, columns)
        top = row * (HEAD + PLOT + FOOT) + HEAD
        spot = _Spot(column * (across + GAP), top, across, *(shared or _scale(kpi, [panel])))
        _add_lines(sets, panel, spot, number * MONTHS, open_month=not month_closed(data.as_of))
        _add_frame(sets, panel, spot, months, fmt.axis((spot.low, spot.high), kpi, data.currency))
        _add_readings(sets, _readings(data, kpi, panel, months), spot, number * MONTHS)
    spec = filled(panels_template(), sets, width, height, top=0, left=0, bottom=0)
    for channel, domain in (("x", [0, width]), ("y", [height, 0])):
        for encoding in channels(spec, channel):
            encoding["scale"]["domain"] = domain
    return spec


def share_a_scale(panels: Sequence[Panel]) -> bool:
    """Return whether all panels can be read on one scale."""
    heights = [max(abs(value) for value in panel.known) for panel in panels]
    return min(heights) >= SHARED_FROM * max(heights)


def _scale(kpi: Kpi, panels: Sequence[Panel]) -> tuple[float, float]:
    known = [value for panel in panels for value in panel.known]
    low = min(0.0, *known) if kpi.kind == "sum" else min(known)
    ticks = nice_ticks(low, max(known), 2)
    return ticks[0], ticks[-1]


def _add_lines(sets: Data, panel: Panel, spot: _Spot, first: int, *, open_month: bool) -> None:
    last = MONTHS - 1 if open_month else MONTHS
    strokes: list[tuple[Sequence[float | None], int, str, float, tuple[int, int]]] = [
        (panel.before, 0, "ly", 1.4, (1, 0)),
        (panel.now[:last], 0, "acc", 2.2, (1, 0)),
    ]
    if open_month:
        strokes.append((panel.now[-2:], MONTHS - 2, "acc", 1.5, (2, 3)))
    for number, (values, start, colour, width, dash) in enumerate(strokes):
        for month, value in enumerate(values, start=start):
            y = None if value is None else spot.y(value)
            stroke = {"n": f"{first}-{number}", "c": tokens()[colour], "w": width, "d": dash}
            sets["lines"].append({"x": spot.x(month), "y": y, "i": first + month + 1, **stroke})


def _add_frame(sets: Data, panel: Panel, spot: _Spot, months: pd.Index, ends: Sequence[str]) -> None:
    right, mut = spot.left + spot.across, tokens()["mut"]
    most = int(spot.across / _LETTER_PX)
    name = panel.name if len(panel.name) <= most else f"{panel.name[: most - 1].rstrip()}…"
    sets["names"].append({"x": spot.left, "y": spot.top - 24, "text": name, "c": tokens()["ink"]})
    for value, text in zip((spot.low, spot.high), ends, strict=True):
        y = spot.y(value)
        sets["rules"].append({"x": spot.left, "x2": right, "y": y, "c": tokens()["hair"]})
        sets["texts"].append({"x": spot.left, "y": y - 7, "text": text, "c": mut})
    foot = spot.top + PLOT + 12
    sets["texts"].append({"x": spot.left, "y": foot, "text": f"{months[MONTHS]:%b}", "c": mut})
    sets["texts"].append({"x": spot.x(MONTHS - 1) - 22, "y": foot, "text": f"{months[-1]:%b}", "c": mut})


def _add_readings(sets: Data, readings: Sequence[Reading], spot: _Spot, first: int) -> None:
    for month, reading in enumerate(readings):
        x, half = spot.x(month), spot.step / 2
        place = {"x": x, "l": x - half, "r": x + half, "top": spot.top, "foot": spot.top + PLOT}
        sets[live.READINGS].append({"i": first + month + 1, "t": reading.words, **place})


def _readings(data: ReportData, kpi: Kpi, panel: Panel, months: pd.Index) -> list[Reading]:
    readings = []
    for month in range(MONTHS):
        lines = []
        for stamp, value in (
            (months[MONTHS + month], panel.now[month]),
            (months[month], panel.before[month]),
        ):
            text = "no value" if value is None else fmt.exact(value, kpi, data.currency)
            newest = stamp == months[-1] and not month_closed(data.as_of)
            lines.append(f"{stamp:%b %Y}: {text}" + (f", to {data.as_of.day} {stamp:%b}" if newest else ""))
        readings.append(Reading(panel.name, tuple(lines)))
    return readings


def _words(data: ReportData, kpi: Kpi, shown: Sequence[Panel]) -> str:
    parts = []
    for panel in shown:
        over = panel.now if month_closed(data.as_of) else panel.now[:-1]
        pairs = [
            (now, then)
            for now, then in zip(over, panel.before, strict=False)
            if now is not None and then is not None
        ]
        higher = sum(now > then for now, then in pairs)
        if pairs:
            parts.append(f"{panel.name} above the year before in {higher} of {len(pairs)} whole months")
    lead = f"{kpi.name} by location and month, twelve months against the twelve before."
    return f"{lead} {'; '.join(parts)}." if parts else lead


def _caption(data: ReportData, found: int, shown: Sequence[Panel]) -> str:
    scale = "one scale for all" if share_a_scale(shown) else "each on its own scale"
    words = f"The last twelve months, thick, and the twelve before; {scale}."
    if not month_closed(data.as_of):
        words += f" Dashed: {data.as_of:%B} so far."
    if found > MOST_PANELS:
        words += f" The {len(shown)} largest of {found:,}."
    return words


@functools.cache
def panels_template() -> Spec:
    """Return the panels without their data."""
    import altair as alt

    plain = {"scale": alt.Scale(nice=False, zero=False), "axis": None}
    x, y = alt.X("x:Q", **plain), alt.Y("y:Q", **plain)
    colour = alt.Color("c:N", scale=None)

    def on(name: str) -> Any:
        return alt.Chart(alt.NamedData(name))

    text = {"align": "left", "baseline": "middle"}
    hits = live.live_chart("rect", live.READINGS, "hits", fillOpacity=0)
    rule = live.live_chart("rule", live.READINGS, "rule", color=tokens()["ly"])
    points = live.live_chart("circle", "lines", "points", size=36)
    return template(
        alt.layer(
            on("rules").mark_rule(strokeWidth=1).encode(x=x, x2="x2:Q", y=y, color=colour),
            on("lines")
            .mark_line(strokeJoin="round")
            .encode(
                x=x,
                y=y,
                detail="n:N",
                color=colour,
                strokeWidth=alt.StrokeWidth("w:Q", scale=None),
                strokeDash=alt.StrokeDash("d:N", scale=None),
            ),
            on("names")
            .mark_text(fontSize=13, fontWeight=600, **text)
            .encode(x=x, y=y, text="text:N", color=colour),
            on("texts").mark_text(fontSize=11, **text).encode(x=x, y=y, text="text:N", color=colour),
            rule.encode(x=x, y=alt.Y("top:Q", **plain), y2="foot:Q", opacity=live.shown_at()),
            points.encode(x=x, y=y, color=colour, opacity=live.shown_at()),
            hits.encode(x=alt.X("l:Q", **plain), x2="r:Q", y=alt.Y("top:Q", **plain), y2="foot:Q"),
        ).add_params(live.pointing())
    )
