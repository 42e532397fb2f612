"""Questions about many days: planned once and answered for every day in one pass."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from kpi_lib.warehouse.dialect import Translated, physical_name, quote, translate
from kpi_lib.warehouse.duck import DuckDBWarehouse
from kpi_lib.warehouse.protocol import Warehouse
from kpi_lib.warehouse.spots import read_query
from kpi_lib.warehouse.types import DUCKDB_TYPES

PARAMETER = "as_of"
_DAYS = "each_day"
_TEXT = r"'(?:[^']|'')*'"


@dataclass(frozen=True)
class DayTable:
    """A table that is not read as it stands but made for each day.

    ``sql`` is its SELECT, ``columns`` its columns with their GoogleSQL types.
    """

    table: str
    sql: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Question:
    """One SELECT and the parameters that are its own; all questions have the same columns."""

    sql: str
    params: Mapping[str, object] = field(default_factory=dict)


def ask_each_day(
    warehouse: Warehouse,
    days: Sequence[dt.date],
    questions: Sequence[Question],
    tables: Sequence[DayTable] = (),
    params: Mapping[str, object] | None = None,
) -> pd.DataFrame:
    """Return what the questions answer for each of several values of ``@as_of``.

    The rows are those that one query a day and question would give. For small data planning is nearly all
    of a query's cost, and making tables most of the rest; so on the embedded warehouse one plan serves every
    day. Elsewhere each day is a query of its own. No table is made.

    Parameters
    ----------
    warehouse
        An open warehouse.
    days
        The days, each once.
    questions
        GoogleSQL with ``@as_of``.
    tables
        What the questions read that depends on the day, each after those that it reads itself.
    params
        The parameters that all have in common.

    Returns
    -------
    pandas.DataFrame
        ``as_of_date``, ``place`` (the question's number) and the questions' columns.
    """
    if not isinstance(warehouse, DuckDBWarehouse):
        return _day_by_day(warehouse, days, questions, tables, params or {})
    return _at_once(warehouse, days, questions, tables, params or {})


def _at_once(
    warehouse: DuckDBWarehouse,
    days: Sequence[dt.date],
    questions: Sequence[Question],
    tables: Sequence[DayTable],
    params: Mapping[str, object],
) -> pd.DataFrame:
    """Ask beside a table of the days, which the embedded engine can do and BigQuery cannot."""
    bound: dict[str, object] = {}
    withs: list[str] = []
    made: dict[str, str] = {}
    for table in tables:
        text = _beside(translate(table.sql, warehouse.layers), params, {}, bound)
        name = quote(table.table)
        casts = ", ".join(
            f"CAST({quote(column)} AS {DUCKDB_TYPES[kind]}) AS {quote(column)}"
            for column, kind in table.columns.items()
        )
        withs.append(f"{name} AS (SELECT {casts} FROM ({_swapped(text, made)}))")  # noqa: S608
        made[physical_name(table.table, warehouse.layers)] = name
    selects = []
    for place, question in enumerate(questions):
        own = {name: (f"{name}_{place}", value) for name, value in question.params.items()}
        text = _beside(translate(question.sql, warehouse.layers), params, own, bound)
        selects.append(f"SELECT {place} AS place, * FROM ({_swapped(text, made)})")  # noqa: S608
    dates = ", ".join(f"(DATE '{day.isoformat()}')" for day in days)
    asked = (f"WITH {', '.join(withs)} " if withs else "") + " UNION ALL ".join(selects)
    sql = (
        f"SELECT {_DAYS}.{PARAMETER} AS as_of_date, found.* "  # noqa: S608
        f"FROM (VALUES {dates}) AS {_DAYS}({PARAMETER}), LATERAL ({asked}) AS found"
    )
    return warehouse.ask(Translated(sql, frozenset(bound), ()), bound)


def _day_by_day(
    warehouse: Warehouse,
    days: Sequence[dt.date],
    questions: Sequence[Question],
    tables: Sequence[DayTable],
    params: Mapping[str, object],
) -> pd.DataFrame:
    """Ask for each day on its own, with the tables of the day as WITH queries."""
    names = {table.table: table.table.replace(".", "__") for table in tables}
    bound = dict(params)

    def local(sql: str) -> str:
        return read_query(sql, None).placed(lambda table: names.get(table, table))

    withs = []
    for table in tables:
        casts = ", ".join(f"CAST(`{name}` AS {kind}) AS `{name}`" for name, kind in table.columns.items())
        withs.append(f"{names[table.table]} AS (SELECT {casts} FROM (\n{local(table.sql)}\n))")  # noqa: S608
    selects = []
    for place, question in enumerate(questions):
        text = local(question.sql)
        for name, value in question.params.items():
            text = re.sub(rf"@{name}\b", f"@{name}_{place}", text)
            bound[f"{name}_{place}"] = value
        selects.append(f"SELECT {place} AS place, * FROM (\n{text}\n)")  # noqa: S608
    asked = (f"WITH {', '.join(withs)}\n" if withs else "") + "\nUNION ALL\n".join(selects)
    frames = [
        warehouse.query(asked, {**bound, PARAMETER: day}).assign(as_of_date=pd.Timestamp(day).as_unit("s"))
        for day in days
    ]
    found = pd.concat(frames, ignore_index=True)
    return found[["as_of_date", *(name for name in found.columns if name != "as_of_date")]]


def _beside(
    query: Translated,
    params: Mapping[str, object],
    own: Mapping[str, tuple[str, object]],
    bound: dict[str, object],
) -> str:
    """Return a query's text with the day as a column of the days; ``bound`` gets the parameters it uses.

    ``own`` are those of one question, with the name that only it has.
    """
    given = {name: (name, value) for name, value in params.items()} | dict(own)
    for name in query.bind({PARAMETER: None, **{name: value for name, (_, value) in given.items()}}):
        if name != PARAMETER:
            called, value = given[name]
            bound[called] = value

    def written(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return found[0]
        return f"{_DAYS}.{PARAMETER}" if name == PARAMETER else f"${given[name][0]}"

    return re.sub(rf"{_TEXT}|\$(\w+)", written, query.sql)


def _swapped(text: str, made: Mapping[str, str]) -> str:
    """Return a text that reads what is made for the day in place of what is stored."""
    for stored, name in made.items():
        text = text.replace(stored, name)
    return text
