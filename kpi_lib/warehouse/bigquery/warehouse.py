"""BigQuery as the warehouse: GoogleSQL goes there as it is, results come back typed as from DuckDB."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import pandas as pd
import pyarrow as pa

from kpi_lib.errors import DefinitionError, WarehouseError, did_you_mean
from kpi_lib.warehouse.bigquery.names import Place, Places
from kpi_lib.warehouse.bigquery.session import Session, schema
from kpi_lib.warehouse.bigquery.staging import Staged, Staging
from kpi_lib.warehouse.spots import read_query
from kpi_lib.warehouse.tables import column_type, require_columns
from kpi_lib.warehouse.types import ARROW_TYPES, to_arrow, to_frame

#: What the service calls its types → GoogleSQL.
_NAMES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}


class BigQueryWarehouse:
    """A domain's tables in BigQuery behind :class:`~kpi_lib.warehouse.protocol.Warehouse`.

    Without a staging place it only reads. With one, everything that is written lies aside, and
    queries see it in place of what is published; publishing is another step
    (:func:`kpi_lib.warehouse.bigquery.publish.publish`).

    Parameters
    ----------
    session
        The client, the run's labels and limits.
    places
        Where the domain's tables are published.
    staging
        Where a run writes.
    """

    def __init__(self, session: Session, places: Places, staging: Staging | None = None) -> None:
        self.session = session
        self.places = places
        self.staging = staging
        self._known: dict[Place, dict[str, str] | None] = {}

    def close(self) -> None:
        """Give the connections back."""
        self.session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def query(self, sql: str, params: Mapping[str, object] | None = None) -> pd.DataFrame:
        """Return the rows of a GoogleSQL query over logical tables; types and errors as from DuckDB."""
        return frame_of(self.arrow(sql, params))

    def arrow(self, sql: str, params: Mapping[str, object] | None = None) -> pa.Table:
        """Return the rows of a query as an Arrow table."""
        text, bound = self._placed(sql, params)
        return self.session.rows(self.session.query(text, "query", bound), "query")

    def build(self, table: str, select_sql: str, params: Mapping[str, object] | None = None) -> int:
        """Make or replace a table from one GoogleSQL SELECT; return its number of rows."""
        text, bound = self._placed(select_sql, params)
        staging = self._writable()
        place = staging.place(table)
        self.session.query(text, table, bound, destination=place, guard=True)
        columns, count = self._made(place, table)
        staging.tables[table] = Staged("whole", columns, place, place)
        return count

    def insert(self, table: str, select_sql: str, params: Mapping[str, object] | None = None) -> int:
        """Add the rows of one GoogleSQL SELECT to a table, by column name; return how many there were."""
        columns = self.columns(table)
        text, bound = self._placed(select_sql, params)
        staging = self._writable()
        held = staging.tables.get(table)
        listed = ", ".join(f"`{name}`" for name in columns)
        if held is not None and held.how != "days":
            return self._add(text, bound, table, held)
        if held is not None:
            raise DefinitionError("Rows cannot be added to days that are being replaced.", where=table)
        published = self.places.published(table)
        rows, seen = staging.place(table, "rows"), staging.place(table)
        chosen = f"SELECT {listed} FROM (\n{text}\n)"  # noqa: S608
        self.session.query(chosen, table, bound, destination=rows, guard=True)
        both = [f"SELECT {listed} FROM {place.quoted}" for place in (published, rows)]  # noqa: S608
        self._view(seen, " UNION ALL ".join(both))
        staging.tables[table] = Staged("rows", columns, seen, rows)
        return self._made(rows, table)[1]

    def replace(self, table: str, frame: pd.DataFrame) -> int:
        """Make or replace a table from a frame; return its number of rows."""
        rows = to_arrow(frame, table, lambda column: column_type(table, column))
        self.replace_arrow(table, rows)
        return len(frame)

    def replace_arrow(self, table: str, rows: pa.Table) -> None:
        """Make or replace a table from an Arrow table whose types are already the wanted ones."""
        staging = self._writable()
        place = staging.place(table)
        columns = {item.name: item.field_type for item in schema(rows.schema)}
        self._load(table, rows, place)
        staging.tables[table] = Staged("whole", columns, place, place)

    def replace_days(self, table: str, frame: pd.DataFrame, date_column: str) -> int:
        """Put a frame's rows in place of all rows of its dates.

        Raises
        ------
        FrameError
            When the frame's columns are not those of the table.
        """
        if not self.exists(table):
            return self.replace(table, frame)
        held = self.columns(table)
        require_columns(table, held, frame.columns, date_column)
        place = self._days_of(table)
        self._load(table, to_arrow(frame[list(held)], table, held.get), place)
        self._stage_days(table, place, held, date_column)
        return len(frame)

    def build_days(
        self, table: str, select_sql: str, date_column: str, params: Mapping[str, object] | None = None
    ) -> int:
        """Put the rows of one GoogleSQL SELECT in place of all rows of their dates.

        A run may do so again, for other dates.

        Raises
        ------
        FrameError
            When its columns are not those of the table.
        """
        if not self.exists(table):
            return self.build(table, select_sql, params)
        text, bound = self._placed(select_sql, params)
        held, staged = self.columns(table), self._writable().tables.get(table)
        if staged is not None and staged.how == "days":
            return self._add(text, bound, table, staged)
        place = self._days_of(table)
        self.session.query(text, table, bound, destination=place, guard=True)
        columns, count = self._made(place, table)
        require_columns(table, held, columns, date_column)
        self._stage_days(table, place, held, date_column)
        return count

    def _add(self, text: str, bound: dict[str, object], table: str, held: Staged) -> int:
        listed = ", ".join(f"`{name}`" for name in held.columns)
        job = self.session.query(
            f"INSERT INTO {held.rows.quoted} ({listed}) SELECT {listed} FROM (\n{text}\n)",  # noqa: S608
            table, bound,
        )  # fmt: skip
        return int(job.num_dml_affected_rows or 0)

    def _days_of(self, table: str) -> Place:
        staging = self._writable()
        if table in staging.tables:
            raise DefinitionError("Its days can be replaced once a run.", where=table)
        return staging.place(table, "days")

    def _stage_days(self, table: str, place: Place, held: dict[str, str], date_column: str) -> None:
        staging = self._writable()
        listed = ", ".join(f"`{name}`" for name in held)
        before, seen = staging.seen(table), staging.place(table)
        self._view(
            seen,
            f"SELECT {listed} FROM {before.quoted} WHERE `{date_column}` NOT IN "  # noqa: S608
            f"(SELECT DISTINCT `{date_column}` FROM {place.quoted}) "
            f"UNION ALL SELECT {listed} FROM {place.quoted}",
        )
        staging.tables[table] = Staged("days", held, seen, place, date_column)

    def columns(self, table: str) -> dict[str, str]:
        """Return column → GoogleSQL type, in order."""
        found = self._describe(table)
        if found is None:
            raise self._missing(table)
        return dict(found)

    def exists(self, table: str) -> bool:
        """Whether the table is there."""
        return self._describe(table) is not None

    def row_count(self, table: str) -> int:
        """Return the number of rows."""
        return int(self.query(f"SELECT COUNT(*) AS n FROM {table}")["n"].iloc[0])  # noqa: S608

    def owns(self, table: str) -> bool:
        """Whether a run makes the table; a deployed view is only read."""
        return table not in self.places.deployed

    def describe_published(self, table: str) -> dict[str, str] | None:
        """Return the columns of a published table, or None when it is not there."""
        return self._describe_place(self.places.published(table))

    def seen(self, table: str) -> Place:
        """Return where a logical table is read from."""
        return self.staging.seen(table) if self.staging else self.places.published(table)

    def forget(self) -> None:
        """Ask again what there is: another step has changed it."""
        self._known.clear()

    def _placed(self, sql: str, params: Mapping[str, object] | None) -> tuple[str, dict[str, object]]:
        query = read_query(sql, frozenset(self.places.datasets))
        given = params or {}
        missing = sorted(query.parameters - set(given))
        if missing:
            names = ", ".join(f"@{name}" for name in sorted(given)) or "none"
            raise DefinitionError(
                f"Parameter @{', @'.join(missing)} has no value.", where="SQL", remedy=f"Given: {names}."
            )
        return query.placed(lambda table: self.seen(table).quoted), {
            name: given[name] for name in query.parameters
        }

    def _writable(self) -> Staging:
        if self.staging is None:
            raise WarehouseError(
                "The warehouse has been opened for reading only.",
                where=self.places.project,
                remedy="Only a run writes: `kpi nightly`, `kpi build`, `kpi backfill`.",
            )
        return self.staging

    def _load(self, table: str, rows: pa.Table, place: Place) -> None:
        self.session.load(rows, place, table)

    def _view(self, place: Place, sql: str) -> None:
        self.session.query(f"CREATE OR REPLACE VIEW {place.quoted} AS {sql}", place.table)

    def _made(self, place: Place, table: str) -> tuple[dict[str, str], int]:
        """Return columns and rows of a table that was just written; no job."""
        found = self.session.table(place, table)
        if found is None:
            raise WarehouseError("It was written and is not there.", where=place.path, remedy="Run again.")
        return checked_types(found.schema, table), int(found.num_rows or 0)

    def _describe(self, table: str) -> dict[str, str] | None:
        held = self.staging.tables.get(table) if self.staging else None
        return dict(held.columns) if held else self._describe_place(self.places.published(table))

    def _describe_place(self, place: Place) -> dict[str, str] | None:
        if place not in self._known:
            self._known[place] = self._ask(place)
        return self._known[place]

    def _ask(self, place: Place) -> dict[str, str] | None:
        found = self.session.table(place, place.table, ours=place.dataset in self.places.own)
        return None if found is None else {item.name: google_name(item.field_type) for item in found.schema}

    def _missing(self, table: str) -> WarehouseError:
        place = self.places.published(table)
        return WarehouseError(
            f"Table '{table}' does not exist in the warehouse.",
            where=place.path,
            remedy=did_you_mean(table.partition(".")[0], self.places.datasets)
            if table.partition(".")[0] not in self.places.datasets
            else "Nothing is published yet, or the loader has not written it: run `kpi nightly`.",
        )


def google_name(kind: str) -> str:
    """Return GoogleSQL's name of a type as the service calls it."""
    return _NAMES.get(kind, kind)


def checked_types(fields: Any, table: str) -> dict[str, str]:
    """Return column → GoogleSQL type of a result.

    Raises
    ------
    DefinitionError
        When a column is a list, a struct or of another type that no table of ours holds.
    """
    columns = {}
    for item in fields:
        kind = google_name(item.field_type)
        if kind not in ARROW_TYPES or item.mode == "REPEATED":
            raise DefinitionError(
                f"Column '{item.name}' is a {item.mode.lower()} {kind}; a table holds plain values only.",
                where=table,
                remedy=f"Use one of {', '.join(ARROW_TYPES)}.",
            )
        columns[item.name] = kind
    return columns


def frame_of(table: pa.Table) -> pd.DataFrame:
    """Return a result as a frame of the dtypes that the embedded warehouse gives."""
    plain = pa.schema([pa.field(item.name, item.type) for item in table.schema])
    return to_frame(table.cast(plain))
