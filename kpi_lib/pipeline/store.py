"""Where a run keeps its tables: the same questions to a DuckDB file and to BigQuery."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from kpi_lib.catalogue import Catalogue, DuckDBProfile
from kpi_lib.errors import AccessError, DataError, DefinitionError, FrameError
from kpi_lib.operations.release import WAREHOUSE
from kpi_lib.operations.run import Run
from kpi_lib.pipeline.kpi_tables import Days, InMemory, KpiTables
from kpi_lib.pipeline.workspace import Workspace
from kpi_lib.warehouse import DuckDBWarehouse, Warehouse, fingerprint, load_sources
from kpi_lib.warehouse.ledger import source_days
from kpi_lib.warehouse.tables import physical_layers

#: What one domain's data, definitions or datasets may raise without stopping the others.
DOMAIN_ERRORS = (AccessError, DataError, DefinitionError, FrameError)


@dataclass(frozen=True)
class Loaded:
    """What a run found in a domain's sources.

    Parameters
    ----------
    loads
        How far each source is loaded: ``raw.source_load``.
    days_before, days
        Rows by source and business date, as they were at the last publication and as they are.
    """

    loads: pd.DataFrame
    days_before: pd.DataFrame
    days: pd.DataFrame


class Bench(Protocol):
    """Where one run writes, until it publishes."""

    def domain(self, catalogue: Catalogue, *, several: bool) -> AbstractContextManager[Warehouse]:
        """Open a domain's tables for building.

        Where the block ends with an error of the data or the definitions and ``several`` domains are built,
        the domain's tables are what they were before.
        """
        ...

    def load(self, warehouse: Warehouse, catalogue: Catalogue) -> Loaded:
        """Check the sources, and take them in where they are not there yet."""
        ...

    def kpi_tables(self, warehouse: Warehouse, catalogue: Catalogue, loaded: Days) -> KpiTables:
        """Choose where facts and roll-ups of these days are computed."""
        ...

    def finish(self, warehouse: Warehouse, catalogue: Catalogue, as_of: dt.date) -> None:
        """Make ready, in the release's file, what the reports of a domain that passed read."""
        ...

    def reopen(self, catalogue: Catalogue) -> AbstractContextManager[Warehouse]:
        """Open a domain's tables again after its pages were made."""
        ...

    def publish(self, record: Mapping[str, Any], domains: Mapping[str, Mapping[str, Any]]) -> None:
        """Publish the tables of these domains (name → record)."""
        ...

    def account(self) -> dict[str, Any]:
        """Return what the run used, for its record."""
        ...

    def discard(self) -> None:
        """Remove what was written aside."""
        ...


class Store(Protocol):
    """The tables of a profile."""

    def fingerprint(self, catalogue: Catalogue) -> str:
        """Return a hash of a domain's sources as they are now."""
        ...

    def agrees(self, record: Mapping[str, Any]) -> bool:
        """Whether the tables that readers see are those of this release."""
        ...

    def remembered(self) -> dict[str, Any]:
        """Return the record of what is published where the release itself is not at hand; else nothing."""
        ...

    def published(self, catalogue: Catalogue) -> AbstractContextManager[Warehouse]:
        """Open what is published of a domain for reading."""
        ...

    def begin(self, run: Run, staged: Path) -> Bench:
        """Begin a run that stages its release in a folder."""
        ...


def store_of(workspace: Workspace) -> Store:
    """Return the store of a workspace's profile."""
    profile = workspace.profile
    if isinstance(profile, DuckDBProfile):
        return DuckDBStore(workspace, profile)
    from kpi_lib.pipeline.store_bigquery import BigQueryStore

    return BigQueryStore(workspace, profile)


@dataclass(frozen=True)
class DuckDBStore:
    """One file, which is a part of the release: staging and publishing are the release's."""

    workspace: Workspace
    profile: DuckDBProfile

    def fingerprint(self, catalogue: Catalogue) -> str:
        """Return a hash of the landing files."""
        return fingerprint(self.workspace.landing(catalogue), catalogue)

    def agrees(self, record: Mapping[str, Any]) -> bool:
        """Return True: tables and pages are switched together."""
        del record
        return True

    def remembered(self) -> dict[str, Any]:
        """Return nothing: without its release there is no warehouse either."""
        return {}

    def published(self, catalogue: Catalogue) -> AbstractContextManager[Warehouse]:
        """Open the published file."""
        return DuckDBWarehouse.open(self.profile.path, physical_layers(catalogue), read_only=True)

    def begin(self, run: Run, staged: Path) -> Bench:
        """Begin in a folder that holds a copy of the published file."""
        del run
        return DuckDBBench(self.workspace, staged)


@dataclass(frozen=True)
class DuckDBBench:
    """The copy of the warehouse file in the staging folder."""

    workspace: Workspace
    staged: Path

    @contextmanager
    def domain(self, catalogue: Catalogue, *, several: bool) -> Iterator[Warehouse]:
        """Open the file; the copy from before is put back where the domain fails."""
        file = self.staged / WAREHOUSE
        before = self.staged / f"before-{WAREHOUSE}"
        if several and file.is_file():
            shutil.copyfile(file, before)
        try:
            with self.reopen(catalogue) as warehouse:
                yield warehouse
        except DOMAIN_ERRORS:
            if several:
                # The other domains go on, and this one keeps the tables it had.
                file.unlink(missing_ok=True)
                if before.is_file():
                    before.replace(file)
            raise
        finally:
            before.unlink(missing_ok=True)

    def load(self, warehouse: Warehouse, catalogue: Catalogue) -> Loaded:
        """Read the landing files into the source tables."""
        before = source_days(warehouse, catalogue)
        if not isinstance(warehouse, DuckDBWarehouse):
            raise TypeError("landing files are loaded into the embedded warehouse")
        loads = load_sources(warehouse, catalogue, self.workspace.landing(catalogue))
        return Loaded(loads, before, source_days(warehouse, catalogue))

    def kpi_tables(self, warehouse: Warehouse, catalogue: Catalogue, loaded: Days) -> KpiTables:
        """Compute in memory: the file is here."""
        return InMemory(warehouse, catalogue, loaded)

    def finish(self, warehouse: Warehouse, catalogue: Catalogue, as_of: dt.date) -> None:
        """Do nothing: the release's file is what was built."""

    def reopen(self, catalogue: Catalogue) -> AbstractContextManager[Warehouse]:
        """Open the staged file."""
        return DuckDBWarehouse.open(self.staged / WAREHOUSE, physical_layers(catalogue))

    def publish(self, record: Mapping[str, Any], domains: Mapping[str, Mapping[str, Any]]) -> None:
        """Do nothing: the release's switch publishes the file."""

    def account(self) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def discard(self) -> None:
        """Do nothing: the file goes with the staging folder."""
