"""The dashboard table as one SELECT: the roll-up of :mod:`kpi_lib.warehouse.rollup`, laid side by side.

Numbers in the payload are rounded and written as :mod:`kpi_lib.compute.payload` writes them. Only beyond
fifteen digits the texts may differ, and then they still stand for the same number.
"""

from __future__ import annotations

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.frames import WINDOW_COLUMNS
from kpi_lib.warehouse.rollup import rollup_sql
from kpi_lib.warehouse.tables import comparison_names, dashboard_column

_KEYS = "as_of_date, kpi_id, entity_id"
_DELTA_PCT_DECIMALS = 6
_FIXED = {
    "value": "k.decimals",
    "prior": "k.decimals",
    "delta": "k.decimals",
    "delta_pct": str(_DELTA_PCT_DECIMALS),
}


def dashboard_sql(catalogue: Catalogue) -> str:
    """Return the SELECT of ``kpi.agg_kpi_dashboard`` for the as-of dates of ``kpi.window_span``.

    Its parameters are those of the roll-up.
    """
    fixed = ",\n    ".join(
        f"FORMAT('%.*f', {decimals}, CAST(r.{name} AS FLOAT64)) AS {name}_fixed"
        for name, decimals in _FIXED.items()
    )
    columns = _columns(catalogue)
    texts, payload = _payload(catalogue)
    picked = ",\n    ".join(f"{pick} AS `{name}`" for name, pick in {**columns, **texts}.items())
    listed = ",\n  ".join(f"`{name}`" for name in columns)
    return f"""WITH
rolled AS (
{rollup_sql()}
),
fixed AS (
  SELECT r.*,
    {fixed}
  FROM rolled AS r
  INNER JOIN kpi.dim_kpi AS k ON k.kpi_id = r.kpi_id
),
written AS (
  SELECT *,
    CONCAT('"v": ', {number_sql("value_fixed")}) AS own,
    CONCAT(
      '"p": ', {number_sql("prior_fixed")},
      ', "d": ', {number_sql("delta_fixed")},
      ', "dp": ', {number_sql("delta_pct_fixed")}
    ) AS compared,
    {_reason("r", "reason")} AS own_reason,
    CONCAT({_reason("pr", "prior_reason")}, {_reason("dr", "delta_reason")}) AS compared_reasons,
    {_days("n", "missing_days")} AS own_days,
    {_days("pn", "prior_missing_days")} AS compared_days
  FROM fixed
),
wide AS (
  SELECT {_KEYS},
    {picked}
  FROM written
  GROUP BY {_KEYS}
)
SELECT {_KEYS},
  {listed},
  {payload} AS payload
FROM wide"""  # noqa: S608


def _columns(catalogue: Catalogue) -> dict[str, str]:
    """Return each column of the table, and how it is picked from the rows of the roll-up."""
    first, *others = comparison_names(catalogue)
    columns: dict[str, str] = {}
    for window in catalogue.windows:
        for comparison in (first, *others):
            for name in WINDOW_COLUMNS:
                column = dashboard_column(window.name, comparison, name, first)
                columns.setdefault(column, _pick(window.name, comparison, name))
    return columns


def _payload(catalogue: Catalogue) -> tuple[dict[str, str], str]:
    """Return the texts that are picked from the rows of the roll-up, and how they are put together."""
    first, *others = comparison_names(catalogue)
    texts: dict[str, str] = {}

    def text(window: str, comparison: str, *parts: str) -> str:
        name = f"text_{len(texts)}"
        texts[name] = _pick(window, comparison, f"CONCAT({', '.join(parts)})")
        return name

    joined = ['\'{"as_of": "\'', "FORMAT_DATE('%Y-%m-%d', as_of_date)", "'\"'"]
    for window in (item.name for item in catalogue.windows):
        joined += [f"', \"{window}\": {{'", text(window, first, "own", "', '", "compared")]
        for other in others:
            parts = ("compared", "compared_reasons", "compared_days")
            joined += [f"', \"{other}\": {{'", text(window, other, *parts), "'}'"]
        ending = ("own_reason", "compared_reasons", "own_days", "compared_days")
        joined += [text(window, first, *ending), "'}'"]
    joined.append("'}'")
    return texts, f"CONCAT({', '.join(joined)})"


def _pick(window: str, comparison: str, expression: str) -> str:
    return f"MAX(IF(window_name = '{window}' AND comparison = '{comparison}', {expression}, NULL))"


def number_sql(fixed: str) -> str:
    """Return a number with fixed decimals as JSON writes it: no needless zeros, but a point."""
    size = f"LTRIM({fixed}, '-')"
    sign = f"IF(STARTS_WITH({fixed}, '-'), '-', '')"
    ending = f"RTRIM(SUBSTR({size}, 7), '0')"
    plain = f"RTRIM({fixed}, '0')"
    return f"""CASE
      WHEN {fixed} IS NULL THEN 'null'
      WHEN NOT REGEXP_CONTAINS({fixed}, '[1-9]') THEN '0.0'
      WHEN NOT REGEXP_CONTAINS({fixed}, '[.]') THEN CONCAT({fixed}, '.0')
      WHEN NOT STARTS_WITH({size}, '0.0000') THEN IF(ENDS_WITH({plain}, '.'), CONCAT({plain}, '0'), {plain})
      WHEN STARTS_WITH({ending}, '0') THEN CONCAT({sign}, SUBSTR({ending}, 2), 'e-06')
      WHEN LENGTH({ending}) = 1 THEN CONCAT({sign}, {ending}, 'e-05')
      ELSE CONCAT({sign}, SUBSTR({ending}, 1, 1), '.', SUBSTR({ending}, 2), 'e-05')
    END"""


def _reason(key: str, column: str) -> str:
    return f"IF({column} IS NULL, '', CONCAT(', \"{key}\": \"', {column}, '\"'))"


def _days(key: str, column: str) -> str:
    return f"IF({column} = 0, '', CONCAT(', \"{key}\": ', CAST({column} AS STRING)))"
