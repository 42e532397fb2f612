"""Jobs in BigQuery: each with an id of its own making, labels, limits, and counted."""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib
import io
import json
import numbers
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kpi_lib.catalogue.profiles import BigQueryProfile
from kpi_lib.errors import DefinitionError
from kpi_lib.warehouse.bigquery.client import make_client, make_storage_client
from kpi_lib.warehouse.bigquery.names import Place

if TYPE_CHECKING:
    from google.cloud import bigquery

_Answer = TypeVar("_Answer")
#: Results with more rows than this come by the Storage API where it is to be had.
LARGE = 10_000
_LABEL = re.compile(r"[^a-z0-9_-]")


@dataclass
class Account:
    """What was asked of BigQuery: jobs by kind, and the bytes they read and were billed for."""

    queries: int = 0
    loads: int = 0
    bytes_processed: int = 0
    bytes_billed: int = 0

    @property
    def jobs(self) -> int:
        """All jobs."""
        return self.queries + self.loads


@dataclass
class Jobs:
    """The jobs of one run.

    Parameters
    ----------
    profile
        Project, location, limits, labels.
    client
        The official client.
    run_id
        The run; without one (a reader's questions) job ids are BigQuery's own.
    """

    profile: BigQueryProfile
    client: bigquery.Client
    run_id: str = ""
    account: Account = field(default_factory=Account)
    labels: dict[str, str] = field(default_factory=dict)
    _number: int = 0
    _storage: Any = None

    @classmethod
    def open(cls, profile: BigQueryProfile, run_id: str = "") -> Jobs:
        """Return the jobs of a run over a client of its own."""
        return cls(profile, make_client(profile), run_id)

    def close(self) -> None:
        """Give the connections back."""
        self.client.close()

    def label(self, **labels: str) -> None:
        """Set labels that the following jobs carry, beside the profile's and the run's."""
        self.labels.update({key: _LABEL.sub("-", value.lower())[:63] for key, value in labels.items()})

    def query(
        self,
        sql: str,
        doing: str,
        params: Mapping[str, object] | None = None,
        destination: Place | None = None,
        **options: Any,
    ) -> bigquery.QueryJob:
        """Run a query or a script to its end.

        Parameters
        ----------
        sql
            GoogleSQL with physical names.
        doing
            The table or step, for messages and the job's id.
        params
            Its named parameters; dates as dates, instants as aware datetimes.
        destination
            The table that shall hold its rows, replaced.
        options
            Further fields of the job's configuration.
        """
        from google.cloud import bigquery

        config = bigquery.QueryJobConfig(
            labels=self._labels(),
            maximum_bytes_billed=int(self.profile.maximum_bytes_billed),
            query_parameters=[parameter(name, value) for name, value in (params or {}).items()],
            use_legacy_sql=False,
            **options,
        )
        if destination is not None:
            config.destination = destination.path
            config.write_disposition = "WRITE_TRUNCATE"
        config.job_timeout_ms = int(self.profile.deadlines.query * 1000)
        job_id = self._id(doing, sql, repr(sorted((params or {}).items(), key=str)), str(destination))
        self.account.queries += 1

        def start() -> bigquery.QueryJob:
            return self.client.query(
                sql,
                job_config=config,
                job_id=job_id,
                retry=None,
                job_retry=None,
                timeout=self.profile.deadlines.request,
            )

        return self._finish(start, job_id, doing)

    def load(self, rows: pa.Table, place: Place, doing: str, **options: Any) -> None:
        """Replace a table by an Arrow table, by one load job from Parquet with an explicit schema."""
        from google.cloud import bigquery

        config = bigquery.LoadJobConfig(
            source_format="PARQUET",
            schema=schema(rows.schema),
            write_disposition="WRITE_TRUNCATE",
            labels=self._labels(),
            **options,
        )
        config.job_timeout_ms = int(self.profile.deadlines.query * 1000)
        buffer = io.BytesIO()
        pq.write_table(rows, buffer, compression="zstd")
        job_id = self._id(doing, hashlib.sha256(buffer.getbuffer()).hexdigest(), place.path)
        self.account.loads += 1

        def start() -> bigquery.LoadJob:
            buffer.seek(0)
            return self.client.load_table_from_file(
                buffer,
                place.path,
                job_config=config,
                job_id=job_id,
                num_retries=0,
                timeout=self.profile.deadlines.request,
            )

        self._finish(start, job_id, doing)

    def rows(self, job: bigquery.QueryJob, doing: str) -> pa.Table:
        """Return the rows of a query's result."""
        iterator = self.call(lambda: job.result(retry=None, timeout=self.profile.deadlines.query), doing)
        return self.arrow(iterator, doing)

    def arrow(self, iterator: Any, doing: str) -> pa.Table:
        """Return the rows that an iterator gives; large results by the Storage API."""
        large = (iterator.total_rows or 0) > LARGE
        if large and self._storage is None:
            self._storage = make_storage_client(self.client)
        return self.call(
            lambda: iterator.to_arrow(
                bqstorage_client=self._storage if large else None, create_bqstorage_client=False
            ),
            doing,
        )

    def call(self, ask: Callable[[], _Answer], doing: str) -> _Answer:
        """Ask the client something, with what this project says about trying again."""
        del doing
        return ask()

    def _finish(self, start: Callable[[], Any], job_id: str | None, doing: str) -> Any:
        from google.api_core.exceptions import Conflict

        def run() -> Any:
            try:
                return start()
            except Conflict:
                if job_id is None:
                    raise
                # An earlier try was accepted and its answer lost: the job is there, so take that one.
                return self.client.get_job(
                    job_id, location=self.profile.location, timeout=self.profile.deadlines.request
                )

        job = self.call(run, doing)
        self.call(lambda: job.result(retry=None, timeout=self.profile.deadlines.query), doing)
        self.account.bytes_processed += int(getattr(job, "total_bytes_processed", 0) or 0)
        self.account.bytes_billed += int(getattr(job, "total_bytes_billed", 0) or 0)
        return job

    def _labels(self) -> dict[str, str]:
        run = {"run": _LABEL.sub("-", self.run_id.lower())} if self.run_id else {}
        return {**self.profile.labels, **run, **self.labels}

    def _id(self, doing: str, *content: str) -> str | None:
        """Return the id of the run's next job: its number, and a hash of what it does.

        A second run of the same name that does something else gets other ids.
        """
        if not self.run_id:
            return None
        self._number += 1
        digest = hashlib.sha256(json.dumps([doing, *content]).encode()).hexdigest()[:12]
        return f"kpi-{self.run_id}-{self._number:04d}-{re.sub(r'[^A-Za-z0-9_-]+', '-', doing)[:60]}-{digest}"


def schema(arrow: pa.Schema) -> Sequence[bigquery.SchemaField]:
    """Return BigQuery's schema of an Arrow schema of our types."""
    from google.cloud.bigquery import SchemaField

    from kpi_lib.warehouse.types import ARROW_TYPES

    names = {kind: name for name, kind in ARROW_TYPES.items()}
    return [SchemaField(item.name, names[item.type]) for item in arrow]


def parameter(name: str, value: object) -> bigquery.ScalarQueryParameter:
    """Return a named parameter of the type that a Python value stands for.

    Raises
    ------
    DefinitionError
        When the value stands for none.
    """
    from google.cloud.bigquery import ScalarQueryParameter

    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime()
    if isinstance(value, dt.datetime) and value.tzinfo is None and value.time() == dt.time():
        value = value.date()
    if isinstance(value, dt.datetime):
        return ScalarQueryParameter(name, "TIMESTAMP" if value.tzinfo else "DATETIME", value)
    kinds: tuple[tuple[type, str, Callable[[Any], Any]], ...] = (
        (bool, "BOOL", bool),
        (dt.date, "DATE", lambda day: day),
        (str, "STRING", str),
        (decimal.Decimal, "NUMERIC", lambda number: number),
        (numbers.Integral, "INT64", int),
        (numbers.Real, "FLOAT64", float),
    )
    for kind, called, plain in kinds:
        if isinstance(value, kind):
            return ScalarQueryParameter(name, called, plain(value))
    raise DefinitionError(
        f"A {type(value).__name__} cannot be passed as @{name}.", where="SQL",
        remedy="Pass a number, a text, a date, an instant or true/false.",
    )  # fmt: skip
