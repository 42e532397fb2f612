"""The embedded warehouse: one DuckDB file, a schema for each domain and layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import pandas as pd
import pyarrow as pa

from kpi_lib.errors import DefinitionError, WarehouseError, did_you_mean
from kpi_lib.warehouse.dialect import SESSION, Translated, physical_name, quote, translate
from kpi_lib.warehouse.failures import told
from kpi_lib.warehouse.tables import column_type, require_columns
from kpi_lib.warehouse.types import GOOGLE_TYPES, output_columns, to_arrow, to_frame

MEMORY_LIMIT = "512MB"
THREADS = 2
_INCOMING = "incoming_rows"


class DuckDBWarehouse:
    """A DuckDB file behind :class:`~kpi_lib.warehouse.protocol.Warehouse`.

    Make one with :meth:`open`. The session's zone is UTC, no extension is loaded or
    installed, and SQL cannot reach other files.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, path: Path, layers: Mapping[str, str], read_only: bool
    ) -> None:
        self._connection = connection
        self.path = path
        self.layers = dict(layers)
        self.read_only = read_only

    @classmethod
    def open(
        cls,
        path: Path | str,
        layers: Mapping[str, str],
        read_only: bool = False,
        *,
        memory_limit: str = MEMORY_LIMIT,
        threads: int = THREADS,
    ) -> Self:
        """Open a warehouse file.

        Parameters
        ----------
        path
            The file; unless ``read_only`` it is created where it is missing.
        layers
            Logical layer → physical schema, e.g. ``{"raw": "winery_raw"}``.
        read_only
            Several processes may read at once; one that writes must be alone.
        memory_limit, threads
            DuckDB's own limits; beyond the memory it spills beside the file.

        Raises
        ------
        WarehouseError
            When the file is missing, damaged, in use, or its folder cannot be written.
        """
        file = Path(path)
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory_limit,
            "threads": threads,
            "temp_directory": f"{file}.tmp",
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
        }
        with told(file):
            if not read_only:
                file.parent.mkdir(parents=True, exist_ok=True)
            connection = duckdb.connect(str(file), read_only=read_only, config=config)
            warehouse = cls(connection, file, layers, read_only)
            try:
                warehouse._prepare()
            except BaseException:
                connection.close()
                raise
        return warehouse

    def _prepare(self) -> None:
        # Last, because DuckDB then refuses to be told where to spill.
        for statement in (*SESSION, "SET enable_external_access = false"):
            self._connection.execute(statement)
        if not self.read_only:
            for schema in self.layers.values():
                self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")

    def close(self) -> None:
        """Write what is pending and close the file."""
        with told(self.path):
            self._connection.close()

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
        """Return the rows of a GoogleSQL query over logical tables.

        Returns
        -------
        pandas.DataFrame
            Dates as ``datetime64`` at midnight, decimals as float64, text as ``str``; whole
            numbers int64, or float64 where one is missing.

        Raises
        ------
        DefinitionError
            When the SQL is wrong: syntax, an unknown column, a missing parameter.
        DataError
            When a value cannot be converted or is divided by zero.
        WarehouseError
            When a table is missing or the file cannot be read.
        """
        return self.ask(translate(sql, self.layers), params)

    def ask(self, query: Translated, params: Mapping[str, object] | None = None) -> pd.DataFrame:
        """Return the rows of a query that is translated already, as :meth:`query` does."""
        with self._told(query, "query"):
            relation = self._connection.sql(query.sql, params=query.bind(params))
            kinds = dict(zip(relation.columns, map(str, relation.types), strict=True))
            table = relation.to_arrow_table()
        return to_frame(table, frozenset(name for name, kind in kinds.items() if kind.endswith("HUGEINT")))

    def build(self, table: str, select_sql: str, params: Mapping[str, object] | None = None) -> int:
        """Make or replace a table from one GoogleSQL SELECT; return its number of rows.

        Every output column gets the type that GoogleSQL gives it.
        """
        query = translate(select_sql, self.layers)
        bound = query.bind(params)
        target = physical_name(table, self.layers)
        with self._told(query, table):
            relation = self._connection.sql(query.sql, params=bound)
            columns = output_columns(table, relation.columns, [str(kind) for kind in relation.types])
            with self._transaction():
                self._connection.execute(
                    f"CREATE OR REPLACE TABLE {target} AS SELECT {columns} FROM ({query.sql})",  # noqa: S608
                    bound,
                )
        return self.row_count(table)

    def insert(self, table: str, select_sql: str, params: Mapping[str, object] | None = None) -> int:
        """Add the rows of one GoogleSQL SELECT to a table, by column name; return how many there were."""
        query = translate(select_sql, self.layers)
        target = physical_name(table, self.layers)
        with self._told(query, table), self._transaction():
            added = self._connection.execute(
                f"INSERT INTO {target} BY NAME {query.sql}",
                query.bind(params),
            ).fetchone()
        return int(added[0]) if added else 0

    def replace(self, table: str, frame: pd.DataFrame) -> int:
        """Make or replace a table from a frame, in the frame's order; return its number of rows.

        Raises
        ------
        FrameError
            When a column does not fit its type.
        """
        rows = to_arrow(frame, table, lambda column: column_type(table, column))
        self.replace_arrow(table, rows)
        return len(frame)

    def replace_arrow(self, table: str, rows: pa.Table) -> None:
        """Make or replace a table from an Arrow table whose types are already the wanted ones."""
        target = physical_name(table, self.layers)
        with told(self.path, table), self._incoming(rows), self._transaction():
            self._connection.execute(f"CREATE OR REPLACE TABLE {target} AS SELECT * FROM {_INCOMING}")  # noqa: S608

    def replace_days(self, table: str, frame: pd.DataFrame, date_column: str) -> int:
        """Put a frame's rows in place of all rows of its dates, in one transaction.

        A table that does not exist is made. Doing the same twice changes nothing.

        Raises
        ------
        FrameError
            When the frame's columns are not those of the table.
        """
        if not self.exists(table):
            return self.replace(table, frame)
        held = self.columns(table)
        require_columns(table, held, frame.columns, date_column)
        rows = to_arrow(frame, table, held.get)
        target, date = physical_name(table, self.layers), quote(date_column)
        with told(self.path, table), self._incoming(rows), self._transaction():
            self._connection.execute(
                f"DELETE FROM {target} WHERE {date} IN (SELECT {date} FROM {_INCOMING})"  # noqa: S608
            )
            self._connection.execute(f"INSERT INTO {target} BY NAME SELECT * FROM {_INCOMING}")  # noqa: S608
        return len(frame)

    def build_days(
        self, table: str, select_sql: str, date_column: str, params: Mapping[str, object] | None = None
    ) -> int:
        """Put the rows of one GoogleSQL SELECT in place of all rows of their dates, in one transaction.

        Raises
        ------
        FrameError
            When its columns are not those of the table.
        """
        if not self.exists(table):
            return self.build(table, select_sql, params)
        query = translate(select_sql, self.layers)
        target, date = physical_name(table, self.layers), quote(date_column)
        with self._told(query, table), self._transaction():
            self._connection.execute(
                f"CREATE TEMP TABLE {_INCOMING} AS {query.sql}",
                query.bind(params),
            )
            made = self._connection.execute(f"SELECT * FROM {_INCOMING} LIMIT 0").description  # noqa: S608
            require_columns(table, self.columns(table), [item[0] for item in made], date_column)
            self._connection.execute(
                f"DELETE FROM {target} WHERE {date} IN (SELECT {date} FROM {_INCOMING})"  # noqa: S608
            )
            added = self._connection.execute(
                f"INSERT INTO {target} BY NAME SELECT * FROM {_INCOMING}"  # noqa: S608
            ).fetchone()
            self._connection.execute(f"DROP TABLE {_INCOMING}")
        return int(added[0]) if added else 0

    def columns(self, table: str) -> dict[str, str]:
        """Return column → GoogleSQL type, in order."""
        found = self._describe(table)
        if not found:
            raise self._missing([table])
        return {name: GOOGLE_TYPES.get(kind, kind) for name, kind in found.items()}

    def exists(self, table: str) -> bool:
        """Whether the table is there."""
        return bool(self._describe(table))

    def row_count(self, table: str) -> int:
        """Return the number of rows."""
        return int(self.query(f"SELECT COUNT(*) AS n FROM {table}")["n"].iloc[0])  # noqa: S608

    def owns(self, table: str) -> bool:
        """Return True: nobody else writes the file."""
        del table
        return True

    def tables(self) -> tuple[str, ...]:
        """Return the logical names of all tables, sorted."""
        logical = {schema: layer for layer, schema in self.layers.items()}
        with told(self.path):
            rows = self._connection.execute(
                "SELECT schema_name, table_name FROM duckdb_tables() ORDER BY 1, 2"
            ).fetchall()
        return tuple(f"{logical[schema]}.{name}" for schema, name in rows if schema in logical)

    def _describe(self, table: str) -> dict[str, str]:
        physical_name(table, self.layers)
        layer, _, name = table.partition(".")
        with told(self.path, table):
            rows = self._connection.execute(
                "SELECT column_name, data_type FROM duckdb_columns() "
                "WHERE schema_name = $schema AND table_name = $name ORDER BY column_index",
                {"schema": self.layers[layer], "name": name},
            ).fetchall()
        return dict(rows)

    def _missing(self, tables: list[str]) -> WarehouseError:
        known = self.tables()
        return WarehouseError(
            f"Table '{', '.join(tables)}' does not exist in the warehouse.",
            where=str(self.path),
            remedy=did_you_mean(tables[0], known) if known else "It is empty: run `make report`.",
        )

    @contextmanager
    def _told(self, query: Translated, doing: str) -> Iterator[None]:
        """Tell errors of a query, and name the table when that is what is missing."""
        try:
            with told(self.path, doing):
                yield
        except DefinitionError as error:
            absent = [table for table in query.tables if not self.exists(table)]
            if absent:
                raise self._missing(absent) from error
            raise

    @contextmanager
    def _incoming(self, rows: pa.Table) -> Iterator[None]:
        self._connection.register(_INCOMING, rows)
        try:
            yield
        finally:
            self._connection.unregister(_INCOMING)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.begin()
        try:
            yield
            self._connection.commit()
        except BaseException as error:
            self._roll_back()
            if isinstance(error, RuntimeError) and "interrupted" in str(error):
                # What DuckDB makes of Ctrl-C while it commits.
                raise KeyboardInterrupt from error
            raise

    def _roll_back(self) -> None:
        try:
            self._connection.rollback()
        except duckdb.TransactionException:
            # A failed commit has already ended the transaction.
            return
