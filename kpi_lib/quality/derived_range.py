"""Reconciliations of what is loaded and built with the days that a domain reports."""

from __future__ import annotations

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.quality.reconciliations import Reconciliation

_COVERED = """
SELECT needed.source, l.complete_through, DATE_DIFF(@as_of, l.complete_through, DAY) AS days_behind
FROM (
{sources}
) AS needed
LEFT JOIN raw.source_load AS l ON l.source = needed.source
WHERE l.complete_through IS NULL OR l.complete_through < @as_of
ORDER BY needed.source"""

_AFTER = """
SELECT table_name, date_key, COUNT(*) AS row_count
FROM (
  SELECT 'fact_kpi_daily' AS table_name, date_key FROM kpi.fact_kpi_daily
  UNION ALL
  SELECT 'agg_kpi_dashboard' AS table_name, as_of_date AS date_key FROM kpi.agg_kpi_dashboard
) AS held
WHERE date_key > @last_day
GROUP BY table_name, date_key
ORDER BY table_name, date_key"""


def reported_range(catalogue: Catalogue) -> list[Reconciliation]:
    """Return what must hold of the first and last days: covered by the sources, and not exceeded."""
    after = Reconciliation(
        name="nothing_after_last_day",
        severity="critical",
        says="No fact and no row of the dashboard is for a day after the last one that is complete.",
        table="agg_kpi_dashboard",
        origin="the days that the mart holds",
        remedy="The days named were built before a source was taken back; build everything again"
        " from what is loaded now.",
        sql=_AFTER,
    )
    # A domain of metrics alone has neither facts nor a dashboard.
    held = [after] if catalogue.kpis else []
    required = [source.name for source in catalogue.sources if source.required]
    if not required:
        return held
    covered = Reconciliation(
        name="required_sources_cover_as_of",
        severity="critical",
        says="Every required source is complete through the as-of date.",
        table="source_load",
        origin="sources.toml",
        remedy="Wait for the source, or report an earlier date.",
        sql=_COVERED.format(
            sources="\n  UNION ALL\n".join(f"  SELECT '{name}' AS source" for name in required)
        ),
    )
    return [covered, *held]
