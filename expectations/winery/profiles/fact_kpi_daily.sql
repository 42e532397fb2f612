-- The facts, one row a day: how many series it has, how many it should have, and what is null.
WITH loads AS (
  SELECT MAX(loaded_from) AS loaded_from, MIN(complete_through) AS complete_through
  FROM raw.source_load
  WHERE source IN ('stg_order', 'stg_order_item', 'stg_tock_reservation', 'stg_club_membership')
),
expected AS (
  SELECT COUNT(*) AS kpis FROM kpi.dim_kpi
),
facts AS (
  SELECT
    f.*,
    k.kind,
    COUNT(*) OVER (PARTITION BY f.date_key, f.kpi_id, f.entity_id) AS copies,
    f.date_key BETWEEN loads.loaded_from AND loads.complete_through AS loaded,
    k.kpi_id IS NULL OR e.entity_id IS NULL AS unknown_key
  FROM kpi.fact_kpi_daily AS f
  CROSS JOIN loads
  LEFT JOIN kpi.dim_kpi AS k ON k.kpi_id = f.kpi_id
  LEFT JOIN kpi.dim_entity AS e ON e.entity_id = f.entity_id
),
days AS (
  SELECT
    date_key,
    COUNT(*) AS row_count,
    COUNT(DISTINCT kpi_id) AS kpis,
    COUNT(DISTINCT entity_id) AS entities,
    COUNTIF(copies > 1) AS duplicate_keys,
    COUNTIF(unknown_key) AS unknown_keys,
    COUNTIF(loaded AND kind <> 'ratio' AND value IS NULL) AS null_values,
    COUNTIF(loaded AND kind = 'ratio' AND (numerator IS NULL OR denominator IS NULL)) AS null_ratio_sides,
    COUNTIF(kind = 'ratio' AND (numerator IS NULL) <> (denominator IS NULL)) AS half_ratios,
    COUNTIF(kind <> 'ratio' AND (numerator IS NOT NULL OR denominator IS NOT NULL)) AS sides_without_ratio
  FROM facts
  GROUP BY date_key
)
SELECT
  d.date_key,
  d.row_count,
  d.kpis,
  d.entities,
  d.row_count - x.kpis * (
    SELECT COUNT(*) FROM kpi.dim_entity AS e
    WHERE d.date_key >= COALESCE(e.opened, d.date_key) AND d.date_key <= COALESCE(e.closed, d.date_key)
  ) AS series_over_expected,
  DATE_DIFF(d.date_key, LAG(d.date_key) OVER (ORDER BY d.date_key), DAY) AS days_since_previous,
  DATE_DIFF(MIN(d.date_key) OVER (), @first_day, DAY) AS days_missing_at_start,
  DATE_DIFF(@last_day, MAX(d.date_key) OVER (), DAY) AS days_missing_at_end,
  d.duplicate_keys,
  d.unknown_keys,
  d.null_values,
  d.null_ratio_sides,
  d.half_ratios,
  d.sides_without_ratio
FROM days AS d
CROSS JOIN expected AS x
ORDER BY d.date_key
