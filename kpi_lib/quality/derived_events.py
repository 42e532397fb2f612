"""Reconciliations of distinct counts: who was seen when, against the days that the facts carry."""

from __future__ import annotations

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.quality.reconciliations import Reconciliation

_OUTSIDE = """
SELECT v.entity_id, v.date_key, e.opened, e.closed, v.kpi_id, COUNT(DISTINCT v.member_id) AS members
FROM kpi.fact_kpi_event AS v
INNER JOIN kpi.dim_kpi AS k ON k.kpi_id = v.kpi_id
INNER JOIN kpi.dim_entity AS e ON e.entity_id = v.entity_id
WHERE v.date_key < COALESCE(e.opened, v.date_key)
  OR v.date_key > COALESCE(e.closed, v.date_key)
  OR v.date_key < COALESCE(k.since, v.date_key)
GROUP BY v.entity_id, v.date_key, e.opened, e.closed, v.kpi_id
ORDER BY v.entity_id, v.date_key, v.kpi_id"""

_COUNTED = """
SELECT f.date_key, f.kpi_id, f.entity_id, f.value AS fact_value, COALESCE(c.members, 0) AS members
FROM kpi.fact_kpi_daily AS f
INNER JOIN kpi.dim_kpi AS k ON k.kpi_id = f.kpi_id AND k.kind = 'distinct'
LEFT JOIN (
  SELECT v.date_key, v.kpi_id, a.above_id, COUNT(DISTINCT v.member_id) AS members
  FROM kpi.fact_kpi_event AS v
  INNER JOIN kpi.entity_above AS a ON a.entity_id = v.entity_id
  GROUP BY v.date_key, v.kpi_id, a.above_id
) AS c
ON c.date_key = f.date_key AND c.kpi_id = f.kpi_id AND c.above_id = f.entity_id
WHERE f.value <> COALESCE(c.members, 0)
ORDER BY f.date_key, f.kpi_id, f.entity_id"""


def events(catalogue: Catalogue) -> list[Reconciliation]:
    """Return what must hold between a domain's events and its facts; nothing for a domain without any."""
    if not catalogue.events:
        return []
    outside = Reconciliation(
        name="no_event_outside_opened_and_closed",
        severity="critical",
        says="Nobody is seen at an entity before it opened or after it closed, or for a KPI before it began.",
        table="fact_kpi_event",
        origin=f"entities.csv, since in kpis.toml and {catalogue.events}",
        remedy="Correct opened, closed or since, or in the source the place of what happened on these days.",
        sql=_OUTSIDE,
    )
    counted = Reconciliation(
        name="distinct_count_of_each_day",
        severity="critical",
        says="The daily fact of a distinct count is the number of members that the day's events name.",
        table="fact_kpi_daily",
        origin=catalogue.events,
        remedy="Build the facts again.",
        sql=_COUNTED,
    )
    return [outside, counted]
