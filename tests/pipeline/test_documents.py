"""The PDFs of a published night: open, tagged, readable, with every figure and its words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from pypdf.generic import DictionaryObject

from kpi_lib.catalogue import load_catalogue
from kpi_lib.pipeline.documents import pdf_name
from tests.tagged_pdf import tags

from .conftest import UNTIL

pytestmark = pytest.mark.slow

#: Each document with its pages, at least and at most, and how many charts it shows.
DOCUMENTS = {
    "daily_dashboard": (2, 4, 2),
    "company_overview": (2, 4, 0),
    "leadership_brief": (2, 4, 2),
    "marketplace-leadership_brief": (2, 4, 3),
}


@pytest.fixture(params=sorted(DOCUMENTS))
def document(request: pytest.FixtureRequest, both_once: Path) -> tuple[str, PdfReader]:
    name = str(request.param)
    return name, PdfReader(both_once / f"build/pdf/{name}-{UNTIL}.pdf")


def kinds_below(item: DictionaryObject) -> set[str]:
    found: set[str] = set()
    waiting: list[Any] = [item["/K"]]
    while waiting:
        child = waiting.pop()
        child = child.get_object() if hasattr(child, "get_object") else child
        if isinstance(child, list):
            waiting += child
        elif isinstance(child, DictionaryObject) and "/S" in child:
            found.add(str(child["/S"]))
            if "/K" in child:
                waiting.append(child["/K"])
    return found


def fonts(reader: PdfReader) -> dict[str, Any]:
    """Every font that any page or drawing uses, by name."""
    found: dict[str, Any] = {}
    waiting = [page["/Resources"].get_object() for page in reader.pages]
    seen: set[int] = set()
    while waiting:
        resources = waiting.pop()
        if id(resources) in seen:
            continue
        seen.add(id(resources))
        for font in resources.get("/Font", {}).values():
            found[str(font.get_object()["/BaseFont"])] = font.get_object()
        for drawing in resources.get("/XObject", {}).values():
            inner = drawing.get_object().get("/Resources")
            if inner is not None:
                waiting.append(inner.get_object())
    return found


def test_nothing_else_is_published(both_once: Path) -> None:
    names = {file.name for file in (both_once / "build/pdf").iterdir()}
    assert names == {f"{name}-{UNTIL}.pdf" for name in DOCUMENTS}
    home = (both_once / "build/site/index.html").read_text()
    for name in names:
        assert f'href="downloads/{name}"' in home
        copy = both_once / "build/site/downloads" / name
        assert copy.read_bytes() == (both_once / "build/pdf" / name).read_bytes()


def test_it_says_what_it_is(document: tuple[str, PdfReader]) -> None:
    name, reader = document
    root: Any = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] and root["/Lang"] == "en"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert reader.metadata is not None and "20 Nov 2026" in str(reader.metadata.title)
    company = "Fernway Market" if name.startswith(("company", "marketplace")) else "Larkspur Ridge"
    assert reader.metadata.author == company
    assert re.search(rb"pdfuaid:part(>|=\")1", root["/Metadata"].get_object().get_data())


def test_every_page_can_be_read_and_says_of_when_it_is(document: tuple[str, PdfReader]) -> None:
    name, reader = document
    least, most, _ = DOCUMENTS[name]
    count = len(reader.pages)
    assert least <= count <= most
    for number, page in enumerate(reader.pages, start=1):
        text = page.extract_text()
        assert "As of Fri 20 Nov 2026" in text and f"{number} / {count}" in text
        assert re.search(r"\d+ of \d+ checks passed", text)
        for stray in ("nan", "None", "NaN", "undefined"):
            assert not re.search(rf"(?<!\w){stray}(?!\w)", text), f"page {number}: {stray}"


def test_every_chart_is_there_with_words_that_say_what_it_shows(document: tuple[str, PdfReader]) -> None:
    name, reader = document
    figures = [item for item in tags(reader) if item["/S"] == "/Figure"]
    texts = {str(item["/Alt"]) for item in figures if "/Alt" in item}
    assert len(texts) == DOCUMENTS[name][2]
    for item in figures:
        assert "/Alt" in item or "/Figure" in kinds_below(item), "a figure without words"
    assert all(re.search(r"\d", text) and len(text) > 40 for text in texts)


def test_every_table_has_headings(document: tuple[str, PdfReader]) -> None:
    tables = [item for item in tags(document[1]) if item["/S"] == "/Table"]
    assert tables
    assert all({"/THead", "/TH", "/TD"} <= kinds_below(item) for item in tables)
    assert sum(item["/S"] == "/H1" for item in tags(document[1])) == 1


def test_every_font_is_the_projects_own_and_embedded(document: tuple[str, PdfReader]) -> None:
    used = fonts(document[1])
    assert any("SourceSerif4" in name for name in used) and any("Inter" in name for name in used)
    for name, font in used.items():
        assert "Inter" in name or "SourceSerif4" in name
        described = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
        assert any(key.startswith("/FontFile") for key in described["/FontDescriptor"].get_object()), name


def test_the_first_page_of_the_brief_can_be_read_aloud(both_once: Path) -> None:
    reader = PdfReader(both_once / f"build/pdf/leadership_brief-{UNTIL}.pdf")
    text = " ".join(reader.pages[0].extract_text().split())
    for words in (
        "Total Daily Revenue for 1–20 November is",
        "The largest gain is",
        "target",
        "is open, 20 of 30",
    ):
        assert words in text
    assert "This is the first publication" in text
    assert "What the figures mean" in " ".join(page.extract_text() for page in reader.pages[1:])
    other = (
        PdfReader(both_once / f"build/pdf/marketplace-leadership_brief-{UNTIL}.pdf").pages[0].extract_text()
    )
    assert "customers without net revenue" in " ".join(other.split())


def test_a_person_is_in_no_brief(both_once: Path) -> None:
    reader = PdfReader(both_once / f"build/pdf/marketplace-leadership_brief-{UNTIL}.pdf")
    text = " ".join(page.extract_text() for page in reader.pages)
    for name in ("Claire", "Net promoter", "person_"):
        assert name not in text


def test_documents_of_one_name_do_not_share_a_file() -> None:
    both = [load_catalogue("winery"), load_catalogue("marketplace")]
    page = "{}/leadership_brief.html"
    names = [pdf_name(both, page.format(item.domain), UNTIL) for item in both]
    assert names == ["leadership_brief-2026-11-20.pdf", "marketplace-leadership_brief-2026-11-20.pdf"]
    assert pdf_name(both[1:], page.format("marketplace"), UNTIL) == names[0]
    assert pdf_name(both, "winery/kpi/total_visitors.html", UNTIL) == "kpi-total_visitors-2026-11-20.pdf"
