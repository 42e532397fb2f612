"""The pages of the night beside the plain way: papermill's command line, then nbconvert's, one by one.

Run as ``python -m tests.bench.bench_night [--limit N] [--all]``; N pages of each kind of report, by
default three, because the plain way takes seconds a page. Both start cold, on the same published tables,
and end with the same HTML pages; ours makes the PDFs, the home page, the JSON API, the archive and the
check of the finished site besides.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kpi_lib.catalogue import load_settings
from kpi_lib.pipeline.page_request import PageRequest
from kpi_lib.pipeline.pages import domain_jobs
from kpi_lib.pipeline.private import private_jobs
from kpi_lib.pipeline.workspace import Workspace
from kpi_lib.reporting.runner import NotebookJob

ROOT = Path(__file__).parents[2]
SETTINGS = f"""
domains = ["winery", "marketplace"]
targets = "{ROOT / "kpi_lib/domains/targets.json"}"
"""


def kpi(folder: Path, *arguments: str) -> float:
    """Run a command of ``kpi`` in a workspace; return its seconds."""
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "kpi_lib.cli", *arguments, "--settings", str(folder / "kpi.toml")],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - begun


def workspace_in(folder: Path) -> Workspace:
    """Make a workspace with sample sources and published tables."""
    for name in ("notebooks", "reports", "expectations"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "kpi.toml").write_text(SETTINGS, encoding="utf-8")
    kpi(folder, "sample", "--until", str(dt.date(2026, 11, 20)))
    kpi(folder, "build")
    return Workspace(load_settings(folder / "kpi.toml"))


def jobs_of(workspace: Workspace, limit: int | None) -> list[NotebookJob]:
    """Return the notebooks that ``kpi render`` runs."""
    records = (workspace.releases.record() or {})["domains"]
    request = PageRequest(
        domains=tuple((item, records[item.domain]) for item in workspace.catalogues),
        kept=(),
        renderer="embedded",
        only=(),
        limit=limit,
        archive_only=False,
        code_version="",
    )
    warehouse = workspace.profile.path
    jobs = [
        job
        for catalogue, record in request.domains
        for job in domain_jobs(workspace, catalogue, record, warehouse, request)
    ]
    return jobs + private_jobs(workspace, request, warehouse)


def plain(folder: Path, jobs: list[NotebookJob]) -> float:
    """Run and convert the notebooks as their manuals say, one after another; return the seconds."""
    begun = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JUPYTER_PLATFORM_DIRS": "1"}
    for number, job in enumerate(jobs):
        done = folder / f"plain-{number}.ipynb"
        values = [text for name, value in job.parameters.items() for text in ("-r", name, str(value))]
        for command in (
            ["papermill", str(job.notebook), str(done), *values, "--no-progress-bar", "-k", "python3"],
            ["nbconvert", "--to", "html", "--no-input", str(done)],
        ):
            subprocess.run(
                [sys.executable, "-m", *command], cwd=folder, env=environment, check=True, capture_output=True
            )
    return time.perf_counter() - begun


def main(limit: int | None = 3) -> None:
    """Print both, and how many times faster ours is."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        workspace = workspace_in(folder)
        jobs = jobs_of(workspace, limit)
        most = [] if limit is None else ["--limit", str(limit)]
        ours = kpi(folder, "render", "--renderer", "embedded", *most)
        theirs = plain(folder, jobs)
    print(f"{len(jobs)} notebooks of both domains to HTML, cold start; {os.cpu_count()} cores")
    print(f"{'kpi render (and PDFs, home, API, check)':<48}{ours:8.2f} s")
    print(f"{'papermill + nbconvert, one by one':<48}{theirs:8.2f} s {theirs / ours:6.1f} times ours")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=3, help="pages of each report")
    parser.add_argument("--all", action="store_true", help="every page")
    asked = parser.parse_args()
    main(None if asked.all else asked.limit)
