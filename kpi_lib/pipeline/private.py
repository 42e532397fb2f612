"""Pages for one reader each: built into their own folder, which nobody else may open."""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kpi_lib.catalogue import Catalogue, Report
from kpi_lib.catalogue.scorecard import scorecard_of
from kpi_lib.errors import KpiError, ReportError
from kpi_lib.pipeline.page_request import PageRequest, PageResult, Record
from kpi_lib.pipeline.surroundings import by_date
from kpi_lib.pipeline.workspace import Workspace
from kpi_lib.reporting.check import check_site
from kpi_lib.reporting.context import SiteContext
from kpi_lib.reporting.downloads import csv_name
from kpi_lib.reporting.render import Renderer
from kpi_lib.reporting.runner import NotebookJob, NotebookResult

FOLDER = "private"
PAGE = "index.html"
#: In a person's folder, which domain its page is of.
MARK = ".domain"


def slug(name: str) -> str:
    """Return a name as that of a folder: ``Ian Hong`` is ``ian-hong``."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def people(catalogue: Catalogue) -> dict[str, str]:
    """Return everyone who answers for a metric, by the name of their folder.

    Raises
    ------
    ReportError
        When two names would share a folder, or a name gives none.
    """
    card = scorecard_of(catalogue)
    names = dict.fromkeys(owner.person_name for owner in card.owners) if card else {}
    found: dict[str, str] = {}
    for name in names:
        place = slug(name)
        if not place or place in found:
            raise ReportError(
                f"'{name}' gives no folder of its own.",
                where=str(catalogue.folder / "owners.csv"),
                remedy="Write the name such that its letters and digits differ from everyone else's.",
            )
        found[place] = name
    return found


def private_jobs(workspace: Workspace, request: PageRequest, warehouse: Path) -> list[NotebookJob]:
    """Return the notebooks of every person's page; an older date has none."""
    return [
        job
        for catalogue, record in request.domains
        for report in (() if request.archive_only else catalogue.reports)
        if report.foreach == "person" and (not request.only or report.name in request.only)
        for job in _jobs(workspace, catalogue, report, record, warehouse)[: request.limit]
    ]


def make_private(
    results: Sequence[NotebookResult],
    request: PageRequest,
    staged: Path,
    renderer: Renderer,
    context: SiteContext,
) -> list[PageResult]:
    """Make each person's page in ``private/<person>/``: the shape of a site, folders of mode 0700.

    Nothing of it is written anywhere else but into the run's folder of private notebooks, of mode 0700 too.
    """
    return [
        _render(result, staged, renderer, replace(own, nav=(), files=()))
        for own, part in by_date(context, request)
        for result in results
        if is_private(result) and result.job.parameters["domain"] in part
    ]


def is_private(result: NotebookResult) -> bool:
    """Whether a notebook is of a page for one reader only."""
    return result.job.page.startswith(f"{FOLDER}/")


def carry_private(current: Path, staged: Path, domain: str | None) -> None:
    """Bring the private folders of a domain (None: of all) along that this run does not make anew."""
    for folder in sorted((current / FOLDER).glob("*/")):
        mark = folder / MARK
        if domain is None or (mark.is_file() and mark.read_text(encoding="utf-8") == domain):
            shutil.copytree(folder, staged / FOLDER / folder.name, dirs_exist_ok=True)
            (staged / FOLDER / folder.name).chmod(0o700)


def carry_downloads(current: Path, staged: Path, domain: str) -> None:
    """Bring the CSV files of a domain along that this run does not make anew."""
    target = staged / "site" / "downloads"
    for file in sorted((current / "site" / "downloads").glob(csv_name(domain, "*"))):
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target / file.name)


def _jobs(
    workspace: Workspace, catalogue: Catalogue, report: Report, record: Record, warehouse: Path
) -> list[NotebookJob]:
    return [
        NotebookJob(
            report=report.name,
            page=f"{FOLDER}/{place}/{PAGE}",
            notebook=workspace.notebooks(catalogue, report.notebook),
            parameters={
                "domain": catalogue.domain,
                "as_of": record["as_of"],
                "profile": workspace.name,
                "warehouse": str(warehouse),
                "person": name,
            },
            title=f"{report.title}: {name}",
            pdf=report.pdf,
            cwd=workspace.settings.root,
        )
        for place, name in people(catalogue).items()
    ]


def _render(result: NotebookResult, staged: Path, renderer: Renderer, context: SiteContext) -> PageResult:
    """Write one person's folder; a failure names the folder, never a figure."""
    place = result.job.page.split("/")[1]
    folder = staged / FOLDER / place
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    (folder / MARK).write_text(str(result.job.parameters["domain"]), encoding="utf-8")
    name = f"{FOLDER}/{place}"
    # The page is the folder's first one, so its links and assets begin there.
    own = replace(result, job=replace(result.job, page=PAGE))
    try:
        renderer.render_pages([own], folder, context)
        if result.ok and result.job.pdf:
            file = folder / "downloads" / f"{result.job.report}-{context.as_of}.pdf"
            renderer.render_pdf(own, file, context, result.job.title)
    except KpiError as error:
        return PageResult(name, ok=False, error=error.what)
    problems = check_site(folder)
    if problems:
        return PageResult(name, ok=False, error=problems[0])
    return PageResult(name, result.ok, result.error.what if result.error else "")
