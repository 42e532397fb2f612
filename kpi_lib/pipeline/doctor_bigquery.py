"""``kpi doctor`` for a BigQuery profile: harmless calls of the kind that a night makes."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kpi_lib.catalogue import BigQueryProfile, Catalogue, Source
from kpi_lib.catalogue.profile_checks import layers_of
from kpi_lib.catalogue.profiles import OWN_LAYERS
from kpi_lib.errors import AccessError, DefinitionError, KpiError, WarehouseError
from kpi_lib.pipeline.finding import Finding
from kpi_lib.warehouse.bigquery.names import Place
from kpi_lib.warehouse.bigquery.session import Session
from kpi_lib.warehouse.bigquery.sources import missing_load_record, wrong_columns
from kpi_lib.warehouse.google_client import credentials_in_use, open_client
from kpi_lib.warehouse.google_failures import elsewhere
from kpi_lib.warehouse.joblog import JobLog, human
from kpi_lib.warehouse.jobs import Jobs
from kpi_lib.warehouse.tables import SOURCE_LOAD, declared_types

if TYPE_CHECKING:
    from google.cloud import bigquery

PACKAGES = ("google-cloud-bigquery", "google-cloud-bigquery-storage", "db-dtypes")
#: A person waits for the answer; a night may be more patient.
_PATIENCE_SECONDS = 20.0
_PROBE = "kpi_doctor"


def examine_bigquery(
    profile: BigQueryProfile, name: str, catalogues: Sequence[Catalogue]
) -> Iterator[Finding]:
    """Look at client, credentials, project, datasets and permissions; nothing is written.

    Parameters
    ----------
    profile, name
        The profile and what it is called.
    catalogues
        The domains that would run there.
    """
    yield from _packages()
    try:
        yield Finding("✓", f"credentials: {credentials_in_use(profile, name)}")
        client = open_client(profile, name)
    except KpiError as error:
        yield Finding("✗", str(error), error.exit_code)
        return
    bounds = profile.deadlines
    quick = bounds.model_copy(update={"outage": min(bounds.outage, _PATIENCE_SECONDS)})
    chosen = profile.model_copy(update={"deadlines": quick})
    try:
        yield from _Examination(chosen, name, client).all(catalogues)
    finally:
        client.close()


def _packages() -> Iterator[Finding]:
    for package in PACKAGES:
        try:
            yield Finding("✓", f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            yield Finding("✗", f'{package} is not installed. Run `pip install "kpi-lib[bigquery]"`.', 2)


@dataclass
class _Examination:
    profile: BigQueryProfile
    name: str
    client: bigquery.Client
    bytes: int = 0
    jobs: Jobs = field(init=False)

    def __post_init__(self) -> None:
        log = JobLog.of(self.profile)
        self.jobs = Jobs(self.client, self.profile, self.name, "doctor", log)

    def all(self, catalogues: Sequence[Catalogue]) -> Iterator[Finding]:
        try:
            self.jobs.query("SELECT 1 AS n", step="doctor", guard=False)
        except KpiError as error:
            yield Finding("✗", str(error), error.exit_code)
            return
        yield Finding(
            "✓", f"project {self.profile.project}: reached, jobs can be created in {self.profile.location}"
        )
        try:
            for catalogue in catalogues:
                yield from self._domain(catalogue)
        except WarehouseError as error:
            # Away in the middle: what is left would only wait as long again.
            yield Finding("✗", str(error), error.exit_code)
            return
        if self.bytes:
            yield Finding("·", f"reading every source once is {human(self.bytes)}: docs/runbook-bigquery.md")

    def _domain(self, catalogue: Catalogue) -> Iterator[Finding]:
        for layer, dataset in self.profile.layers(catalogue.domain, layers_of(catalogue)).items():
            found = self._dataset(catalogue.domain, layer, dataset)
            yield found
            if found.mark != "✓":
                continue
            if layer in OWN_LAYERS:
                yield self._writable(dataset)
            for source in catalogue.sources:
                if source.layer == layer:
                    yield self._readable(source, dataset)
            if layer == "raw":
                yield self._loads(dataset)

    def _dataset(self, domain: str, layer: str, dataset: str) -> Finding:
        from google.api_core.exceptions import NotFound

        place = f"{self.profile.project}.{dataset}"
        what = f"dataset {place} ({domain}, {layer})"

        def ask(seconds: float) -> bigquery.Dataset | None:
            try:
                return self.client.get_dataset(place, retry=None, timeout=seconds)
            except NotFound:
                return None

        try:
            found = self.jobs.call(what, ask)
            if found is None and layer in OWN_LAYERS:
                return self._creatable(dataset, what)
            if found is None:
                raise AccessError(
                    "There is no such dataset, or this account may not see it.",
                    where=what,
                    remedy="Look at `project` and `datasets` of the profile, or grant "
                    "roles/bigquery.dataViewer on it.",
                )
            if str(found.location).lower() != self.profile.location.lower():
                raise elsewhere(self.jobs.place, what, place, str(found.location))
        except KpiError as error:
            return _said(error)
        return Finding("✓", f"{what}: found in {found.location}")

    def _creatable(self, dataset: str, what: str) -> Finding:
        place = f"`{self.profile.project}.{dataset}`"
        sql = f"CREATE SCHEMA IF NOT EXISTS {place} OPTIONS (location = '{self.profile.location}')"
        try:
            self.jobs.estimate(sql, step=what)
        except KpiError as error:
            return _said(error)
        return Finding("·", f"{what}: not there yet; the first night makes it")

    def _writable(self, dataset: str) -> Finding:
        place = f"{self.profile.project}.{dataset}"
        try:
            self.jobs.estimate(f"CREATE OR REPLACE TABLE `{place}.{_PROBE}` AS SELECT 1 AS n", step=place)
        except KpiError as error:
            return _said(error)
        return Finding("✓", f"  {dataset}: tables can be created")

    def _readable(self, source: Source, dataset: str) -> Finding:
        place = Place(self.profile.project, dataset, source.name)
        try:
            problems = wrong_columns(Session(self.jobs), place, source)
        except KpiError as error:
            return _said(error)
        if problems:
            return Finding("✗", "\n  ".join(problems), DefinitionError.exit_code)
        found = self._select(dataset, source.name, [column.name for column in source.columns])
        if source.required or found.mark == "✓":
            return found
        return Finding("·", f"{found.what} ({source.name} is optional)")

    def _loads(self, dataset: str) -> Finding:
        """Look at what says how far each source is loaded."""
        place = Place(self.profile.project, dataset, SOURCE_LOAD.partition(".")[2])
        try:
            if Session(self.jobs).table(place, place.table) is None:
                raise missing_load_record(place)
        except KpiError as error:
            return _said(error)
        columns = [column for column in declared_types(SOURCE_LOAD) if column != "row_count"]
        return self._select(dataset, place.table, columns)

    def _select(self, dataset: str, table: str, columns: Sequence[str]) -> Finding:
        """Ask for the price of reading declared columns: that needs the permission that reading needs."""
        place = f"{self.profile.project}.{dataset}.{table}"
        listed = ", ".join(f"`{name}`" for name in columns)
        try:
            size = self.jobs.estimate(f"SELECT {listed} FROM `{place}`", step=place)  # noqa: S608
        except KpiError as error:
            return _said(error)
        self.bytes += size
        return Finding("✓", f"  {dataset}.{table}: {len(columns)} columns can be read, {human(size)}")


def _said(error: KpiError) -> Finding:
    if isinstance(error, WarehouseError):
        raise error
    return Finding("✗", str(error), error.exit_code)
