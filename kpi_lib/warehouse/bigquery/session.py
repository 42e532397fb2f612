"""A connection to BigQuery as one run, or one reader, uses it: queries, loads, results."""

from __future__ import annotations

import datetime as dt
import decimal
import io
import numbers
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kpi_lib.catalogue.profiles import BigQueryProfile
from kpi_lib.errors import DefinitionError
from kpi_lib.warehouse.bigquery.names import Place
from kpi_lib.warehouse.google_client import emulator, open_client
from kpi_lib.warehouse.joblog import JobLog
from kpi_lib.warehouse.jobs import Jobs
from kpi_lib.warehouse.patience import Listener
from kpi_lib.warehouse.types import ARROW_TYPES

if TYPE_CHECKING:
    from google.cloud import bigquery, bigquery_storage_v1

#: Results with more rows than this come by the Storage API where it is to be had.
LARGE = 10_000
#: Where an emulator serves the Storage Read API; without it results come by REST.
STORAGE_EMULATOR = "BIGQUERY_STORAGE_EMULATOR_HOST"


@dataclass
class Session:
    """The jobs of one run or reader.

    Parameters
    ----------
    jobs
        Sends, prices and writes down every job.
    step
        The step at work, for labels; the domain is the jobs' own.
    """

    jobs: Jobs
    step: str = ""
    _storage: bigquery_storage_v1.BigQueryReadClient | None = None

    @classmethod
    def open(
        cls, profile: BigQueryProfile, name: str, run_id: str = "reader", listener: Listener | None = None
    ) -> Session:
        """Return a session of a profile, called ``name``; nothing is sent yet."""
        client = open_client(profile, name)
        return cls(Jobs(client, profile, name, run_id, JobLog.of(profile), listener=listener))

    @property
    def client(self) -> bigquery.Client:
        """The official client."""
        return self.jobs.client

    @property
    def profile(self) -> BigQueryProfile:
        """Project, location and limits."""
        return self.jobs.profile

    def close(self) -> None:
        """Give the connections back."""
        self.client.close()

    def call(self, doing: str, ask: Callable[[float], Any]) -> Any:
        """Return what a call of the client returns, tried again while that may help."""
        return self.jobs.call(doing, ask)

    def query(
        self,
        sql: str,
        doing: str,
        params: Mapping[str, object] | None = None,
        destination: Place | None = None,
        *,
        guard: bool = False,
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
        guard
            Whether its bytes are asked for first; without, the limit of the profile holds it.
        """
        options: dict[str, Any] = {"use_legacy_sql": False}
        if destination is not None:
            options |= {"destination": destination.path, "write_disposition": "WRITE_TRUNCATE"}
        given = [parameter(name, value) for name, value in sorted((params or {}).items())]
        return self.jobs.query(sql, given, step=self._named(doing), guard=guard, **options)

    def load(self, rows: pa.Table, place: Place, doing: str) -> None:
        """Replace a table by an Arrow table, by one load job from Parquet with an explicit schema."""
        from google.cloud import bigquery

        step = self._named(doing)
        config = bigquery.LoadJobConfig(
            source_format="PARQUET",
            schema=schema(rows.schema),
            write_disposition="WRITE_TRUNCATE",
            labels=self.jobs.labels(step),
        )
        buffer = io.BytesIO()
        pq.write_table(rows, buffer, compression="zstd")

        def start(job_id: str, seconds: float) -> bigquery.LoadJob:
            buffer.seek(0)
            return self.client.load_table_from_file(
                buffer, place.path, job_config=config, job_id=job_id, num_retries=0, timeout=seconds,
                location=self.profile.location,
            )  # fmt: skip

        self.jobs.run(step, start)

    def table(self, place: Place, doing: str, *, ours: bool = False) -> bigquery.Table | None:
        """Return what BigQuery knows of a table; None when it is not there.

        Without its dataset that is an error, unless it is one of ``ours``: the first night makes those.
        """
        from google.api_core.exceptions import NotFound

        absent = re.compile("Not found: (Table|Dataset)" if ours else "Not found: Table")

        def ask(seconds: float) -> bigquery.Table | None:
            try:
                return self.client.get_table(place.path, retry=None, timeout=seconds)
            except NotFound as error:
                if absent.search(str(error)):
                    return None
                raise

        return self.call(doing, ask)

    def delete(self, place: Place) -> None:
        """Remove a table or view, if it is there."""
        self.call(
            place.path,
            lambda s: self.client.delete_table(place.path, not_found_ok=True, retry=None, timeout=s),
        )

    def rows(self, job: bigquery.QueryJob, doing: str) -> pa.Table:
        """Return the rows of a query's result."""
        return self.arrow(doing, lambda seconds: job.result(retry=None, job_retry=None, timeout=seconds))

    def arrow(self, doing: str, iterate: Callable[[float], Any]) -> pa.Table:
        """Return the rows that an iterator gives; large results by the Storage API.

        ``iterate`` begins anew when it is called again: a line that drops in the middle of a result
        starts the result over, never adds to it.
        """

        def read(seconds: float) -> pa.Table:
            iterator = iterate(seconds)
            large = (iterator.total_rows or 0) > LARGE
            if large and self._storage is None:
                self._storage = _storage_client(self.client)
            return iterator.to_arrow(
                bqstorage_client=self._storage if large else None, create_bqstorage_client=False
            )

        return self.call(doing, read)

    def _named(self, doing: str) -> str:
        return f"{self.step} {doing}" if self.step else doing


def _storage_client(client: bigquery.Client) -> bigquery_storage_v1.BigQueryReadClient | None:
    from google.cloud import bigquery_storage_v1

    if not emulator():
        return bigquery_storage_v1.BigQueryReadClient(credentials=client._credentials)
    address = os.environ.get(STORAGE_EMULATOR, "").removeprefix("http://")
    if not address:
        return None
    import grpc  # type: ignore[import-untyped]
    from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

    channel = grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", -1)])
    return bigquery_storage_v1.BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))


def schema(arrow: pa.Schema) -> Sequence[bigquery.SchemaField]:
    """Return BigQuery's schema of an Arrow schema of our types."""
    from google.cloud.bigquery import SchemaField

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
    for kind, called, plain in _PARAMETERS:
        if isinstance(value, kind):
            return ScalarQueryParameter(name, called, plain(value))
    raise DefinitionError(
        f"A {type(value).__name__} cannot be passed as @{name}.", where="SQL",
        remedy="Pass a number, a text, a date, an instant or true/false.",
    )  # fmt: skip


def _same(value: Any) -> Any:
    return value


#: The first kind that fits decides: a truth value is a whole number too.
_PARAMETERS: tuple[tuple[type, str, Callable[[Any], Any]], ...] = (
    (bool, "BOOL", bool),
    (dt.date, "DATE", _same),
    (str, "STRING", _same),
    (decimal.Decimal, "NUMERIC", _same),
    (numbers.Integral, "INT64", int),
    (numbers.Real, "FLOAT64", float),
)
