"""What a warehouse must be able to do, whatever engine it is."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self

import pandas as pd


class Warehouse(Protocol):
    """A warehouse that is open: GoogleSQL in, frames out, tables by logical name.

    Tables are named ``layer.table``; every statement is one GoogleSQL SELECT with named
    parameters (``@as_of``). Surplus parameters are ignored, a missing one is an error.
    Each method that writes leaves either the old table or the new one, nothing between.
    """

    def query(self, sql: str, params: Mapping[str, object] | None = None) -> pd.DataFrame:
        """Return the rows of a query."""
        ...

    def build(self, table: str, select_sql: str, params: Mapping[str, object] | None = None) -> int:
        """Make or replace a table from a query; return its number of rows."""
        ...

    def insert(self, table: str, select_sql: str, params: Mapping[str, object] | None = None) -> int:
        """Add the rows of a query to a table, by column name; return how many there were."""
        ...

    def replace(self, table: str, frame: pd.DataFrame) -> int:
        """Make or replace a table from a frame; return its number of rows."""
        ...

    def replace_days(self, table: str, frame: pd.DataFrame, date_column: str) -> int:
        """Put a frame's rows in place of all rows of its dates; return the number written."""
        ...

    def build_days(
        self, table: str, select_sql: str, date_column: str, params: Mapping[str, object] | None = None
    ) -> int:
        """Put the rows of a query in place of all rows of their dates; return the number written."""
        ...

    def columns(self, table: str) -> dict[str, str]:
        """Return column → GoogleSQL type."""
        ...

    def row_count(self, table: str) -> int:
        """Return the number of rows."""
        ...

    def exists(self, table: str) -> bool:
        """Whether the table is there."""
        ...

    def owns(self, table: str) -> bool:
        """Whether a run makes the table; otherwise it is there already and only read."""
        ...

    def close(self) -> None:
        """Give the warehouse back."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
