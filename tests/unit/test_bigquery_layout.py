"""How tables are partitioned and clustered in BigQuery, as its DDL says it."""

from __future__ import annotations

import pytest

from kpi_lib.warehouse.bigquery.layout import layout_of
from kpi_lib.warehouse.tables import declared_types

MODEL = {"order_date": "DATE", "customer_id": "STRING", "net": "NUMERIC"}


@pytest.mark.parametrize(
    ("table", "columns", "clauses"),
    [
        (
            "kpi.fact_kpi_daily", declared_types("kpi.fact_kpi_daily"),
            "PARTITION BY DATE_TRUNC(`date_key`, MONTH) CLUSTER BY `kpi_id`, `entity_id`",
        ),
        (
            "kpi.agg_kpi_dashboard", declared_types("kpi.agg_kpi_dashboard"),
            "PARTITION BY DATE_TRUNC(`as_of_date`, MONTH) CLUSTER BY `as_of_date`, `entity_id`, `kpi_id`",
        ),
        (
            "kpi.dashboard_kpis", declared_types("kpi.dashboard_kpis"),
            "PARTITION BY DATE(`updated_at`) CLUSTER BY `department`, `metric_key`",
        ),
        (
            "kpi.kpi_snapshot", declared_types("kpi.kpi_snapshot"),
            "PARTITION BY DATE(`published_at`) CLUSTER BY `as_of_date`, `kpi_id`, `entity_id`",
        ),
        ("mart.order_line", MODEL, "PARTITION BY DATE_TRUNC(`order_date`, MONTH) CLUSTER BY `customer_id`"),
        ("mart.names", {"name": "STRING"}, ""),
    ],
)  # fmt: skip
def test_the_clauses_of_a_table(table: str, columns: dict[str, str], clauses: str) -> None:
    assert layout_of(table, columns).ddl(columns) == clauses
