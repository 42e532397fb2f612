"""What the reports show, pulled once into a file of the embedded warehouse.

Notebooks run in processes of their own, forty and more a night. They read this file, so BigQuery is asked
a handful of times however many pages there are, and they show what was checked even when it is away.
"""

from __future__ import annotations

import datetime as dt

import pyarrow as pa

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.catalogue.scorecard import load_scorecard
from kpi_lib.warehouse.bigquery.warehouse import BigQueryWarehouse
from kpi_lib.warehouse.duck import DuckDBWarehouse
from kpi_lib.warehouse.ledger_tables import KEYS, PUBLICATION, SNAPSHOT
from kpi_lib.warehouse.quality_questions import count_rows
from kpi_lib.warehouse.tables import (
    DASHBOARD,
    DQ_RESULTS,
    FACTS,
    ROW_COUNT,
    SCORECARD,
    SCORECARD_HISTORY,
    SCORECARD_STATE,
    SCORECARD_TREND,
    SOURCE_LOAD,
)
from kpi_lib.warehouse.types import ARROW_TYPES

_KPI_TABLES = ("kpi.dim_kpi", "kpi.dim_entity", SOURCE_LOAD, PUBLICATION)
_SHOWN_FACTS = f"""
SELECT * FROM {FACTS} WHERE date_key >= @since ORDER BY date_key, kpi_id, entity_id
"""  # noqa: S608
_SHOWN_DASHBOARD = f"""
SELECT * FROM {DASHBOARD} WHERE as_of_date = @as_of ORDER BY kpi_id, entity_id
"""  # noqa: S608
#: What was published once and never changed tells nothing about restatements.
_RESTATED = f"""
SELECT * FROM {SNAPSHOT} WHERE TRUE
QUALIFY COUNT(*) OVER (PARTITION BY {", ".join(KEYS)}) > 1
ORDER BY publication_no, {", ".join(KEYS)}
"""  # noqa: S608
_SCORECARD_TABLES = (SCORECARD, SCORECARD_HISTORY, SCORECARD_STATE, SCORECARD_TREND, SOURCE_LOAD)


def extract(
    warehouse: BigQueryWarehouse,
    catalogue: Catalogue,
    as_of: dt.date,
    since: dt.date,
    target: DuckDBWarehouse,
) -> dict[str, int]:
    """Copy the tables that a domain's reports read; return the rows of each.

    The dashboard comes for the reported date alone, facts from the first day that a page shows (``since``),
    the ledger where something changed, the others whole. Those are read as they lie, which is no query;
    that needs one of a view, or where rows were only added.
    """
    rows = {ROW_COUNT: target.replace(ROW_COUNT, count_rows(warehouse, catalogue))}
    for table in tables_of(catalogue):
        found = _pull(warehouse, table)
        target.replace_arrow(table, found)
        rows[table] = found.num_rows
    if catalogue.kpis:
        for table, sql in ((FACTS, _SHOWN_FACTS), (DASHBOARD, _SHOWN_DASHBOARD), (SNAPSHOT, _RESTATED)):
            found = typed(warehouse.arrow(sql, {"as_of": as_of, "since": since}), warehouse.columns(table))
            target.replace_arrow(table, found)
            rows[table] = found.num_rows
    return rows


def tables_of(catalogue: Catalogue) -> tuple[str, ...]:
    """Return the tables that a domain's reports read whole."""
    tables = [DQ_RESULTS, *(_KPI_TABLES if catalogue.kpis else ())]
    if catalogue.has_scorecard:
        tables += [*_SCORECARD_TABLES, *(view.table for view in load_scorecard(catalogue.folder).views)]
    return tuple(dict.fromkeys(tables))


def _pull(warehouse: BigQueryWarehouse, table: str) -> pa.Table:
    columns = warehouse.columns(table)
    staged = warehouse.staging.tables.get(table) if warehouse.staging else None
    if (staged is not None and staged.how != "whole") or not warehouse.owns(table):
        return typed(warehouse.arrow(f"SELECT * FROM {table}"), columns)  # noqa: S608
    session, place = warehouse.session, warehouse.seen(table)
    found = session.arrow(table, lambda s: session.client.list_rows(place.path, retry=None, timeout=s))
    return typed(found, columns)


def typed(table: pa.Table, columns: dict[str, str]) -> pa.Table:
    """Return a result with exactly the types that its columns are declared with."""
    return table.select(list(columns)).cast(
        pa.schema([pa.field(name, ARROW_TYPES[kind]) for name, kind in columns.items()])
    )
