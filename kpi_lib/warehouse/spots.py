"""Where a query names tables: its text can be given other names and is otherwise left as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp

from kpi_lib.warehouse.dialect import logical_tables, parse


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

    def placed(self, name: Callable[[str], str]) -> str:
        """Return the text with another name for each table; the rest stays as it was written."""
        text = self.sql
        for start, end, logical, alias in sorted(self.spots, reverse=True):
            text = f"{text[:start]}{name(logical)}{alias}{text[end:]}"
        return text


@lru_cache(maxsize=512)
def read_query(sql: str, layers: frozenset[str] | None) -> Query:
    """Read one GoogleSQL query over logical tables, of these layers or (None) of any.

    Raises
    ------
    DefinitionError
        When it is not one valid query, or names an unknown layer.
    """
    tree = parse(sql)
    named = {table.db for table in tree.find_all(exp.Table)} if layers is None else layers
    tables = logical_tables(tree.copy(), {layer: layer for layer in named})
    spots = []
    for table in tree.find_all(exp.Table):
        if not table.db:
            continue
        start, end = table.args["db"].meta["start"], table.this.meta["end"] + 1
        alias = "" if table.alias else f" AS `{table.name}`"
        spots.append((start, end, f"{table.db}.{table.name}", alias))
    parameters = frozenset(node.name for node in tree.find_all(exp.Parameter))
    return Query(sql, tables, parameters, tuple(spots))
