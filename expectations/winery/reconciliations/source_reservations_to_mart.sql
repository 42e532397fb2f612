-- name: source_reservations_to_mart
-- severity: critical
-- table: agg_daily_revenue
-- says: The mart's reservations, visitors, guests and fees are those of the day's reservations that count.
-- remedy: Compare the day's reservations with the mart's SQL.
WITH counted AS (
  SELECT DATE(r.reservation_datetime) AS date_key, x.attribution, r.party_size, r.final_total
  FROM raw.stg_tock_reservation AS r
  LEFT JOIN raw.dim_experience AS x ON x.experience = r.experience_name
  WHERE NOT (r.status = 'cancelled' OR r.status = 'no_show')
),
source AS (
  SELECT
    date_key,
    COUNT(*) AS reservations,
    SUM(party_size) AS visitors,
    SUM(IF(attribution = 'Tasting Room', party_size, 0)) AS tasters,
    SUM(IF(attribution = 'Event', party_size, 0)) AS event_guests,
    SUM(IF(attribution = 'Tasting Room', final_total, 0)) AS tasting_fees,
    SUM(IF(attribution = 'Club', final_total, 0)) AS club_fees,
    SUM(IF(attribution = 'Event', final_total, 0)) AS event_fees
  FROM counted
  GROUP BY date_key
),
loaded AS (
  SELECT loaded_from, complete_through FROM raw.source_load WHERE source = 'stg_tock_reservation'
),
compared AS (
  SELECT m.date_key, m.total_reservations, m.total_visitors, m.tasting_room_guests, m.event_guests,
    m.tasting_room_fees_revenue, m.wine_club_fees_revenue, m.event_fees_reservations_revenue,
    COALESCE(s.reservations, 0) AS reservations, COALESCE(s.visitors, 0) AS visitors,
    COALESCE(s.tasters, 0) AS tasters, COALESCE(s.event_guests, 0) AS source_event_guests,
    COALESCE(s.tasting_fees, 0) AS tasting_fees, COALESCE(s.club_fees, 0) AS club_fees,
    COALESCE(s.event_fees, 0) AS event_fees
  FROM mart.agg_daily_revenue AS m
  CROSS JOIN loaded AS l
  LEFT JOIN source AS s ON s.date_key = m.date_key
  WHERE m.entity_id = 0 AND m.date_key BETWEEN l.loaded_from AND l.complete_through
),
measures AS (
  SELECT date_key, 'total_reservations' AS measure, CAST(total_reservations AS NUMERIC) AS mart_amount,
    CAST(reservations AS NUMERIC) AS source_amount FROM compared
  UNION ALL SELECT date_key, 'total_visitors', CAST(total_visitors AS NUMERIC), CAST(visitors AS NUMERIC) FROM compared
  UNION ALL SELECT date_key, 'tasting_room_guests', CAST(tasting_room_guests AS NUMERIC), CAST(tasters AS NUMERIC)
    FROM compared
  UNION ALL SELECT date_key, 'event_guests', CAST(event_guests AS NUMERIC), CAST(source_event_guests AS NUMERIC)
    FROM compared
  UNION ALL SELECT date_key, 'tasting_room_fees_revenue', tasting_room_fees_revenue, tasting_fees FROM compared
  UNION ALL SELECT date_key, 'wine_club_fees_revenue', wine_club_fees_revenue, club_fees FROM compared
  UNION ALL SELECT date_key, 'event_fees_reservations_revenue', event_fees_reservations_revenue, event_fees
    FROM compared
)
SELECT date_key, measure, CAST(mart_amount AS FLOAT64) AS mart_amount, CAST(source_amount AS FLOAT64) AS source_amount
FROM measures
WHERE mart_amount IS NULL OR mart_amount <> source_amount
ORDER BY date_key, measure
