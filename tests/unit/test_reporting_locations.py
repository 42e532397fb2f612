"""Locations: beside the whole, on their own pages, and in a list that stays usable with hundreds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kpi_lib.reporting import display
from kpi_lib.reporting.data import ReportData, load_report
from kpi_lib.reporting.entity_index import write_entity_index
from kpi_lib.reporting.locations import counted, entities_grid, has_pages, standings
from tests.reporting_many import Many, many
from tests.reporting_notebooks import context
from tests.reporting_sample import SHARES, FakeReader, facts, sample, winery


def of_entity(code: str) -> ReportData:
    return load_report(FakeReader(facts(), winery()), entity=code)


def test_locations_come_largest_first_and_the_whole_last() -> None:
    data = sample()
    codes = [item.entity.code for item in standings(data, data.kpi())]
    assert codes == ["MAIN_TASTING_ROOM", "CAVE_TASTING_ROOM", "ONLINE", "ALL"]
    assert SHARES["UNASSIGNED"] == 0


def test_links_are_right_from_every_kind_of_page() -> None:
    data = sample()
    assert has_pages(data.catalogue)
    assert 'href="entity/online.html"' in display.table(data, "locations").html
    assert 'href="entity/index.html"' in display.table(data, "locations").html
    assert 'href="../entity/online.html"' in display.table(data, "entities").html
    own = of_entity("ONLINE")
    piece = display.table(own, "locations")
    assert 'href="cave_tasting_room.html"' in piece.html and 'href="../daily_dashboard.html"' in piece.html
    assert 'href="index.html"' in piece.html
    assert 'href="../kpi/total_visitors.html"' in display.table(own, "groups").html
    assert 'href="../kpi/total_visitors.html"' in display.cards(own).html
    assert 'href="kpi/total_visitors.html"' in display.cards(data).html


def test_without_pages_there_are_no_links() -> None:
    data = sample()
    bare = data.catalogue.model_copy(update={"reports": ()})
    assert "href" not in display.table(replace(data, catalogue=bare), "locations").html


def test_a_location_s_page_marks_its_own_row_and_a_dashboard_the_whole() -> None:
    rows = {row.cells[0].text: row.total for row in entities_grid(sample(), sample().kpi()).rows}
    assert rows["All locations"] and not rows["Online and club"]
    own = of_entity("ONLINE")
    rows = {row.cells[0].text: row.total for row in entities_grid(own, own.kpi(), folder="entity").rows}
    assert rows["Online and club"] and not rows["All locations"]


def test_hundreds_of_locations_are_asked_for_once_and_only_the_largest_are_shown() -> None:
    data, Many.asked = many(200), 0
    html = display.table(data, "locations").html
    assert Many.asked == 1
    assert html.count("<tr") == 1 + 12 + 1 and "The 12 largest are shown. All 200 locations" in html
    small = replace(many(200), entity=data.catalogue.entity("P7"))
    assert "Place 7<" in display.table(small, "locations").html


@pytest.mark.parametrize(("count", "figures"), [(5, True), (200, True), (301, False)])
def test_the_list_of_all_holds_everyone(tmp_path: Path, count: int, figures: bool) -> None:
    data = many(count)
    page = write_entity_index(tmp_path, context(nav=()), data)
    text = page.read_text()
    links = [entity for entity in data.catalogue.entities if f'href="{entity.code.lower()}.html"' in text]
    assert len(links) == count
    assert ("data-sortable" in text) is figures
    assert ('id="filter"' in text) is (count >= 12)
    assert "<script>x" not in text and page.stat().st_size < 400_000
    assert ("Without figures" in text) is figures


def test_a_domain_of_one_location_has_no_table_of_locations() -> None:
    data = sample()
    one = data.catalogue.model_copy(update={"entities": data.catalogue.entities[:2]})
    piece = display.table(replace(data, catalogue=one), "locations")
    assert piece.html == "" and (piece | display.notes(data)).html == display.notes(data).html


def test_places_are_called_what_the_domain_calls_them() -> None:
    data = sample()
    first, *rest = data.catalogue.entities
    stores = [entity.model_copy(update={"type": "flagship_store"}) for entity in rest]
    assert counted(data.catalogue) == "3 locations"
    assert counted(data.catalogue.model_copy(update={"entities": (first, *stores)})) == "3 flagship stores"
    assert (
        counted(data.catalogue.model_copy(update={"entities": (first, rest[0], *stores[1:])}))
        == "3 locations"
    )


def test_groups_are_those_of_the_domain() -> None:
    data = sample()
    html = display.table(data, "groups").html
    assert [html.index(f'id="group-{group.code}"') for group in data.catalogue.groups] == sorted(
        html.index(f'id="group-{group.code}"') for group in data.catalogue.groups
    )
    bare = data.catalogue.model_copy(update={"contributions": ()})
    assert display.table(replace(data, catalogue=bare), "contributions").html == ""
