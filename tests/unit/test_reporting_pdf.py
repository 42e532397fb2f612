"""PDF from executed notebooks: tagged, complete, with nothing lost on the way."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pypdf import PdfReader

from kpi_lib.errors import ReportError
from kpi_lib.reporting.pdf import alternative_text, manuscript, write_pdf
from kpi_lib.reporting.runner import NotebookJob, NotebookResult
from tests.reporting_notebooks import SVG, TABLE, context, executed, result_of, rich
from tests.tagged_pdf import tags

LEAD = "# November is running 8.3 % ahead\n\nRevenue is **\\$412,380**, against $380,770. A #tag and @name."
CARD = '```{=typst}\n#grid(columns: (1fr, 1fr), "Card one", [Card two])\n```'
IMAGE = (
    "```{=typst}\n#figure(image(bytes("
    + '"'
    + SVG.replace('"', '\\"')
    + '"'
    + '), format: "svg", alt: "By day"))\n```'
)


def report(tmp_path: Path, *outputs: object, name: str = "n", text: str = LEAD) -> NotebookResult:
    return result_of(executed(tmp_path / f"{name}.ipynb", *outputs, text=text))


def test_a_tagged_document_with_title_language_and_alternative_texts(tmp_path: Path) -> None:
    result = report(
        tmp_path,
        rich(svg=SVG),
        rich(text_markdown=CARD),
        rich(text_markdown=TABLE, text_html="<table></table>"),
        rich(text_markdown=IMAGE, svg=SVG),
    )
    out = write_pdf([result], tmp_path / "pdf" / "daily.pdf", context())
    reader = PdfReader(io.BytesIO(out.read_bytes()))
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] and root["/Lang"] == "en"  # type: ignore[index]
    assert reader.metadata is not None and reader.metadata.title == "Daily KPIs · Fri 20 Nov 2026"
    assert b"pdfuaid" in out.read_bytes() or b"pdfuaid" in reader.xmp_metadata.stream.get_data()  # type: ignore[union-attr]
    kinds = [str(item["/S"]) for item in tags(reader)]
    figures = [item for item in tags(reader) if item["/S"] == "/Figure"]
    assert {str(item.get("/Alt")) for item in figures if "/Alt" in item} == {"Revenue by day", "By day"}
    assert kinds.count("/TH") == 3 and kinds.count("/H1") == 1
    page = reader.pages[0]
    assert [float(side) for side in page.mediabox][2:] == [612.0, 792.0]
    text = page.extract_text()
    for words in (
        "$412,380",
        "$380,770",
        "#tag",
        "@name",
        "Total $ & # <b>",
        "Card one",
        "Card two",
        "1 / 1",
    ):
        assert words in text
    assert "Larkspur Ridge" in text and "Daily KPIs · Fri 20 Nov 2026" in text
    assert "run 20261121T080400Z-8c1f" in text and "148 of 148 checks passed" in text
    fonts = {str(font.get_object()["/BaseFont"]) for font in page["/Resources"]["/Font"].values()}  # type: ignore[index]
    assert all("Inter" in font or "SourceSerif4" in font for font in fonts)


def test_headers_of_a_long_table_come_back_on_every_page(tmp_path: Path) -> None:
    rows = "".join(f"| KPI {number} | {number} | – |\n" for number in range(120))
    out = write_pdf([report(tmp_path, rich(text_markdown=TABLE + rows))], tmp_path / "o.pdf", context())
    pages = PdfReader(out).pages
    assert len(pages) >= 3
    assert all(
        "vs 2025" in page.extract_text() and f"/ {len(pages)}" in page.extract_text() for page in pages
    )


def test_several_notebooks_become_chapters_with_all_their_figures(tmp_path: Path) -> None:
    first = report(tmp_path, rich(svg=SVG), name="a")
    second = report(tmp_path, rich(svg=SVG.replace("Revenue by day", "Visitors")), name="b", text="# Second")
    out = write_pdf([first, second], tmp_path / "o.pdf", context(), title="Brief")
    reader = PdfReader(out)
    alts = [str(item["/Alt"]) for item in tags(reader) if "/Alt" in item]
    assert sorted(alts) == ["Revenue by day", "Visitors"]
    assert reader.metadata is not None and reader.metadata.title == "Brief · Fri 20 Nov 2026"


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    result = report(tmp_path, rich(svg=SVG))
    one = write_pdf([result], tmp_path / "1.pdf", context()).read_bytes()
    assert one == write_pdf([result], tmp_path / "2.pdf", context()).read_bytes()


def test_a_document_without_a_heading_gets_the_title(tmp_path: Path) -> None:
    out = write_pdf([report(tmp_path, rich(text_markdown="words"), text="")], tmp_path / "o.pdf", context())
    assert [item["/S"] for item in tags(PdfReader(out))].count("/H1") == 1


def test_a_chart_hidden_in_a_comment_is_missed(tmp_path: Path) -> None:
    swallowed = rich(text_markdown="```{=typst}\n/* " + 'image("x.svg")' + " */\n```")
    with pytest.raises(ReportError, match="1 of 1 charts did not reach the PDF"):
        write_pdf([report(tmp_path, swallowed)], tmp_path / "o.pdf", context())
    assert not (tmp_path / "o.pdf").exists()


def test_a_chart_whose_markdown_does_not_draw_it_is_drawn_from_its_svg(tmp_path: Path) -> None:
    paper = manuscript(executed(tmp_path / "n.ipynb", rich(svg=SVG, text_markdown="only words")))
    assert list(paper.figures) == ["figure-1.svg"] and paper.expected == 1


def test_a_chart_needs_an_alternative_text(tmp_path: Path) -> None:
    bare = SVG.replace(' aria-label="Revenue by day"', "")
    with pytest.raises(ReportError, match="no alternative text"):
        manuscript(executed(tmp_path / "n.ipynb", rich(svg=bare)))


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        ('aria-label="A"', "A"),
        ("><title>B</title", "B"),
        ("><desc>C</desc", "C"),
        ('><g aria-label="D"/', "D"),
        ("", ""),
    ],
)
def test_where_an_svg_says_what_it_shows(inside: str, text: str) -> None:
    assert alternative_text(f'<svg xmlns="http://www.w3.org/2000/svg" {inside}></svg>') == text


def test_an_output_that_print_cannot_show_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no form for print: text/html, text/plain"):
        manuscript(executed(tmp_path / "n.ipynb", rich(text_html="<table></table>", text_plain="x")))


def test_typsts_own_words_are_passed_on(tmp_path: Path) -> None:
    broken = rich(text_markdown="```{=typst}\n#nosuchthing()\n```")
    with pytest.raises(ReportError, match="unknown variable: nosuchthing"):
        write_pdf([report(tmp_path, broken)], tmp_path / "o.pdf", context())


def test_failed_notebooks_make_no_pdf(tmp_path: Path) -> None:
    failed = NotebookResult(NotebookJob("r", "a.html", tmp_path), None, False, None, 0)
    with pytest.raises(ReportError, match="ran to their end"):
        write_pdf([failed], tmp_path / "o.pdf", context())


def test_names_of_any_kind_are_only_text(tmp_path: Path) -> None:
    evil = '#panic("x") \\ " $ `'
    out = write_pdf(
        [report(tmp_path, rich(text_plain=evil + "\n```\n#panic()"))],
        tmp_path / "o.pdf",
        context(title=evil, run_id=evil, banner=evil),
        title=evil,
    )
    assert "#panic" in PdfReader(out).pages[0].extract_text()
