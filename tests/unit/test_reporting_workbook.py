"""The workbook: typed cells, text that stays text, nothing of persons, the same bytes for the same night."""

from __future__ import annotations

import datetime as dt
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from kpi_lib.catalogue import load_catalogue
from kpi_lib.catalogue.scorecard import load_scorecard
from kpi_lib.errors import ReportError
from kpi_lib.reporting import exported as exporting
from kpi_lib.reporting.board import Board, Standing
from kpi_lib.reporting.exported import Exported, load_exported
from kpi_lib.reporting.workbook import write_workbook
from kpi_lib.reporting.workbook_cells import shape_of
from tests.reporting_notebooks import context
from tests.reporting_sample import AS_OF, FakeReader, facts, on, sample, winery

HOSTILE = ("=cmd()", "+1", "-2", "@SUM(A1)", "\t=1", "'=1", "<b>&\x01", "عربي", "x" * 40_000)


class Wh(FakeReader):
    """The fake warehouse with checks."""

    def checks(self, runs: int = 30) -> pd.DataFrame:
        rows = [
            ("t", f"check{number}", "", "info", number > 0, text, f"person_nps is 50 {text}", "", "[]")
            for number, text in enumerate(HOSTILE)
        ]
        columns = [
            "table_name",
            "check_name",
            "column_name",
            "severity",
            "success",
            "expected",
            "observed",
            "remedy",
            "failing",
        ]
        return pd.DataFrame(rows, columns=columns)


def exported(board: Board | None = None, **changes: Any) -> Exported:
    values = facts().copy()
    values.loc[on(values, "phone_revenue", dt.date(2026, 11, 3)), "value"] = None
    few = [winery().entity("ALL")]
    catalogue = winery().model_copy(update={"entities": tuple(few), **changes})
    reader = Wh(values, catalogue)
    report = replace(sample(), catalogue=catalogue)
    return load_exported(reader, AS_OF, "=November", report=report, board=board)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> openpyxl.Workbook:
    file = write_workbook(tmp_path_factory.mktemp("x"), [exported()], context())
    assert file.name == "kpi-report-2026-11-20.xlsx"
    return openpyxl.load_workbook(file)


def test_the_sheets_have_frozen_headings_filters_and_widths(book: openpyxl.Workbook) -> None:
    assert book.sheetnames == ["Summary", "KPIs", "Trend", "Scorecard", "Definitions", "Checks"]
    for sheet in book.worksheets[1:]:
        assert str(sheet.freeze_panes).endswith("2")
        assert (
            sheet.auto_filter.ref
            == f"A1:{sheet.cell(1, sheet.max_column).column_letter}{max(sheet.max_row, 2)}"
        )
        assert all(width.width > 7 for width in sheet.column_dimensions.values())
    assert (book.properties.title, book.properties.creator) == (
        "Larkspur Ridge: figures as of Fri 20 Nov 2026", "Larkspur Ridge",
    )  # fmt: skip


def rows(book: openpyxl.Workbook, sheet: str) -> list[dict[str, Any]]:
    heads = [cell.value for cell in book[sheet][1]]
    return [dict(zip(heads, row, strict=True)) for row in book[sheet].iter_rows(min_row=2)]


def test_cells_have_their_type_and_format(book: openpyxl.Workbook) -> None:
    found = {(row["KPI"].value, row["Entity"].value, row["Window"].value): row for row in rows(book, "KPIs")}
    money = found["total_daily_revenue", "ALL", "mtd"]
    assert (
        isinstance(money["Value"].value, float) and money["Value"].number_format == '"$"#,##0.00;-"$"#,##0.00'
    )
    assert money["From"].value.date() == dt.date(2026, 11, 1) and money["From"].number_format == "yyyy-mm-dd"
    share = found["club_conversion_per_taster_pct", "ALL", "mtd"]
    figure = sample().row("club_conversion_per_taster_pct", "mtd")
    assert share["Value"].value == pytest.approx((figure.value or 0) / 100)
    assert share["Value"].number_format == "0.0%;-0.0%"
    assert share["Change"].value == pytest.approx(figure.delta) and share["Change %"].value is None
    assert share["Change"].number_format == '+0.0" pp";-0.0" pp";0.0" pp"'
    gap = found["phone_revenue", "ALL", "mtd"]
    assert gap["Reason"].value == "partial" and gap["Days missing"].value == 1
    assert gap["Change"].value is None and gap["Change %"].value is None
    for row in rows(book, "KPIs"):
        assert all(str(cell.value).lower() not in ("nan", "none", "nat", "inf") or cell.value is None
                   for cell in row.values())  # fmt: skip


def test_text_is_never_run(tmp_path: Path) -> None:
    kpis = list(winery().kpis)
    kpis[0] = kpis[0].model_copy(update={"short": HOSTILE[0], "definition": HOSTILE[3]})
    file = write_workbook(tmp_path, [exported(kpis=tuple(kpis), title=HOSTILE[1])], context(title="=1+1"))
    written = openpyxl.load_workbook(file)
    for sheet in written.worksheets:
        for row in sheet.iter_rows():
            assert all(cell.data_type != "f" for cell in row), sheet.title
    texts = {cell.value for row in written["Checks"].iter_rows() for cell in row}
    assert set(HOSTILE[:4]) <= texts and "x" * 32_767 in texts
    cell = next(c for row in written["Checks"].iter_rows() for c in row if c.value == "=cmd()")
    assert cell.quotePrefix
    with zipfile.ZipFile(file) as parts:
        assert not any(b"<f>" in parts.read(name) for name in parts.namelist() if "worksheets" in name)


def test_each_main_figure_has_a_chart_that_points_at_its_rows(
    book: openpyxl.Workbook, tmp_path: Path
) -> None:
    file = write_workbook(tmp_path, [exported()], context())
    with zipfile.ZipFile(file) as parts:
        charts = [parts.read(name).decode() for name in parts.namelist() if "/charts/chart" in name]
        drawn = parts.read("xl/drawings/drawing1.xml").decode()
    assert len(charts) == len(winery().cards) == 4
    assert drawn.count('descr="') == 4
    trend = rows(book, "Trend")
    assert len(trend) == 12 * 4
    assert "Trend!$E$2:$E$13" in charts[0] and "Trend!$F$2:$F$13" in charts[0]
    assert trend[11]["To know"].value == "open, 20 of 30 days"
    figure = sample().row("total_daily_revenue", "mtd")
    assert trend[11]["Value"].value == pytest.approx(figure.value)
    assert trend[11]["A year earlier"].value == pytest.approx(figure.prior)
    assert "open, 20 of 30 days" in charts[0]


def test_the_same_night_gives_the_same_bytes(tmp_path: Path) -> None:
    files = [write_workbook(tmp_path / name, [exported()], context()) for name in "ab"]
    assert files[0].read_bytes() == files[1].read_bytes()


def board(person: str = "", metrics: tuple[str, ...] = ("revenue_ytd", "nrr")) -> Board:
    catalogue = load_catalogue("marketplace")
    card = load_scorecard(catalogue.folder)
    standings = tuple(Standing(card.metric(key), 1.05, None, dt.date(2025, 11, 20)) for key in metrics)
    return Board(catalogue, card, AS_OF, 2026, AS_OF, standings, person)


def test_nothing_of_a_person_is_taken(tmp_path: Path) -> None:
    for wrong in (board("Claire"), board(metrics=("person_nps",))):
        with pytest.raises(ReportError, match="person"):
            exported(wrong)
    file = write_workbook(tmp_path, [exported(board())], context())
    written = openpyxl.load_workbook(file)
    everything = " ".join(str(c.value) for s in written.worksheets for r in s.iter_rows() for c in r)
    for word in ("Claire", "person_nps", "Net promoter"):
        assert word not in everything
    assert "not shown here: it concerns a person" in everything
    card = {row["Metric"].value: row for row in rows(written, "Scorecard")}
    assert card["nrr"]["Value"].number_format == "0.0%;-0.0%" and card["nrr"]["Prior"].value is None


def test_too_many_entities_are_left_to_the_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "MOST_ROWS", 100)
    item = exported()
    assert not item.complete
    written = openpyxl.load_workbook(write_workbook(tmp_path, [item], context()))
    assert {row["Entity"].value for row in rows(written, "KPIs")} == {"ALL"}
    assert any("JSON API" in str(cell.value) for row in written["Summary"].iter_rows() for cell in row)


def test_a_domain_without_figures_is_a_whole_workbook_still(tmp_path: Path) -> None:
    item = Exported(winery(), AS_OF, AS_OF, "", error="the data did not pass")
    written = openpyxl.load_workbook(write_workbook(tmp_path, [item], context()))
    assert written["KPIs"].max_row == 1
    assert "Not of this night: the data did not pass" in [c.value for row in written["Summary"] for c in row]


def test_formats_follow_the_kpi() -> None:
    assert shape_of(winery().kpi("total_visitors"), "USD") == "#,##0;-#,##0"
    assert shape_of(winery().kpi("ecomm_revenue"), "EUR", change=True) == (
        '+"€"#,##0.00;-"€"#,##0.00;"€"#,##0.00'
    )
