"""Run report notebooks: check them, execute each in its own process, believe only the completion token."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kpi_lib.errors import KpiError, ReportError, UsageError
from kpi_lib.reporting.context import COMPLETION_TOKEN
from kpi_lib.reporting.kernel import Kernels, Limits
from kpi_lib.reporting.parameters import Scalar, check_notebook, parameter_cells

__all__ = ["Limits", "NotebookJob", "NotebookResult", "run_notebooks"]

_PAGE = re.compile(r"[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)*\.html")


@dataclass(frozen=True)
class NotebookJob:
    """One page to make.

    Parameters
    ----------
    report
        The report's name in ``domain.toml``.
    page
        Where the page goes, relative to the site's root: ``winery/kpi/total_visitors.html``.
    notebook
        The notebook to run.
    parameters
        Values for its ``parameters`` cell; dates as ISO strings.
    title
        The page's title.
    pdf, html
        Whether a PDF is made, and whether a page is.
    cwd
        Folder the notebook runs in; by default the current one.
    """

    report: str
    page: str
    notebook: Path
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    title: str = ""
    pdf: bool = False
    html: bool = True
    cwd: Path | None = None


@dataclass(frozen=True)
class NotebookResult:
    """How a job ended; ``path`` is the executed notebook, of a failure as far as it came."""

    job: NotebookJob
    path: Path | None
    ok: bool
    error: KpiError | None
    seconds: float


def run_notebooks(
    jobs: Sequence[NotebookJob],
    out: Path,
    *,
    workers: int = 2,
    limits: Limits | None = None,
    on_done: Callable[[NotebookResult], None] | None = None,
    preload: Sequence[str] = (),
) -> list[NotebookResult]:
    """Execute notebooks, each in a process of its own.

    Parameters
    ----------
    jobs
        What to run; no two for the same page.
    out
        Folder of the executed notebooks; each lies under its page's path, ``.failed.ipynb`` when it failed.
    workers
        How many run at once.
    limits
        What each may take.
    on_done
        Called in the calling thread with each result as it comes.
    preload
        Modules that the notebooks use and the warm server should load before them.

    Returns
    -------
    list of NotebookResult
        In the order of ``jobs``. A failing notebook is a result that is not ``ok``; the others go on.

    Raises
    ------
    UsageError
        When two jobs share a page, a page's path is not a plain relative one, or ``workers`` is below 1.
    """
    _check_jobs(jobs, workers)
    results: dict[int, NotebookResult] = {}
    with Kernels(limits or Limits(), preload) as kernels:
        pool = ThreadPoolExecutor(workers, thread_name_prefix="notebook")
        try:
            waiting = {pool.submit(_run, job, out, kernels): place for place, job in enumerate(jobs)}
            for done in as_completed(waiting):
                results[waiting[done]] = done.result()
                if on_done:
                    on_done(done.result())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            kernels.stop()
            pool.shutdown()
    return [results[place] for place in range(len(jobs))]


def _check_jobs(jobs: Sequence[NotebookJob], workers: int) -> None:
    if workers < 1:
        raise UsageError(f"At least one notebook has to run at a time, not {workers}.")
    for job in jobs:
        if not _PAGE.fullmatch(job.page):
            raise UsageError(
                f"'{job.page}' is not a page's path.",
                where=f"report '{job.report}'",
                remedy="Use lower-case letters, digits, - and _ in folders and name, ending in .html.",
            )
    for page, count in Counter(job.page for job in jobs).items():
        if count > 1:
            raise UsageError(f"{count} reports would be written to the same page '{page}'.")


def _run(job: NotebookJob, out: Path, kernels: Kernels) -> NotebookResult:
    started = time.monotonic()
    final = out / Path(job.page).with_suffix(".ipynb")
    partial = final.with_suffix(".partial.ipynb")
    path, error = None, None
    try:
        notebook = check_notebook(job.notebook, job.parameters)
        final.parent.mkdir(parents=True, exist_ok=True)
        _execute(job, notebook, partial, kernels)
        path = partial.replace(final)
    except KpiError as problem:
        error = problem
    except OSError as problem:
        error = ReportError(f"The executed notebook could not be written: {problem}.", where=str(final))
    if error is not None and partial.is_file():
        path = partial.replace(final.with_suffix(".failed.ipynb"))
    return NotebookResult(job, path, error is None, error, time.monotonic() - started)


def _execute(job: NotebookJob, notebook: Any, path: Path, kernels: Kernels) -> None:
    import papermill
    from nbformat import ValidationError
    from papermill.exceptions import PapermillException, PapermillExecutionError

    from kpi_lib.reporting.engine import register

    kernel = kernels.kernel(job.cwd or Path.cwd())
    try:
        done = papermill.execute_notebook(
            notebook,
            # papermill fills {names} in a path from the parameters; ours is meant literally.
            str(path.absolute()).replace("{", "{{").replace("}", "}}"),
            parameters=dict(job.parameters),
            engine_name=register(),
            kernel_name="python3",
            language="python",
            request_save_on_cell_execute=False,
            progress_bar=False,
            kernel=kernel,
        )
    except PapermillExecutionError as error:
        raise _report_error(job, notebook, error, kernel.log_lines()) from error
    except (PapermillException, ValidationError) as error:
        raise ReportError(
            f"papermill could not run the notebook: {error}.", where=str(job.notebook)
        ) from error
    finally:
        kernel.close()
    if not _finished(done):
        raise ReportError(
            "The notebook ended without its completion token.",
            where=str(job.notebook),
            remedy="Its last cell must be kpi.complete().",
        )


def _finished(notebook: Any) -> bool:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    return bool(cells) and any(is_token(output) for output in cells[-1].outputs[-1:])


def is_token(output: Any) -> bool:
    """Whether a notebook output is the completion token."""
    text = output.get("text", "") or output.get("data", {}).get("text/plain", "")
    return bool("".join(text).strip().strip("'") == COMPLETION_TOKEN)


def _report_error(job: NotebookJob, notebook: Any, error: Any, log: Sequence[str]) -> ReportError:
    """Say papermill's error as ours: cell numbers as in the notebook's own file, the trace's last lines."""
    injected = bool(job.parameters) and error.cell_index > parameter_cells(notebook)[0]
    number = error.cell_index + (0 if injected else 1)
    lines = [line for block in error.traceback for line in block.splitlines()] or list(log)
    last = [line.rstrip() for line in lines if line.strip()][-4:]
    return ReportError(
        f"{error.ename}: {error.evalue}",
        where=f"{job.notebook}, cell {number} (page {job.page})",
        remedy="\n    ".join(["The last lines were:", *last]) if last else "",
    )
