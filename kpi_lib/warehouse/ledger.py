"""The ledger: what was published when, written into the warehouse that is about to be published.

Only rows that are new or differ from the last published ones are added, so a publication is
the newest row of every key up to it (``docs/adr/0006-the-ledger-keeps-what-changed.md``).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from kpi_lib.catalogue.fingerprint import definitions
from kpi_lib.catalogue.models import Catalogue, Source
from kpi_lib.warehouse.ledger_sql import LAST_PUBLICATION, PUBLICATION_SQL, snapshot_sql
from kpi_lib.warehouse.ledger_tables import (
    LEDGER_KPI,
    LEDGER_TABLES,
    PUBLICATION,
    SNAPSHOT,
)
from kpi_lib.warehouse.protocol import Warehouse
from kpi_lib.warehouse.rollup import load_spans
from kpi_lib.warehouse.tables import DASHBOARD

_EVER = dt.date(1, 1, 1)
#: What :func:`source_days` returns where no source names a date.
NO_DAYS = pd.DataFrame({"source": [], "date_key": pd.to_datetime([]), "row_count": []})
_BUSINESS_DATE: Mapping[str, str] = {
    "DATE": "{column}",
    "DATETIME": "DATE({column})",
    "TIMESTAMP": "DATE({column}, @time_zone)",
}


@dataclass(frozen=True)
class Publication:
    """What is known about the publication that is about to happen.

    Parameters
    ----------
    run_id
        The run that publishes.
    published_at
        The instant at which its tables were complete; aware.
    as_of
        The newest business date it is about.
    code
        A fingerprint of the code that computes.
    since
        The first as-of date that was computed again; None for all of them.
    """

    run_id: str
    published_at: dt.datetime
    as_of: dt.date
    code: str
    since: dt.date | None = None


def source_days(warehouse: Warehouse, catalogue: Catalogue) -> pd.DataFrame:
    """Return how many rows each source holds for each business date, by one query.

    Returns
    -------
    pandas.DataFrame
        ``source, date_key, row_count``. A source that names no date, or that is not there, has no rows.
    """
    parts = [part for source in catalogue.sources for part in _days_of(warehouse, source)]
    if not parts:
        return NO_DAYS
    return warehouse.query("\nUNION ALL\n".join(parts), {"time_zone": catalogue.calendar.time_zone})


def _days_of(warehouse: Warehouse, source: Source) -> list[str]:
    table = f"{source.layer}.{source.name}"
    if source.date_column is None or not warehouse.exists(table):
        return []
    kind = warehouse.columns(table).get(source.date_column)
    if kind is None or kind not in _BUSINESS_DATE:
        return []
    date = _BUSINESS_DATE[kind].format(column=source.date_column)
    return [
        f"SELECT '{source.name}' AS source, {date} AS date_key, COUNT(*) AS row_count "  # noqa: S608
        f"FROM {table} GROUP BY date_key"
    ]


def grown_days(before: pd.DataFrame, after: pd.DataFrame) -> list[pd.Timestamp]:
    """Return the business dates for which some source has more rows than before."""
    keys = ["source", "date_key"]
    both = after.merge(before, on=keys, how="left", suffixes=("", "_before"), validate="one_to_one")
    grown = both[both["row_count"] > both["row_count_before"].fillna(0)]
    return sorted(grown["date_key"].dropna().unique().tolist())


def write_ledger(warehouse: Warehouse, catalogue: Catalogue, publication: Publication) -> int:
    """Add what is about to be published to the ledger; return the number of rows added.

    A domain without a dashboard has no ledger.

    Parameters
    ----------
    warehouse
        The staging warehouse: its dashboard is complete, its ledger ends with the last publication, and
        ``ops.fact_change`` says which facts differ from the last published ones.
    catalogue
        The domain's definitions.
    publication
        Who publishes when.
    """
    if not warehouse.exists(DASHBOARD):
        return 0
    for table in (SNAPSHOT, PUBLICATION):
        if not warehouse.exists(table):
            warehouse.replace(table, pd.DataFrame(columns=list(LEDGER_TABLES[table])))
    held = warehouse.query(f"SELECT DISTINCT as_of_date FROM {DASHBOARD}")["as_of_date"]  # noqa: S608
    load_spans(warehouse, catalogue, held.sort_values().to_numpy())
    last = _last_publication(warehouse)
    described = _definitions(catalogue, publication.code)
    warehouse.replace(LEDGER_KPI, _ledger_kpi(described, last))
    number = 1 if last is None else int(last["publication_no"]) + 1
    params = {
        "publication_no": number,
        "run_id": publication.run_id,
        "published_at": publication.published_at,
        "as_of": publication.as_of,
        "code": publication.code,
        "definitions": json.dumps(described, sort_keys=True),
        "since": _EVER if last is None or publication.since is None else publication.since,
    }
    added = warehouse.insert(SNAPSHOT, snapshot_sql(catalogue), params)
    if added or last is None or last["definitions"] != params["definitions"]:
        warehouse.insert(PUBLICATION, PUBLICATION_SQL, params)
    return added


def _last_publication(warehouse: Warehouse) -> dict[str, Any] | None:
    rows = warehouse.query(LAST_PUBLICATION).to_dict("records")
    return {str(key): value for key, value in rows[0].items()} if rows else None


def _definitions(catalogue: Catalogue, code: str) -> dict[str, Any]:
    """Return what a publication's numbers meant, and how they were shown, as JSON data."""
    made = definitions(catalogue, code)
    return {
        "kpis": {
            str(kpi.id): {
                "code": kpi.code,
                "version": kpi.version,
                "decimals": kpi.decimals,
                "definition": made[kpi.id],
            }
            for kpi in catalogue.kpis
        },
        "windows": [window.name for window in catalogue.windows],
        "comparisons": [comparison.name for comparison in catalogue.comparisons],
    }


def _ledger_kpi(described: Mapping[str, Any], last: Mapping[str, Any] | None) -> pd.DataFrame:
    before = {} if last is None else json.loads(last["definitions"])["kpis"]
    rows = [
        {
            "kpi_id": int(key),
            "kpi_version": kpi["version"],
            "definition": kpi["definition"],
            "is_redefined": before.get(key, {}).get("definition") != kpi["definition"],
        }
        for key, kpi in described["kpis"].items()
    ]
    return pd.DataFrame(rows, columns=list(LEDGER_TABLES[LEDGER_KPI]))
