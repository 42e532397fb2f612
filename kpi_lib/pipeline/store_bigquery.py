"""A BigQuery profile's tables: staged beside what is published, pulled once for the pages."""

from __future__ import annotations

import datetime as dt
import hashlib
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from kpi_lib.catalogue import BigQueryProfile, Catalogue
from kpi_lib.catalogue.profile_checks import check_profile
from kpi_lib.errors import DefinitionError, UsageError
from kpi_lib.operations.release import WAREHOUSE
from kpi_lib.operations.run import Run, Step
from kpi_lib.pipeline.kpi_tables import Days, InWarehouse, KpiTables
from kpi_lib.pipeline.store import DOMAIN_ERRORS, Loaded, put_back
from kpi_lib.pipeline.workspace import Workspace
from kpi_lib.reporting.data import first_shown_day
from kpi_lib.warehouse import DuckDBWarehouse, Warehouse
from kpi_lib.warehouse.bigquery.extract import extract
from kpi_lib.warehouse.bigquery.occupied import refuse_occupied
from kpi_lib.warehouse.bigquery.open import open_published, open_staging, places_of
from kpi_lib.warehouse.bigquery.publish import last_run, publish
from kpi_lib.warehouse.bigquery.session import Session
from kpi_lib.warehouse.bigquery.sources import SOURCE_DAY, read_sources, state_of_sources
from kpi_lib.warehouse.bigquery.staging import owner_name
from kpi_lib.warehouse.bigquery.tidy import clean_up, drop, make_datasets
from kpi_lib.warehouse.bigquery.warehouse import BigQueryWarehouse
from kpi_lib.warehouse.ledger import NO_DAYS, source_days
from kpi_lib.warehouse.tables import physical_layers


@dataclass(frozen=True)
class BigQueryStore:
    """The datasets of a profile."""

    workspace: Workspace
    profile: BigQueryProfile

    def __post_init__(self) -> None:
        """Refuse a profile that would write what another profile, another domain or a source holds."""
        workspace = self.workspace
        found = check_profile(workspace.settings, workspace.name, workspace.catalogues)
        problems = [str(item) for item in found if item.severity == "error"]
        if problems:
            raise DefinitionError(
                f"Profile '{workspace.name}' cannot be used:\n  " + "\n  ".join(problems), issues=problems
            )

    @cached_property
    def session(self) -> Session:
        """Questions outside of a run."""
        return Session.open(self.profile, self.workspace.name)

    def fingerprint(self, catalogue: Catalogue) -> str:
        """Return a hash of what BigQuery says about the sources."""
        return state_of_sources(self._reader(catalogue), catalogue)

    def agrees(self, record: Mapping[str, Any]) -> bool:
        """Whether each domain's tables were published by the run that its record names."""
        held = record.get("domains", {})
        try:
            return all(
                last_run(self._reader(item))[0] == held.get(item.domain, {}).get("published_by", "")
                for item in self.workspace.catalogues
            )
        except DOMAIN_ERRORS:
            # A domain that cannot be looked at is no reason to believe that nothing changed.
            return False

    def remembered(self) -> dict[str, Any]:
        """Return what the domains' own records in BigQuery say."""
        domains = {}
        for item in self.workspace.catalogues:
            # Of a domain that cannot be looked at nothing is known yet; its own build says what is wrong.
            with suppress(*DOMAIN_ERRORS):
                domains[item.domain] = last_run(self._reader(item))[1]
        domains = {name: record for name, record in domains.items() if record}
        return {"domains": domains, "kind": "tables"} if domains else {}

    def published(self, catalogue: Catalogue) -> BigQueryWarehouse:
        """Open what is published, over a connection of its own."""
        return open_published(self.profile, self.workspace.name, catalogue)

    def begin(self, run: Run, staged: Path) -> BigQueryBench:
        """Begin a run."""
        session = Session.open(self.profile, self.workspace.name, run.run_id)
        bench = BigQueryBench(self.workspace, self.profile, session, run, staged)
        before = run.on_step

        def told(step: Step) -> None:
            session.step, session.jobs.domain = step.name, step.domain
            before(step)

        run.on_step = told
        return bench

    def _reader(self, catalogue: Catalogue) -> BigQueryWarehouse:
        return BigQueryWarehouse(self.session, places_of(self.profile, catalogue))


@dataclass
class BigQueryBench:
    """The staging datasets of a profile, as one run uses them."""

    workspace: Workspace
    profile: BigQueryProfile
    session: Session
    run: Run
    staged: Path
    open: dict[str, BigQueryWarehouse] = field(default_factory=dict)
    expected: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def domain(self, catalogue: Catalogue, *, several: bool) -> Iterator[Warehouse]:
        """Open a staging place over what is published; a domain that fails is forgotten.

        Our datasets are made where they are missing, and what dead runs left is removed.
        """
        del several
        make_datasets(self.session, [catalogue.domain])
        clean_up(self.session, [catalogue.domain], machine(self.workspace), self.run.clock())
        owner = owner_name(self.run.run_id, machine(self.workspace))
        warehouse = open_staging(self.session, catalogue, owner)
        refuse_occupied(warehouse, catalogue)
        self.expected[catalogue.domain] = last_run(warehouse)[0]
        try:
            yield warehouse
        except (*DOMAIN_ERRORS, UsageError):
            drop(warehouse)
            raise
        self.open[catalogue.domain] = warehouse

    def load(self, warehouse: Warehouse, catalogue: Catalogue) -> Loaded:
        """Check the sources where they lie, and note how many rows each day has."""
        place = _ours(warehouse)
        before = place.query(f"SELECT * FROM {SOURCE_DAY}") if place.exists(SOURCE_DAY) else NO_DAYS  # noqa: S608
        loads = read_sources(place, catalogue)
        days = source_days(place, catalogue)
        place.replace(SOURCE_DAY, days)
        return Loaded(loads, before, days)

    def kpi_tables(self, warehouse: Warehouse, catalogue: Catalogue, loaded: Days) -> KpiTables:
        """Compute facts where they lie, and the roll-ups where the profile says."""
        return InWarehouse(warehouse, catalogue, loaded, self.profile.compute)

    def finish(self, warehouse: Warehouse, catalogue: Catalogue, as_of: dt.date) -> None:
        """Pull what the reports show into the release's file, all of it or nothing."""
        file = self.staged / WAREHOUSE
        with (
            self.run.step("pull", catalogue.domain) as step,
            put_back(file),
            DuckDBWarehouse.open(file, physical_layers(catalogue)) as target,
        ):
            step.rows = extract(_ours(warehouse), catalogue, as_of, first_shown_day(as_of), target)

    @contextmanager
    def reopen(self, catalogue: Catalogue) -> Iterator[Warehouse]:
        """Return to a domain that passed."""
        yield self.open[catalogue.domain]

    def publish(self, record: Mapping[str, Any], domains: Mapping[str, Mapping[str, Any]]) -> None:
        """Publish the staged tables of these domains in one transaction."""
        chosen = {name: self.open[name] for name in domains if name in self.open}
        if chosen:
            publish(
                chosen,
                {name: self.expected[name] for name in chosen},
                domains,
                str(record["run_id"]),
            )

    def account(self) -> dict[str, Any]:
        """Return the jobs and bytes of the run."""
        return {"bigquery": self.session.jobs.log.as_dict()}

    def discard(self) -> None:
        """Drop the staged tables and close the connection."""
        for warehouse in self.open.values():
            drop(warehouse)
        self.session.close()


def machine(workspace: Workspace) -> str:
    """Return where a run works: two output folders on one machine do not wait for each other's lock."""
    folder = hashlib.sha256(str(workspace.output.resolve()).encode()).hexdigest()[:8]
    return f"{platform.node()}_{folder}"


def _ours(warehouse: Warehouse) -> BigQueryWarehouse:
    if not isinstance(warehouse, BigQueryWarehouse):
        raise TypeError("this domain is not in BigQuery")
    return warehouse
