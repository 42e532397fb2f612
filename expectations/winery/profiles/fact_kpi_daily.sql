-- The facts, one row a day: how many it has, and what is null.
WITH loads AS (
  -- The days that every source covers; there are none while one of the four has no load record.
  SELECT
    IF(COUNT(DISTINCT source) = 4, MAX(loaded_from), NULL) AS loaded_from,
    IF(COUNT(DISTINCT source) = 4, MIN(complete_through), NULL) AS complete_through
  FROM raw.source_load
  WHERE source IN ('stg_order', 'stg_order_item', 'stg_tock_reservation', 'stg_club_membership')
),
ratio_sides AS (
  -- Where the two sides of each ratio come from.
  SELECT 'avg_party_size' AS kpi_code, 'stg_tock_reservation' AS above, 'stg_tock_reservation' AS below
  UNION ALL SELECT 'avg_tasting_fee_per_guest', 'stg_tock_reservation', 'stg_tock_reservation'
  UNION ALL SELECT 'tasting_room_orders_per_guest_pct', 'stg_order', 'stg_tock_reservation'
  UNION ALL SELECT 'club_conversion_per_taster_pct', 'stg_club_membership', 'stg_tock_reservation'
),
ratio_loads AS (
  SELECT
    s.kpi_code,
    MAX(IF(l.source = s.above, l.loaded_from, NULL)) AS above_from,
    MAX(IF(l.source = s.above, l.complete_through, NULL)) AS above_through,
    MAX(IF(l.source = s.below, l.loaded_from, NULL)) AS below_from,
    MAX(IF(l.source = s.below, l.complete_through, NULL)) AS below_through
  FROM ratio_sides AS s
  CROSS JOIN raw.source_load AS l
  GROUP BY s.kpi_code
),
facts AS (
  SELECT
    f.*,
    k.kind,
    COUNT(*) OVER (PARTITION BY f.date_key, f.kpi_id, f.entity_id) AS copies,
    f.date_key BETWEEN loads.loaded_from AND loads.complete_through AS loaded,
    -- A side may be missing where its source is not loaded; of a ratio not listed above, both or neither.
    r.kpi_code IS NULL AND (f.numerator IS NULL) <> (f.denominator IS NULL)
    OR r.kpi_code IS NOT NULL
    AND (
      (f.numerator IS NOT NULL) <> COALESCE(f.date_key BETWEEN r.above_from AND r.above_through, FALSE)
      OR (f.denominator IS NOT NULL) <> COALESCE(f.date_key BETWEEN r.below_from AND r.below_through, FALSE)
    ) AS half_ratio,
    k.kpi_id IS NULL OR e.entity_id IS NULL AS unknown_key
  FROM kpi.fact_kpi_daily AS f
  CROSS JOIN loads
  LEFT JOIN kpi.dim_kpi AS k ON k.kpi_id = f.kpi_id
  LEFT JOIN kpi.dim_entity AS e ON e.entity_id = f.entity_id
  LEFT JOIN ratio_loads AS r ON r.kpi_code = k.kpi_code
),
days AS (
  SELECT
    date_key,
    COUNT(*) AS row_count,
    COUNTIF(copies > 1) AS duplicate_keys,
    COUNTIF(unknown_key) AS unknown_keys,
    COUNTIF(loaded AND kind <> 'ratio' AND value IS NULL) AS null_values,
    COUNTIF(loaded AND kind = 'ratio' AND (numerator IS NULL OR denominator IS NULL)) AS null_ratio_sides,
    COUNTIF(kind = 'ratio' AND half_ratio) AS half_ratios,
    COUNTIF(kind <> 'ratio' AND (numerator IS NOT NULL OR denominator IS NOT NULL)) AS sides_without_ratio
  FROM facts
  GROUP BY date_key
)
SELECT
  d.date_key,
  d.row_count,
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
ORDER BY d.date_key
