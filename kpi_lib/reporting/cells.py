"""The cells of a table: each value exact, with what has to be known about it."""

from __future__ import annotations

import math

import pandas as pd

from kpi_lib.catalogue.models import Kpi
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting import series
from kpi_lib.reporting.data import Figure, ReportData
from kpi_lib.reporting.grid import Cell
from kpi_lib.reporting.reasons import changed, dates, why_no_prior, why_no_value

#: Marks a value over fewer days than its window has.
PARTIAL = "†"
#: So many characters of a number fit into a column of a crowded printed table.
ROOM = 12


def value_cell(figure: Figure, currency: str) -> Cell:
    """Return the cell of a value: exact, with what is to be known about it."""
    why = why_no_value(figure)
    text = fmt.exact(figure.value, figure.kpi, currency)
    brief = _brief(figure.value, figure.kpi, currency)
    if figure.value is None:
        return Cell(text, title=why, spoken=f"none: {why}")
    if why:
        return Cell(
            text,
            title=f"{dates(figure)}: {why}",
            spoken=f"partial: {why}",
            mark=PARTIAL,
            cents=small_cents(figure.kpi),
            brief=brief,
        )
    return Cell(text, title=dates(figure), cents=small_cents(figure.kpi), brief=brief)


def _brief(value: float | None, kpi: Kpi, currency: str) -> str:
    """Return what a crowded printed table says: whole units, or three digits where those have no room."""
    text = fmt.whole(value, kpi, currency)
    return text if len(text) <= ROOM else fmt.humanised(value, kpi, currency)


def small_cents(kpi: Kpi) -> bool:
    """Return whether a KPI's decimals are written small: cents of an amount are noise beside its dollars."""
    return kpi.format == "currency" and kpi.kind != "ratio" and kpi.decimals == 2


def prior_cell(figure: Figure, currency: str) -> Cell:
    """Return the cell of a prior value."""
    why = why_no_prior(figure)
    text = fmt.exact(figure.prior, figure.kpi, currency)
    if figure.prior is None:
        return Cell(text, title=why, spoken=f"none: {why}")
    spoken, mark = (f"partial: {why}", PARTIAL) if why else ("", "")
    return Cell(text, title=why, spoken=spoken, mark=mark, cents=small_cents(figure.kpi))


def change_cell(figure: Figure, currency: str) -> Cell:
    """Return the cell of a change, with the amount behind it on hovering."""
    change = changed(figure, currency)
    if not change.known:
        return Cell(change.text, change=change)
    prior = fmt.exact(figure.prior, figure.kpi, currency)
    return Cell(
        change.text, title=f"{fmt.signed(figure.delta, figure.kpi, currency)} on {prior}", change=change
    )


def day_cell(data: ReportData, kpi: Kpi) -> Cell:
    """Return the cell of the as-of day's own value."""
    rows = series.spine(data.days(kpi.code), data.as_of, data.as_of)
    value = rows["value"].iloc[0]
    if not pd.isna(value):
        text = fmt.exact(float(value), kpi, data.currency)
        brief = _brief(float(value), kpi, data.currency)
        return Cell(text, title=fmt.day(data.as_of), cents=small_cents(kpi), brief=brief)
    gap = bool(series.missing(kpi, rows).iloc[0])
    why = "no data for this day" if gap else "nothing to divide by on this day"
    return Cell(fmt.DASH, title=why, spoken=f"none: {why}")


def number_cell(value: float, kpi: Kpi, currency: str, why: str = "") -> Cell:
    """Return the cell of a bare value."""
    missing = f"none: {why or 'no data'}" if math.isnan(value) else ""
    return Cell(fmt.exact(value, kpi, currency), title=why, spoken=missing, cents=small_cents(kpi))
