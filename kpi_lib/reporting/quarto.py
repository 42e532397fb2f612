"""Pages and PDF by Quarto, from the same executed notebooks: nothing is executed again."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kpi_lib.catalogue.settings import find_root
from kpi_lib.errors import ReportError, UsageError
from kpi_lib.reporting import theme
from kpi_lib.reporting.archive import ARCHIVE, archived
from kpi_lib.reporting.context import SiteContext
from kpi_lib.reporting.html import failed_html, job_titles, page_title, write_assets, write_text
from kpi_lib.reporting.quarto_project import joined, merged_search, offline_page, run_profile
from kpi_lib.reporting.runner import NotebookResult

#: ``_brand.yml`` came with 1.6, PDF/UA with 1.9; an older one leaves PDFs to the embedded renderer.
OLDEST = (1, 6)
OLDEST_FOR_PDF = (1, 9)
TIMEOUT_S = 300
_HOW_TO_GET = (
    "Get it with `conda env create -f environment.yml`, with `pip install 'kpi-lib[quarto]'`, or from "
    "https://quarto.org; or use --renderer embedded."
)
_NOTHING_SHOWN = "Unable to display output for mime type"


@dataclass(frozen=True)
class Quarto:
    """A Quarto that was found."""

    path: Path
    version: tuple[int, ...]

    @property
    def usable(self) -> bool:
        """Whether it knows what the project's pages use."""
        return self.version >= OLDEST


def find_quarto() -> Quarto | None:
    """Return the Quarto on the PATH (or in ``$QUARTO_PATH``), or None."""
    found = os.environ.get("QUARTO_PATH") or shutil.which("quarto")
    return _version_of(found) if found else None


@functools.cache
def _version_of(path: str) -> Quarto | None:
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    numbers = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", answer.stdout.strip())
    return Quarto(Path(path), tuple(int(part) for part in numbers.groups("0"))) if numbers else None


def require_quarto() -> Quarto:
    """Return a usable Quarto.

    Raises
    ------
    UsageError
        When there is none, or it is older than 1.6; says how to get one.
    """
    found = find_quarto()
    if found is None:
        raise UsageError("Quarto was asked for but is not installed.", remedy=_HOW_TO_GET)
    if not found.usable:
        have, need = ".".join(map(str, found.version)), ".".join(map(str, OLDEST))
        raise UsageError(f"Quarto {have} is too old; {need} or newer is needed.", remedy=_HOW_TO_GET)
    return found


def render_command(
    quarto: Quarto, source: Path, to: str, output_dir: str, output: str = "", profile: str = ""
) -> list[str]:
    """Return the command that renders a notebook or a project without executing it.

    Parameters
    ----------
    quarto
        The program.
    source
        The notebook, or the project's folder.
    to
        ``typst``; empty for the format that each page names itself.
    output_dir
        Where the result goes, relative to the project. A path in ``output`` is an error to Quarto, so the
        folder is named apart.
    output
        File name of the result; empty for the notebook's own.
    profile
        The project profile with the run's values.
    """
    command = [str(quarto.path), "render", str(source), "--output-dir", output_dir]
    if to:
        command += ["--to", to]
    if output:
        command += ["-o", output]
    if profile:
        command += ["--profile", profile]
    return [*command, "--no-execute", "-M", "echo:false"]


class QuartoRenderer:
    """Renders the Quarto project in ``reports/`` with executed notebooks put into it."""

    name = "quarto"

    def __init__(self, quarto: Quarto, project: Path | None = None) -> None:
        self._quarto = quarto
        self._project = project or (find_root() or Path.cwd()) / "reports"

    def render_pages(
        self, results: Sequence[NotebookResult], out_dir: Path, context: SiteContext
    ) -> list[Path]:
        """Write each result's page, and the assets, below the site's root folder."""
        write_assets(out_dir, context.cache)
        titles = job_titles([result.job for result in results])
        good = [result for result in results if result.ok and result.path is not None]
        if good:
            with tempfile.TemporaryDirectory(prefix="kpi-quarto-") as name:
                pages = [str(Path(result.job.page).with_suffix(".ipynb")) for result in good]
                folder = self._stage(Path(name), run_profile(pages, context), context.cache)
                for result in good:
                    self._put_notebook(folder, result, titles[result.job.page], context)
                made = folder / "_site"
                run(render_command(self._quarto, folder, "", "_site", profile="run"), folder)
                for result in good:
                    _take_page(made, result.job.page, out_dir, context)
                _take_extras(made, out_dir)
        for result in results:
            if result not in good:
                reason = result.error.what if result.error else "The notebook did not end well."
                page = result.job.page
                write_text(out_dir / page, failed_html(titles[page], page, context, reason))
        return [out_dir / result.job.page for result in results]

    def render_pdf(
        self,
        result: NotebookResult | Sequence[NotebookResult],
        out_file: Path,
        context: SiteContext,
        title: str = "",
    ) -> Path:
        """Write one tagged PDF of one or several notebooks."""
        results = [result] if isinstance(result, NotebookResult) else list(result)
        if self._quarto.version < OLDEST_FOR_PDF:
            from kpi_lib.reporting.pdf import write_pdf

            return write_pdf(results, out_file, context, title)
        with tempfile.TemporaryDirectory(prefix="kpi-quarto-") as name:
            folder = self._stage(Path(name), run_profile(["report.ipynb"], context, "default"), context.cache)
            heading = title or results[0].job.title or results[0].job.report
            front = {
                "title": heading,
                "author": context.title,
                "date": context.as_of.isoformat(),
                "lang": context.language,
            }
            notebook = joined([_path(item) for item in results], front, "typst")
            _write_notebook(folder / "report.ipynb", notebook)
            source = folder / "report.ipynb"
            run(render_command(self._quarto, source, "typst", "_made", "report.pdf", "run"), folder)
            out_file.parent.mkdir(parents=True, exist_ok=True)
            _take(folder / "_made" / "report.pdf", out_file)
        return out_file

    def _stage(self, folder: Path, profile: dict[str, Any], cache: Path | None) -> Path:
        """Copy the project, the fonts and the run's values into a folder of its own."""
        if not (self._project / "_quarto.yml").is_file():
            raise UsageError(
                "The Quarto project has no _quarto.yml.",
                where=str(self._project),
                remedy="Restore the folder reports/, or use --renderer embedded.",
            )
        for file in self._project.iterdir():
            if file.is_file():
                shutil.copyfile(file, folder / file.name)
        write_assets(folder / "theme", cache)
        write_text(folder / "theme" / "assets" / "quarto.css", theme.quarto_stylesheet())
        for font in theme.print_fonts():
            shutil.copyfile(font, folder / "theme" / "assets" / "fonts" / font.name)
        # JSON is YAML, and needs no quoting rules.
        (folder / "_quarto-run.yml").write_text(json.dumps(profile), encoding="utf-8")
        return folder

    def _put_notebook(self, folder: Path, result: NotebookResult, title: str, context: SiteContext) -> None:
        # Only "pagetitle": with a title Quarto would print a second main heading.
        front = {"pagetitle": page_title(title, result.job.page, context)}
        target = (folder / result.job.page).with_suffix(".ipynb")
        _write_notebook(target, joined([_path(result)], front))

    def render_archive(self, site: Path, context: SiteContext) -> Path | None:
        """Make the archive's list a listing of Quarto's, which readers can sort and filter."""
        days = archived(site, context)
        if not days:
            return None
        page = f"{ARCHIVE}/index.html"
        with tempfile.TemporaryDirectory(prefix="kpi-quarto-") as name:
            folder = self._stage(Path(name), run_profile([f"{ARCHIVE}/index.qmd"], context), context.cache)
            (folder / ARCHIVE).mkdir()
            (folder / "archive.qmd").rename(folder / ARCHIVE / "index.qmd")
            items = [
                {
                    "title": item.label,
                    "date": item.href.split("/")[1],
                    "path": item.href.removeprefix(f"{ARCHIVE}/"),
                }
                for _, links in days
                for item in links
            ]
            # JSON is YAML, and needs no quoting rules.
            (folder / ARCHIVE / "days.yml").write_text(json.dumps(items), encoding="utf-8")
            run(render_command(self._quarto, folder, "", "_site", profile="run"), folder)
            _take_page(folder / "_site", page, site, context)
            _take_extras(folder / "_site", site)
        return site / page


def run(command: Sequence[str], folder: Path) -> None:
    """Run Quarto.

    Raises
    ------
    ReportError
        When it cannot be started, takes too long or fails; with its last lines (its log is on stderr).
    """
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise ReportError(f"Quarto was ended after {TIMEOUT_S} s.", where=" ".join(command[:3])) from None
    except OSError as error:
        raise ReportError(f"Quarto could not be started: {error}.", where=command[0]) from error
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip()][-6:]
        raise ReportError(
            f"Quarto failed with status {done.returncode}.", remedy="\n    ".join(["Its last lines:", *last])
        )


def _take_page(made: Path, page: str, out_dir: Path, context: SiteContext) -> None:
    source = made / page
    if not source.is_file():
        raise ReportError("Quarto made no such page.", where=page)
    text = source.read_text(encoding="utf-8")
    if _NOTHING_SHOWN in text:
        raise ReportError(
            "Quarto could not show an output of the notebook.",
            where=page,
            remedy="Show it with a kpi_lib display object.",
        )
    write_text(out_dir / page, offline_page(text, page, context))


def _take_extras(made: Path, site: Path) -> None:
    """Take Quarto's own files; the search index grows by these pages, whatever made the others."""
    if (made / "site_libs").is_dir():
        shutil.copytree(made / "site_libs", site / "site_libs", dirs_exist_ok=True)
    index, kept = made / "search.json", site / "search.json"
    if index.is_file():
        before = kept.read_text(encoding="utf-8") if kept.is_file() else "[]"
        write_text(kept, merged_search(before, index.read_text(encoding="utf-8")))


def _take(source: Path, target: Path) -> None:
    if not source.is_file():
        raise ReportError("Quarto made no PDF.", where=str(target))
    shutil.copyfile(source, target)


def _path(result: NotebookResult) -> Path:
    if not result.ok or result.path is None:
        raise ReportError("A PDF is only made of notebooks that ran to their end.", where=result.job.page)
    return result.path


def _write_notebook(path: Path, notebook: Any) -> None:
    import nbformat

    write_text(path, nbformat.writes(notebook))
