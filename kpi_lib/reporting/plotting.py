"""Altair in the house style: quiet axes, named colours, labels at the ends of lines instead of legends."""

from __future__ import annotations

import copy
import functools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from kpi_lib.catalogue.models import Kpi
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting import live
from kpi_lib.reporting.live import Reading
from kpi_lib.reporting.theme import tokens

Spec = dict[str, Any]
Data = dict[str, list[dict[str, Any]]]
Point = tuple[float, float | None]
TOP, BOTTOM, LEFT = 12, 26, 46
#: With the unit of the axis written above it.
UNIT_TOP = 30
#: Where a label lies beside its point.
PLACES: dict[str, dict[str, Any]] = {
    "end": {"align": "left", "dx": 8},
    "main_end": {"align": "left", "dx": 8, "fontWeight": 600},
    "above": {"align": "right", "dx": -7, "dy": -13, "fontWeight": 600},
    "ahead": {"align": "left", "dx": -4, "dy": -13, "fontWeight": 600},
}


@dataclass(frozen=True)
class Sketch:
    """A chart before it is drawn: for wide and narrow screens, in words, and what stands under it.

    ``printed`` is the drawing for a printed column as wide as the page; by default the wide one.
    """

    wide: Spec
    narrow: Spec
    description: str
    caption: str = ""
    printed: Spec | None = None


@dataclass(frozen=True)
class Line:
    """A line of points; a point without a value breaks it."""

    points: tuple[Point, ...]
    colour: str
    width: float = 1.6
    dash: tuple[int, ...] = (1, 0)


@dataclass(frozen=True)
class Label:
    """A word beside a point; ``place`` is one of :data:`PLACES`."""

    x: float
    y: float
    text: str
    colour: str = "mut"
    place: str = "end"


@dataclass(frozen=True)
class Frame:
    """Size and axes of a chart. ``x_labels`` are the places that get a label, with its text."""

    width: int
    height: int
    y_ticks: tuple[float, ...]
    y_low: float
    y_high: float
    kpi: Kpi
    currency: str
    x_domain: tuple[float, float]
    x_labels: tuple[tuple[float, str], ...]
    right: int = 94

    @property
    def unit(self) -> str:
        """What the axis counts; empty where its labels carry their unit."""
        return self.kpi.title if self.kpi.format == "number" else ""

    @property
    def top(self) -> int:
        """The room above the highest tick."""
        return UNIT_TOP if self.unit else TOP


def nice_ticks(low: float, high: float, count: int = 4) -> tuple[float, ...]:
    """Return round, evenly spaced values that enclose a range."""
    if high <= low:
        high = low + (abs(low) or 1.0)
    step = (high - low) / count
    power = 10.0 ** math.floor(math.log10(step))
    step = next(power * size for size in (1, 2, 2.5, 5, 10) if power * size >= step * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(round(number * step, 10) for number in range(first, last + 1))


def spread(labels: Sequence[Label], frame: Frame, gap_px: float = 15) -> list[Label]:
    """Return labels of one column moved apart so that none lies on another."""
    gap = gap_px * (frame.y_high - frame.y_low) / (frame.height - frame.top - BOTTOM)
    moved: list[Label] = []
    for label in sorted(labels, key=lambda item: item.y):
        floor = moved[-1].y + gap if moved else label.y
        placed = max(label.y, floor)
        moved.append(replace(label, y=placed))
    over = moved[-1].y - frame.y_high if moved else 0
    if over > 0:
        moved = [replace(label, y=label.y - over) for label in moved]
    return moved


def lines_spec(
    frame: Frame,
    lines: Sequence[Line],
    labels: Sequence[Label],
    dots: Sequence[tuple[float, float, str]] = (),
    readings: Sequence[Reading] = (),
) -> Spec:
    """Return a chart of lines with labelled ends; ``readings`` are said at 1, 2, 3… along the axis."""
    texts: Data = {place: [] for place in PLACES}
    for label in labels:
        texts[label.place].append(
            {"x": label.x, "y": label.y, "text": label.text, "c": tokens()[label.colour]}
        )
    data: Data = {
        "lines": [
            {"x": place, "y": value, "n": number, "c": tokens()[line.colour], "w": line.width, "d": line.dash}
            for number, line in enumerate(lines)
            for place, value in line.points
        ],
        "dots": [{"x": place, "y": value, "c": tokens()[colour]} for place, value, colour in dots],
        live.READINGS: [
            {**row, "x": row["i"], "l": row["i"] - 0.5, "r": row["i"] + 0.5} for row in live.rows_of(readings)
        ],
        "unit": unit_rows(frame.unit),
        **texts,
    }
    x_axis = _axis([place for place, _ in frame.x_labels], [text for _, text in frame.x_labels])
    y_axis = _axis(frame.y_ticks, fmt.axis(frame.y_ticks, frame.kpi, frame.currency))
    spec = filled(_lines(), data, frame.width, frame.height, right=frame.right, top=frame.top)
    for channel, domain, axis in (
        ("x", list(frame.x_domain), x_axis),
        ("y", [frame.y_low, frame.y_high], y_axis),
    ):
        for encoding in channels(spec, channel):
            encoding["scale"]["domain"] = domain
            encoding["axis"].update(axis)
    return spec


def channels(spec: Spec, channel: str) -> list[Spec]:
    """Return a channel of every layer that has a scale of its own to set."""
    found = (layer["encoding"].get(channel, {}) for layer in spec["layer"])
    return [encoding for encoding in found if "scale" in encoding]


@functools.cache
def _lines() -> Spec:
    """Return the chart of lines without its data: putting it together costs more than drawing it."""
    import altair as alt

    quiet = {
        "title": None,
        "gridColor": tokens()["hair"],
        "domain": False,
        "ticks": False,
        "labelColor": tokens()["mut"],
        "labelFontSize": 12,
        "labelPadding": 8,
        "labelOverlap": False,
        "labelFlush": False,
        "labelBound": False,
    }
    across = {"scale": alt.Scale(nice=False, zero=False), "axis": alt.Axis(grid=False, **quiet)}
    x = alt.X("x:Q", **across)
    y = alt.Y("y:Q", scale=alt.Scale(nice=False, zero=False), axis=alt.Axis(grid=True, **quiet))
    colour = alt.Color("c:N", scale=None)
    lines = alt.Chart(alt.NamedData("lines")).mark_line(strokeJoin="round", clip=False)
    dots = alt.Chart(alt.NamedData("dots")).mark_circle(size=52, opacity=1)
    return template(
        alt.layer(
            lines.encode(
                x=x,
                y=y,
                detail="n:N",
                color=colour,
                strokeWidth=alt.StrokeWidth("w:Q", scale=None),
                strokeDash=alt.StrokeDash("d:N", scale=None),
            ),
            dots.encode(x=x, y=y, color=colour),
            *(
                alt.Chart(alt.NamedData(place))
                .mark_text(fontSize=12, baseline="middle", **style)
                .encode(x=x, y=y, text="text:N", color=colour)
                for place, style in PLACES.items()
            ),
            unit_chart(LEFT),
            live.live_chart("rule", live.READINGS, "rule", color=tokens()["ly"]).encode(
                x=x, opacity=live.shown_at()
            ),
            live.live_chart("circle", "lines", "points", size=44).encode(
                x=x, y=y, color=colour, opacity=live.shown_at(f"datum.x === {live.AT}")
            ),
            live.live_chart("rect", live.READINGS, "hits", fillOpacity=0).encode(
                x=alt.X("l:Q", **across), x2="r:Q", y=alt.value(0), y2=alt.value("height")
            ),
        ).add_params(live.pointing())
    )


def unit_rows(text: str) -> list[dict[str, Any]]:
    """Return the row that writes what an axis counts; none where its labels say it."""
    return [{"text": text}] if text else []


def unit_chart(left: int = 0) -> Any:
    """Return the layer that writes what the vertical axis counts, above its highest label."""
    import altair as alt

    style = {"align": "left", "baseline": "middle", "fontSize": 12, "color": tokens()["mut"]}
    return (
        alt.Chart(alt.NamedData("unit"))
        .mark_text(**style)
        .encode(x=alt.value(4 - left), y=alt.value(-19), text="text:N")
    )


def template(chart: Any) -> Spec:
    """Return the specification of a chart in the house style, its size still open."""
    spec: Spec = (
        chart.properties(autosize={"type": "none"})
        .configure(font=tokens().text, background="transparent")
        .configure_view(stroke=None)
        .to_dict(validate=False)
    )
    return spec


def filled(
    template: Spec,
    data: Data,
    width: int,
    height: int,
    *,
    right: int = 0,
    top: int = TOP,
    left: int = LEFT,
    bottom: int = BOTTOM,
) -> Spec:
    """Return a copy of a template with its data and its outer size."""
    spec = copy.deepcopy(template)
    spec["datasets"] = data
    spec["width"], spec["height"] = width - left - right, height - top - bottom
    spec["padding"] = {"left": left, "right": right, "top": top, "bottom": bottom}
    return spec


def _axis(places: Sequence[float], texts: Sequence[str]) -> Spec:
    # Compared as numbers: as text, 2000000 is 2e+06 here and 2e+6 in the drawing.
    named = "".join(
        f"datum.value == {json.dumps(place)} ? {json.dumps(text)} : "
        for place, text in zip(places, texts, strict=True)
    )
    return {"values": list(places), "labelExpr": f"{named}''"}
