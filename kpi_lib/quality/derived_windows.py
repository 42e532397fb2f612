"""The dashboard recomputed from the facts: plain sums in SQL over the dates that the calendar gives."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable
from typing import Any

import pandas as pd

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.periods import spans
from kpi_lib.quality.reconciliations import Reconciliation

_KIND = "      SELECT {id} AS kpi_id, '{kind}' AS kind, CAST({scale!r} AS FLOAT64) AS scale"
_SHOWN = """  SELECT kpi_id, entity_id, '{window}' AS window_name, '{side}' AS side, {window}_{side} AS shown
  FROM kpi.agg_kpi_dashboard
  WHERE as_of_date = @as_of"""
_SPAN = """      SELECT '{window}' AS window_name, '{side}' AS side, DATE '{start:%Y-%m-%d}' AS start_date,
        DATE '{end:%Y-%m-%d}' AS end_date"""
SIDES = {"value": ("start_date", "end_date"), "prior": ("prior_start", "prior_end")}

# A ratio's day is missing if either side is; of a stock, the last known day of the span counts.
_SQL = """
SELECT dash.kpi_id, dash.entity_id, dash.window_name, dash.side, dash.shown, sums.recomputed
FROM (
{shown}
) AS dash
LEFT JOIN (
  SELECT window_name, side, kpi_id, entity_id,
    CASE kind
      WHEN 'sum' THEN SUM(value)
      WHEN 'ratio' THEN
        SUM(IF(denominator IS NULL, NULL, numerator)) * MAX(scale)
        / NULLIF(SUM(IF(numerator IS NULL, NULL, denominator)), 0)
      WHEN 'last' THEN SUM(IF(date_key = last_day, value, NULL))
      WHEN 'average' THEN AVG(value)
      WHEN 'min' THEN MIN(value)
      WHEN 'max' THEN MAX(value)
    END AS recomputed
  FROM (
    SELECT spans.window_name, spans.side, facts.kpi_id, facts.entity_id, facts.date_key, facts.value,
      facts.numerator, facts.denominator, kinds.kind, kinds.scale,
      MAX(IF(facts.value IS NULL, NULL, facts.date_key)) OVER (
        PARTITION BY spans.window_name, spans.side, facts.kpi_id, facts.entity_id
      ) AS last_day
    FROM kpi.fact_kpi_daily AS facts
    JOIN (
{spans}
    ) AS spans
    ON facts.date_key BETWEEN spans.start_date AND spans.end_date
    JOIN (
{kinds}
    ) AS kinds
    ON kinds.kpi_id = facts.kpi_id
  ) AS days
  GROUP BY window_name, side, kpi_id, entity_id, kind
) AS sums
ON sums.window_name = dash.window_name AND sums.side = dash.side
  AND sums.kpi_id = dash.kpi_id AND sums.entity_id = dash.entity_id
WHERE dash.kpi_id IN ({ids})
  AND (
    dash.shown IS NOT NULL AND sums.recomputed IS NULL
    OR dash.shown IS NULL AND sums.recomputed IS NOT NULL AND dash.side = 'value'
    OR ABS(dash.shown - sums.recomputed) > GREATEST(
      IF(dash.kpi_id IN ({divided}), 0.0000001, 0.005), 0.000000001 * ABS(sums.recomputed)
    )
  )
ORDER BY dash.kpi_id, dash.entity_id, dash.window_name, dash.side"""


def windows_from_facts(catalogue: Catalogue, as_of: dt.date) -> list[Reconciliation]:
    """Return the reconciliation of the dashboard's values and priors with sums over the facts.

    A prior may be withheld (no history); where it is shown, it must be the sum of its days.
    """
    known = [kpi for kpi in catalogue.kpis if kpi.kind != "distinct"]
    kinds = [_KIND.format(id=kpi.id, kind=kpi.kind, scale=float(kpi.scale)) for kpi in known]
    shown = [_SHOWN.format(window=window.name, side=side) for window in catalogue.windows for side in SIDES]
    divided = [str(kpi.id) for kpi in known if kpi.kind in ("ratio", "average")]
    days = _span_rows(catalogue, as_of)
    if not known or not days:
        return []
    found = Reconciliation(
        name="dashboard_is_sum_of_facts",
        severity="critical",
        says="Every value and prior of the dashboard is what the facts of its days give.",
        table="agg_kpi_dashboard",
        origin="kpis.toml and the windows of the calendar",
        remedy="Rebuild the roll-ups of this as-of date.",
        sql=_SQL.format(
            shown="\n  UNION ALL\n".join(shown),
            spans="\n      UNION ALL\n".join(days),
            kinds="\n      UNION ALL\n".join(kinds),
            ids=", ".join(str(kpi.id) for kpi in known),
            divided=", ".join(divided) or "-1",
        ),
    )
    return [found]


def first_days(catalogue: Catalogue, as_of: dt.date) -> dict[tuple[str, str], dt.date]:
    """Return the first day of each window's value and prior; a span that is not there is left out."""
    return {
        (row["window"], side): pd.Timestamp(row[start]).date()
        for row in _spans(catalogue, as_of)
        for side, (start, _) in SIDES.items()
        if not pd.isna(row[start])
    }


def _spans(catalogue: Catalogue, as_of: dt.date) -> list[dict[Hashable, Any]]:
    # The plain columns show the prior year where there is one, else the first comparison.
    names = [item.name for item in catalogue.comparisons]
    shown = names.index("prior_year") if "prior_year" in names else 0
    compared = catalogue.comparisons[shown : shown + 1]
    return spans([as_of], catalogue.windows, compared, catalogue.calendar).to_dict("records")


def _span_rows(catalogue: Catalogue, as_of: dt.date) -> list[str]:
    return [
        _SPAN.format(
            window=row["window"], side=side, start=pd.Timestamp(row[start]), end=pd.Timestamp(row[end])
        )
        for row in _spans(catalogue, as_of)
        for side, (start, end) in SIDES.items()
        if not pd.isna(row[start]) and not pd.isna(row[end])
    ]
