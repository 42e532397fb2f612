"""Quarto: found, refused, called, and its pages freed of other hosts; with a stand-in for the program."""

from __future__ import annotations

import json
import shutil
import stat
import sys
from pathlib import Path

import pytest
import yaml

from kpi_lib.errors import ReportError, UsageError
from kpi_lib.reporting.check import check_site
from kpi_lib.reporting.quarto import (
    Quarto,
    QuartoRenderer,
    find_quarto,
    render_command,
    require_quarto,
)
from kpi_lib.reporting.quarto_project import brand, joined, offline_page, run_profile
from kpi_lib.reporting.render import choose_renderer
from kpi_lib.reporting.runner import NotebookJob, NotebookResult
from tests.reporting_notebooks import SVG, context, executed, result_of, rich

PROJECT = Path(__file__).resolve().parents[2] / "reports"
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
    assert command[:5] == ["q", "render", str(tmp_path / "r.ipynb"), "--to", "typst"]
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
    assert "--profile" in args and args[args.index("--to") + 1] == "html"
    assert {"_quarto.yml", "_brand.yml", "_quarto-run.yml", "winery/kpi/visitors.ipynb"} <= set(staged)
    assert "theme/assets/site.css" in staged and "theme/assets/fonts/Inter-Regular.ttf" in staged
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
    assert yaml.safe_load(notebook.cells[0].source.strip("-\n")) == {"title": 'A "quoted": title\n---'}
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


@pytest.mark.quarto
@pytest.mark.skipif(shutil.which("quarto") is None, reason="no quarto on PATH")
def test_the_real_quarto_renders_pages_and_pdf(tmp_path: Path) -> None:
    renderer = QuartoRenderer(require_quarto(), PROJECT)
    text = "# November\n\n20 days."
    result = result_of(
        executed(tmp_path / "n.ipynb", rich(text_html="<p>$412,380</p>", text_markdown="md"), text=text)
    )
    site = tmp_path / "site"
    page = renderer.render_pages([result], site, context(nav=(), renderer="quarto"))[0]
    assert "$412,380" in page.read_text()
    shutil.copyfile(page, site / "index.html")
    assert not [problem for problem in check_site(site) if "another place" in problem]
    assert renderer.render_pdf(result, tmp_path / "o.pdf", context()).read_bytes().startswith(b"%PDF")
