"""A year of days as a calendar: weeks across, weekdays down, five shades."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from kpi_lib.catalogue.models import Kpi
from kpi_lib.periods import WEEKDAYS
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting import live, series
from kpi_lib.reporting.data import ReportData
from kpi_lib.reporting.live import Reading
from kpi_lib.reporting.plotting import Data, Sketch, Spec, channels, filled, template
from kpi_lib.reporting.theme import tokens

WEEKS = 53
NARROW_WEEKS = 26
SHADES = 5
LEFT, TOP, BELOW = 34, 22, 4


def heat(data: ReportData, kpi: Kpi) -> Sketch:
    """Return the calendar of the last 53 weeks (26 on a narrow screen)."""
    rows = _cells(data, kpi)
    bounds = _bounds(rows["value"])
    rows["shade"] = np.searchsorted(bounds, rows["value"].to_numpy(), side="left")
    rows.loc[rows["value"].isna(), "shade"] = -1
    return Sketch(
        _spec(data, kpi, rows, WEEKS, 1132),
        _spec(data, kpi, rows, NARROW_WEEKS, 358),
        _words(data, kpi, rows),
        _caption(data, kpi, bounds, rows),
    )


def _cells(data: ReportData, kpi: Kpi) -> pd.DataFrame:
    first_weekday = WEEKDAYS.index(data.catalogue.calendar.week_start)
    into_week = (data.as_of.weekday() - first_weekday) % 7
    start = data.as_of - dt.timedelta(days=into_week + 7 * (WEEKS - 1))
    days = series.spine(data.days(kpi.code), start, data.as_of)
    number = np.arange(len(days))
    return pd.DataFrame(
        {
            "date": days.index,
            "week": number // 7,
            "weekday": number % 7,
            "value": days["value"].to_numpy(),
            "missing": series.missing(kpi, days).to_numpy(),
        }
    )


def _bounds(values: pd.Series) -> np.ndarray:
    """Return the upper bounds of all shades but the darkest: a fifth of the days each.

    A lowest value that takes up a fifth or more (days without an event) has the palest shade to itself.
    """
    known = values.dropna()
    if known.nunique() < 2:
        return np.array([])
    low = known.min()
    bounds = np.quantile(known, np.arange(1, SHADES) / SHADES)
    if bounds[0] == low:
        rest = known[known > low]
        bounds = np.append(low, np.quantile(rest, np.arange(1, SHADES - 1) / (SHADES - 1)))
    return np.unique(bounds[bounds < known.max()])


def _spec(data: ReportData, kpi: Kpi, rows: pd.DataFrame, weeks: int, width: int) -> Spec:
    first = WEEKS - weeks
    shown = rows[rows["week"] >= first]
    firsts = shown[shown["date"].dt.day == 1]

    # One set of days for squares, gaps and readings, numbered alike in the wide and the narrow drawing: it is
    # most of what the chart weighs in a page, and there it stands once.
    sets: Data = {
        live.READINGS: [
            {
                "i": number + 1,
                "t": _reading(data, kpi, row).words,
                "week": row["week"],
                "weekday": row["weekday"],
                "shade": row["shade"],
            }
            for number, row in zip(shown.index.tolist(), shown.to_dict("records"), strict=True)
        ],
        "weekdays": [
            {"week": first, "weekday": row["weekday"], "name": f"{row['date']:%a}"}
            for row in shown[(shown["week"] == first) & (shown["weekday"] % 2 == 0)].to_dict("records")
        ],
        "months": [
            {"week": row["week"], "weekday": 0, "name": f"{row['date']:%b}"}
            for row in firsts.to_dict("records")
        ],
    }
    height = int((width - LEFT) / weeks * 7) + TOP + BELOW
    spec = filled(_calendar(), sets, width, height, top=TOP, left=LEFT, bottom=BELOW)
    for encoding in channels(spec, "x"):
        encoding["scale"]["domain"] = list(range(first, WEEKS))
    return spec


def _reading(data: ReportData, kpi: Kpi, row: Mapping[Hashable, Any]) -> Reading:
    """Return what is said of a day: its value, or why it has none."""
    said = fmt.exact(row["value"], kpi, data.currency)
    if pd.isna(row["value"]):
        said = "no data" if row["missing"] else "no value: nothing to divide by"
    return Reading(f"{row['date']:%a} {fmt.day(row['date'].date())}", (said,))


@functools.cache
def _calendar() -> Spec:
    import altair as alt

    close = {"paddingInner": 0.14, "paddingOuter": 0}
    x = alt.X("week:O", scale=alt.Scale(**close), axis=None)
    y = alt.Y("weekday:O", scale=alt.Scale(domain=list(range(7)), **close), axis=None)
    shades = alt.Scale(
        domain=list(range(SHADES)), range=[tokens()[f"heat{shade}"] for shade in range(SHADES)]
    )
    text: dict[str, Any] = {"color": tokens()["mut"], "fontSize": 11, "align": "left", "baseline": "middle"}
    days = alt.Chart(alt.NamedData(live.READINGS))
    cells = days.transform_filter("datum.shade >= 0").mark_rect()
    gaps = days.transform_filter("datum.shade < 0").mark_rect(fillOpacity=0, stroke=tokens()["hair"])
    pointed = alt.condition(f"datum.i === {live.AT}", alt.value(1), alt.value(0))
    style = {"fillOpacity": 0, "stroke": tokens()["ink"], "strokeWidth": 2}
    hits = live.live_chart("rect", live.READINGS, "hits", **style).encode(x=x, y=y, strokeOpacity=pointed)
    return template(
        alt.layer(
            cells.encode(x=x, y=y, color=alt.Color("shade:O", scale=shades, legend=None)),
            gaps.encode(x=x, y=y),
            *(
                alt.Chart(alt.NamedData(name)).mark_text(dx=dx, dy=dy, **text).encode(x=x, y=y, text="name:N")
                for name, dx, dy in (("weekdays", -42, 0), ("months", -6, -20))
            ),
            hits,
        ).add_params(live.pointing())
    )


def _words(data: ReportData, kpi: Kpi, rows: pd.DataFrame) -> str:
    days = fmt.span(rows["date"].iloc[0].date(), data.as_of)
    words = [f"{kpi.name} by day, {days}; the stronger the colour, the more."]
    known = rows.dropna(subset="value")
    if len(known):
        best = known.sort_values("value").iloc[-1]
        words.append(
            f"The highest day was {fmt.day(best['date'].date())}"
            f" with {fmt.amount(float(best['value']), kpi, data.currency)}."
        )
    return " ".join(words)


def _caption(data: ReportData, kpi: Kpi, bounds: np.ndarray, rows: pd.DataFrame) -> str:
    words = ["One square a day; the stronger the colour, the more."]
    if len(bounds) == 1:
        tail = "" if bounds[0] == rows["value"].min() else " or less"
        words.append(f"The pale squares are {fmt.amount(float(bounds[0]), kpi, data.currency)}{tail}.")
    elif len(bounds):
        steps = [fmt.amount(float(bound), kpi, data.currency) for bound in bounds]
        words.append(f"The shades change at {fmt.listed(steps, most=4)}.")
    gaps = int(rows["missing"].sum())
    if gaps:
        words.append(f"{fmt.plural(gaps, 'empty square')}: no data.")
    return " ".join(words)
