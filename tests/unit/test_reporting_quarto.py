"""Quarto: found, refused, called, and its pages freed of other hosts; with a stand-in for the program."""

from __future__ import annotations

import html as html_module
import io
import json
import re
import shutil
import stat
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from pypdf import PdfReader

import kpi_lib
from kpi_lib.errors import ReportError, UsageError
from kpi_lib.reporting import theme
from kpi_lib.reporting.check import check_site
from kpi_lib.reporting.context import NavItem
from kpi_lib.reporting.html import page_html, write_text
from kpi_lib.reporting.pdf import write_pdf
from kpi_lib.reporting.piece import Piece
from kpi_lib.reporting.quarto import (
    Quarto,
    QuartoRenderer,
    find_quarto,
    render_command,
    require_quarto,
)
from kpi_lib.reporting.quarto_project import (
    brand,
    chosen,
    joined,
    merged_search,
    offline_page,
    run_profile,
    typst_head,
)
from kpi_lib.reporting.render import choose_renderer
from kpi_lib.reporting.runner import NotebookJob, NotebookResult
from kpi_lib.reporting.site import write_archive, write_home
from tests.reporting_notebooks import SVG, context, executed, result_of, rich
from tests.reporting_sample import sample, winery
from tests.unit.test_reporting_display import detail
from tests.unit.test_reporting_pdf import tags

PROJECT = Path(__file__).resolve().parents[2] / "reports"
NOTEBOOK = PROJECT.parent / "notebooks" / "reports" / "daily_dashboard.ipynb"
STAND_IN = Path(__file__).resolve().parents[1] / "quarto_stand_in.py"


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("QUARTO_PATH", raising=False)
    return make(tmp_path / "bin", "1.10.1")


def make(folder: Path, version: str, mode: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "quarto"
    path.write_text(f"#!{sys.executable}\n{STAND_IN.read_text()}")
    (folder / "stand_in.json").write_text(json.dumps({"version": version, "mode": mode}))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def found(path: Path, version: tuple[int, ...] = (1, 10, 1)) -> Quarto:
    return Quarto(path, version)


def test_found_on_the_path_or_where_the_environment_says(
    stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert find_quarto() is None
    assert choose_renderer("auto").name == "embedded"
    monkeypatch.setenv("PATH", str(stand_in.parent))
    assert find_quarto() == Quarto(stand_in, (1, 10, 1))
    assert choose_renderer("auto").name == choose_renderer("quarto").name == "quarto"
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setenv("QUARTO_PATH", str(stand_in))
    assert require_quarto().version == (1, 10, 1)


@pytest.mark.parametrize("version", ["1.5.57", "0.9", "99.9.9"])
def test_too_old_is_refused_and_auto_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.delenv("QUARTO_PATH", raising=False)
    monkeypatch.setenv("PATH", str(make(tmp_path / version, version).parent))
    if version == "99.9.9":
        assert choose_renderer("quarto").name == "quarto"
        return
    with pytest.raises(UsageError, match=r"too old; 1\.6 or newer"):
        choose_renderer("quarto")
    assert choose_renderer("auto").name == "embedded"


def test_without_quarto_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUARTO_PATH", raising=False)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(UsageError) as caught:
        choose_renderer("quarto")
    for way in ("conda env create", "kpi-lib[quarto]", "quarto.org", "--renderer embedded"):
        assert way in str(caught.value)
    assert caught.value.exit_code == 2


def test_the_command_never_executes_and_names_folder_and_file_apart(tmp_path: Path) -> None:
    command = render_command(found(Path("q")), tmp_path / "r.ipynb", "typst", "out", "r.pdf", "run")
    assert command[:3] == ["q", "render", str(tmp_path / "r.ipynb")]
    assert command[command.index("--to") + 1] == "typst"
    assert command[command.index("-o") + 1] == "r.pdf"
    assert command[command.index("--output-dir") + 1] == "out"
    assert "--no-execute" in command and "echo:false" in command and "--quiet" not in command


def test_pages_come_out_offline_with_the_runs_identity(stand_in: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    body = '<h1>November</h1><p id="a">$412,380</p>'
    results = [
        result_of(
            executed(tmp_path / "n.ipynb", rich(text_html=body)), "winery/kpi/visitors.html", "Visitors"
        ),
        NotebookResult(
            NotebookJob("bad", "winery/bad.html", tmp_path / "x.ipynb", {}, "Bad"),
            None,
            False,
            ReportError("It failed."),
            1,
        ),
    ]
    run = context(nav=(), renderer="quarto", banner="Stale <b>")
    pages = QuartoRenderer(found(stand_in), PROJECT).render_pages(results, site, run)
    assert pages == [site / "winery/kpi/visitors.html", site / "winery/bad.html"]
    text = pages[0].read_text()
    assert (
        body in text and "https://" not in text and "define('jquery'" not in text and "kpiroot:" not in text
    )
    assert 'src="../../assets/age.js"' in text and 'data-built-at="2026-11-21T08:04:00+00:00"' in text
    assert "Content-Security-Policy" in text and "Rendered by quarto" in text and "Stale &lt;b&gt;" in text
    assert "It failed." in pages[1].read_text()
    assert (site / "site_libs" / "x.js").is_file() and (site / "search.json").is_file()
    args, staged = json.loads((stand_in.parent / "calls.json").read_text())
    assert "--profile" in args and "--to" not in args
    assert json.loads((site / "search.json").read_text()) == [{"href": "winery/kpi/visitors.html"}]
    assert {"_quarto.yml", "_brand.yml", "_quarto-run.yml", "winery/kpi/visitors.ipynb"} <= set(staged)
    assert "theme/assets/quarto.css" in staged and "theme/assets/fonts/Inter-Regular.ttf" in staged
    shutil.copyfile(pages[1], site / "index.html")
    assert not [problem for problem in check_site(site) if "loaded from" in problem or "exist" in problem]


def test_a_pdf_is_made_by_typst_from_the_same_notebooks(stand_in: Path, tmp_path: Path) -> None:
    path = executed(tmp_path / "n.ipynb", rich(svg=SVG))
    out = QuartoRenderer(found(stand_in), PROJECT).render_pdf(
        result_of(path), tmp_path / "pdf/o.pdf", context()
    )
    assert out.read_bytes().startswith(b"%PDF")
    args, _ = json.loads((stand_in.parent / "calls.json").read_text())
    assert args[args.index("--to") + 1] == "typst" and args[args.index("-o") + 1] == "report.pdf"


def test_an_older_quarto_leaves_pdf_ua_to_the_embedded_renderer(stand_in: Path, tmp_path: Path) -> None:
    path = executed(tmp_path / "n.ipynb", rich(svg=SVG))
    renderer = QuartoRenderer(found(stand_in, (1, 7, 0)), PROJECT)
    assert renderer.render_pdf([result_of(path)], tmp_path / "o.pdf", context()).stat().st_size > 5000
    assert not (stand_in.parent / "calls.json").exists()


@pytest.mark.parametrize(
    ("mode", "says"),
    [("fail", "something is wrong"), ("nothing", "could not show an output")],
)
def test_failures_are_errors_with_quartos_last_lines(tmp_path: Path, mode: str, says: str) -> None:
    path = make(tmp_path / "bin", "1.10.1", mode)
    renderer = QuartoRenderer(found(path), PROJECT)
    with pytest.raises(ReportError, match=says):
        renderer.render_pages(
            [result_of(executed(tmp_path / "n.ipynb", rich(text_html="x")))], tmp_path / "site", context()
        )


def test_a_program_that_cannot_be_started_and_a_missing_project(tmp_path: Path) -> None:
    results = [result_of(executed(tmp_path / "n.ipynb", rich(text_html="x")))]
    with pytest.raises(ReportError, match="could not be started"):
        QuartoRenderer(found(tmp_path / "none"), PROJECT).render_pages(results, tmp_path / "site", context())
    with pytest.raises(UsageError, match=r"no _quarto\.yml"):
        QuartoRenderer(found(tmp_path / "none"), tmp_path).render_pages(results, tmp_path / "site", context())


def test_front_matter_is_quoted_and_code_hidden(tmp_path: Path) -> None:
    path = executed(tmp_path / "n.ipynb", rich(text_html="x"), text="# Words")
    notebook = joined([path, path], {"title": 'A "quoted": title\n---'})
    assert notebook.cells[0].cell_type == "raw"
    assert yaml.safe_load(notebook.cells[0].source.strip("-\n")) == {
        "title": 'A "quoted": title\n---',
        "format": "html",
    }
    assert all("remove-input" in cell.metadata.tags for cell in notebook.cells[1:])
    assert "SECRET_PARAMETER" not in str(notebook.cells)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


def test_the_project_runs_nothing_and_asks_no_other_host() -> None:
    project = yaml.safe_load((PROJECT / "_quarto.yml").read_text())
    assert project["project"]["type"] == "website"
    assert project["execute"] == {"enabled": False, "echo": False, "warning": False, "freeze": False}
    assert project["format"]["html"]["html-math-method"] == "mathml"
    assert project["format"]["typst"]["pdf-standard"] == "ua-1"
    assert "http" not in (PROJECT / "_quarto.yml").read_text()


def test_the_brand_is_the_themes() -> None:
    assert yaml.safe_load((PROJECT / "_brand.yml").read_text()) == brand()


def test_values_in_the_profile_are_data_not_yaml() -> None:
    evil = 'a: "b"\n- c'
    profile = json.loads(json.dumps(run_profile(["winery/daily.ipynb"], context(title=evil))))
    assert profile["website"]["title"] == evil
    assert profile["project"] == {"type": "website", "render": ["winery/daily.ipynb"]}


def test_only_other_hosts_are_taken_off_a_page() -> None:
    kept = '<html><script src="site_libs/a.js"></script><script>var a = 1</script><a href="https://example.org">x</a>'
    assert offline_page(kept, "a.html", context()).endswith(kept.removeprefix("<html"))


def shown_by(notebook: Any) -> dict[str, Piece]:
    """What the cells of the daily notebook show of the sample, by their source."""
    shows = ("kpi.headline", "kpi.cards", "kpi.table", "kpi.chart", "kpi.notes")
    names = {"kpi": kpi_lib, "report": sample()}
    sources = [cell.source for cell in notebook.cells if cell.source.startswith(shows)]
    return {source: eval(source, names) for source in sources}  # noqa: S307  (the project's own cells)


def executed_daily(path: Path) -> Path:
    """The daily notebook as it looks after a run over the sample, with its own tags."""
    source = nbformat.read(NOTEBOOK, as_version=4)
    pieces = shown_by(source)
    for cell in source.cells:
        if cell.source in pieces:
            bundle = pieces[cell.source]._repr_mimebundle_()
            cell.outputs = [nbformat.v4.new_output("display_data", bundle)]
        elif cell.source == "kpi.complete()":
            cell.outputs = [rich(text_plain="kpi-complete")]
    path.write_text(nbformat.writes(source), encoding="utf-8")
    return path


#: What the last row's tabs are called.
TABS = ("Total Daily Revenue by location", "Three years, month by month")


def test_html_reaches_quarto_as_a_raw_block_so_that_it_adds_no_script_of_another_host() -> None:
    odd = '<p class="card">```{=typst}` ````</p>'
    html = chosen({"text/html": odd, "text/markdown": "md", "text/plain": "p", "image/svg+xml": SVG}, "html")
    assert set(html) == {"text/plain", "text/markdown"}
    fence, body, end, _ = html["text/markdown"].split("\n")
    assert fence == "`````{=html}" and end == "`````" and body == odd.replace("card", "tile")
    typst = chosen({"text/html": odd, "text/markdown": "md", "image/svg+xml": SVG}, "typst")
    assert set(typst) == {"text/markdown", "image/svg+xml"}
    assert chosen({"image/png": "x"}, "html") == {"image/png": "x"}


def test_the_daily_notebook_is_laid_out_as_a_dashboard(tmp_path: Path) -> None:
    notebook = joined([executed_daily(tmp_path / "d.ipynb")], {"pagetitle": "Daily"})
    assert 'format: "dashboard"' in notebook.cells[0].source
    rows = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert rows == ["## Row", "## Row", "## Row", "## Row", "## Row {.tabset}"]
    titles = [cell.source.splitlines()[0] for cell in notebook.cells if cell.source.startswith("#| title")]
    assert titles == [f'#| title: "{name}"' for name in TABS]
    assert all(cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    assert "SECRET" not in str(notebook) and "kpi-complete" not in str(notebook)
    paper = joined([tmp_path / "d.ipynb"], {"title": "Daily"}, "typst")
    assert "format" not in paper.cells[0].source
    assert not [cell for cell in paper.cells if cell.cell_type == "markdown"]


def test_a_notebook_without_rows_is_a_plain_page(tmp_path: Path) -> None:
    path = executed(tmp_path / "n.ipynb", rich(text_html="x"), text="## Words")
    assert 'format: "html"' in joined([path], {}).cells[0].source


def test_every_format_has_the_policy_and_none_needs_another_host() -> None:
    project = yaml.safe_load((PROJECT / "_quarto.yml").read_text())
    assert project["format"]["html"]["html-math-method"] == "mathml"
    profile = run_profile(["a.ipynb"], context())
    for name in ("html", "dashboard"):
        assert project["format"][name]["css"] == "theme/assets/quarto.css"
        head = profile["format"][name]["include-in-header"][0]["text"]
        assert "Content-Security-Policy" in head and "unsafe-eval" not in head
        assert "charts.js" in head and "http" not in head.replace("http-equiv", "")
    assert profile["website"]["navbar"]["search"] is True
    assert "website" not in run_profile(["a.ipynb"], context(), "default")


def test_links_to_files_are_right_on_pages_of_every_depth(stand_in: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    run = context(nav=(), files=(NavItem("Every figure", "downloads/all.xlsx"),), renderer="quarto")
    write_text(site / "downloads/all.xlsx", "x")
    names = ("index.html", "winery/daily.html", "winery/kpi/visitors.html")
    for number, name in enumerate(names):
        path = executed(tmp_path / f"{number}.ipynb", rich(text_html="<h1>x</h1>"))
        QuartoRenderer(found(stand_in), PROJECT).render_pages([result_of(path, name, name)], site, run)
    assert [problem for problem in check_site(site) if "exist" in problem] == []
    assert 'href="../../downloads/all.xlsx"' in (site / names[2]).read_text()


def test_pages_made_at_different_times_share_one_search() -> None:
    before = json.dumps([{"href": "a.html"}, {"href": "b.html#x", "text": "old"}])
    after = json.dumps([{"href": "b.html#y", "text": "new"}, {"href": "c.html"}])
    found = json.loads(merged_search(before, after))
    assert [item["href"] for item in found] == ["a.html", "b.html#y", "c.html"]


def test_quartos_pages_have_the_themes_colours_and_leave_its_frame_alone() -> None:
    css = theme.quarto_stylesheet()
    for name, colour in theme.tokens().light.items():
        assert f"--{name}:{colour}" in css
    assert ".tile{" in css and ".cards{" in css and "@font-face" in css
    assert not re.search(r"\.card(?![\w-])(?!\{background:var\(--paper\))", css)
    rules = css.split("/* words */")[1]
    assert not re.search(r"(^|[},{\n])(nav|header|footer)\b", rules)


def test_what_stands_on_every_page_of_a_pdf_is_valid_typst(tmp_path: Path) -> None:
    import typst

    head = typst_head(context(title='A "b" #c \\ $d$'))
    (tmp_path / "a.typ").write_text(f'#set document(title: "t")\n{head}\n= Words\n#pagebreak()\n== More')
    pdf = typst.compile(str(tmp_path / "a.typ"), font_paths=[str(theme.FONTS)], pdf_standards="ua-1")
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]
    for number, text in enumerate(pages, start=1):
        assert "As of Fri 20 Nov 2026" in text and f"{number} / 2" in text and 'A "b" #c \\ $d$' in text


def test_the_archive_is_a_listing(stand_in: Path, tmp_path: Path) -> None:
    renderer, site = QuartoRenderer(found(stand_in), PROJECT), tmp_path / "site"
    assert renderer.render_archive(site, context()) is None
    for day in ("2026-11-19", "2026-11-20"):
        write_text(site / "archive" / day / "winery/daily.html", "<title>Archive: Daily KPIs · x</title>")
    page = renderer.render_archive(site, context())
    assert page == site / "archive/index.html"
    text = page.read_text()
    assert text.index("2026-11-20/winery/daily.html") < text.index("2026-11-19/winery/daily.html")
    assert "Daily KPIs" in text and "kpiroot:" not in text


def test_the_listing_names_what_quarto_needs() -> None:
    front = yaml.safe_load((PROJECT / "archive.qmd").read_text().split("---")[1])
    assert front["listing"]["contents"] == "days.yml" and front["format"] == "html"
    assert front["listing"]["fields"] == ["date", "title"]


NUMBERS = re.compile(r"[−+]?[$]?\d[\d,]*(?:\.\d+)?(?:\u00a0%|\u00a0pp)?")


def numbers(page: str) -> list[str]:
    """Every number that a page's main part shows, in order, whatever stands round it."""
    body = page.partition("<body")[2]
    body = re.sub(r"<(script|style|template|svg|nav|header|footer)\b.*?</\1>", " ", body, flags=re.DOTALL)
    return NUMBERS.findall(html_module.unescape(re.sub(r"<[^>]+>", " ", body)))


@pytest.fixture(scope="module")
def real() -> QuartoRenderer:
    if shutil.which("quarto") is None:
        pytest.skip("no quarto on PATH")
    return QuartoRenderer(require_quarto(), PROJECT)


@pytest.fixture(scope="module")
def real_site(real: QuartoRenderer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of the real Quarto: the daily page, a page of one KPI, the archive's list."""
    folder = tmp_path_factory.mktemp("quarto")
    kpi = executed(
        folder / "k.ipynb",
        *(nbformat.v4.new_output("display_data", piece._repr_mimebundle_())
          for piece in detail(sample(), "total_daily_revenue")),
    )  # fmt: skip
    results = [
        result_of(executed_daily(folder / "d.ipynb")),
        result_of(kpi, "winery/kpi/total_daily_revenue.html", "Total Daily Revenue"),
    ]
    site, run = folder / "site", context(renderer="quarto")
    real.render_pages(results, site, run)
    write_archive(site, run, ["winery/daily.html"])
    real.render_archive(site, run)
    write_home(site, run, [])
    return site


PAGES = ("winery/daily.html", "winery/kpi/total_daily_revenue.html")


@pytest.mark.quarto
@pytest.mark.timeout(600)
def test_real_quarto_shows_the_same_numbers_as_the_embedded_renderer(real_site: Path, tmp_path: Path) -> None:
    first = shown_by(nbformat.read(NOTEBOOK, as_version=4)).values()
    pieces = (list(first), detail(sample(), "total_daily_revenue"))
    for page, shown in zip(PAGES, pieces, strict=True):
        body = "".join(piece._repr_mimebundle_()["text/html"] for piece in shown)
        expected = numbers(page_html(body, title="t", page=page, context=context()))
        made = numbers((real_site / page).read_text())
        assert len(expected) > 80
        missing = Counter(expected) - Counter(made)
        assert not missing, f"{page}: not shown by Quarto: {missing}"


@pytest.mark.quarto
@pytest.mark.timeout(600)
def test_real_quarto_asks_no_other_host_and_its_pages_hold_together(real_site: Path) -> None:
    outside = [
        problem for problem in check_site(real_site) if "another place" in problem or "weighs" in problem
    ]
    assert outside == []
    for page in (*PAGES, "archive/index.html"):
        text = (real_site / page).read_text()
        assert "require.min.js" not in text and "cdnjs" not in text and "unpkg" not in text
        assert "Content-Security-Policy" in text and "kpiroot:" not in text
        assert len(re.findall(r"<h1\b", text)) == 1
        assert "code nobody sees" not in text and "kpi.headline" not in text
    search = json.loads((real_site / "search.json").read_text())
    assert PAGES[1] in {item["href"].partition("#")[0] for item in search}


@pytest.mark.quarto
@pytest.mark.timeout(600)
def test_real_quarto_makes_a_dashboard_of_the_daily_page(real_site: Path) -> None:
    text = (real_site / "winery/daily.html").read_text()
    assert "quarto-dashboard" in text and "Fri 20 Nov 2026" in text
    for name in TABS:
        assert re.search(rf"nav-link[^>]*>\s*{re.escape(name)}\s*<", text), name
    tiles = re.findall(r'<li>\s*<a class="tile"', text)
    assert len(tiles) == len(winery().cards)
    assert text.count('<template class="spec">') == 2


@pytest.mark.quarto
@pytest.mark.timeout(600)
def test_real_quarto_lists_the_archive(real_site: Path) -> None:
    text = (real_site / "archive/index.html").read_text()
    assert "2026-11-20/winery/daily.html" in text and "quarto-listing" in text


@pytest.mark.quarto
@pytest.mark.timeout(600)
def test_real_quarto_makes_a_tagged_pdf_with_the_same_numbers(real: QuartoRenderer, tmp_path: Path) -> None:
    result = result_of(executed_daily(tmp_path / "d.ipynb"))
    run = context(renderer="quarto")
    pdf = PdfReader(real.render_pdf(result, tmp_path / "q.pdf", run, "Daily KPIs"))
    root = pdf.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] and root["/Lang"].startswith("en")  # type: ignore[index, union-attr]
    assert "/StructTreeRoot" in root and pdf.metadata is not None and pdf.metadata.title  # type: ignore[operator]
    pages = [page.extract_text() for page in pdf.pages]
    assert all("As of Fri 20 Nov 2026" in text and f"/ {len(pages)}" in text for text in pages)
    figures = [item for item in tags(pdf) if item["/S"] == "/Figure"]
    assert sum("/Alt" in item for item in figures) == 2
    embedded = PdfReader(write_pdf([result], tmp_path / "e.pdf", context(), "Daily KPIs"))
    money = re.compile(r"\$[\d,]+")
    plain = Counter(money.findall(" ".join(page.extract_text() for page in embedded.pages)))
    missing = plain - Counter(money.findall(" ".join(pages)))
    assert len(plain) > 40 and not missing
