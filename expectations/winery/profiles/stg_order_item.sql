-- Order lines, one row a local day, with the days that have none.
WITH loaded AS (
  SELECT loaded_from, complete_through, loaded_at FROM raw.source_load WHERE source = 'stg_order_item'
),
known_orders AS (
  SELECT order_id, MIN(paid_at) AS paid_at FROM raw.stg_order GROUP BY order_id
),
known_products AS (
  SELECT product_id, MAX(bottle_ml) AS bottle_ml FROM raw.stg_product GROUP BY product_id
),
lines AS (
  SELECT
    COALESCE(DATE(i.paid_at, @time_zone), DATE '1970-01-01') AS date_key,
    COUNT(*) OVER (PARTITION BY i.order_id, i.line_no) AS copies,
    i.order_id IS NULL OR i.line_no IS NULL OR i.product_id IS NULL OR i.item_type IS NULL
      OR i.quantity IS NULL OR i.unit_price IS NULL OR i.paid_at IS NULL AS incomplete,
    i.paid_at > loaded.loaded_at AS in_future,
    i.quantity <= 0 AS no_quantity,
    i.unit_price < 0 AS negative_price,
    i.unit_price <> ROUND(i.unit_price, 2) AS odd_cents,
    o.order_id IS NULL AS orphan,
    o.paid_at <> i.paid_at AS other_time,
    p.product_id IS NULL AS no_product,
    i.item_type = 'Wine' AND p.product_id IS NOT NULL AND COALESCE(p.bottle_ml, 0) <= 0 AS no_volume,
    i.quantity
  FROM raw.stg_order_item AS i
  CROSS JOIN loaded
  LEFT JOIN known_orders AS o ON o.order_id = i.order_id
  LEFT JOIN known_products AS p ON p.product_id = i.product_id
),
counted AS (
  SELECT
    date_key,
    COUNT(*) AS row_count,
    SUM(quantity) AS pieces,
    COUNTIF(copies > 1) AS duplicate_keys,
    COUNTIF(incomplete) AS incomplete_lines,
    COUNTIF(in_future) AS future_lines,
    COUNTIF(no_quantity) AS lines_without_quantity,
    COUNTIF(negative_price) AS negative_prices,
    COUNTIF(odd_cents) AS fractions_of_a_cent,
    COUNTIF(orphan) AS orphans,
    COUNTIF(other_time) AS paid_at_differs,
    COUNTIF(no_product) AS unknown_products,
    COUNTIF(no_volume) AS wine_without_volume
  FROM lines
  GROUP BY date_key
),
days AS (
  SELECT date_key
  FROM loaded, UNNEST(GENERATE_DATE_ARRAY(loaded.loaded_from, loaded.complete_through)) AS date_key
  UNION DISTINCT
  SELECT date_key FROM counted
),
shaped AS (
  SELECT
    days.date_key,
    loaded.complete_through,
    counted.* EXCEPT (date_key),
    MAX(IF(counted.row_count > 0 AND days.date_key <= loaded.complete_through, days.date_key, NULL)) OVER ()
      AS last_busy_day
  FROM days
  CROSS JOIN loaded
  LEFT JOIN counted ON counted.date_key = days.date_key
)
SELECT
  date_key,
  COALESCE(row_count, 0) AS row_count,
  pieces,
  IF(date_key = complete_through, DATE_DIFF(complete_through, last_busy_day, DAY), NULL) AS quiet_days,
  duplicate_keys,
  incomplete_lines,
  future_lines,
  lines_without_quantity,
  negative_prices,
  fractions_of_a_cent,
  orphans,
  paid_at_differs,
  unknown_products,
  wine_without_volume
FROM shaped
ORDER BY date_key
