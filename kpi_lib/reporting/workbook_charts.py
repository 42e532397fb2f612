"""The workbook's own charts: each main figure by month, beside the same months a year earlier."""

from __future__ import annotations

from typing import Any

from kpi_lib.reporting.theme import tokens
from kpi_lib.reporting.workbook_cells import Sheet, Value
from kpi_lib.reporting.workbook_rows import TREND

#: Columns of the trend sheet.
_TITLE, _MONTH, _VALUE, _EARLIER, _NOTE = 2, 3, 4, 5, 6
_WIDTH, _HEIGHT, _ROWS = 560, 260, 14


def add_charts(book: Any, sheet: Any, trend: Sheet, top: int) -> None:
    """Add a chart of every figure of the trend sheet below the tables, two in a row.

    Parameters
    ----------
    book, sheet
        The workbook and the sheet to draw on.
    trend
        The trend sheet, whose rows the charts point at.
    top
        The first free row.
    """
    for number, (first, last) in enumerate(_blocks(trend)):
        line = trend.lines[first]
        chart = book.add_chart({"type": "column"})
        earlier = book.add_chart({"type": "line"})
        shape = next(
            (cell.shape for cell in (line[_VALUE], line[_EARLIER]) if isinstance(cell, Value)), "General"
        )
        chart.add_series(_series("Last 12 months", _VALUE, first, last, {"fill": {"color": tokens()["acc"]}}))
        look = {"line": {"color": tokens()["ly"], "width": 1.5}}
        earlier.add_series(_series("A year earlier", _EARLIER, first, last, look))
        chart.combine(earlier)
        open_month = str(trend.lines[last][_NOTE]) if "open" in str(trend.lines[last][_NOTE]) else ""
        title = f"{line[0]}: {line[_TITLE]}" + (f" (last month {open_month})" if open_month else "")
        chart.set_title({"name": title, "name_font": {"size": 12}, "overlay": False})
        chart.set_legend({"position": "bottom"})
        chart.set_x_axis({"num_format": "mmm yy", "text_axis": True, "num_font": {"size": 8}})
        chart.set_y_axis(
            {"num_format": shape, "major_gridlines": {"visible": True, "line": {"color": tokens()["hair"]}}}
        )
        chart.set_size({"width": _WIDTH, "height": _HEIGHT})
        place = (top + 1 + (number // 2) * _ROWS, 0)
        said = f"{title} by month, the last twelve months as columns and the year before as a line."
        sheet.insert_chart(
            *place,
            chart,
            {"x_offset": (number % 2) * (_WIDTH + 20), "description": said, "object_position": 3},
        )


def _series(name: str, column: int, first: int, last: int, look: dict[str, Any]) -> dict[str, Any]:
    rows = (first + 1, last + 1)
    return {
        "name": name,
        "categories": [TREND, rows[0], _MONTH, rows[1], _MONTH],
        "values": [TREND, rows[0], column, rows[1], column],
        **look,
    }


def _blocks(trend: Sheet) -> list[tuple[int, int]]:
    """Return the first and last line of each figure."""
    found: list[tuple[int, int]] = []
    for number, line in enumerate(trend.lines):
        same = found and trend.lines[found[-1][1]][:_MONTH] == line[:_MONTH]
        if same:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
