-- name: source_volume_to_mart
-- severity: critical
-- table: agg_daily_revenue
-- says: The cases sold are the wine in the lines of the day's orders that are not voided, twelve bottles of 750 ml to a case.
-- remedy: Compare order lines and bottle sizes with the mart's SQL.
WITH wine AS (
  SELECT
    IF(o.event_fee_or_wine IS NULL, DATE(o.paid_at, @time_zone),
      COALESCE(o.event_revenue_realization_date, DATE(o.paid_at, @time_zone))) AS date_key,
    SUM(i.quantity * p.bottle_ml) AS millilitres
  FROM raw.stg_order_item AS i
  JOIN raw.stg_order AS o ON o.order_id = i.order_id
  JOIN raw.stg_product AS p ON p.product_id = i.product_id
  WHERE i.item_type = 'Wine' AND o.status <> 'voided'
  GROUP BY 1
),
loaded AS (
  SELECT MAX(loaded_from) AS loaded_from, MIN(complete_through) AS complete_through
  FROM raw.source_load
  WHERE source IN ('stg_order', 'stg_order_item')
)
SELECT
  m.date_key,
  CAST(m.total_9l_sold AS FLOAT64) AS mart_cases,
  COALESCE(w.millilitres, 0) / 9000 AS source_cases
FROM mart.agg_daily_revenue AS m
CROSS JOIN loaded AS l
LEFT JOIN wine AS w ON w.date_key = m.date_key
WHERE m.entity_id = 0
  AND m.date_key BETWEEN l.loaded_from AND l.complete_through
  AND (m.total_9l_sold IS NULL OR ABS(CAST(m.total_9l_sold AS FLOAT64) - COALESCE(w.millilitres, 0) / 9000) > 0.000001)
ORDER BY m.date_key
