"""The ledger's SQL: which rows it lacks, and what it says about a publication."""

from __future__ import annotations

from functools import reduce

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.frames import WINDOW_COLUMNS
from kpi_lib.warehouse.ledger_tables import KEYS, MEASURES, PUBLICATION, SPAN_DATES
from kpi_lib.warehouse.tables import DASHBOARD, comparison_names, dashboard_column

LAST_PUBLICATION = f"""
SELECT publication_no, definitions
FROM {PUBLICATION}
ORDER BY publication_no DESC
LIMIT 1
"""  # noqa: S608
PUBLICATION_SQL = """
SELECT @publication_no AS publication_no, @run_id AS run_id, @published_at AS published_at,
  @as_of AS as_of_date, @code AS code, @definitions AS definitions
"""

_ON_KEYS = " AND ".join(f"n.{name} = k.{name}" for name in KEYS)
_KEYS = ", ".join(KEYS)


_SNAPSHOT = """
WITH known AS (
  SELECT *
  FROM kpi.kpi_snapshot
  WHERE as_of_date >= @since
  QUALIFY ROW_NUMBER() OVER (PARTITION BY $KEYS ORDER BY publication_no DESC) = 1
),
long AS (
$LONG
),
today AS (
  SELECT c.*, $SPANS_S, v.kpi_version, v.definition, v.is_redefined
  FROM long AS c
  JOIN kpi.window_span AS s
    ON s.as_of_date = c.as_of_date AND s.window_name = c.window_name AND s.comparison = c.comparison
  JOIN ops.ledger_kpi AS v ON v.kpi_id = c.kpi_id
),
different AS (
  SELECT n.*,
    k.kpi_id IS NULL AS is_first,
    k.kpi_id IS NOT NULL AND (n.is_redefined OR $MOVED) AS is_redefinition
  FROM today AS n
  LEFT JOIN known AS k ON $ON_KEYS
  WHERE k.kpi_id IS NULL OR k.state <> 'published' OR $DIFFERS
),
explained AS (
  SELECT $ALL_C, LOGICAL_AND(f.is_late) AS is_late
  FROM different AS c
  JOIN ops.fact_change AS f
    ON f.kpi_id = c.kpi_id AND f.entity_id = c.entity_id
    AND (f.date_key BETWEEN c.start_date AND c.end_date OR f.date_key BETWEEN c.prior_start AND c.prior_end)
  WHERE NOT c.is_first AND NOT c.is_redefinition
  GROUP BY $ALL_C
),
added AS (
  SELECT n.* EXCEPT (is_redefined, is_first, is_redefinition),
    'published' AS state,
    CASE
      WHEN n.is_first THEN NULL
      WHEN n.is_redefinition THEN 'definition'
      WHEN k.is_late THEN 'late_data'
      ELSE 'correction'
    END AS cause
  FROM different AS n
  LEFT JOIN explained AS k ON $ON_KEYS
),
offered AS (
  SELECT DISTINCT window_name, comparison
  FROM kpi.window_span
),
withdrawn AS (
  SELECT $KEYS_K, $NULLS, k.kpi_version, k.definition, 'withdrawn' AS state,
    IF(v.kpi_id IS NULL OR e.entity_id IS NULL OR s.window_name IS NULL, 'definition', 'correction') AS cause
  FROM known AS k
  LEFT JOIN today AS n ON $ON_KEYS
  LEFT JOIN ops.ledger_kpi AS v ON v.kpi_id = k.kpi_id
  LEFT JOIN kpi.dim_entity AS e ON e.entity_id = k.entity_id
  LEFT JOIN offered AS s ON s.window_name = k.window_name AND s.comparison = k.comparison
  WHERE n.kpi_id IS NULL AND k.state = 'published'
)
SELECT @publication_no AS publication_no, @run_id AS run_id, @published_at AS published_at,
  $LISTED, kpi_version, definition, state, cause
FROM added
UNION ALL
SELECT @publication_no, @run_id, @published_at, $LISTED, kpi_version, definition, state, cause
FROM withdrawn
ORDER BY as_of_date, kpi_id, entity_id, window_name, comparison
"""


def snapshot_sql(catalogue: Catalogue) -> str:
    """Return the SELECT of the rows that the ledger lacks; the same text on every date."""
    long = "\n  UNION ALL\n".join(
        _long(window.name, comparison, comparison_names(catalogue)[0])
        for window in catalogue.windows
        for comparison in comparison_names(catalogue)
    )
    differs = " OR ".join(f"n.{name} IS DISTINCT FROM k.{name}" for name in MEASURES)
    moved = " OR ".join(f"n.{name} IS DISTINCT FROM k.{name}" for name in SPAN_DATES)
    listed = ", ".join((*KEYS, *MEASURES))
    nulls = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in MEASURES.items())
    template = {
        "$LONG": long, "$DIFFERS": differs, "$MOVED": moved, "$LISTED": listed, "$NULLS": nulls,
        "$KEYS": _KEYS, "$ON_KEYS": _ON_KEYS,
        "$ALL_C": ", ".join(f"c.{name}" for name in KEYS),
        "$KEYS_K": ", ".join(f"k.{name}" for name in KEYS),
        "$SPANS_S": ", ".join(f"s.{name}" for name in SPAN_DATES),
    }  # fmt: skip
    ordered = sorted(template.items(), key=lambda item: -len(item[0]))
    return reduce(lambda text, item: text.replace(*item), ordered, _SNAPSHOT)


def _long(window: str, comparison: str, first: str) -> str:
    columns = ", ".join(
        f"{dashboard_column(window, comparison, name, first)} AS {name}" for name in WINDOW_COLUMNS
    )
    keys = f"as_of_date, kpi_id, entity_id, '{window}' AS window_name, '{comparison}' AS comparison"
    return f"  SELECT {keys}, {columns}\n  FROM {DASHBOARD}\n  WHERE as_of_date >= @since"  # noqa: S608
