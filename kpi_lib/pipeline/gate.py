"""The gate of a domain: run the suites, keep the results, say them in words."""

from __future__ import annotations

import datetime as dt
from typing import Any

from kpi_lib.catalogue import Catalogue
from kpi_lib.errors import UsageError, WarehouseError
from kpi_lib.operations.run import Run, write_atomic
from kpi_lib.pipeline.build import Span
from kpi_lib.pipeline.gate_history import gate_file, remember
from kpi_lib.pipeline.store import store_of
from kpi_lib.pipeline.workspace import Workspace
from kpi_lib.quality import GateResult, validate
from kpi_lib.warehouse import Warehouse


def run_gate(
    workspace: Workspace, catalogue: Catalogue, warehouse: Warehouse, span: Span, run: Run
) -> GateResult:
    """Validate a staging warehouse; keep the results in the run's folder and in ``ops.dq_results``."""
    gate = _validate(workspace, catalogue, warehouse, span)
    write_atomic(run.folder / gate_file(catalogue.domain), gate.to_json(run.clock()))
    remember(warehouse, run.folder.parent, catalogue.domain, workspace.name)
    return gate


def gate_published(workspace: Workspace, catalogue: Catalogue, as_of: dt.date | None = None) -> GateResult:
    """Validate what is published."""
    record = (workspace.releases.record() or {}).get("domains", {}).get(catalogue.domain)
    if record is None or "as_of" not in record:
        raise WarehouseError(
            f"Nothing of '{catalogue.domain}' is published yet.",
            remedy="Run `kpi nightly` or `make report` first.",
        )
    first, newest = (dt.date.fromisoformat(record[key]) for key in ("first_day", "as_of"))
    wanted = as_of or newest
    if not first <= wanted <= newest:
        raise UsageError(
            f"The as-of date {wanted} is not held.", remedy=f"Choose a date from {first} to {newest}."
        )
    span = Span(first, newest, wanted, dt.date.fromisoformat(record["watermark"]))
    with store_of(workspace).published(catalogue) as warehouse:
        return _validate(workspace, catalogue, warehouse, span)


def _validate(workspace: Workspace, catalogue: Catalogue, warehouse: Warehouse, span: Span) -> GateResult:
    return validate(
        warehouse.query,
        catalogue,
        workspace.expectations(catalogue),
        as_of=span.as_of,
        first_day=span.first_day,
        last_day=span.last_day,
    )


def summary(gate: GateResult) -> dict[str, Any]:
    """Return the counts, and the warnings in words, that the release record and the pages show."""
    return {
        **gate.counts,
        "notes": [f"{item.expected} Found: {item.observed}" for item in gate.failures("warning")],
    }


def words(gate: GateResult) -> str:
    """Return the result as a few words."""
    counts = gate.counts
    text = f"{counts['passed']} of {counts['total']} checks passed"
    if counts["warnings"]:
        text += f", {counts['warnings']} warning{'s' if counts['warnings'] > 1 else ''}"
    if counts["failed_critical"]:
        text += f", {counts['failed_critical']} critical failed"
    return text
