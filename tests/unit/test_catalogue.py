"""Definitions: read, checked, every problem at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import kpi_lib as kpi
from kpi_lib.catalogue import load_catalogue, read
from kpi_lib.catalogue.settings import SHIPPED_DOMAINS
from kpi_lib.errors import DefinitionError


@pytest.fixture
def domain(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED_DOMAINS / "winery", tmp_path / "winery"))


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def problems(folder: Path) -> str:
    return "\n".join(str(problem) for problem in read(folder)[1])


def test_the_winery_has_its_27_kpis_in_four_groups() -> None:
    catalogue = kpi.catalogue("winery")
    counts = {group.code: len(catalogue.in_group(group.code)) for group in catalogue.groups}
    assert counts == {"revenue": 14, "traffic": 7, "sales": 1, "club": 5}
    assert [item.id for item in catalogue.kpis] == list(range(1, 28))
    assert [window.name for window in catalogue.windows] == ["mtd", "qtd", "ytd", "last28", "fytd"]


def test_kinds_that_must_not_be_summed() -> None:
    catalogue = kpi.catalogue("winery")
    assert catalogue.kpi("total_active_club_membership").kind == "last"
    assert {item.code for item in catalogue.kpis if item.kind == "ratio"} == {
        "avg_party_size",
        "avg_tasting_fee_per_guest",
        "tasting_room_orders_per_guest_pct",
        "club_conversion_per_taster_pct",
    }


def test_headline_parts_add_up_by_definition() -> None:
    """The parts shown as contributions are exactly what the headline's identity unfolds to."""
    catalogue = kpi.catalogue("winery")

    def leaves(code: str) -> set[str]:
        terms = catalogue.kpi(code).terms
        return {leaf for term in terms for leaf in leaves(term)} if terms else {code}

    shown = {leaf for code in catalogue.contributions for leaf in leaves(code)}
    assert shown == leaves(catalogue.headline)
    assert sum(len(leaves(code)) for code in catalogue.contributions) == len(shown)


def test_unknown_names_say_what_was_meant() -> None:
    catalogue = kpi.catalogue("winery")
    with pytest.raises(DefinitionError, match="total_daily_revenue"):
        catalogue.kpi("total_dayly_revenue")
    with pytest.raises(DefinitionError, match="MAIN_TASTING_ROOM"):
        catalogue.entity("MAIN_TASTING_ROM")
    with pytest.raises(DefinitionError, match="Did you mean 'winery'"):
        load_catalogue("winnery")


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("kpis.toml", "id = 2\n", "id = 1\n", "'1' is used 2 times"),
        ("kpis.toml", 'denominator = "total_reservations"\n', "", "a ratio needs a denominator"),
        ("kpis.toml", 'group = "revenue"', 'group = "revenu"', "Did you mean 'revenue'?"),
        ("kpis.toml", "tasting_room_wine_revenue = 1,", "tasting_room_wine = 1,", "there is no KPI"),
        ("kpis.toml", 'kind = "last"', 'kind = "stock"', "kpis[total_active_club_membership].kind"),
        ("kpis.toml", 'kind = "sum"', 'kind = "sum"\nownr = "x"', "Did you mean 'owner'?"),
        ("kpis.toml", 'unit = "points"\n', "", "a percent, and only a percent"),
        ("kpis.toml", "[defaults]", "[defaults", "not valid TOML"),
        ("domain.toml", 'headline = "total_daily_revenue"', 'headline = "revenue"', "headline"),
        ("domain.toml", "order_line.sql", "orderline.sql", "there is no file sql/orderline.sql"),
        ("domain.toml", 'add = ["fytd"]', 'add = ["ftyd"]', "Did you mean 'fytd'"),
        ("domain.toml", "America/Los_Angeles", "America/Los_Angelos", "America/Los_Angelos' is unknown"),
        ("domain.toml", "currency =", "curency =", "Did you mean 'currency'?"),
        ("domain.toml", "fiscal_start_month = 7", "fiscal_start_month = 13", "calendar"),
        ("entities.csv", "0,ALL", "7,ALL", "id 0, the whole, is missing"),
        ("entities.csv", "all,,,,", "all,ONLINE,,,", "form a circle"),
        (
            "entities.csv",
            "location,ALL,,,Online",
            "location,ALL,2024-01-02,2024-01-01,Online",
            "before opened",
        ),
    ],
)
def test_a_problem_is_named_with_its_place(domain: Path, file: str, old: str, new: str, said: str) -> None:
    edit(domain / file, old, new)
    found = problems(domain)
    assert said in found
    assert file in found


def test_all_problems_come_at_once(domain: Path) -> None:
    edit(domain / "kpis.toml", "id = 2\n", "id = 1\n")
    edit(domain / "kpis.toml", 'group = "club"', 'group = "clubs"')
    edit(domain / "entities.csv", "all,,,,", "all,ONLINE,,,")
    with pytest.raises(DefinitionError) as caught:
        load_catalogue(domain)
    assert len(caught.value.issues) >= 3
    assert all(word in str(caught.value) for word in ("used 2 times", "'clubs'", "circle"))


def test_a_missing_file_is_named(domain: Path) -> None:
    (domain / "kpis.toml").unlink()
    assert "kpis.toml: the file is missing" in problems(domain)
