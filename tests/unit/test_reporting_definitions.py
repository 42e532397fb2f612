"""Every definition on one page, and the same as a document that is current."""

from __future__ import annotations

from pathlib import Path

import pytest

from kpi_lib.catalogue import load_catalogue, load_settings
from kpi_lib.catalogue.load import SHIPPED_DOMAINS
from kpi_lib.catalogue.scorecard import load_scorecard
from kpi_lib.errors import UsageError
from kpi_lib.periods import STANDARD_WINDOWS
from kpi_lib.pipeline.definitions import definitions_markdown, write_definitions_file
from kpi_lib.reporting.check import check_site
from kpi_lib.reporting.definitions_page import chapters, window_words, write_definitions
from kpi_lib.reporting.html import write_assets, write_text
from tests.reporting_notebooks import context

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("domain", ["winery", "marketplace"])
def test_the_page_holds_every_figure_with_its_terms(tmp_path: Path, domain: str) -> None:
    catalogue = load_catalogue(SHIPPED_DOMAINS / domain)
    page = write_definitions(tmp_path, context(), catalogue)
    text = page.read_text()
    for kpi in catalogue.kpis:
        assert f'id="{kpi.code}"' in text and f'href="kpi/{kpi.code}.html"' in text
    for source in catalogue.sources:
        assert source.name in text
    if catalogue.has_scorecard:
        card = load_scorecard(catalogue.folder)
        company = [metric for metric in card.metrics if metric.department == "company"]
        assert all(f'id="{metric.key}"' in text for metric in company)
        assert 'id="person_nps"' not in text


def test_a_ratio_tells_formula_edge_cases_kind_source_and_version() -> None:
    found = {
        entry.key: dict(entry.terms) for part in chapters(load_catalogue("winery")) for entry in part.entries
    }
    terms = found["club_conversion_per_taster_pct"]
    assert "÷" in terms["Formula"] and terms["Version"] == "1" and terms["Source"].startswith("mart.")
    assert "then divided" in terms["Adds up"]
    assert "Voided orders are left out." in found["tasting_room_wine_revenue"]["Edge cases"]
    assert found["window-fytd"]["Days"].startswith("From the first day of the fiscal year")


def test_links_of_the_page_lead_somewhere(tmp_path: Path) -> None:
    catalogue = load_catalogue(SHIPPED_DOMAINS / "winery").model_copy(update={"reports": ()})
    run = context(nav=())
    write_definitions(tmp_path, run, catalogue)
    write_assets(tmp_path)
    write_text(tmp_path / "index.html", (tmp_path / "winery/definitions.html").read_text().replace("../", ""))
    assert check_site(tmp_path) == []


@pytest.mark.parametrize("name", sorted(STANDARD_WINDOWS))
def test_every_window_has_words(name: str) -> None:
    assert window_words(STANDARD_WINDOWS[name]).endswith(".")


def test_the_document_in_docs_is_current() -> None:
    written = (ROOT / "docs" / "catalogue.md").read_text(encoding="utf-8")
    assert written == definitions_markdown(load_settings(ROOT / "kpi.toml")), "run `make catalogue`"


def test_writing_into_no_folder_is_refused(tmp_path: Path) -> None:
    settings = load_settings(ROOT / "kpi.toml")
    with pytest.raises(UsageError, match="folder does not exist"):
        write_definitions_file(settings, tmp_path / "no" / "file.md")
    file = write_definitions_file(settings, tmp_path / "file.md", ("marketplace",))
    assert "Fernway Market" in file.read_text() and "Larkspur" not in file.read_text()
