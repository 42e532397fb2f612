"""Reconciliations of the mart and the facts over the series that are active, and nothing beyond them.

A series is active from the later of its KPI's ``since`` and its entity's ``opened`` until the entity's
``closed``. On other days it has no fact; a mart may have a row there, but no business.
"""

from __future__ import annotations

import datetime as dt
import re

from kpi_lib.catalogue.models import Catalogue, Kpi
from kpi_lib.errors import DefinitionError
from kpi_lib.quality.reconciliations import Reconciliation

_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_TABLE = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*$")
MEASURES = ("value", "numerator", "denominator")
_NOTHING = "CAST(NULL AS FLOAT64)"
# Half a cent: facts and dashboard hold money as binary floats. Very large sums agree to nine digits.
DIFFER = "(({a} IS NULL) <> ({b} IS NULL) OR ABS({a} - {b}) > GREATEST(0.005, 0.000000001 * ABS({b})))"
_OPEN = "{day} >= COALESCE({e}.opened, {day}) AND {day} <= COALESCE({e}.closed, {day})"

_MART_IS_FACT = """
SELECT COALESCE(m.date_key, f.date_key) AS date_key, COALESCE(m.kpi_id, f.kpi_id) AS kpi_id,
  COALESCE(m.entity_id, f.entity_id) AS entity_id, m.value AS mart_value, f.value AS fact_value,
  m.numerator AS mart_numerator, f.numerator AS fact_numerator, m.denominator AS mart_denominator,
  f.denominator AS fact_denominator
FROM (
  SELECT measured.*
  FROM (
{mart}
  ) AS measured
  LEFT JOIN kpi.dim_entity AS e ON e.entity_id = measured.entity_id
  WHERE {open}
) AS m
FULL OUTER JOIN (
  SELECT date_key, entity_id, kpi_id, IF(kpi_id IN ({ratios}), NULL, value) AS value, numerator, denominator
  FROM kpi.fact_kpi_daily
  WHERE kpi_id IN ({ids})
) AS f
ON f.date_key = m.date_key AND f.entity_id = m.entity_id AND f.kpi_id = m.kpi_id
WHERE {differ}
ORDER BY date_key, kpi_id, entity_id"""

_MART_COLUMN = """  SELECT date_key, entity_id, {kpi} AS kpi_id, {value} AS value, {numerator} AS numerator,
    {denominator} AS denominator
  FROM {table}{since}"""

_OUTSIDE = """
SELECT measured.entity_id, measured.date_key, e.opened, e.closed, measured.kpi_id, measured.value,
  measured.numerator, measured.denominator
FROM (
{mart}
) AS measured
JOIN kpi.dim_entity AS e ON e.entity_id = measured.entity_id
WHERE NOT ({open})
  AND (measured.value <> 0 OR measured.numerator <> 0 OR measured.denominator <> 0)
ORDER BY measured.entity_id, measured.date_key, measured.kpi_id"""

_DENSE = """
SELECT COALESCE(x.date_key, f.date_key) AS date_key, COALESCE(x.kpi_id, f.kpi_id) AS kpi_id,
  COALESCE(x.entity_id, f.entity_id) AS entity_id, IF(f.kpi_id IS NULL, 'missing', 'not active') AS fact
FROM (
  SELECT days.date_key, kpis.kpi_id, e.entity_id
  FROM (SELECT date_key FROM UNNEST(GENERATE_DATE_ARRAY(@first_day, @last_day)) AS date_key) AS days
  CROSS JOIN (
{kpis}
  ) AS kpis
  CROSS JOIN kpi.dim_entity AS e
  WHERE days.date_key >= kpis.since AND {open}
) AS x
FULL OUTER JOIN (
  SELECT date_key, kpi_id, entity_id FROM kpi.fact_kpi_daily WHERE kpi_id IN ({ids})
) AS f
ON f.date_key = x.date_key AND f.kpi_id = x.kpi_id AND f.entity_id = x.entity_id
WHERE x.kpi_id IS NULL OR f.kpi_id IS NULL
ORDER BY date_key, kpi_id, entity_id"""

_KPI = "    SELECT {id} AS kpi_id, DATE '{since}' AS since"


def series(catalogue: Catalogue) -> list[Reconciliation]:
    """Return what must hold between a domain's mart and its facts, series by series."""
    # Distinct counts come from events; the mart need not hold them.
    kpis = [kpi for kpi in catalogue.kpis if kpi.kind != "distinct"]
    if not catalogue.mart or not kpis:
        return []
    # Business outside an entity's life is said first: the other rules only see what follows from it.
    return [_outside(catalogue, kpis), _dense(kpis), _mart_is_fact(catalogue, kpis)]


def _outside(catalogue: Catalogue, kpis: list[Kpi]) -> Reconciliation:
    return Reconciliation(
        name="nothing_outside_opened_and_closed",
        severity="critical",
        says="An entity has no business before the day it opened or after the day it closed.",
        table=_checked(catalogue.mart, _TABLE).partition(".")[2],
        origin=f"entities.csv and {catalogue.mart}",
        remedy="Correct opened and closed of this entity in entities.csv, or in the source the place"
        " of what happened on the days named.",
        sql=_OUTSIDE.format(mart=_mart(catalogue, kpis), open=_OPEN.format(day="measured.date_key", e="e")),
    )


def _dense(kpis: list[Kpi]) -> Reconciliation:
    return Reconciliation(
        name="every_active_series",
        severity="critical",
        says="Each day has one fact for every KPI and entity that is active on it, and for no other.",
        table="fact_kpi_daily",
        origin="since in kpis.toml, opened and closed in entities.csv",
        remedy="Build the facts again.",
        sql=_DENSE.format(
            kpis="\n    UNION ALL\n".join(_KPI.format(id=kpi.id, since=_since(kpi)) for kpi in kpis),
            open=_OPEN.format(day="days.date_key", e="e"),
            ids=_ids(kpis),
        ),
    )


def _mart_is_fact(catalogue: Catalogue, kpis: list[Kpi]) -> Reconciliation:
    return Reconciliation(
        name="mart_is_fact",
        severity="critical",
        says="Each fact is the mart's number of that day, KPI and entity, and no number of a day on which"
        " they are active is left behind.",
        table="fact_kpi_daily",
        origin=f"kpis.toml and {catalogue.mart}",
        remedy="Rebuild the facts from the mart.",
        sql=_MART_IS_FACT.format(
            mart=_mart(catalogue, kpis),
            open=_OPEN.format(day="measured.date_key", e="e"),
            ratios=_ids([kpi for kpi in kpis if kpi.kind == "ratio"]) or "-1",
            ids=_ids(kpis),
            differ=" OR ".join(DIFFER.format(a=f"m.{name}", b=f"f.{name}") for name in MEASURES),
        ),
    )


def _mart(catalogue: Catalogue, kpis: list[Kpi]) -> str:
    """Return SQL for the mart's columns as rows, each KPI from its ``since`` on."""
    columns = []
    for kpi in kpis:
        ratio = kpi.kind == "ratio"
        columns.append(
            _MART_COLUMN.format(
                kpi=kpi.id,
                value=_NOTHING if ratio else _as_float(kpi.column or kpi.code),
                numerator=_as_float(kpi.numerator or "") if ratio else _NOTHING,
                denominator=_as_float(kpi.denominator or "") if ratio else _NOTHING,
                table=_checked(catalogue.mart, _TABLE),
                since=f"\n  WHERE date_key >= DATE '{_since(kpi)}'" if kpi.since else "",
            )
        )
    return "\n  UNION ALL\n".join(columns)


def _since(kpi: Kpi) -> str:
    return (kpi.since or dt.date.min).isoformat()


def _ids(kpis: list[Kpi]) -> str:
    return ", ".join(str(kpi.id) for kpi in kpis)


def _as_float(column: str) -> str:
    return f"CAST({_checked(column, _NAME)} AS FLOAT64)"


def _checked(name: str, pattern: re.Pattern[str]) -> str:
    if pattern.match(name) is None:
        raise DefinitionError(
            f"'{name}' cannot stand in SQL as a name.", remedy="Use letters, digits and underscores only."
        )
    return name
