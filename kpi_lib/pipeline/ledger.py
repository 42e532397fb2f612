"""The ledger's part of a night: what is about to be published, noted where it is published from."""

from __future__ import annotations

import hashlib
from pathlib import Path

from kpi_lib.catalogue import Catalogue
from kpi_lib.operations.run import Run
from kpi_lib.pipeline.build import Built
from kpi_lib.pipeline.workspace import PACKAGE
from kpi_lib.warehouse import Warehouse
from kpi_lib.warehouse.ledger import Publication, write_ledger
from kpi_lib.warehouse.ledger_tables import SNAPSHOT

_COMPUTING = ("periods", "compute", "warehouse/mends*.py", "warehouse/dialect.py")


def record_publication(warehouse: Warehouse, catalogue: Catalogue, built: Built, run: Run) -> None:
    """Add what this run publishes of a domain to its ledger, as a step of the run."""
    with run.step("ledger", catalogue.domain) as step:
        publication = Publication(run.run_id, run.clock(), built.span.as_of, computing_code(), built.since)
        added = write_ledger(warehouse, catalogue, publication)
        step.rows = {SNAPSHOT: added}


def computing_code() -> str:
    """Return a fingerprint of the code that turns sources into numbers; pages and styles do not count."""
    files = [file for place in _COMPUTING for file in _files(place)]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _files(place: str) -> list[Path]:
    folder = PACKAGE / place
    return list(folder.rglob("*.py")) if folder.is_dir() else list(PACKAGE.glob(place))
