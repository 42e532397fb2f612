"""Where a logical table lies in BigQuery, and a query's text with those places in it.

The text of the query is left as it is: only the names of tables are replaced, at the places
where they stand. BigQuery runs the very GoogleSQL that is in the file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp

from kpi_lib.errors import DefinitionError, did_you_mean
from kpi_lib.warehouse.dialect import logical_tables, parse
from kpi_lib.warehouse.tables import SOURCE_LOAD

#: What the library itself keeps under a source's layer lies with its own records:
#: the datasets of the sources are never written.
OURS_IN_RAW = {SOURCE_LOAD: "ops"}


@dataclass(frozen=True)
class Place:
    """A table in BigQuery."""

    project: str
    dataset: str
    table: str

    @property
    def path(self) -> str:
        """``project.dataset.table``, as the client takes it."""
        return f"{self.project}.{self.dataset}.{self.table}"

    @property
    def quoted(self) -> str:
        """As it is written in SQL."""
        return f"`{self.path}`"


@dataclass(frozen=True)
class Places:
    """Where the published tables of a domain lie.

    Parameters
    ----------
    project
        The project.
    datasets
        Logical layer → dataset.
    own
        The datasets that may be written.
    """

    project: str
    datasets: dict[str, str]
    own: frozenset[str] = frozenset()

    def published(self, table: str) -> Place:
        """Return where a logical ``layer.table`` is published.

        Raises
        ------
        DefinitionError
            When it is no such name, or there is no such layer.
        """
        layer, dot, name = table.partition(".")
        if not dot or not name:
            raise DefinitionError(f"'{table}' is no table name.", remedy="Write it as layer.table.")
        layer = OURS_IN_RAW.get(table, layer)
        if layer not in self.datasets:
            raise DefinitionError(
                f"There is no layer '{layer}' (in '{table}').", remedy=did_you_mean(layer, self.datasets)
            )
        return Place(self.project, self.datasets[layer], name)


@dataclass(frozen=True)
class Query:
    """A query that has been read.

    Parameters
    ----------
    sql
        Its text.
    tables
        The logical tables that it reads, sorted.
    parameters
        The names of the parameters that it uses.
    spots
        Where tables are named: start and end in the text, logical name, and the alias that the name
        itself gave and that a physical name would not.
    """

    sql: str
    tables: tuple[str, ...]
    parameters: frozenset[str]
    spots: tuple[tuple[int, int, str, str], ...]

    def placed(self, place: Callable[[str], Place]) -> str:
        """Return the text with physical names."""
        text = self.sql
        for start, end, logical, alias in sorted(self.spots, reverse=True):
            text = f"{text[:start]}{place(logical).quoted}{alias}{text[end:]}"
        return text


@lru_cache(maxsize=512)
def read_query(sql: str, layers: frozenset[str]) -> Query:
    """Read one GoogleSQL query over logical tables; raises as the embedded warehouse does.

    Raises
    ------
    DefinitionError
        When it is not one valid query, or names an unknown layer.
    """
    tree = parse(sql)
    tables = logical_tables(tree.copy(), {layer: layer for layer in layers})
    spots = []
    for table in tree.find_all(exp.Table):
        if not table.db:
            continue
        start, end = table.args["db"].meta["start"], table.this.meta["end"] + 1
        alias = "" if table.alias else f" AS `{table.name}`"
        spots.append((start, end, f"{table.db}.{table.name}", alias))
    parameters = frozenset(node.name for node in tree.find_all(exp.Parameter))
    return Query(sql, tables, parameters, tuple(spots))
