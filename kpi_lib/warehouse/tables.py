"""The columns of the tables that the library itself fills, as GoogleSQL types.

Sources declare their columns in ``sources.toml`` and SQL models get theirs from their
SELECT; what is left is here, so that a table has the same types on every engine and on
a day when a column happens to be all null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kpi_lib.catalogue.dashboard_kpis import DASHBOARD_KPIS
from kpi_lib.catalogue.models import Catalogue
from kpi_lib.errors import FrameError
from kpi_lib.frames import WINDOW_COLUMNS
from kpi_lib.periods import PRIOR_YEAR
from kpi_lib.warehouse.ledger_tables import LEDGER_TABLES

SOURCE_LOAD = "raw.source_load"
FACTS = "kpi.fact_kpi_daily"
EVENTS = "kpi.fact_kpi_event"
ENTITY_ABOVE = "kpi.entity_above"
DASHBOARD = "kpi.agg_kpi_dashboard"
SCORECARD = "kpi.dashboard_kpis"
#: Only in what a night pulled from another warehouse: how many rows its tables have there.
ROW_COUNT = "ops.row_count"
SCORECARD_HISTORY = "kpi.dashboard_kpis_history"
SCORECARD_TREND = "kpi.dashboard_kpis_trend"
SCORECARD_STATE = "kpi.dashboard_kpis_state"
#: What the gate found, one row a rule and run.
DQ_RESULTS = "ops.dq_results"

#: Named parameters that every SQL file may use.
PARAMETERS: Mapping[str, str] = {
    "time_zone": "STRING",
    "first_day": "DATE",
    "last_day": "DATE",
    "as_of": "DATE",
}

_FIXED: Mapping[str, Mapping[str, str]] = {
    SOURCE_LOAD: {
        "source": "STRING",
        "loaded_from": "DATE",
        "complete_through": "DATE",
        "loaded_at": "TIMESTAMP",
        "row_count": "INT64",
    },
    "kpi.dim_kpi": {
        "kpi_id": "INT64",
        "kpi_code": "STRING",
        "kpi_name": "STRING",
        "kpi_group": "STRING",
        "kind": "STRING",
        "format": "STRING",
        "unit": "STRING",
        "decimals": "INT64",
        "direction": "STRING",
        "definition": "STRING",
        "terms": "STRING",
        "version": "INT64",
        "scale": "FLOAT64",
        "since": "DATE",
        "fingerprint": "STRING",
    },
    "kpi.dim_entity": {
        "entity_id": "INT64",
        "entity_code": "STRING",
        "entity_name": "STRING",
        "entity_type": "STRING",
        "parent_id": "INT64",
        "opened": "DATE",
        "closed": "DATE",
        "rule": "STRING",
    },
    FACTS: {
        "date_key": "DATE",
        "kpi_id": "INT64",
        "entity_id": "INT64",
        "value": "FLOAT64",
        "numerator": "FLOAT64",
        "denominator": "FLOAT64",
    },
    EVENTS: {"date_key": "DATE", "kpi_id": "INT64", "entity_id": "INT64", "member_id": "STRING"},
    ENTITY_ABOVE: {"entity_id": "INT64", "above_id": "INT64"},
    SCORECARD: DASHBOARD_KPIS,
    SCORECARD_HISTORY: {"as_of_date": "DATE", **DASHBOARD_KPIS},
    SCORECARD_TREND: {
        "as_of_date": "DATE",
        "metric_key": "STRING",
        "person_name": "STRING",
        "metric_value": "FLOAT64",
    },
    SCORECARD_STATE: {"as_of_date": "DATE", "fiscal_year": "INT64", "updated_at": "TIMESTAMP"},
    DQ_RESULTS: {
        "run_id": "STRING",
        "checked_at": "TIMESTAMP",
        "domain": "STRING",
        "as_of_date": "DATE",
        "table_name": "STRING",
        "check_name": "STRING",
        "column_name": "STRING",
        "kind": "STRING",
        "severity": "STRING",
        "success": "BOOL",
        "expected": "STRING",
        "observed": "STRING",
        "remedy": "STRING",
        "failing": "STRING",
    },
    "kpi.schema_version": {"table_name": "STRING", "version": "INT64"},
    **LEDGER_TABLES,
}
_WINDOW_TYPES = {
    **dict.fromkeys(("value", "prior", "delta", "delta_pct"), "FLOAT64"),
    **dict.fromkeys(("reason", "prior_reason", "delta_reason"), "STRING"),
    **dict.fromkeys(("missing_days", "prior_missing_days"), "INT64"),
}
_DASHBOARD_KEYS = {"as_of_date": "DATE", "kpi_id": "INT64", "entity_id": "INT64"}
# The longest suffix wins: "mtd_prior_reason" is a reason, not a prior.
_SUFFIXES = sorted(WINDOW_COLUMNS, key=len, reverse=True)


def physical_layers(catalogue: Catalogue) -> dict[str, str]:
    """Return logical layer → physical schema of a domain: ``{domain}_{layer}`` unless it names another."""
    logical = {"raw", "mart", "kpi", "ops", *(source.layer for source in catalogue.sources)}
    return {name: catalogue.layers.get(name, f"{catalogue.domain}_{name}") for name in sorted(logical)}


def declared_types(table: str) -> Mapping[str, str]:
    """Return the declared GoogleSQL types of a library table's columns; empty for any other table.

    The dashboard's window columns depend on the domain; ask :func:`column_type` for those.
    """
    return _DASHBOARD_KEYS if table == DASHBOARD else _FIXED.get(table, {})


def column_type(table: str, column: str) -> str | None:
    """Return the declared GoogleSQL type of one column, or None where nothing declares it."""
    known = declared_types(table).get(column)
    if known is not None or table != DASHBOARD:
        return known
    if column == "payload":
        return "STRING"
    return next((_WINDOW_TYPES[end] for end in _SUFFIXES if column.endswith(f"_{end}")), None)


def comparison_names(catalogue: Catalogue) -> tuple[str, ...]:
    """Return the comparisons in the order of the dashboard: the prior year's columns are the plain ones."""
    names = [comparison.name for comparison in catalogue.comparisons]
    return tuple(sorted(names, key=lambda name: (name != PRIOR_YEAR.name, names.index(name))))


def dashboard_columns(catalogue: Catalogue) -> dict[str, str]:
    """Return the columns of ``kpi.agg_kpi_dashboard`` of a domain, by GoogleSQL type.

    A further comparison has columns of its own, ``{window}_{comparison}_prior`` and so on.
    """
    columns = dict(_DASHBOARD_KEYS)
    first, *others = comparison_names(catalogue)
    for window in catalogue.windows:
        for comparison in (first, *others):
            for name in WINDOW_COLUMNS:
                columns[dashboard_column(window.name, comparison, name, first)] = _WINDOW_TYPES[name]
    return {**columns, "payload": "STRING"}


def dashboard_column(window: str, comparison: str, name: str, first: str) -> str:
    """Return where the dashboard keeps a value of a window and comparison."""
    shared = comparison == first or name in ("value", "reason", "missing_days")
    return f"{window}_{name}" if shared else f"{window}_{comparison}_{name}"


def library_tables(catalogue: Catalogue) -> dict[str, dict[str, str]]:
    """Return every declared table of a domain: its sources and what the library fills.

    Returns
    -------
    dict
        Logical table name → column → GoogleSQL type. ``mart.dim_date``, the SQL models and
        the gate's results are not here: their columns come from what makes them.
    """
    sources = {
        f"{source.layer}.{source.name}": {column.name: column.type for column in source.columns}
        for source in catalogue.sources
    }
    fixed = {name: dict(columns) for name, columns in _FIXED.items()}
    return {**sources, **fixed, DASHBOARD: dashboard_columns(catalogue)}


def require_columns(table: str, held: Iterable[str], given: Iterable[object], date_column: str) -> None:
    """Check that rows which replace those of their dates have the columns of their table.

    Raises
    ------
    FrameError
        When they do not.
    """
    have, made = set(held), set(map(str, given))
    if have != made or date_column not in have:
        raise FrameError(
            f"The columns are not those of the table: {', '.join(sorted(have ^ made) or [date_column])}.",
            where=table,
            remedy="Build it again in full (`kpi build --full`).",
        )
