"""Reconciliations that follow from the catalogue, so that every domain has them without writing SQL.

They hold whatever a domain defines: the days that are reported, the mart against the facts, the
identities stated by ``terms``, every whole against the sum of its parts, the facts against the dashboard.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from kpi_lib.catalogue.models import Catalogue, Entity, Kpi
from kpi_lib.quality.derived_events import events
from kpi_lib.quality.derived_range import reported_range
from kpi_lib.quality.derived_series import DIFFER, MEASURES, series
from kpi_lib.quality.derived_windows import first_days, windows_from_facts
from kpi_lib.quality.reconciliations import Reconciliation

_IDENTITY_BY_DAY = """
SELECT date_key, entity_id, stated, parts
FROM (
  SELECT date_key, entity_id, MAX(IF(kpi_id = {kpi}, value, NULL)) AS stated, {parts} AS parts
  FROM kpi.fact_kpi_daily
  WHERE kpi_id IN ({ids}){since}
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
  WHERE f.kpi_id IN ({kpis}) AND f.entity_id IN ({whole}, {leaves}){life}
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


def derive(catalogue: Catalogue, as_of: dt.date) -> tuple[Reconciliation, ...]:
    """Return the reconciliations of a domain for one as-of date."""
    stated = [kpi for kpi in catalogue.kpis if kpi.terms]
    starts = first_days(catalogue, as_of)
    return (
        *reported_range(catalogue),
        *series(catalogue),
        *events(catalogue),
        *(_identity_by_day(catalogue, kpi) for kpi in stated),
        *(found for kpi in stated for found in _identity_by_window(catalogue, kpi, starts)),
        *_parts(catalogue),
        *_ratios(catalogue),
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
            since=f" AND date_key >= DATE '{since}'" if (since := _comparable_since(catalogue, kpi)) else "",
            differ=DIFFER.format(a="stated", b="parts"),
        ),
    )


def _comparable_since(catalogue: Catalogue, kpi: Kpi) -> dt.date | None:
    """Return the day from which an identity can hold, or None when that is always.

    Before the youngest of its KPIs began, a part is not there although its sum is.
    """
    begun = {kpi.since, *(catalogue.kpi(code).since for code in kpi.terms)}
    return max(day for day in begun if day) if len(begun) > 1 else None


def _identity_by_window(
    catalogue: Catalogue, kpi: Kpi, starts: Mapping[tuple[str, str], dt.date]
) -> list[Reconciliation]:
    since = _comparable_since(catalogue, kpi) or dt.date.min
    sides = [
        _IDENTITY_SIDE.format(
            window=window.name,
            side=side,
            kpi=kpi.id,
            column=f"{window.name}_{side}",
            parts=_sum_of_terms(catalogue, kpi, f"{window.name}_{side}"),
            reason=f"{window.name}_{reason}",
            ids=_term_ids(catalogue, kpi),
        )
        for window in catalogue.windows
        for side, reason in (("value", "reason"), ("prior", "prior_reason"))
        if starts.get((window.name, side), dt.date.max) >= since
    ]
    if not sides:
        return []
    found = Reconciliation(
        name=f"identity_{kpi.code}_by_window",
        severity="critical",
        says=f"{kpi.name} is {_words(catalogue, kpi)}, in every window and for every entity.",
        table="agg_kpi_dashboard",
        origin=f"terms of {kpi.code} in kpis.toml",
        remedy="Rebuild the roll-ups of this as-of date.",
        sql=_IDENTITY_BY_WINDOW.format(
            sides="\n  UNION ALL\n".join(sides), differ=DIFFER.format(a="stated", b="parts")
        ),
    )
    return [found]


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
            remedy="Look for a row that two entities claim, or none, or that is for a day on which its entity"
            " is not open.",
            sql=_PARTS.format(
                columns=",\n    ".join(_whole_and_parts(whole.id, measure, ratios) for measure in MEASURES),
                kpis=kpis,
                whole=whole.id,
                leaves=", ".join(str(leaf.id) for leaf in leaves if leaf.type == kind),
                life=_life(whole),
                differ=" OR ".join(DIFFER.format(a=f"whole_{name}", b=f"parts_{name}") for name in MEASURES),
            ),
        )
        for whole in wholes
        for kind in dict.fromkeys(leaf.type for leaf in leaves)
        if kpis
    ]


def _life(whole: Entity) -> str:
    opened = f" AND f.date_key >= DATE '{whole.opened}'" if whole.opened else ""
    return opened + (f" AND f.date_key <= DATE '{whole.closed}'" if whole.closed else "")


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
