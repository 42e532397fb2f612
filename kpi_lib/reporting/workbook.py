"""The workbook: every figure of the day as typed cells, with filters, and charts of the main ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kpi_lib.reporting import workbook_rows as rows
from kpi_lib.reporting.context import SiteContext
from kpi_lib.reporting.exported import Exported
from kpi_lib.reporting.theme import tokens
from kpi_lib.reporting.workbook_cells import Line, Sheet, Value
from kpi_lib.reporting.workbook_charts import add_charts

FOLDER = "downloads"
#: Excel's limit for a cell.
LONGEST = 32_767
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


def workbook_name(as_of: dt.date) -> str:
    """Return the file name: one workbook over all domains, named by the newest of their days."""
    return f"kpi-report-{as_of}.xlsx"


def write_workbook(site: Path, domains: Sequence[Exported], context: SiteContext) -> Path:
    """Write ``downloads/kpi-report-<as_of>.xlsx``: summary, KPIs, trend, scorecard, definitions, checks.

    One workbook holds every domain, each row with its domain and its own day, so that a single filter
    serves and one address stays the same whichever domains there are.

    Parameters
    ----------
    site
        The site's root folder.
    domains
        What to write, in this order.
    context
        The run.

    Returns
    -------
    Path
        The file; the same figures and run give the same bytes.
    """
    import xlsxwriter

    path = site / FOLDER / workbook_name(context.as_of)
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(path, {**options, "in_memory": True}) as book:
        book.set_properties(_properties(context))
        formats = _Formats(book)
        trend = rows.trend(domains)
        front = book.add_worksheet("Summary")
        sheets = [
            rows.kpis(domains), trend, rows.scorecard(domains), rows.definitions(domains),
            rows.checks(domains),
        ]  # fmt: skip
        for sheet in sheets:
            _write_sheet(book.add_worksheet(sheet.name), sheet, formats)
        used = _write_summary(front, rows.summary(domains), context, formats)
        add_charts(book, front, trend, used)
        front.activate()
    return path


def _properties(context: SiteContext) -> dict[str, Any]:
    return {
        "title": f"{context.title}: figures as of {context.as_of_words}",
        "subject": "Key figures",
        "author": context.title,
        "company": ", ".join(title for _, title in context.domains) or context.title,
        "comments": f"{context.status}; run {context.run_id}, code {context.code_version}",
        "created": context.built_at.astimezone(dt.UTC).replace(tzinfo=None),
    }


class _Formats:
    """The cell formats, each made once."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._made: dict[tuple[tuple[str, object], ...], Any] = {}

    def get(self, **look: object) -> Any:
        """Return a format of these properties."""
        key = tuple(sorted(look.items()))
        if key not in self._made:
            self._made[key] = self._book.add_format({"font_name": "Calibri", "valign": "top", **look})
        return self._made[key]


def _write_sheet(sheet: Any, content: Sheet, formats: _Formats) -> None:
    _write_table(sheet, content, formats, 0)
    sheet.freeze_panes(1, content.frozen)
    sheet.autofilter(0, 0, max(len(content.lines), 1), len(content.columns) - 1)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    for place, column in enumerate(content.columns):
        sheet.set_column(place, place, column.width)


def _write_table(sheet: Any, content: Sheet, formats: _Formats, top: int) -> int:
    head = formats.get(bold=True, text_wrap=True, bottom=1, bg_color="#f4f1ea", font_color=tokens()["ink"])
    for place, column in enumerate(content.columns):
        sheet.write_string(top, place, column.head, head)
    for number, line in enumerate(content.lines, top + 1):
        _write_line(sheet, number, line, content, formats)
    return top + 1 + len(content.lines)


def _write_line(sheet: Any, number: int, line: Line, content: Sheet, formats: _Formats) -> None:
    for place, (cell, column) in enumerate(zip(line, content.columns, strict=True)):
        look: dict[str, object] = {"text_wrap": True} if column.wrap else {}
        value, shape = (cell.number, cell.shape) if isinstance(cell, Value) else (cell, "General")
        if value is None or value == "":
            continue
        if isinstance(value, str):
            _write_text(sheet, number, place, value, look, formats)
        elif isinstance(value, bool):
            sheet.write_boolean(number, place, value, formats.get(**look))
        elif isinstance(value, int | float):
            sheet.write_number(number, place, value, formats.get(**look, num_format=shape))
        else:
            sheet.write_datetime(number, place, value, formats.get(**look, num_format="yyyy-mm-dd"))


def _write_text(
    sheet: Any, row: int, place: int, text: str, look: dict[str, object], formats: _Formats
) -> None:
    """Write text that stays text: a spreadsheet never runs it, not even after someone edits the cell."""
    if text.startswith(_FORMULA):
        look = {**look, "quote_prefix": True}
    sheet.write_string(row, place, text[:LONGEST], formats.get(**look))


def _write_summary(sheet: Any, parts: Sequence[Sheet], context: SiteContext, formats: _Formats) -> int:
    """Write title, state and the tables of the first sheet; return the first free row."""
    sheet.write_string(0, 0, context.title, formats.get(bold=True, font_size=18))
    sheet.write_string(1, 0, f"As of {context.as_of_words} · {context.status}", formats.get())
    made = f"Made {context.built}, run {context.run_id}, code {context.code_version}"
    sheet.write_string(2, 0, made, formats.get(font_color=tokens()["mut"]))
    top = 4
    if context.banner:
        sheet.write_string(3, 0, context.banner, formats.get(bold=True, font_color=tokens()["bad"]))
    for part in parts:
        sheet.write_string(top, 0, part.name, formats.get(bold=True, font_size=13))
        top = _write_table(sheet, part, formats, top + 1) + 1
    widths = [
        max(widths) for widths in zip(*([c.width for c in part.columns] for part in parts), strict=False)
    ]
    for place, width in enumerate(widths):
        sheet.set_column(place, place, width)
    sheet.hide_gridlines(2)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    return top
