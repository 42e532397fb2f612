"""The rows behind the drill-down pages as CSV files, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import datetime as dt
import io
from pathlib import Path

import pandas as pd

from kpi_lib.reporting.board import Board
from kpi_lib.reporting.context import NavItem
from kpi_lib.reporting.html import write_text

FOLDER = "downloads"
#: Which person a row is of stays in the private pages.
_OF_PERSONS = frozenset({"owner_id"})
#: A spreadsheet takes a cell that begins with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_name(domain: str, view: str) -> str:
    """Return the file name of a view's rows."""
    return f"{domain}-{view.lower().replace('_', '-')}.csv"


def kpi_csv_name(domain: str, code: str) -> str:
    """Return the file name of a KPI's daily values."""
    return csv_name(domain, f"kpi_{code}")


def write_details(site: Path, board: Board) -> tuple[NavItem, ...]:
    """Write every detail view as CSV below the site's ``downloads``, without persons; return the links."""
    links = []
    for view in board.scorecard.views:
        place = f"{FOLDER}/{csv_name(board.catalogue.domain, view.name)}"
        rows = board.detail(view.name)
        write_text(site / place, csv_text(rows.drop(columns=_OF_PERSONS & {*rows.columns})))
        links.append(NavItem(f"{view.title} (CSV)", place))
    return tuple(links)


def csv_text(frame: pd.DataFrame) -> str:
    """Return a frame as CSV: missing is empty, dates are ISO, text that a spreadsheet would run is quoted."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(map(str, frame.columns))
    whole = {
        name
        for name in frame.columns
        if pd.api.types.is_float_dtype(frame[name]) and (frame[name].dropna() % 1 == 0).all()
    }
    for row in frame.to_dict("records"):
        writer.writerow([_cell(value, name in whole) for name, value in row.items()])
    return out.getvalue()


def _cell(value: object, whole: bool) -> object:
    if value is None or value is pd.NaT or value != value:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return int(value) if whole else repr(round(value, 9))
    if isinstance(value, dt.datetime):
        return (
            value.date().isoformat()
            if value == value.replace(hour=0, minute=0, second=0)
            else value.isoformat()
        )
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
