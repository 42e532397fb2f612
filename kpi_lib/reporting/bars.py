"""Bars in the house style: columns over months or categories, floating ones for bridges, and lying ones."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kpi_lib.catalogue.models import Kpi
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting import live
from kpi_lib.reporting.live import Reading
from kpi_lib.reporting.plotting import (
    UNIT_TOP,
    Data,
    Spec,
    channels,
    filled,
    nice_ticks,
    template,
    unit_chart,
    unit_rows,
)
from kpi_lib.reporting.theme import tokens

WIDE, NARROW = 1132, 358
_LABEL_PX = 7.2


@dataclass(frozen=True)
class Bar:
    """A bar from ``start`` to ``end``; ``text`` stands at its end, ``mark`` is a tick across it.

    ``said`` is what a reader who points at it is told; by default the text, or the value. The bar of a
    period that is not over is ``open``: pale, its edge dashed.
    """

    name: str
    end: float
    start: float = 0.0
    colour: str = "acc"
    text: str = ""
    mark: float | None = None
    said: tuple[str, ...] = ()
    open: bool = False


def columns_spec(
    bars: Sequence[Bar],
    width: int,
    height: int,
    kpi: Kpi,
    currency: str,
    every: int = 1,
    unit: str = "",
) -> Spec:
    """Return standing bars; ``every`` labels only each so many of them, the last one always.

    ``unit`` is what the axis counts, where its labels do not say it.
    """
    low, high = _range(bars)
    ticks = nice_ticks(low, high, 3 if width < 500 else 4)
    names = fmt.axis(ticks, kpi, currency)
    left = int(max(len(name) for name in names) * _LABEL_PX) + 12
    order = [str(number) for number in range(len(bars))]
    shown = {
        str(number): bar.name for number, bar in enumerate(bars) if (len(bars) - 1 - number) % every == 0
    }
    data: Data = {
        "bars": [
            {"x": str(n), "y": bar.start, "z": bar.end, "c": tokens()[bar.colour], **_edge(bar)}
            for n, bar in enumerate(bars)
        ],
        "unit": unit_rows(unit),
        "above": [
            {"x": str(n), "y": max(bar.start, bar.end), "text": bar.text, "c": tokens()["ink"]}
            for n, bar in enumerate(bars)
            if bar.text
        ],
        "names": [
            {"x": number, "y": ticks[0], "text": text, "c": tokens()["mut"]} for number, text in shown.items()
        ],
        "ticks": [
            {"y": tick, "text": name, "c": tokens()["hair" if tick else "ly"], "t": tokens()["mut"]}
            for tick, name in zip(ticks, names, strict=True)
        ],
        live.READINGS: [
            {**row, "x": order[row["i"] - 1]}
            for row in live.rows_of([_reading(bar, kpi, currency) for bar in bars])
        ],
    }
    spec = filled(columns_template(), data, width, height, left=left, top=UNIT_TOP if unit else 22)
    for encoding in channels(spec, "x"):
        encoding["scale"]["domain"] = order
    for encoding in channels(spec, "y"):
        encoding["scale"]["domain"] = [ticks[0], ticks[-1]]
    return spec


def _edge(bar: Bar) -> dict[str, object]:
    return {"o": 0.25, "w": 1.4, "d": (3, 3)} if bar.open else {"o": 1, "w": 0, "d": (1, 0)}


def _reading(bar: Bar, kpi: Kpi, currency: str) -> Reading:
    """Return what is said of a standing bar: its own words, or its value to the last decimal."""
    if bar.start:
        return Reading(bar.name, bar.said or (fmt.signed(bar.end - bar.start, kpi, currency),))
    wordy = bar.text and not any(character.isdecimal() for character in bar.text)
    return Reading(bar.name, bar.said or (bar.text if wordy else fmt.exact(bar.end, kpi, currency),))


def rows_spec(bars: Sequence[Bar], width: int, row: int = 24, *, narrow: bool = False) -> Spec:
    """Return lying bars, the first one on top, each with its name before it (shorter where ``narrow``)."""
    low, high = _range(bars)
    marks = [bar.mark for bar in bars if bar.mark is not None]
    high = max([high, *marks])
    left = min(int(max(len(bar.name) for bar in bars) * _LABEL_PX) + 10, width // 3 if narrow else width // 2)
    right = int(max(len(bar.text) for bar in bars) * _LABEL_PX) + 14
    # Values to the left of zero have their text there, so that side needs the room as well.
    drawn = width - left - right
    room = (high - low) * right / max(drawn - right, 40) if low < 0 else 0.0
    most = int((left - 6) / 6.4)
    data: Data = {
        "bars": [
            {"x": bar.start, "z": bar.end, "y": str(n), "c": tokens()[bar.colour]}
            for n, bar in enumerate(bars)
        ],
        "marks": [
            {"x": bar.mark, "y": str(n), "c": tokens()["ink"]}
            for n, bar in enumerate(bars)
            if bar.mark is not None
        ],
        "right": [
            {
                "x": max(bar.end, bar.start, bar.mark or 0.0),
                "y": str(n),
                "text": bar.text,
                "c": tokens()["mut"],
            }
            for n, bar in enumerate(bars)
            if bar.end >= 0
        ],
        "left": [
            {"x": min(bar.end, bar.start), "y": str(n), "text": bar.text, "c": tokens()["mut"]}
            for n, bar in enumerate(bars)
            if bar.end < 0
        ],
        "names": [
            {"x": low - room, "y": str(n), "text": _short(bar.name, most), "c": tokens()["ink"]}
            for n, bar in enumerate(bars)
        ],
        "zero": [{"x": 0.0, "c": tokens()["ly"]}],
        live.READINGS: [
            {**row, "y": str(row["i"] - 1)}
            for row in live.rows_of([Reading(bar.name, bar.said or (bar.text,)) for bar in bars])
        ],
    }
    spec = filled(rows_template(), data, width, row * len(bars) + 12, left=left, right=right, top=6, bottom=4)
    for encoding in channels(spec, "x"):
        encoding["scale"]["domain"] = [low - room, high or 1.0]
    for encoding in channels(spec, "y"):
        encoding["scale"]["domain"] = [str(number) for number in range(len(bars))]
    return spec


def _range(bars: Sequence[Bar]) -> tuple[float, float]:
    ends = [value for bar in bars for value in (bar.start, bar.end)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    return (low, high) if high > low else (0.0, 1.0)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


@functools.cache
def columns_template() -> Spec:
    """Return standing bars without their data."""
    import altair as alt

    x = alt.X("x:O", scale=alt.Scale(paddingInner=0.35, paddingOuter=0.2), axis=None)
    y = alt.Y("y:Q", scale=alt.Scale(nice=False, zero=False), axis=None)
    colour = alt.Color("c:N", scale=None)
    text = {"fontSize": 12, "baseline": "middle"}
    return template(
        alt.layer(
            alt.Chart(alt.NamedData("ticks")).mark_rule(strokeWidth=1).encode(y=y, color=colour),
            alt.Chart(alt.NamedData("ticks"))
            .mark_text(align="right", dx=-8, **text)
            .encode(x=alt.value(0), y=y, text="text:N", color=alt.Color("t:N", scale=None)),
            alt.Chart(alt.NamedData("bars"))
            .mark_bar()
            .encode(
                x=x,
                y=y,
                y2="z:Q",
                fill=alt.Fill("c:N", scale=None),
                stroke=alt.Stroke("c:N", scale=None),
                fillOpacity=alt.FillOpacity("o:Q", scale=None),
                strokeWidth=alt.StrokeWidth("w:Q", scale=None),
                strokeDash=alt.StrokeDash("d:N", scale=None),
            ),
            unit_chart(),
            alt.Chart(alt.NamedData("above"))
            .mark_text(dy=-9, **text)
            .encode(x=x, y=y, text="text:N", color=colour),
            alt.Chart(alt.NamedData("names"))
            .mark_text(dy=15, **text)
            .encode(x=x, y=y, text="text:N", color=colour),
            _hits().encode(x=x, y=alt.value(0), y2=alt.value("height")),
        ).add_params(live.pointing())
    )


@functools.cache
def rows_template() -> Spec:
    """Return lying bars without their data."""
    import altair as alt

    x = alt.X("x:Q", scale=alt.Scale(nice=False, zero=False), axis=None)
    y = alt.Y("y:O", scale=alt.Scale(paddingInner=0.35, paddingOuter=0.1), axis=None)
    colour = alt.Color("c:N", scale=None)
    text = {"fontSize": 12, "baseline": "middle"}
    return template(
        alt.layer(
            alt.Chart(alt.NamedData("bars")).mark_bar().encode(x=x, x2="z:Q", y=y, color=colour),
            alt.Chart(alt.NamedData("zero")).mark_rule(strokeWidth=1).encode(x=x, color=colour),
            alt.Chart(alt.NamedData("marks")).mark_tick(thickness=2, size=20).encode(x=x, y=y, color=colour),
            *(
                alt.Chart(alt.NamedData(name))
                .mark_text(align=align, dx=dx, **text)
                .encode(x=x, y=y, text="text:N", color=colour)
                for name, align, dx in (("right", "left", 6), ("left", "right", -6), ("names", "right", -8))
            ),
            _hits().encode(y=y, x=alt.value(0), x2=alt.value("width")),
        ).add_params(live.pointing())
    )


def _hits() -> Any:
    """Return the places to point at: a bar's whole band, tinted while it is read."""
    import altair as alt

    tint = alt.condition(f"datum.i === {live.AT}", alt.value(0.09), alt.value(0))
    return live.live_chart("rect", live.READINGS, "hits", fill=tokens()["ink"]).encode(fillOpacity=tint)
