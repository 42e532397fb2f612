-- name: source_revenue_to_mart
-- severity: critical
-- table: agg_daily_revenue
-- says: The mart's revenue of each line, and shipping, is what the orders of the day add up to, to the cent.
-- remedy: Compare the day's orders with the mart's SQL.
WITH effects AS (
  SELECT
    IF(event_fee_or_wine IS NULL, DATE(paid_at, @time_zone),
      COALESCE(event_revenue_realization_date, DATE(paid_at, @time_zone))) AS date_key,
    channel, event_fee_or_wine,
    event_fee_or_wine IS NULL AND COALESCE(external_order_vendor, '') <> 'Tock' AND NOT tasting_lounge AS plain,
    subtotal AS amount,
    shipping
  FROM raw.stg_order
  WHERE status <> 'voided'
  UNION ALL
  SELECT
    DATE(refunded_at, @time_zone) AS date_key,
    channel, event_fee_or_wine,
    event_fee_or_wine IS NULL AND COALESCE(external_order_vendor, '') <> 'Tock' AND NOT tasting_lounge AS plain,
    -refund_amount AS amount,
    CAST(0 AS NUMERIC) AS shipping
  FROM raw.stg_order
  WHERE status <> 'voided' AND refunded_at IS NOT NULL
),
source AS (
  SELECT
    date_key,
    SUM(IF(plain AND channel = 'POS', amount, 0)) AS tasting_room_wine,
    SUM(IF(plain AND channel = 'Club', amount, 0)) AS club,
    SUM(IF(plain AND channel = 'Web', amount, 0)) AS web,
    SUM(IF(plain AND channel = 'Inbound', amount, 0)) AS phone,
    SUM(IF(event_fee_or_wine = 'Event Fee', amount, 0)) AS event_fee,
    SUM(IF(event_fee_or_wine = 'Event Wine', amount, 0)) AS event_wine,
    SUM(shipping) AS shipping
  FROM effects
  GROUP BY date_key
),
loaded AS (
  SELECT loaded_from, complete_through FROM raw.source_load WHERE source = 'stg_order'
),
compared AS (
  SELECT m.date_key, m.tasting_room_wine_revenue AS mart_tasting_room_wine,
    COALESCE(s.tasting_room_wine, 0) AS source_tasting_room_wine,
    m.wine_club_orders_revenue AS mart_club, COALESCE(s.club, 0) AS source_club,
    m.ecomm_revenue AS mart_web, COALESCE(s.web, 0) AS source_web,
    m.phone_revenue AS mart_phone, COALESCE(s.phone, 0) AS source_phone,
    m.event_fees_orders_revenue AS mart_event_fee, COALESCE(s.event_fee, 0) AS source_event_fee,
    m.event_wine_revenue AS mart_event_wine, COALESCE(s.event_wine, 0) AS source_event_wine,
    m.shipping_revenue AS mart_shipping, COALESCE(s.shipping, 0) AS source_shipping
  FROM mart.agg_daily_revenue AS m
  CROSS JOIN loaded AS l
  LEFT JOIN source AS s ON s.date_key = m.date_key
  WHERE m.entity_id = 0 AND m.date_key BETWEEN l.loaded_from AND l.complete_through
),
lines AS (
  SELECT date_key, 'tasting_room_wine' AS line, mart_tasting_room_wine AS mart_amount,
    source_tasting_room_wine AS source_amount FROM compared
  UNION ALL SELECT date_key, 'club', mart_club, source_club FROM compared
  UNION ALL SELECT date_key, 'web', mart_web, source_web FROM compared
  UNION ALL SELECT date_key, 'phone', mart_phone, source_phone FROM compared
  UNION ALL SELECT date_key, 'event_fee', mart_event_fee, source_event_fee FROM compared
  UNION ALL SELECT date_key, 'event_wine', mart_event_wine, source_event_wine FROM compared
  UNION ALL SELECT date_key, 'shipping', mart_shipping, source_shipping FROM compared
)
SELECT date_key, line, CAST(mart_amount AS FLOAT64) AS mart_amount, CAST(source_amount AS FLOAT64) AS source_amount
FROM lines
WHERE mart_amount IS NULL OR mart_amount <> source_amount
ORDER BY date_key, line
