-- The mart, one row a day and entity: its keys, its gaps and the KPI columns whose range is known.
WITH loads AS (
  SELECT
    MAX(IF(source = 'stg_order', loaded_from, NULL)) AS orders_from,
    MAX(IF(source = 'stg_order', complete_through, NULL)) AS orders_through,
    MAX(IF(source = 'stg_order_item', loaded_from, NULL)) AS items_from,
    MAX(IF(source = 'stg_order_item', complete_through, NULL)) AS items_through,
    MAX(IF(source = 'stg_tock_reservation', loaded_from, NULL)) AS visits_from,
    MAX(IF(source = 'stg_tock_reservation', complete_through, NULL)) AS visits_through,
    MAX(IF(source = 'stg_club_membership', loaded_from, NULL)) AS club_from,
    MAX(IF(source = 'stg_club_membership', complete_through, NULL)) AS club_through
  FROM raw.source_load
),
days AS (
  SELECT
    m.*,
    -- A source without a load record covers no day.
    COALESCE(m.date_key BETWEEN loads.orders_from AND loads.orders_through, FALSE) AS orders_loaded,
    COALESCE(m.date_key BETWEEN loads.items_from AND loads.items_through, FALSE) AS items_loaded,
    COALESCE(m.date_key BETWEEN loads.visits_from AND loads.visits_through, FALSE) AS visits_loaded,
    COALESCE(m.date_key BETWEEN loads.club_from AND loads.club_through, FALSE) AS club_loaded,
    COUNT(*) OVER (PARTITION BY m.date_key, m.entity_id) AS copies,
    COUNT(*) OVER (PARTITION BY m.date_key) AS entities_of_day,
    DATE_DIFF(
      m.date_key, LAG(m.date_key) OVER (PARTITION BY m.entity_id ORDER BY m.date_key), DAY
    ) AS days_since_previous,
    DATE_DIFF(MIN(m.date_key) OVER (PARTITION BY m.entity_id), @first_day, DAY) AS days_missing_at_start,
    DATE_DIFF(@last_day, MAX(m.date_key) OVER (PARTITION BY m.entity_id), DAY) AS days_missing_at_end,
    IF(m.tasting_room_wine_revenue IS NULL, 1, 0) + IF(m.wine_club_orders_revenue IS NULL, 1, 0)
    + IF(m.ecomm_revenue IS NULL, 1, 0) + IF(m.phone_revenue IS NULL, 1, 0)
    + IF(m.event_fees_orders_revenue IS NULL, 1, 0) + IF(m.event_wine_revenue IS NULL, 1, 0)
    + IF(m.shipping_revenue IS NULL, 1, 0) + IF(m.tasting_room_orders IS NULL, 1, 0) AS orders_missing,
    IF(m.total_9l_sold IS NULL, 1, 0) AS volume_missing,
    IF(m.tasting_room_fees_revenue IS NULL, 1, 0) + IF(m.wine_club_fees_revenue IS NULL, 1, 0)
    + IF(m.event_fees_reservations_revenue IS NULL, 1, 0) + IF(m.total_reservations IS NULL, 1, 0)
    + IF(m.total_visitors IS NULL, 1, 0) + IF(m.tasting_room_guests IS NULL, 1, 0)
    + IF(m.event_guests IS NULL, 1, 0) AS visits_missing,
    IF(m.total_active_club_membership IS NULL, 1, 0) + IF(m.new_member_acquisition IS NULL, 1, 0)
    + IF(m.member_attrition IS NULL, 1, 0) + IF(m.club_net_gain_loss IS NULL, 1, 0) AS club_missing,
    IF(m.tasting_room_total_revenue IS NULL, 1, 0) + IF(m.wine_club_total_revenue IS NULL, 1, 0)
    + IF(m.event_fees_total_revenue IS NULL, 1, 0) + IF(m.total_daily_revenue IS NULL, 1, 0) AS totals_missing,
    IF(m.tasting_room_wine_revenue IS NULL, 0, 1) + IF(m.wine_club_orders_revenue IS NULL, 0, 1)
    + IF(m.ecomm_revenue IS NULL, 0, 1) + IF(m.phone_revenue IS NULL, 0, 1)
    + IF(m.tasting_room_orders IS NULL, 0, 1) AS orders_present,
    IF(m.total_9l_sold IS NULL, 0, 1) AS volume_present,
    IF(m.total_reservations IS NULL, 0, 1) + IF(m.total_visitors IS NULL, 0, 1)
    + IF(m.tasting_room_fees_revenue IS NULL, 0, 1) + IF(m.tasting_room_guests IS NULL, 0, 1) AS visits_present,
    IF(m.total_active_club_membership IS NULL, 0, 1) + IF(m.new_member_acquisition IS NULL, 0, 1)
    + IF(m.member_attrition IS NULL, 0, 1) AS club_present,
    IF(m.total_daily_revenue IS NULL, 0, 1) AS totals_present,
    -- Club shipments come in waves, and with them what they cost to ship.
    CAST(m.total_daily_revenue - m.wine_club_orders_revenue - m.shipping_revenue AS FLOAT64) AS steady_revenue
  FROM mart.agg_daily_revenue AS m
  CROSS JOIN loads
),
shaped AS (
  SELECT
    *,
    AVG(steady_revenue) OVER (
      PARTITION BY entity_id, EXTRACT(DAYOFWEEK FROM date_key)
      ORDER BY date_key ROWS BETWEEN 8 PRECEDING AND 1 PRECEDING
    ) AS usual_revenue
  FROM days
)
SELECT
  date_key,
  entity_id,
  copies,
  entities_of_day,
  days_since_previous,
  days_missing_at_start,
  days_missing_at_end,
  IF(orders_loaded, orders_missing, 0) + IF(orders_loaded AND items_loaded, volume_missing, 0)
  + IF(visits_loaded, visits_missing, 0) + IF(club_loaded, club_missing, 0)
  + IF(orders_loaded AND visits_loaded, totals_missing, 0) AS missing_measures,
  IF(orders_loaded, 0, orders_present) + IF(orders_loaded AND items_loaded, 0, volume_present)
  + IF(visits_loaded, 0, visits_present) + IF(club_loaded, 0, club_present)
  + IF(orders_loaded AND visits_loaded, 0, totals_present) AS invented_measures,
  CAST(total_daily_revenue AS FLOAT64) AS total_daily_revenue,
  IF(entity_id = 0 AND date_key = @as_of AND usual_revenue >= 1000, steady_revenue / usual_revenue, NULL)
    AS revenue_to_usual,
  total_reservations,
  total_visitors,
  total_visitors - total_reservations AS visitors_over_reservations,
  total_visitors - tasting_room_guests - event_guests AS other_guests,
  tasting_room_guests,
  event_guests,
  CAST(avg_party_size AS FLOAT64) AS avg_party_size,
  CAST(avg_tasting_fee_per_guest AS FLOAT64) AS avg_tasting_fee_per_guest,
  CAST(tasting_room_orders_per_guest_pct AS FLOAT64) AS tasting_room_orders_per_guest_pct,
  CAST(total_9l_sold AS FLOAT64) AS total_9l_sold,
  total_active_club_membership,
  new_member_acquisition,
  member_attrition,
  CAST(club_conversion_per_taster_pct AS FLOAT64) AS club_conversion_per_taster_pct,
  CAST(shipping_revenue AS FLOAT64) AS shipping_revenue,
  CAST(wine_club_orders_revenue AS FLOAT64) AS wine_club_orders_revenue
FROM shaped
ORDER BY date_key, entity_id
