"""Display objects: every form in every bundle, one page together, the theme behind them."""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kpi_lib as kpi
from kpi_lib.catalogue.models import Catalogue
from kpi_lib.errors import DataError, DefinitionError, UsageError
from kpi_lib.reporting import theme
from kpi_lib.reporting.data import ReportData
from kpi_lib.reporting.piece import Piece
from tests.reporting_sample import FakeReader, facts, sample, winery

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
HOSTILE = 'Wine "club" <b>#$[1]*_@\\`|~ & $x$ łé'


def daily(data: ReportData) -> list[Piece]:
    """What the daily notebook shows."""
    groups = (kpi.table(data, "group", group=group.code) for group in data.catalogue.groups)
    return [
        kpi.headline(data) | kpi.chart(data, "cumulative"),
        kpi.cards(data),
        *groups,
        kpi.table(data, "contributions") | kpi.notes(data),
        kpi.chart(data, "trend"),
    ]


def detail(data: ReportData, code: str) -> list[Piece]:
    """What the notebook of one KPI shows."""
    return [
        kpi.headline(data, code) | kpi.chart(data, "cumulative", code),
        kpi.table(data, "windows", kpi=code),
        kpi.chart(data, "trend", code),
        kpi.chart(data, "heat", code),
        kpi.definition(data, code) | kpi.notes(data, code),
        kpi.table(data, "entities", kpi=code),
        kpi.table(data, "data", kpi=code),
    ]


def body(pieces: list[Piece], mime: str) -> str:
    return "\n\n".join(piece._repr_mimebundle_()[mime] for piece in pieces)


def renamed(name: str) -> Catalogue:
    """The winery with the same name for everything that has one."""
    catalogue = winery()
    return catalogue.model_copy(
        update={
            "title": name,
            "kpis": tuple(
                item.model_copy(update={"name": name, "short": name, "definition": name})
                for item in catalogue.kpis
            ),
            "groups": tuple(group.model_copy(update={"name": name}) for group in catalogue.groups),
            "entities": tuple(entity.model_copy(update={"name": name}) for entity in catalogue.entities),
        }
    )


def test_every_object_comes_in_every_form() -> None:
    for piece in daily(sample()):
        bundle = piece._repr_mimebundle_()
        assert {"text/html", "text/markdown", "text/plain"} <= set(bundle)
        assert all(bundle.values())
        assert repr(piece) == bundle["text/plain"]
    assert "image/svg+xml" in kpi.chart(sample(), "trend")._repr_mimebundle_()


@pytest.mark.parametrize("page", ["daily", "detail"])
def test_a_page_has_one_heading_unique_ids_and_nothing_inline(page: str) -> None:
    data = sample()
    html = body(daily(data) if page == "daily" else detail(data, "avg_party_size"), "text/html")
    ids = re.findall(r' id="([^"]+)"', html)
    assert html.count("<h1>") == 1
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'aria-labelledby="([^"]+)"', html)) <= set(ids)
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:|https?://", html)
    assert not re.search(r"\b(nan|NaN|None|NaT)\b", html)
    assert len(html) < 200_000


def test_every_kpi_of_the_dashboard_leads_to_its_page() -> None:
    html = body(daily(sample()), "text/html")
    assert {f"kpi/{item.code}.html" for item in winery().kpis} <= set(re.findall(r'href="([^"]+)"', html))


def test_two_objects_stand_side_by_side_and_follow_each_other_in_print() -> None:
    data = sample()
    hero = kpi.headline(data) | kpi.chart(data, "cumulative")
    assert hero.html.startswith('<div class="hero"><div><h1>')
    assert hero.markdown.count("# November") == 1
    assert "#grid(columns: (1fr, 1fr)" in hero.markdown
    two = kpi.table(data, "contributions") | kpi.notes(data)
    assert two.html.startswith('<div class="two">')
    assert two.markdown.index("What made the difference") < two.markdown.index("To know before")


def test_the_daily_page_says_what_it_said_before() -> None:
    """The whole page as text, for a reader's eye: after a meant change write the new text over the file."""
    text = body(daily(sample()), "text/plain") + "\n"
    golden = GOLDEN / "daily_dashboard.txt"
    assert text == golden.read_text(encoding="utf-8")


def test_the_definition_says_formula_unit_and_source() -> None:
    text = kpi.definition(sample(), "club_conversion_per_taster_pct").plain
    assert "Formula: New Members ÷ Tasting Room Guests × 100" in text
    assert "Unit: percent, stored in points, 1 decimal" in text
    assert "Source: mart.agg_daily_revenue: new_member_acquisition, tasting_room_guests" in text
    net = kpi.definition(sample(), "club_net_gain_loss").plain
    assert "Formula: New Members − Member Attrition" in net


def test_the_last_cell_shows_the_completion_token_and_nothing_else() -> None:
    assert repr(kpi.complete()) == "kpi-complete"


def test_a_report_is_read_for_the_newest_day_or_the_one_asked_for() -> None:
    reader = FakeReader(facts(), winery())
    assert kpi.report(reader).as_of == dt.date(2026, 11, 20)
    assert kpi.report(reader, "").as_of == dt.date(2026, 11, 20)
    older = kpi.report(reader, "2026-10-31")
    assert older.as_of == dt.date(2026, 10, 31)
    assert older.daily["date_key"].max().date() == older.as_of
    assert "as of Fri 20 Nov 2026" in kpi.report(reader)._repr_html_()


def test_wrong_calls_are_named() -> None:
    reader = FakeReader(facts(), winery())
    with pytest.raises(UsageError, match="2026-11-20"):
        kpi.report(reader, "yesterday")
    with pytest.raises(DefinitionError, match="entity"):
        kpi.report(reader, entity="CELLAR")
    with pytest.raises(UsageError, match="revenue"):
        kpi.table(sample(), "group", group="revenu")
    with pytest.raises(DefinitionError, match="phone_revenue"):
        kpi.headline(sample(), "phone_revenu")


def test_a_day_without_figures_is_an_error_not_an_empty_page(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = FakeReader(facts(), winery())
    rollups = reader.rollups()
    monkeypatch.setattr(reader, "rollups", lambda as_of=None, entity="ALL": rollups.iloc[:0])
    with pytest.raises(DataError, match="no figures for 2026-11-20"):
        kpi.report(reader)


def test_hostile_names_stay_text_on_the_page() -> None:
    html = body(daily(sample(catalogue=renamed(HOSTILE))), "text/html")
    assert "<b>#" not in html
    assert "&lt;b&gt;#$[1]*_@" in html


@pytest.mark.parametrize("name", ["plain", "hostile"])
def test_the_print_form_compiles_to_a_tagged_pdf(name: str, tmp_path: Path) -> None:
    import pypandoc
    import pypdf
    import typst

    catalogue = winery() if name == "plain" else renamed(HOSTILE)
    markdown = body(daily(sample(catalogue=catalogue)), "text/markdown")
    code = pypandoc.convert_text(markdown, "typst", format="markdown-smart", extra_args=["--columns=9999"])
    source = tmp_path / "page.typ"
    head = '#set document(title: "t")\n#set text(font: ("Inter", "Source Serif 4"), fallback: false)\n'
    source.write_text(f"{head}#let horizontalrule = line()\n{code}", encoding="utf-8")
    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(theme.FONTS)]
    )
    pdf = tmp_path / "page.pdf"
    typst.Compiler(source, root=tmp_path, font_paths=fonts).compile(output=pdf, pdf_standards=["ua-1"])
    text = re.sub(r"\s", "", "".join(page.extract_text() for page in pypdf.PdfReader(pdf).pages))
    assert ("TotalDailyRevenue" if name == "plain" else re.sub(r"\s", "", HOSTILE)) in text
    assert "5.0%" in text
    assert "undefined" not in text


def test_the_style_sheet_repeats_the_tokens() -> None:
    written = (theme.FOLDER / "site.css").read_text(encoding="utf-8")
    assert written == theme.stylesheet(), "write theme.stylesheet() over site.css"


def test_every_colour_of_page_paper_and_brand_is_a_token() -> None:
    """A colour that is written anywhere else does not follow the scheme, nor a change of the tokens."""
    rules = theme.stylesheet().partition("/* end of tokens */")[2]
    assert not re.search(r"[:,\s]#[0-9a-fA-F]{3,8}\b", rules)
    assert not re.search(r'rgb\("#', (theme.FOLDER.parent / "templates/typst/report.typ").read_text("utf-8"))
    known = {*theme.tokens().light.values(), *theme.tokens().dark.values()}
    for file in sorted((theme.FOLDER.parent / "templates/site").iterdir()):
        found = set(re.findall(r"(?<!&)#[0-9a-fA-F]{6}\b", file.read_text(encoding="utf-8")))
        assert found <= known, file.name
    both = theme.tokens()
    assert both.light.keys() == both.dark.keys()
    assert all(len(set(colours.values())) == len(colours) for colours in (both.light, both.dark))


def test_assets_hold_the_style_sheet_the_fonts_it_names_and_their_licences(tmp_path: Path) -> None:
    theme.write_assets(tmp_path)
    css = (tmp_path / "site.css").read_text(encoding="utf-8")
    for name in re.findall(r"url\(([^)]+)\)", css):
        assert (tmp_path / name).is_file()
    assert len(list((tmp_path / "fonts").glob("*-OFL.txt"))) == 2
    assert sum(path.stat().st_size for path in theme.FONTS.iterdir()) < 1_200_000


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_contrast_enough(scheme: str) -> None:
    colours = getattr(theme.tokens(), scheme)
    for name, least in {"ink": 7, "mut": 4.5, "acc": 4.5, "good": 4.5, "bad": 4.5, "ly": 3, "lly": 3}.items():
        for ground in ("paper", "card"):
            pair = sorted((luminance(colours[name]), luminance(colours[ground])), reverse=True)
            assert (pair[0] + 0.05) / (pair[1] + 0.05) >= least, (name, ground)
    for text, ground in (
        ("ink", "heat0"),
        ("ink", "heat1"),
        ("onheat2", "heat2"),
        ("onheat3", "heat3"),
        ("onheat3", "heat4"),
    ):
        pair = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
        assert (pair[0] + 0.05) / (pair[1] + 0.05) >= 4.5, (text, ground)


def test_the_fonts_know_every_sign_we_write() -> None:
    ttfont = pytest.importorskip("fontTools.ttLib").TTFont
    signs = {ord(sign) for sign in "▲▼–−†×÷’“”✓⚠…·→\u00a0"}
    for path in theme.print_fonts():
        if path.name.startswith("Inter"):
            assert signs <= set(ttfont(path).getBestCmap()), path.name


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").rglob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_are_thin_and_stripped(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    for cell in cells:
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
        assert len("".join(cell["source"]).splitlines()) <= 9
    if path.parent.name == "reports":
        assert cells[0]["metadata"]["tags"] == ["parameters"]
        assert "".join(cells[-1]["source"]) == "kpi.complete()"


def test_calling_for_a_table_loads_no_chart_library() -> None:
    code = (
        "import sys, kpi_lib; kpi_lib.table; print([m for m in ('altair', 'vl_convert') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
