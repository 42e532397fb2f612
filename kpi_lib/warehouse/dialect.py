"""GoogleSQL to DuckDB: the one dialect of the project, run on the embedded engine.

sqlglot does the translation. What it gets wrong or cannot express is mended in its tree
(:mod:`kpi_lib.warehouse.mends`) or refused: every function that passes has been compared
with Google's reference implementation (``tests/unit/test_warehouse_dialect.py``), and one
that has not been compared is an error, not a guess.

Two differences stay and are harmless where they are known. A quotient or mean of NUMERIC values is
FLOAT64 here, so rounding one needs a cast back to NUMERIC first (enforced). A decimal
literal is exact here, while in GoogleSQL it is a FLOAT64.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, ParseError, SqlglotError, TokenError, UnsupportedError

from kpi_lib.errors import DefinitionError, did_you_mean
from kpi_lib.warehouse.mends import mend

#: What DuckDB must be told once a session for the translation to hold: BigQuery's default zone
#: is UTC, and a division by zero is an error there, not infinity.
SESSION = (
    "SET TimeZone = 'UTC'",
    "SET ieee_floating_point_ops = false",
    "SET error_on_division_by_zero = true",
)


@dataclass(frozen=True)
class Translated:
    """A query for DuckDB.

    Parameters
    ----------
    sql
        DuckDB's SQL over physical schemas.
    parameters
        The names of the parameters it uses.
    tables
        The logical tables it reads, sorted.
    """

    sql: str
    parameters: frozenset[str]
    tables: tuple[str, ...]

    def bind(self, params: Mapping[str, object] | None) -> dict[str, object]:
        """Return the values of the parameters it uses; surplus ones are left out.

        Raises
        ------
        DefinitionError
            When one has no value.
        """
        given = params or {}
        missing = sorted(self.parameters - set(given))
        if missing:
            names = ", ".join(f"@{name}" for name in sorted(given)) or "none"
            raise DefinitionError(
                f"Parameter @{', @'.join(missing)} has no value.", where="SQL", remedy=f"Given: {names}."
            )
        return {name: _plain(given[name]) for name in self.parameters}


def translate(sql: str, layers: Mapping[str, str]) -> Translated:
    """Translate one GoogleSQL query over logical tables.

    Parameters
    ----------
    sql
        One SELECT (or WITH … SELECT); tables are named ``layer.table``, parameters ``@name``.
    layers
        Logical layer → physical schema.

    Returns
    -------
    Translated
        Cached by text.

    Raises
    ------
    DefinitionError
        When it is not one valid query, names an unknown layer, or uses something that is
        not known to mean the same on both engines.
    """
    return _translate(sql, tuple(sorted(layers.items())))


def physical_name(table: str, layers: Mapping[str, str]) -> str:
    """Return the quoted physical name of a logical ``layer.table``."""
    layer, dot, name = table.partition(".")
    if not dot or not name:
        raise DefinitionError(f"'{table}' is no table name.", remedy="Write it as layer.table.")
    return f"{quote(_schema(layer, layers, table))}.{quote(name)}"


def quote(name: str) -> str:
    """Return an identifier quoted for DuckDB."""
    return '"' + name.replace('"', '""') + '"'


@lru_cache(maxsize=512)
def _translate(sql: str, layer_items: tuple[tuple[str, str], ...]) -> Translated:
    tree = parse(sql)
    tables = logical_tables(tree, dict(layer_items))
    tree = mend(tree)
    parameters = frozenset(node.name for node in tree.find_all(exp.Parameter))
    try:
        text = tree.sql(dialect="duckdb", unsupported_level=ErrorLevel.RAISE, comments=False)
    except UnsupportedError as error:
        raise DefinitionError(
            f"This GoogleSQL has no counterpart on the embedded DuckDB: {error}.", where=_excerpt(sql)
        ) from error
    return Translated(text, parameters, tables)


def parse(sql: str) -> exp.Query:
    """Return one GoogleSQL query as a tree.

    Raises
    ------
    DefinitionError
        When it is not one valid query.
    """
    try:
        statements = [tree for tree in sqlglot.parse(sql, dialect="bigquery") if tree is not None]
    except (ParseError, TokenError) as error:
        raise DefinitionError(
            f"This is not valid GoogleSQL: {_parse_message(error)}", where=_excerpt(sql)
        ) from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise DefinitionError(
            "One SELECT statement is expected.",
            where=_excerpt(sql),
            remedy="A SQL file holds a single query; tables are created by the library.",
        )
    return statements[0]


def _parse_message(error: SqlglotError) -> str:
    details = getattr(error, "errors", None)
    if not details:
        return str(error).splitlines()[0]
    first = details[0]
    near = f" near '{first['highlight']}'" if first.get("highlight") else ""
    return f"{first['description']} (line {first['line']}, column {first['col']}){near}."


def logical_tables(tree: exp.Query, layers: Mapping[str, str]) -> tuple[str, ...]:
    """Put physical schemas in place of layers; return the logical names of the tables, sorted.

    A name without a layer must be a WITH query.
    """
    with_names = {node.alias.lower() for node in tree.find_all(exp.CTE)}
    found = set()
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            raise DefinitionError(
                f"A table function cannot be read from: {table.sql(dialect='bigquery')}.",
                remedy="Read a table, a WITH query or UNNEST.",
            )
        if table.catalog:
            raise DefinitionError(
                f"'{table.sql(dialect='bigquery')}' names a project.",
                remedy="Write layer.table; the profile decides where it lies.",
            )
        if not table.db:
            if table.name.lower() not in with_names:
                raise DefinitionError(
                    f"Table '{table.name}' has no layer and is no WITH query.",
                    remedy=f"Write it as layer.table with one of the layers {', '.join(sorted(layers))}.",
                )
            continue
        logical = f"{table.db}.{table.name}"
        found.add(logical)
        table.set("db", exp.to_identifier(_schema(table.db, layers, logical), quoted=True))
        table.set("this", exp.to_identifier(table.name, quoted=True))
    return tuple(sorted(found))


def _schema(layer: str, layers: Mapping[str, str], table: str) -> str:
    if layer not in layers:
        raise DefinitionError(
            f"There is no layer '{layer}' (in '{table}').", remedy=did_you_mean(layer, layers)
        )
    return layers[layer]


def _excerpt(sql: str) -> str:
    line = next(
        (text.strip() for text in sql.splitlines() if text.strip() and not text.strip().startswith("--")), ""
    )
    return f"SQL '{line[:60]}{'…' if len(line) > 60 else ''}'"


def _plain(value: object) -> object:
    """Dates are passed as dates, so that DuckDB sees the type GoogleSQL would."""
    if isinstance(value, dt.datetime) and value.tzinfo is None and value.time() == dt.time():
        return value.date()
    return value
