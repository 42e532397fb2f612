"""Notebooks → pages, PDFs, home, JSON API, and the check of what came out."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from kpi_lib.catalogue import Catalogue, Report
from kpi_lib.errors import KpiError, ReportError
from kpi_lib.operations.progress import Reporter
from kpi_lib.operations.release import WAREHOUSE
from kpi_lib.operations.run import Run
from kpi_lib.pipeline.documents import carry_documents, in_order, pdf_name
from kpi_lib.pipeline.page_request import PageRequest, PageResult, Record
from kpi_lib.pipeline.private import FOLDER, is_private, make_private, private_jobs
from kpi_lib.pipeline.surroundings import by_date, of_domain, site_context, write_rest
from kpi_lib.pipeline.workspace import Workspace
from kpi_lib.reporting.archive import refresh_home
from kpi_lib.reporting.check import check_site, stray_words
from kpi_lib.reporting.context import SiteContext
from kpi_lib.reporting.html import failed_html, write_text
from kpi_lib.reporting.render import Renderer, choose_renderer
from kpi_lib.reporting.runner import Limits, NotebookJob, NotebookResult, run_notebooks
from kpi_lib.reporting.site import write_archive


def make_pages(
    workspace: Workspace, request: PageRequest, staged: Path, run: Run, progress: Reporter
) -> list[PageResult]:
    """Run the notebooks on the staging warehouse and write everything readers open.

    Parameters
    ----------
    workspace, request
        Where, and what.
    staged
        The staging folder: ``warehouse.duckdb`` in, ``site`` and ``pdf`` out.
    run
        Records the steps and keeps the executed notebooks.
    progress
        Told of each notebook.

    Returns
    -------
    list of PageResult
        A report that failed is a result that is not ``ok``; the others go on.

    Raises
    ------
    ReportError
        When the finished site does not hold together; nothing may be published then.
    """
    renderer = choose_renderer(request.renderer, workspace.settings.root / "reports")
    context = site_context(workspace, request, run, renderer.name)
    jobs = [
        job
        for catalogue, record in request.domains
        for job in domain_jobs(workspace, catalogue, record, staged / WAREHOUSE, request)
    ]
    jobs += private_jobs(workspace, request, staged / WAREHOUSE)
    # Before anything is in it: what persons may read lies here.
    (run.folder / "notebooks" / FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
    with run.step("notebooks") as step:
        results = _run(workspace, jobs, run, progress)
        step.rows = {"notebooks": len(results)}
        failed = [result.job.page for result in results if not result.ok]
        step.note = f"failed: {', '.join(failed)}" if failed else ""
    with run.step("render") as step:
        documents = []
        for own, part in by_date(context, request):
            made = [item for item in results if item.job.page.split("/")[0] in part]
            chosen = [item for item in made if item.job.html]
            if request.archive_only:
                _render_archive(renderer, chosen, staged / "site", own)
                continue
            renderer.render_pages(chosen, staged / "site", own)
            order = in_order(workspace, request.catalogues)
            documents += _write_pdfs(renderer, made, staged, context, request, order)
            _archive_newest(request, chosen, staged / "site", own)
            _fill_gaps(workspace, request, staged, own, part)
        if not request.archive_only:
            carry_documents(workspace, request, staged)
            write_rest(workspace, request, staged, context)
            documents += make_private(results, request, staged, renderer, context)
        elif not request.followed:
            _renew_lists(workspace, request, staged / "site", run, renderer.name)
        if not request.followed:
            renderer.render_archive(staged / "site", context)
        step.rows = {"pages": len(results), "pdfs": sum(document.ok for document in documents)}
        step.note = f"renderer {renderer.name}"
    if not request.followed:
        with run.step("check"):
            _check(request, staged)
    pages = [
        PageResult(result.job.page, result.ok, str(result.error) if result.error else "")
        for result in results
        if not is_private(result)
    ]
    return pages + documents


def _check(request: PageRequest, staged: Path) -> None:
    named = " ".join(catalogue.model_dump_json() for catalogue in request.catalogues)
    problems = check_site(staged / "site", stray_words(named))
    if problems:
        shown = "\n".join(f"  {problem}" for problem in problems[:10])
        raise ReportError(
            f"{len(problems)} problems in the finished site:\n{shown}", remedy="Nothing was published."
        )


def _renew_lists(workspace: Workspace, request: PageRequest, site: Path, run: Run, renderer: str) -> None:
    """Renew the lists of archived days on pages that go on saying the published date."""
    published = tuple((kept.catalogue, kept.record) for kept in request.kept if kept.published)
    context = site_context(workspace, replace(request, domains=published), run, renderer)
    write_archive(site, context, [])
    refresh_home(site, context)


def domain_jobs(
    workspace: Workspace, catalogue: Catalogue, record: Record, warehouse: Path, request: PageRequest
) -> list[NotebookJob]:
    """Return the notebooks to run for a domain, in the order of its reports."""
    jobs: list[NotebookJob] = []
    for report in catalogue.reports:
        if request.only and report.name not in request.only:
            continue
        if report.foreach == "person" or (request.archive_only and (report.foreach or not report.html)):
            continue
        jobs += _report_jobs(workspace, catalogue, report, record, warehouse)[: request.limit]
    return jobs


def _report_jobs(
    workspace: Workspace, catalogue: Catalogue, report: Report, record: Record, warehouse: Path
) -> list[NotebookJob]:
    base = {
        "domain": catalogue.domain,
        "as_of": record["as_of"],
        "profile": workspace.name,
        "warehouse": str(warehouse),
    }
    notebook = workspace.notebooks(catalogue, report.notebook)
    items: list[tuple[str, str, dict[str, str]]]
    if report.foreach == "kpi":
        items = [(f"kpi/{kpi.code}", kpi.title, {"kpi_code": kpi.code}) for kpi in catalogue.kpis]
    elif report.foreach == "entity":
        items = [
            (f"entity/{entity.code.lower()}", entity.name, {"entity_code": entity.code})
            for entity in catalogue.entities
            if entity.id != 0
        ]
    else:
        items = [(report.name, report.title, {})]
    return [
        NotebookJob(
            report=report.name,
            page=f"{catalogue.domain}/{page}.html",
            notebook=notebook,
            parameters={**base, **extra},
            title=title,
            pdf=report.pdf,
            html=report.html,
            cwd=workspace.settings.root,
        )
        for page, title, extra in items
    ]


def _run(
    workspace: Workspace, jobs: Sequence[NotebookJob], run: Run, progress: Reporter
) -> list[NotebookResult]:
    limits = workspace.settings.notebooks
    done = 0

    def tell(result: NotebookResult) -> None:
        nonlocal done
        done += 1
        progress.pages(done, len(jobs), result.job.page)

    return run_notebooks(
        jobs,
        run.folder / "notebooks",
        workers=limits.workers,
        limits=Limits(
            start_s=limits.start_seconds,
            cell_s=limits.cell_seconds,
            total_s=limits.total_seconds,
            memory_mb=limits.memory_mb,
        ),
        on_done=tell,
    )


def _archive_newest(
    request: PageRequest, results: Sequence[NotebookResult], site: Path, context: SiteContext
) -> None:
    """Keep the pages of the day that are one of a kind; a call for some reports keeps only those."""
    single = {
        report.name
        for catalogue, _ in request.domains
        for report in catalogue.reports
        if report.foreach is None
    }
    write_archive(site, context, [item.job.page for item in results if item.ok and item.job.report in single])


def _fill_gaps(
    workspace: Workspace, request: PageRequest, staged: Path, context: SiteContext, part: Collection[str]
) -> None:
    """Give every page that was never made, because only some were asked for, one that says so."""
    everything = replace(request, only=(), limit=None)
    for catalogue, record in request.domains:
        if catalogue.domain not in part:
            continue
        for job in domain_jobs(workspace, catalogue, record, staged / WAREHOUSE, everything):
            page = staged / "site" / job.page
            if job.html and not page.is_file():
                reason = (
                    "It has not been made yet. `kpi nightly` without --only and --limit makes every page."
                )
                write_text(page, failed_html(job.title, job.page, context, reason))


def _render_archive(
    renderer: Renderer, results: Sequence[NotebookResult], site: Path, context: SiteContext
) -> None:
    """Write the pages of an older date under ``archive/``; the site's other pages stay as they are."""
    with tempfile.TemporaryDirectory(dir=site.parent) as folder:
        aside = Path(folder)
        renderer.render_pages(results, aside, context)
        write_archive(aside, context, [result.job.page for result in results if result.ok])
        shutil.copytree(
            aside / "archive" / context.as_of.isoformat(),
            site / "archive" / context.as_of.isoformat(),
            dirs_exist_ok=True,
        )


def _write_pdfs(
    renderer: Renderer,
    results: Sequence[NotebookResult],
    staged: Path,
    context: SiteContext,
    request: PageRequest,
    catalogues: Sequence[Catalogue],
) -> list[PageResult]:
    """Write the PDFs, and a copy for the site's own links, so that the site can be moved alone."""
    downloads = staged / "site" / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    documents = []
    for result in results:
        if not (result.job.pdf and result.ok):
            continue
        own = of_domain(context, request, result.job.page.partition("/")[0])
        name = pdf_name(catalogues, result.job.page, own.as_of)
        try:
            file = renderer.render_pdf(result, staged / "pdf" / name, own, result.job.title)
            shutil.copyfile(file, downloads / name)
        except KpiError as error:
            documents.append(PageResult(name, ok=False, error=str(error)))
        else:
            documents.append(PageResult(name, ok=True))
    return documents
