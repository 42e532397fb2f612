"""The metrics at earlier dates, worked out from today's sources: one question a date.

The views and the models that depend on the date are not built again for each of two dozen dates: they
stand as WITH queries in the question, so that BigQuery is asked once a date and writes nothing.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence

import pandas as pd

from kpi_lib.catalogue.dashboard_kpis import (
    MetricQuery,
    dashboard_kpis,
    fiscal_years,
    metric_queries,
    render_sql,
)
from kpi_lib.catalogue.scorecard import Scorecard
from kpi_lib.warehouse import Warehouse
from kpi_lib.warehouse.spots import read_query

_COLUMNS = {
    "as_of_date": "datetime64[s]",
    "metric_key": "str",
    "person_name": "str",
    "metric_value": "float64",
}


def values_at(
    warehouse: Warehouse, card: Scorecard, day: dt.date, year: int, held: Iterable[int], time_zone: str
) -> pd.DataFrame:
    """Return each dated metric at an earlier date.

    Parameters
    ----------
    warehouse
        Holds the models that no date changes.
    card
        The definitions.
    day, year
        The date, and its fiscal year.
    held
        The fiscal years that have revenue.
    time_zone
        The domain's zone.

    Returns
    -------
    pandas.DataFrame
        ``as_of_date, metric_key, person_name, metric_value``, one row a metric and person.
    """
    dated = card.model_copy(update={"metrics": tuple(item for item in card.metrics if item.dated)})
    queries = metric_queries(dated, fiscal_year=year, as_of=day, time_zone=time_zone)
    if not queries:
        return trend_frame([])
    sql, params = _question(card, queries, year, fiscal_years(held, year))
    row = warehouse.query(sql, params)
    moment = dt.datetime.combine(day, dt.time(), dt.UTC)
    answers = [(query, _answer(row, place)) for place, query in enumerate(queries)]
    frame = dashboard_kpis(answers, fiscal_year=year, updated_at=moment)
    return frame.assign(as_of_date=pd.Timestamp(day))[list(_COLUMNS)]


def trend_frame(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the dates below one another."""
    full = [part for part in parts if len(part)]
    if not full:
        return pd.DataFrame(columns=list(_COLUMNS)).astype(_COLUMNS)
    return pd.concat(full, ignore_index=True)


def _answer(row: pd.DataFrame, place: int) -> pd.DataFrame:
    """Return what one query gave: a query without a row left both of its columns empty."""
    part = row[[f"v{place}", f"n{place}"]].set_axis(["metric_value", "is_missing"], axis=1)
    return part[part["is_missing"].notna()].drop_duplicates()


def _question(
    card: Scorecard, queries: Sequence[MetricQuery], year: int, years: Sequence[int]
) -> tuple[str, dict[str, object]]:
    """Return all the queries of a date as one, and its parameters."""
    texts = {
        model.table: text
        for model in card.models
        if "@as_of" in (text := (card.folder / "sql" / model.sql).read_text(encoding="utf-8"))
    }
    texts |= {view.table: render_sql(view.text, year, years) for view in card.views}
    params: dict[str, object] = {}
    needed = _needed(texts, [query.sql for query in queries])
    named = [(_name(table), _inside(texts[table], texts)) for table in needed]
    for place, query in enumerate(queries):
        own = f"person_{place}"
        named.append((f"m{place}", re.sub(r"@person_name\b", f"@{own}", _inside(query.sql, texts))))
        params |= {own if name == "person_name" else name: value for name, value in query.params.items()}
    places = range(len(queries))
    columns = ", ".join(f"m{n}.metric_value AS v{n}, m{n}.is_missing AS n{n}" for n in places)
    joins = " ".join(f"LEFT JOIN m{n} ON TRUE" for n in places)
    listed = ",\n".join(f"{name} AS (\n{sql}\n)" for name, sql in named)
    return f"WITH {listed}\nSELECT {columns} FROM (SELECT 1 AS one) AS base {joins}", params


def _needed(texts: dict[str, str], roots: Iterable[str]) -> list[str]:
    """Return the tables that the roots read, each after those that it reads itself."""
    order: list[str] = []

    def visit(sql: str) -> None:
        for table in _tables(sql):
            if table in texts and table not in order:
                visit(texts[table])
                order.append(table)

    for sql in roots:
        visit(sql)
    return order


def _tables(sql: str) -> tuple[str, ...]:
    return tuple(logical for _, _, logical, _ in read_query(sql, None).spots)


def _inside(sql: str, texts: dict[str, str]) -> str:
    return read_query(sql, None).placed(lambda table: _name(table) if table in texts else table)


def _name(table: str) -> str:
    return "at_" + table.replace(".", "_")
