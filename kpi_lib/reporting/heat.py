"""A year of days as a calendar: weeks across, weekdays down, five shades."""

from __future__ import annotations

import datetime as dt
import functools
from typing import Any

import numpy as np
import pandas as pd

from kpi_lib.catalogue.models import Kpi
from kpi_lib.periods import WEEKDAYS
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting import series
from kpi_lib.reporting.data import ReportData
from kpi_lib.reporting.plotting import BOTTOM, Data, Sketch, Spec, filled, template
from kpi_lib.reporting.theme import tokens

WEEKS = 53
NARROW_WEEKS = 26
SHADES = 5
LEFT, TOP = 34, 22


def heat(data: ReportData, kpi: Kpi) -> Sketch:
    """Return the calendar of the last 53 weeks (26 on a narrow screen)."""
    rows = _cells(data, kpi)
    bounds = _bounds(rows["value"])
    rows["shade"] = np.searchsorted(bounds, rows["value"].to_numpy(), side="left")
    rows.loc[rows["value"].isna(), "shade"] = -1
    return Sketch(
        _spec(rows, WEEKS, 1132),
        _spec(rows, NARROW_WEEKS, 358),
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


def _spec(rows: pd.DataFrame, weeks: int, width: int) -> Spec:
    shown = rows[rows["week"] >= WEEKS - weeks].assign(week=lambda frame: frame["week"] - (WEEKS - weeks))
    firsts = shown[shown["date"].dt.day == 1]

    def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
        return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]

    data: Data = {
        "cells": rows_of(shown[shown["shade"] >= 0][["week", "weekday", "shade"]]),
        "gaps": rows_of(shown[shown["shade"] < 0][["week", "weekday"]]),
        "weekdays": [
            {"week": 0, "weekday": row["weekday"], "name": f"{row['date']:%a}"}
            for row in shown[(shown["week"] == 0) & (shown["weekday"] % 2 == 0)].to_dict("records")
        ],
        "months": [
            {"week": row["week"], "weekday": 0, "name": f"{row['date']:%b}"}
            for row in firsts.to_dict("records")
        ],
    }
    height = int((width - LEFT) / weeks * 7) + TOP + BOTTOM
    spec = filled(_calendar(), data, width, height, top=TOP, left=LEFT)
    for layer in spec["layer"]:
        layer["encoding"]["x"]["scale"]["domain"] = list(range(weeks))
    return spec


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
    cells = alt.Chart(alt.NamedData("cells")).mark_rect()
    gaps = alt.Chart(alt.NamedData("gaps")).mark_rect(fillOpacity=0, stroke=tokens()["hair"])
    return template(
        alt.layer(
            cells.encode(x=x, y=y, color=alt.Color("shade:O", scale=shades, legend=None)),
            gaps.encode(x=x, y=y),
            *(
                alt.Chart(alt.NamedData(name)).mark_text(dx=dx, dy=dy, **text).encode(x=x, y=y, text="name:N")
                for name, dx, dy in (("weekdays", -42, 0), ("months", -6, -20))
            ),
        )
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
