"""Tables: exact values, reasons instead of holes, one content in HTML, Typst and text."""

from __future__ import annotations

import datetime as dt
import re
import xml.etree.ElementTree as ET

import pandas as pd
import pytest

from kpi_lib.errors import UsageError
from kpi_lib.reporting import tables
from kpi_lib.reporting.cards import cards
from kpi_lib.reporting.format import change
from kpi_lib.reporting.grid import Cell, Column, Grid, Row, aligned, change_html
from kpi_lib.reporting.markup import Prose, raw_typst, strong, text_html, text_markdown, text_typst
from kpi_lib.reporting.spark import bar_place, sparkline
from tests.reporting_sample import AS_OF, made, on, sample, winery

HOSTILE = 'A "B" <script>alert(1)</script> #$[]*_@\\`|~ & co'


def page(html: str) -> ET.Element:
    """Parse a table's HTML, which is well-formed XML."""
    return ET.fromstring(f"<x>{html}</x>")  # noqa: S314


def texts(grid: Grid, row: int) -> list[str]:
    return [cell.text for cell in grid.rows[row].cells]


def club(data: object) -> Grid:
    return tables.group_grid(data, winery().in_group("club"), "Club")  # type: ignore[arg-type]


def test_a_group_shows_day_windows_changes_and_the_weeks() -> None:
    data = sample()
    grid = club(data)
    assert [column.head for column in grid.columns] == [
        "KPI", "20 Nov", "Month to date", "vs 2025", "Quarter to date", "vs 2025", "Year to date", "vs 2025",
        "Last 28 days", "vs 2025", "Fiscal year to date", "vs 2025", "26 weeks",
    ]  # fmt: skip
    assert grid.columns[2].small == "1–20 Nov"
    assert grid.columns[2].title == "1–20 Nov 2026 vs 1–20 Nov 2025"
    assert texts(grid, 0)[:3] == ["Active Club Members", "36", "36"]
    assert [len(row.cells) for row in grid.rows] == [13] * 5


def test_the_windows_of_a_table_are_switched_by_class() -> None:
    html = club(sample()).html
    assert html.count('class="num w w1"') == html.count('class="num vs w w1"') == 6
    assert html.count('class="num w w5 x x1"') == 6
    switches = cards(sample()).html
    assert re.findall(r'id="(\w+)"', switches) == ["w1", "w2", "w3", "w4", "w5", "x1"]
    assert "Also show fiscal year to date" in switches


def test_a_table_is_well_formed_and_reachable() -> None:
    root = page(club(sample()).html)
    region = root.find("div")
    assert region is not None
    assert (region.get("role"), region.get("tabindex"), region.get("aria-label")) == (
        "region",
        "0",
        "Club, table",
    )
    assert all(head.get("scope") == "col" for head in root.iterfind(".//thead/tr/th"))
    assert all(row[0].tag == "th" and row[0].get("scope") == "row" for row in root.iterfind(".//tbody/tr"))
    assert "style=" not in ET.tostring(root, encoding="unicode")


def test_amounts_are_exact_with_their_cents_written_small() -> None:
    data = made(total_daily_revenue={"value": 412380.15, "prior": 380770})
    cell = tables.value_cell(data.row("total_daily_revenue", "mtd"), "USD")
    grid = Grid("x", (Column("a"), Column("b")), (Row((Cell("n"), cell)),))
    assert '$412,380<span class="c">.15</span>' in grid.html
    fee = made(avg_tasting_fee_per_guest={"value": 24.5, "prior": 24})
    assert not tables.value_cell(fee.row("avg_tasting_fee_per_guest", "mtd"), "USD").cents


def test_a_missing_value_is_a_dash_with_its_reason() -> None:
    data = made(phone_revenue={"value": None, "prior": 4, "reason": "not_loaded"})
    cell = tables.value_cell(data.row("phone_revenue", "mtd"), "USD")
    assert (cell.text, cell.title) == ("–", "no data for these days")
    assert "none: no data for these days" in Grid("x", (Column("a"),), (Row((cell,)),)).html


def test_a_partial_value_is_marked_and_has_no_change() -> None:
    data = made(phone_revenue={"value": 9, "prior": 4, "reason": "partial", "missing_days": 3})
    figure = data.row("phone_revenue", "mtd")
    cell = tables.value_cell(figure, "USD")
    assert cell.text + cell.mark == "$9.00†"
    assert cell.spoken == "partial: 3 of 20 days missing"
    assert tables.change_cell(figure, "USD").text == "–"


def test_the_day_alone_says_why_it_is_missing() -> None:
    def lose(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[on(frame, "phone_revenue", AS_OF), "value"] = None
        frame.loc[on(frame, "avg_party_size", AS_OF), ["value", "numerator", "denominator"]] = [None, 0, 0]
        return frame

    data = sample(change=lose)
    gap, zero = (tables.day_cell(data, winery().kpi(code)) for code in ("phone_revenue", "avg_party_size"))
    assert (gap.text, gap.title) == ("–", "no data for this day")
    assert (zero.text, zero.title) == ("–", "nothing to divide by on this day")


def test_a_change_is_said_as_well_as_coloured() -> None:
    up = change_html(change(6, 0.182, winery().kpi("member_attrition")))
    assert 'class="d bad"' in up
    assert '<span class="a">▲</span> 18.2\u00a0%' in up
    assert '<span class="sr">up 18.2 percent, unfavourable</span>' in up
    none = change_html(change(None, None, winery().kpi("member_attrition"), "no data a year earlier"))
    assert 'title="no data a year earlier"' in none


def test_contributions_end_with_the_whole_change_and_show_what_is_left_over() -> None:
    data = made(
        total_daily_revenue={"value": 1100, "prior": 1000},
        **{code: {"value": 110, "prior": 100} for code in winery().contributions},
    )
    grid = tables.contributions_grid(data, "mtd")
    assert [row.cells[0].text for row in grid.rows][-2:] == ["Other", "Change"]
    assert [row.cells[2].text for row in grid.rows][-2:] == ["+$10.00", "+$100"]
    assert grid.rows[-1].cells[3].text == "to $1,100 from $1,000"
    whole = tables.contributions_grid(sample(), "mtd")
    assert [row.cells[0].text for row in whole.rows][-2] != "Other"


def test_a_short_table_of_parts_adds_the_small_ones_up() -> None:
    changes = (50, -40, 30, 4, 3, 2, 1, -1, 1)
    parts = dict(zip(winery().contributions, changes, strict=True))
    data = made(
        total_daily_revenue={"value": 1000 + sum(changes), "prior": 1000},
        **{code: {"value": 100 + step, "prior": 100} for code, step in parts.items()},
    )
    grid = tables.contributions_grid(data, "mtd", 3)
    assert [row.cells[2].text for row in grid.rows] == ["+$50.00", "+$30.00", "−$40.00", "+$10.00", "+$50.00"]
    assert grid.rows[3].cells[0].text == "Other" and grid.rows[3].cells[3].text.endswith("and 3 more")
    assert len(tables.contributions_grid(data, "mtd", 8).rows) == 10
    unknown = made(total_daily_revenue={"value": 9, "prior": 8}, ecomm_revenue={"value": 9, "prior": 0})
    assert len(tables.contributions_grid(unknown, "mtd", 3).rows) == 10


def test_an_unknown_part_leaves_nothing_to_be_called_other() -> None:
    data = made(total_daily_revenue={"value": 1100, "prior": 1000}, ecomm_revenue={"value": 9, "prior": 0})
    grid = tables.contributions_grid(data, "mtd")
    assert "Other" not in [row.cells[0].text for row in grid.rows]
    assert grid.rows[-2].cells[2].text == "–"


def test_every_window_of_a_kpi_stands_with_both_spans_of_dates() -> None:
    grid = tables.kpi_grid("windows", sample(), winery().kpi("phone_revenue"))
    assert texts(grid, 0)[:2] == ["Month to date", "1–20 Nov 2026"]
    assert texts(grid, 0)[3] == "1–20 Nov 2025"
    assert texts(grid, 4)[0] == "Fiscal year to date"
    assert "To know" not in [column.head for column in grid.columns]
    short = tables.kpi_grid("windows", sample(first=dt.date(2026, 1, 1)), winery().kpi("phone_revenue"))
    assert texts(short, 0)[-1] == "no data a year earlier"


def test_locations_stand_beside_the_whole() -> None:
    grid = tables.kpi_grid("entities", sample(), winery().kpi("phone_revenue"))
    assert [row.cells[0].text for row in grid.rows] == [
        "Main Tasting Room", "Cave Tasting Room", "Online and club", "All locations",
    ]  # fmt: skip
    assert grid.rows[-1].total


def test_the_days_behind_a_ratio_show_both_sides() -> None:
    grid = tables.kpi_grid("data", sample(), winery().kpi("avg_party_size"))
    assert [column.head for column in grid.columns] == [
        "Day", "Value", "Visitors", "Reservations", "A year earlier", "Then",
    ]  # fmt: skip
    assert texts(grid, 0)[0] == "Fri 20 Nov 2026"
    assert len(grid.rows) == tables.DATA_DAYS


def test_an_unknown_table_is_named() -> None:
    with pytest.raises(UsageError, match="windows"):
        tables.kpi_grid("window", sample(), winery().kpi("phone_revenue"))


def test_a_hostile_name_stays_text_in_every_form() -> None:
    grid = Grid(HOSTILE, (Column(HOSTILE, title=HOSTILE), Column("b")), (Row((Cell(HOSTILE), Cell("1"))),))
    root = page(grid.html)
    assert root.find(".//script") is None
    assert [item.text for item in root.iterfind(".//tbody/tr/th")] == [HOSTILE]
    assert text_typst(HOSTILE) in grid.typst
    assert text_html(HOSTILE).count("<") == 0
    assert text_markdown("a*b_c|d") == r"a\*b\_c\|d"
    assert text_typst('a"b\\c\nd') == '"a\\"b\\\\c d"'
    assert text_html("a\x00b\x1b") == "ab"


def test_raw_typst_cannot_be_ended_by_its_own_content() -> None:
    assert raw_typst("x").splitlines()[0] == "```{=typst}"
    assert raw_typst('"````"').splitlines()[0] == "`````{=typst}"


def test_prose_in_every_form() -> None:
    prose = Prose.of("a < ", strong("b*"), ".")
    assert prose.plain == "a < b*."
    assert prose.html == "a &lt; <b>b*</b>."
    assert prose.markdown == r"a \< **b\***\."
    assert prose.typst == '#"a < "#strong("b*")#"."'


def test_plain_tables_align() -> None:
    assert aligned([["a", "1"], ["bb", "22"]], [False, True]) == "a    1\nbb  22"
    assert "Active Club Members" in club(sample()).plain


def test_sparklines_break_at_gaps_and_end_in_a_dot() -> None:
    drawn = sparkline([1.0, 2.0, None, 3.0])
    path = re.search(r' d="([^"]+)"', drawn)
    assert path is not None
    assert path[1].count("M") == 2
    assert drawn.count("<circle") == 1
    assert "<circle" not in sparkline([1.0, None])
    assert sparkline([None, None]) == ""
    assert "nan" not in sparkline([5.0, 5.0, 5.0])


def test_bars_start_at_zero_and_share_a_scale() -> None:
    gain, loss = bar_place(30, -10, 30), bar_place(-10, -10, 30)
    assert gain[2] == loss[2]
    assert gain[0] == pytest.approx(gain[2])
    assert loss[0] + loss[1] == pytest.approx(loss[2])
    assert gain[1] / loss[1] == pytest.approx(3)
    assert bar_place(0, 0, 0)[1] == 0
