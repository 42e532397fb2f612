"""Tiny notebooks, runs and contexts for the tests of running and rendering."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from kpi_lib.reporting.context import GateSummary, NavItem, SiteContext
from kpi_lib.reporting.runner import NotebookJob, NotebookResult

PARAMETERS = 'domain = "winery"\nas_of = ""\nlimit = 3\nshare = 0.5\nopen_only = False'
DONE = "from kpi_lib.reporting.context import COMPLETION_TOKEN\nprint(COMPLETION_TOKEN)"
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 90" width="400" height="90" role="img" '
    'aria-label="Revenue by day"><rect x="1" y="1" width="300" height="50" fill="#7a1f3d"></rect>'
    '<text x="10" y="80" font-family="Inter" font-size="12">20 Nov</text></svg>'
)
TABLE = (
    "## The numbers\n\n| KPI | 1–20 Nov 2026 | vs 2025 |\n|:---|---:|---:|\n"
    "| Total \\$ & \\# \\<b\\> | \\$412,380 | ▲ 8.3 % |\n| Visitors | 2,204 | ▲ 4.4 % |\n"
)


def write_notebook(path: Path, *cells: str, parameters: str | None = PARAMETERS, done: bool = True) -> Path:
    """Write a notebook of code cells, with a parameters cell first and the completion token last."""
    first = [new_code_cell(parameters, metadata={"tags": ["parameters"]})] if parameters is not None else []
    last = [new_code_cell(DONE)] if done else []
    notebook = new_notebook(cells=[*first, *(new_code_cell(cell) for cell in cells), *last])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(notebook), encoding="utf-8")
    return path


def rich(**data: Any) -> Any:
    """An output; ``text_html="…"`` becomes ``text/html``, ``svg`` and ``png`` the images."""
    names = {"svg": "image/svg+xml", "png": "image/png"}
    return new_output(
        "display_data", {names.get(key, key.replace("_", "/")): value for key, value in data.items()}
    )


def executed(path: Path, *outputs: Any, text: str = "") -> Path:
    """Write a notebook as it looks after a run."""
    cells = [
        new_code_cell(
            "SECRET_PARAMETER = 1", metadata={"tags": ["injected-parameters", "remove-cell"]}, outputs=[]
        ),
        *([new_markdown_cell(text)] if text else []),
        *(new_code_cell("code nobody sees", outputs=[output]) for output in outputs),
        new_code_cell("kpi.complete()", outputs=[rich(text_plain="kpi-complete")]),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(new_notebook(cells=cells)), encoding="utf-8")
    return path


def result_of(path: Path, page: str = "winery/daily.html", title: str = "Daily KPIs") -> NotebookResult:
    """A good result for an executed notebook."""
    return NotebookResult(NotebookJob("daily", page, path, {}, title), path, True, None, 0.1)


def context(**changes: Any) -> SiteContext:
    """A run that went well, changed as asked."""
    values: dict[str, Any] = {
        "title": "Larkspur Ridge",
        "as_of": dt.date(2026, 11, 20),
        "watermark": dt.date(2026, 11, 20),
        "run_id": "20261121T080400Z-8c1f",
        "code_version": "3fa9e21",
        "gate": GateSummary(148, 148),
        "renderer": "embedded",
        "built_at": dt.datetime(2026, 11, 21, 8, 4, tzinfo=dt.UTC),
        "cache": Path(__file__).parents[1] / "build" / "cache",
        "nav": (NavItem("Daily", "winery/daily.html"), NavItem("KPIs", "winery/kpi/index.html")),
    }
    return SiteContext(**{**values, **changes})
