"""Reconciliations that follow from the catalogue, so that every domain has them without writing SQL.

They hold whatever a domain defines: the identities stated by ``terms``, the mart against the
facts, the facts against the dashboard, and every whole against the sum of its parts.
"""

from __future__ import annotations

import datetime as dt
import re

from kpi_lib.catalogue.models import Catalogue, Kpi
from kpi_lib.errors import DefinitionError
from kpi_lib.quality.derived_windows import windows_from_facts
from kpi_lib.quality.reconciliations import Reconciliation

_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_TABLE = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*$")
_MEASURES = ("value", "numerator", "denominator")
_NOTHING = "CAST(NULL AS FLOAT64)"
# Half a cent: facts and dashboard hold money as binary floats. Very large sums agree to nine digits.
_DIFFER = "(({a} IS NULL) <> ({b} IS NULL) OR ABS({a} - {b}) > GREATEST(0.005, 0.000000001 * ABS({b})))"

_IDENTITY_BY_DAY = """
SELECT date_key, entity_id, stated, parts
FROM (
  SELECT date_key, entity_id, MAX(IF(kpi_id = {kpi}, value, NULL)) AS stated, {parts} AS parts
  FROM kpi.fact_kpi_daily
  WHERE kpi_id IN ({ids})
  GROUP BY date_key, entity_id
) AS days
WHERE {differ}
ORDER BY date_key, entity_id"""

# Parts with unequal missing days need not add up, so only whole windows are held to it.
_IDENTITY_BY_WINDOW = """
SELECT entity_id, window_name, side, stated, parts
FROM (
{sides}
) AS sides
WHERE reasons = 0 AND {differ}
ORDER BY entity_id, window_name, side"""

_IDENTITY_SIDE = """  SELECT entity_id, '{window}' AS window_name, '{side}' AS side,
    MAX(IF(kpi_id = {kpi}, {column}, NULL)) AS stated, {parts} AS parts,
    COUNTIF({reason} IS NOT NULL) AS reasons
  FROM kpi.agg_kpi_dashboard
  WHERE as_of_date = @as_of AND kpi_id IN ({ids})
  GROUP BY entity_id"""

_PARTS = """
SELECT date_key, kpi_id, whole_value, parts_value, whole_numerator, parts_numerator, whole_denominator,
  parts_denominator
FROM (
  SELECT f.date_key, f.kpi_id,
    {columns}
  FROM kpi.fact_kpi_daily AS f
  WHERE f.kpi_id IN ({kpis}) AND f.entity_id IN ({whole}, {leaves})
  GROUP BY f.date_key, f.kpi_id
) AS days
WHERE {differ}
ORDER BY date_key, kpi_id"""

_RATIOS = """
SELECT date_key, kpi_id, entity_id, value, expected, numerator, denominator
FROM (
  SELECT date_key, kpi_id, entity_id, value, numerator, denominator,
    {scale} * numerator / NULLIF(denominator, 0) AS expected
  FROM kpi.fact_kpi_daily
  WHERE kpi_id IN ({ids})
) AS ratios
WHERE (value IS NULL) <> (expected IS NULL) OR ABS(value - expected) > 0.0000001 * GREATEST(1, ABS(expected))
ORDER BY date_key, kpi_id, entity_id"""

_MART_IS_FACT = """
SELECT COALESCE(m.date_key, f.date_key) AS date_key, COALESCE(m.kpi_id, f.kpi_id) AS kpi_id,
  COALESCE(m.entity_id, f.entity_id) AS entity_id, m.value AS mart_value, f.value AS fact_value,
  m.numerator AS mart_numerator, f.numerator AS fact_numerator, m.denominator AS mart_denominator,
  f.denominator AS fact_denominator
FROM (
{mart}
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
  FROM {table}"""


def derive(catalogue: Catalogue, as_of: dt.date) -> tuple[Reconciliation, ...]:
    """Return the reconciliations of a domain for one as-of date."""
    stated = [kpi for kpi in catalogue.kpis if kpi.terms]
    return (
        *(_identity_by_day(catalogue, kpi) for kpi in stated),
        *(_identity_by_window(catalogue, kpi) for kpi in stated),
        *_parts(catalogue),
        *_ratios(catalogue),
        *_mart_is_fact(catalogue),
        *windows_from_facts(catalogue, as_of),
    )


def _identity_by_day(catalogue: Catalogue, kpi: Kpi) -> Reconciliation:
    return Reconciliation(
        name=f"identity_{kpi.code}_by_day",
        severity="critical",
        says=f"{kpi.name} is {_words(catalogue, kpi)}, on every day and for every entity.",
        table="fact_kpi_daily",
        origin=f"terms of {kpi.code} in kpis.toml",
        remedy="Compare the columns of these KPIs in the mart's SQL, on the days named.",
        sql=_IDENTITY_BY_DAY.format(
            kpi=kpi.id,
            parts=_sum_of_terms(catalogue, kpi, "value"),
            ids=_term_ids(catalogue, kpi),
            differ=_DIFFER.format(a="stated", b="parts"),
        ),
    )


def _identity_by_window(catalogue: Catalogue, kpi: Kpi) -> Reconciliation:
    sides = [
        _IDENTITY_SIDE.format(
            window=window.name,
            side=side,
            kpi=kpi.id,
            column=_checked(f"{window.name}_{side}", _NAME),
            parts=_sum_of_terms(catalogue, kpi, f"{window.name}_{side}"),
            reason=f"{window.name}_{reason}",
            ids=_term_ids(catalogue, kpi),
        )
        for window in catalogue.windows
        for side, reason in (("value", "reason"), ("prior", "prior_reason"))
    ]
    return Reconciliation(
        name=f"identity_{kpi.code}_by_window",
        severity="critical",
        says=f"{kpi.name} is {_words(catalogue, kpi)}, in every window and for every entity.",
        table="agg_kpi_dashboard",
        origin=f"terms of {kpi.code} in kpis.toml",
        remedy="Rebuild the roll-ups of this as-of date.",
        sql=_IDENTITY_BY_WINDOW.format(
            sides="\n  UNION ALL\n".join(sides), differ=_DIFFER.format(a="stated", b="parts")
        ),
    )


def _sum_of_terms(catalogue: Catalogue, kpi: Kpi, column: str) -> str:
    return " + ".join(
        f"{factor} * MAX(IF(kpi_id = {catalogue.kpi(code).id}, {column}, NULL))"
        for code, factor in kpi.terms.items()
    )


def _term_ids(catalogue: Catalogue, kpi: Kpi) -> str:
    return ", ".join(str(key) for key in (kpi.id, *(catalogue.kpi(code).id for code in kpi.terms)))


def _words(catalogue: Catalogue, kpi: Kpi) -> str:
    text = ""
    for code, factor in kpi.terms.items():
        times = "" if abs(factor) == 1 else f"{abs(factor)} × "
        sign = " − " if factor < 0 else " + "
        text += f"{sign if text or factor < 0 else ''}{times}{catalogue.kpi(code).title}"
    return text.strip()


def _parts(catalogue: Catalogue) -> list[Reconciliation]:
    """Return one reconciliation a type of leaf entity: the leaves of each type partition the whole."""
    parents = {entity.parent for entity in catalogue.entities if entity.parent}
    wholes = [entity for entity in catalogue.entities if entity.parent is None and entity.code in parents]
    leaves = [entity for entity in catalogue.entities if entity.parent and entity.code not in parents]
    # Both sides of a ratio add up over entities; its value does not.
    ratios = _ids(catalogue, "ratio") or "-1"
    # Every daily value of a whole is built by adding up its parts, whatever happens over time.
    kpis = _ids(catalogue, "sum", "last", "ratio", "average", "min", "max")
    return [
        Reconciliation(
            name=f"{kind}_parts_of_{whole.code.lower()}",
            severity="critical",
            says=f"{whole.name} is the sum of its entities of type '{kind}', on every day"
            " and for every KPI that adds up.",
            table="fact_kpi_daily",
            origin="entities.csv",
            remedy="Look for a row that two entities claim, or none.",
            sql=_PARTS.format(
                columns=",\n    ".join(_whole_and_parts(whole.id, measure, ratios) for measure in _MEASURES),
                kpis=kpis,
                whole=whole.id,
                leaves=", ".join(str(leaf.id) for leaf in leaves if leaf.type == kind),
                differ=" OR ".join(
                    _DIFFER.format(a=f"whole_{name}", b=f"parts_{name}") for name in _MEASURES
                ),
            ),
        )
        for whole in wholes
        for kind in dict.fromkeys(leaf.type for leaf in leaves)
        if kpis
    ]


def _whole_and_parts(whole: int, measure: str, ratios: str) -> str:
    added = f"IF(f.kpi_id IN ({ratios}), NULL, f.value)" if measure == "value" else f"f.{measure}"
    return (
        f"SUM(IF(f.entity_id = {whole}, {added}, NULL)) AS whole_{measure},\n"
        f"    SUM(IF(f.entity_id = {whole}, NULL, {added})) AS parts_{measure}"
    )


def _ids(catalogue: Catalogue, *kinds: str) -> str:
    return ", ".join(str(kpi.id) for kpi in catalogue.kpis if kpi.kind in kinds)


def _ratios(catalogue: Catalogue) -> list[Reconciliation]:
    ratios = [kpi for kpi in catalogue.kpis if kpi.kind == "ratio"]
    if not ratios:
        return []
    scale = "CASE kpi_id " + " ".join(f"WHEN {kpi.id} THEN {float(kpi.scale)!r}" for kpi in ratios) + " END"
    return [
        Reconciliation(
            name="ratio_is_numerator_over_denominator",
            severity="critical",
            says="A ratio's value is its numerator divided by its denominator, and null where that is zero.",
            table="fact_kpi_daily",
            origin="kpis.toml",
            remedy="Rebuild the facts from the mart.",
            sql=_RATIOS.format(scale=scale, ids=_ids(catalogue, "ratio")),
        )
    ]


def _mart_is_fact(catalogue: Catalogue) -> list[Reconciliation]:
    kpis = [kpi for kpi in catalogue.kpis if kpi.kind != "distinct"]
    if not catalogue.mart or not kpis:
        return []
    table = _checked(catalogue.mart, _TABLE)
    columns = []
    for kpi in kpis:
        ratio = kpi.kind == "ratio"
        columns.append(
            _MART_COLUMN.format(
                kpi=kpi.id,
                value=_NOTHING if ratio else _as_float(kpi.column or kpi.code),
                numerator=_as_float(kpi.numerator or "") if ratio else _NOTHING,
                denominator=_as_float(kpi.denominator or "") if ratio else _NOTHING,
                table=table,
            )
        )
    return [
        Reconciliation(
            name="mart_is_fact",
            severity="critical",
            says="Each fact is the mart's number of that day, KPI and entity, and no number is left behind.",
            table="fact_kpi_daily",
            origin=f"kpis.toml and {catalogue.mart}",
            remedy="Rebuild the facts from the mart.",
            sql=_MART_IS_FACT.format(
                mart="\n  UNION ALL\n".join(columns),
                ratios=_ids(catalogue, "ratio") or "-1",
                ids=", ".join(str(kpi.id) for kpi in kpis),
                differ=" OR ".join(_DIFFER.format(a=f"m.{name}", b=f"f.{name}") for name in _MEASURES),
            ),
        )
    ]


def _as_float(column: str) -> str:
    return f"CAST({_checked(column, _NAME)} AS FLOAT64)"


def _checked(name: str, pattern: re.Pattern[str]) -> str:
    if pattern.match(name) is None:
        raise DefinitionError(
            f"'{name}' cannot stand in SQL as a name.", remedy="Use letters, digits and underscores only."
        )
    return name
