"""Rules about columns that a source does not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kpi_lib.errors import did_you_mean


def stray_columns(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str, str]]:
    """Yield what is said about a column that its source does not declare.

    Parameters
    ----------
    rows
        The tables of ``sources.toml`` as they were read.

    Yields
    ------
    tuple
        Source, the part that names the column, the column, what was probably meant.
    """
    for row in rows:
        columns = list(row.get("columns", {}))
        for part in ("values", "minimum", "personal"):
            for column in row.get(part, ()):
                if column not in columns:
                    yield str(row.get("name", "?")), part, str(column), did_you_mean(str(column), columns)
