"""How each table is partitioned and clustered, by its logical name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kpi_lib.warehouse.ledger_tables import FACT_CHANGE, PUBLICATION, SNAPSHOT, WINDOW_SPAN
from kpi_lib.warehouse.tables import DASHBOARD, FACTS, SCORECARD, SCORECARD_HISTORY, SCORECARD_TREND

if TYPE_CHECKING:
    from google.cloud import bigquery


@dataclass(frozen=True)
class Layout:
    """How a table lies on disk.

    Parameters
    ----------
    partition
        The DATE column, or the TIMESTAMP column by its UTC date; empty for none.
    by
        ``DAY`` or ``MONTH``. One job may touch 4,000 partitions, and a table's may be changed 30,000
        times a day: what is rewritten over years of business dates is divided by month.
    cluster
        The columns of the order within a partition, at most four.
    """

    partition: str = ""
    by: str = "DAY"
    cluster: tuple[str, ...] = ()

    def kept(self, columns: Mapping[str, str]) -> Layout:
        """Return the layout as far as a table has its columns."""
        partition = self.partition if columns.get(self.partition) in ("DATE", "TIMESTAMP") else ""
        return Layout(partition, self.by, tuple(name for name in self.cluster if name in columns))

    def ddl(self, columns: Mapping[str, str]) -> str:
        """Return the clauses of CREATE TABLE."""
        kept = self.kept(columns)
        parts = []
        if kept.partition:
            parts.append(f"PARTITION BY {kept.expression(columns[kept.partition])}")
        if kept.cluster:
            parts.append(f"CLUSTER BY {', '.join(f'`{name}`' for name in kept.cluster)}")
        return " ".join(parts)

    def expression(self, kind: str) -> str:
        """Return the partitioning expression over a DATE or TIMESTAMP column."""
        column = f"`{self.partition}`"
        if kind == "TIMESTAMP":
            return f"DATE({column})" if self.by == "DAY" else f"TIMESTAMP_TRUNC({column}, {self.by})"
        return column if self.by == "DAY" else f"DATE_TRUNC({column}, {self.by})"


_SERIES = ("kpi_id", "entity_id")
_LAYOUTS: Mapping[str, Layout] = {
    FACTS: Layout("date_key", "MONTH", _SERIES),
    DASHBOARD: Layout("as_of_date", "MONTH", ("as_of_date", "entity_id", "kpi_id")),
    SNAPSHOT: Layout("published_at", cluster=("as_of_date", *_SERIES)),
    PUBLICATION: Layout("published_at"),
    WINDOW_SPAN: Layout(cluster=("as_of_date", "window_name")),
    SCORECARD: Layout("updated_at", cluster=("department", "metric_key")),
    SCORECARD_HISTORY: Layout("updated_at", cluster=("department", "metric_key")),
    SCORECARD_TREND: Layout(cluster=("metric_key",)),
    FACT_CHANGE: Layout(cluster=_SERIES),
    "mart.dim_date": Layout(cluster=("date_key",)),
}
#: Columns that a model of a domain is laid out by where nothing is said of it.
_DATES = ("date_key", "order_date", "as_of_date")
_KEYS = ("entity_id", "kpi_id", "customer_id")


def layout_of(table: str, columns: Mapping[str, str]) -> Layout:
    """Return how a logical table with these columns (name → GoogleSQL type) is laid out."""
    known = _LAYOUTS.get(table)
    if known is not None:
        return known.kept(columns)
    dated = next((name for name in _DATES if columns.get(name) == "DATE"), "")
    return Layout(dated, "MONTH", tuple(name for name in _KEYS if name in columns))


def layout_found(table: bigquery.Table) -> Layout:
    """Return how a table lies that is there already."""
    parts = table.time_partitioning
    cluster = tuple(table.clustering_fields or ())
    return Layout(parts.field or "", parts.type_, cluster) if parts else Layout(cluster=cluster)
