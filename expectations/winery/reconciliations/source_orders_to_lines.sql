-- name: source_orders_to_lines
-- severity: critical
-- table: order_line
-- says: Every order and refund is in exactly one line of the mart, those left out of revenue included; nothing is left over.
-- remedy: Compare order_line.sql with the rules of the lines for the days and lines named.
--
-- The lines are worked out here a second time, from the description of the domain.
WITH orders AS (
  SELECT
    CASE
      WHEN status = 'voided' THEN 'voided'
      WHEN event_fee_or_wine IS NOT NULL THEN IF(event_fee_or_wine = 'Event Fee', 'event_fee', 'event_wine')
      WHEN COALESCE(external_order_vendor, '') = 'Tock' THEN 'tock'
      WHEN tasting_lounge THEN 'lounge'
      ELSE
        CASE channel
          WHEN 'POS' THEN 'tasting_room_wine'
          WHEN 'Club' THEN 'club'
          WHEN 'Web' THEN 'web'
          WHEN 'Inbound' THEN 'phone'
          ELSE 'unknown_channel'
        END
    END AS line,
    IF(
      event_fee_or_wine IS NULL OR event_revenue_realization_date IS NULL,
      DATE(paid_at, @time_zone),
      event_revenue_realization_date
    ) AS sale_day,
    DATE(refunded_at, @time_zone) AS refund_day,
    subtotal,
    refund_amount
  FROM raw.stg_order
),
source AS (
  SELECT sale_day AS date_key, line, 'sale' AS effect, COUNT(*) AS orders, SUM(subtotal) AS amount
  FROM orders
  WHERE sale_day BETWEEN @first_day AND @last_day
  GROUP BY sale_day, line
  UNION ALL
  SELECT refund_day AS date_key, line, 'refund' AS effect, COUNT(*) AS orders, -SUM(refund_amount) AS amount
  FROM orders
  WHERE refund_day BETWEEN @first_day AND @last_day
  GROUP BY refund_day, line
),
mart AS (
  SELECT date_key, line, effect, COUNT(*) AS orders, SUM(amount) AS amount
  FROM mart.order_line
  GROUP BY date_key, line, effect
)
SELECT
  COALESCE(s.date_key, m.date_key) AS date_key,
  COALESCE(s.line, m.line) AS line,
  COALESCE(s.effect, m.effect) AS effect,
  s.orders AS source_orders,
  m.orders AS mart_orders,
  CAST(s.amount AS FLOAT64) AS source_amount,
  CAST(m.amount AS FLOAT64) AS mart_amount
FROM source AS s
FULL OUTER JOIN mart AS m ON m.date_key = s.date_key AND m.line = s.line AND m.effect = s.effect
WHERE s.orders IS NULL OR m.orders IS NULL OR s.orders <> m.orders OR s.amount <> m.amount
ORDER BY date_key, line, effect
