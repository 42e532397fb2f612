"""The static JSON API: the same numbers as the pages, for programs."""

from __future__ import annotations

import datetime as dt
import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.errors import ReportError
from kpi_lib.reporting.api_kpi import kpi_documents, kpi_entry
from kpi_lib.reporting.board import Board
from kpi_lib.reporting.context import SiteContext
from kpi_lib.reporting.data import ReportData
from kpi_lib.reporting.html import TEMPLATES, write_text

VERSION = 1
FOLDER = "api/v1"


def write_api(
    site: Path,
    domains: Sequence[tuple[Catalogue, pd.DataFrame]],
    context: SiteContext,
    boards: Sequence[Board] = (),
    reports: Sequence[ReportData] = (),
) -> list[Path]:
    """Write ``api/v1``: index, kpis, dashboard, scorecard, a file a KPI, and their JSON Schemas.

    What was there is taken away first, so that no file of a KPI that is gone stays.

    Parameters
    ----------
    site
        The site's root folder.
    domains
        Each domain with rows of ``agg_kpi_dashboard``: ``as_of_date, kpi_id, entity_id, payload``;
        those of the newest date are written.
    context
        The run.
    boards
        The company scorecards; a person's is refused.
    reports
        The daily values of the domains that have KPIs.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ReportError
        When a payload is not JSON or holds a number that is not finite.
    """
    folder = site / FOLDER
    head = {
        "schema_version": VERSION,
        "run_id": context.run_id,
        "built_at": context.built_at.isoformat(timespec="seconds"),
    }
    rows = [row for catalogue, frame in domains for row in _dashboard(catalogue, frame)]
    documents = {
        "index": {**head, **_index(domains, context)},
        "kpis": {
            **head,
            "kpis": [kpi_entry(catalogue, kpi) for catalogue, _ in domains for kpi in catalogue.kpis],
        },
        "dashboard": {**head, "rows": rows},
        "scorecard": {**head, "rows": [row for board in boards for row in _scorecard(board)]},
    }
    texts = {name: _json(value, name) for name, value in documents.items()}
    daily = {report.catalogue.domain: report for report in reports}
    for code, value in kpi_documents([catalogue for catalogue, _ in domains], rows, daily).items():
        texts[f"kpis/{code}"] = _json({**head, **value}, f"kpis/{code}")
    if folder.is_dir():
        shutil.rmtree(folder)
    made = [write_text(folder / f"{name}.json", text) for name, text in texts.items()]
    (folder / "schema").mkdir(parents=True, exist_ok=True)
    for name in (*documents, "kpi"):
        file = f"{name}.schema.json"
        shutil.copyfile(TEMPLATES / "api" / file, folder / "schema" / file)
        made.append(folder / "schema" / file)
    return made


def _scorecard(board: Board) -> list[dict[str, Any]]:
    """Return the company's rows: nothing of a person leaves by the API."""
    if board.person or any(item.metric.personal for item in board.standings):
        raise ReportError("A person's metrics do not belong into the API.", where=board.catalogue.domain)
    return [
        {
            "domain": board.catalogue.domain,
            "metric_key": item.metric.key,
            "label": item.metric.label,
            "metric_value": item.value,
            "metric_format": item.metric.format,
            "department": item.metric.department,
            "fiscal_year": board.fiscal_year,
            "as_of": board.as_of.isoformat(),
            "prior_value": item.prior,
            "prior_as_of": item.prior_day.isoformat() if item.prior_day else None,
            "target": item.pace.target.target if item.pace else None,
            "expected": item.pace.expected if item.pace else None,
            "status": item.pace.status if item.pace else None,
        }
        for item in board.standings
    ]


def _index(domains: Sequence[tuple[Catalogue, pd.DataFrame]], context: SiteContext) -> dict[str, Any]:
    return {
        "title": context.title,
        "as_of": context.as_of.isoformat(),
        "watermark": context.watermark.isoformat() if context.watermark else None,
        "code_version": context.code_version,
        "renderer": context.renderer,
        "gate": {
            "passed": context.gate.passed,
            "total": context.gate.total,
            "warnings": context.gate.warnings,
            "failed_critical": context.gate.failed_critical,
        },
        "domains": [
            {
                "domain": catalogue.domain,
                "title": catalogue.title,
                "currency": catalogue.currency,
                "as_of": _newest(frame),
                "windows": [window.name for window in catalogue.windows],
                "entities": [
                    {"entity": entity.code, "name": entity.name, "type": entity.type, "parent": entity.parent}
                    for entity in catalogue.entities
                ],
            }
            for catalogue, frame in domains
        ],
        "files": {
            **{name: f"{name}.json" for name in ("kpis", "dashboard", "scorecard")},
            "kpi": "kpis/{kpi}.json",
        },
    }


def _dashboard(catalogue: Catalogue, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the newest date's rows; the payload exactly as the table has it."""
    if frame.empty:
        return []
    newest = frame[frame["as_of_date"] == frame["as_of_date"].max()].sort_values(["entity_id", "kpi_id"])
    rows = []
    for kpi_id, entity_id, payload in zip(
        newest["kpi_id"].tolist(), newest["entity_id"].tolist(), newest["payload"].tolist(), strict=True
    ):
        kpi, entity = catalogue.kpi(kpi_id), catalogue.entity(entity_id)
        where = f"agg_kpi_dashboard, {kpi.code}, {entity.code}"
        rows.append(
            {"domain": catalogue.domain, "kpi": kpi.code, "entity": entity.code, **_payload(payload, where)}
        )
    return rows


def _payload(text: str, where: str) -> dict[str, Any]:
    try:
        return dict(json.loads(text, parse_constant=_not_finite))
    except (TypeError, ValueError) as error:
        raise ReportError(f"The payload is not plain JSON: {error}.", where=where) from error


def _not_finite(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _newest(frame: pd.DataFrame) -> str | None:
    if frame.empty:
        return None
    newest = frame["as_of_date"].max()
    return newest.date().isoformat() if isinstance(newest, dt.datetime) else str(newest)


def _json(value: Any, name: str) -> str:
    _finite(value, name)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"


def _finite(value: Any, where: str) -> None:
    """Refuse numbers that overflowed on reading: JSON's ``1e999`` is no number either."""
    if isinstance(value, dict):
        for key, item in value.items():
            _finite(item, f"{where}.{key}")
    elif isinstance(value, list):
        for item in value:
            _finite(item, where)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ReportError("A value is not a finite number.", where=where)
