-- One row per business date and entity (entity 0, ALL, is the whole): the KPI columns, both sides of the ratios, and what explains them.
-- A measure is 0 on a loaded day without transactions, and NULL on a day that its source does not cover:
-- each CTE of measures has rows for covered days only, and the last SELECT joins them to all days.
WITH RECURSIVE
ancestry AS (
  -- Every location with itself and everything above it: what happens there counts for all of them.
  SELECT entity_id AS member_id, entity_id
  FROM kpi.dim_entity
  WHERE entity_type = 'location'
  UNION ALL
  SELECT a.member_id, e.parent_id AS entity_id
  FROM ancestry AS a
  INNER JOIN kpi.dim_entity AS e ON e.entity_id = a.entity_id
  WHERE e.parent_id IS NOT NULL
),
places AS (
  SELECT rule, MIN(entity_id) AS entity_id
  FROM kpi.dim_entity
  WHERE entity_type = 'location' AND rule IS NOT NULL
  GROUP BY rule
),
unassigned AS (
  SELECT MIN(entity_id) AS entity_id
  FROM kpi.dim_entity
  WHERE entity_type = 'location' AND entity_code = 'UNASSIGNED'
),
loads AS (
  -- What each source covers, by its load record: one row, with NULLs for a source that has none.
  SELECT
    MIN(IF(source = 'stg_order', loaded_from, NULL)) AS orders_from,
    MAX(IF(source = 'stg_order', complete_through, NULL)) AS orders_through,
    MIN(IF(source = 'stg_order_item', loaded_from, NULL)) AS items_from,
    MAX(IF(source = 'stg_order_item', complete_through, NULL)) AS items_through,
    MIN(IF(source = 'stg_tock_reservation', loaded_from, NULL)) AS reservations_from,
    MAX(IF(source = 'stg_tock_reservation', complete_through, NULL)) AS reservations_through,
    MIN(IF(source = 'stg_tock_guest', loaded_from, NULL)) AS guests_from,
    MAX(IF(source = 'stg_tock_guest', complete_through, NULL)) AS guests_through,
    MIN(IF(source = 'stg_club_membership', loaded_from, NULL)) AS memberships_from,
    MAX(IF(source = 'stg_club_membership', complete_through, NULL)) AS memberships_through
  FROM raw.source_load
),
covered AS (
  SELECT
    d.date_key,
    COALESCE(d.date_key BETWEEN l.orders_from AND l.orders_through, FALSE) AS has_orders,
    COALESCE(d.date_key BETWEEN l.items_from AND l.items_through, FALSE) AS has_items,
    COALESCE(d.date_key BETWEEN l.reservations_from AND l.reservations_through, FALSE) AS has_reservations,
    COALESCE(d.date_key BETWEEN l.guests_from AND l.guests_through, FALSE) AS has_guests,
    COALESCE(d.date_key BETWEEN l.memberships_from AND l.memberships_through, FALSE) AS has_memberships
  FROM mart.dim_date AS d
  CROSS JOIN loads AS l
  WHERE d.date_key BETWEEN @first_day AND @last_day
),
spine AS (
  SELECT c.*, e.entity_id
  FROM covered AS c
  CROSS JOIN (SELECT DISTINCT entity_id FROM ancestry) AS e
),

-- Orders. Added up by line first: the rest then works on a few rows a day.
line_days AS (
  SELECT
    date_key,
    entity_id AS member_id,
    line,
    is_counted,
    is_shipped,
    SUM(amount) AS amount,
    SUM(IF(effect = 'sale', amount, 0)) AS sales,
    SUM(IF(effect = 'refund', -amount, 0)) AS refund,
    SUM(orders) AS orders,
    SUM(discount) AS discount,
    SUM(tax) AS tax,
    SUM(tip) AS tip,
    SUM(shipping) AS shipping,
    SUM(units) AS units,
    SUM(bottles) AS bottles,
    SUM(bottles_red) AS bottles_red,
    SUM(bottles_white) AS bottles_white,
    SUM(bottles_rose) AS bottles_rose,
    SUM(bottles_sparkling) AS bottles_sparkling,
    SUM(merchandise_units) AS merchandise_units,
    SUM(wine_ml) AS wine_ml
  FROM mart.order_line
  WHERE date_key BETWEEN @first_day AND @last_day
  GROUP BY date_key, entity_id, line, is_counted, is_shipped
),
entity_line_days AS (
  SELECT l.*, a.entity_id
  FROM line_days AS l
  INNER JOIN ancestry AS a ON a.member_id = l.member_id
),
order_days AS (
  SELECT
    s.date_key,
    s.entity_id,
    SUM(IF(o.line = 'tasting_room_wine', o.amount, 0)) AS tasting_room_amount,
    SUM(IF(o.line = 'club', o.amount, 0)) AS club_amount,
    SUM(IF(o.line = 'web', o.amount, 0)) AS web_amount,
    SUM(IF(o.line = 'phone', o.amount, 0)) AS phone_amount,
    SUM(IF(o.line = 'event_fee', o.amount, 0)) AS event_fee_amount,
    SUM(IF(o.line = 'event_wine', o.amount, 0)) AS event_wine_amount,
    SUM(IF(o.line = 'tasting_room_wine', o.orders, 0)) AS tasting_room_orders,
    SUM(IF(o.line = 'club', o.orders, 0)) AS club_orders,
    SUM(IF(o.line = 'web', o.orders, 0)) AS web_orders,
    SUM(IF(o.line = 'phone', o.orders, 0)) AS phone_orders,
    SUM(IF(o.line = 'event_fee', o.orders, 0)) AS event_fee_orders,
    SUM(IF(o.line = 'event_wine', o.orders, 0)) AS event_wine_orders,
    SUM(IF(o.is_counted, o.orders, 0)) AS total_orders,
    SUM(IF(o.is_counted, o.sales, 0)) AS gross_sales_amount,
    SUM(IF(o.line = 'tasting_room_wine', o.discount, 0)) AS tasting_room_discount_amount,
    SUM(IF(o.line = 'club', o.discount, 0)) AS club_discount_amount,
    SUM(IF(o.line = 'web', o.discount, 0)) AS web_discount_amount,
    SUM(IF(o.line = 'phone', o.discount, 0)) AS phone_discount_amount,
    SUM(IF(o.line IN ('event_fee', 'event_wine'), o.discount, 0)) AS event_discount_amount,
    SUM(IF(o.line = 'tasting_room_wine', o.tax, 0)) AS tasting_room_tax_amount,
    SUM(IF(o.line = 'club', o.tax, 0)) AS club_tax_amount,
    SUM(IF(o.line = 'web', o.tax, 0)) AS web_tax_amount,
    SUM(IF(o.line = 'phone', o.tax, 0)) AS phone_tax_amount,
    SUM(IF(o.line IN ('event_fee', 'event_wine'), o.tax, 0)) AS event_tax_amount,
    SUM(IF(o.line = 'tasting_room_wine', o.tip, 0)) AS tasting_room_tip_amount,
    SUM(IF(o.line = 'club', o.tip, 0)) AS club_tip_amount,
    SUM(IF(o.line = 'web', o.tip, 0)) AS web_tip_amount,
    SUM(IF(o.line = 'phone', o.tip, 0)) AS phone_tip_amount,
    SUM(IF(o.line IN ('event_fee', 'event_wine'), o.tip, 0)) AS event_tip_amount,
    SUM(IF(o.line = 'tasting_room_wine', o.refund, 0)) AS tasting_room_refund_amount,
    SUM(IF(o.line = 'club', o.refund, 0)) AS club_refund_amount,
    SUM(IF(o.line = 'web', o.refund, 0)) AS web_refund_amount,
    SUM(IF(o.line = 'phone', o.refund, 0)) AS phone_refund_amount,
    SUM(IF(o.line IN ('event_fee', 'event_wine'), o.refund, 0)) AS event_refund_amount,
    SUM(IF(o.is_shipped, o.shipping, 0)) AS shipping_revenue,
    SUM(IF(o.line = 'voided', o.orders, 0)) AS voided_orders,
    SUM(IF(o.line = 'tock', o.orders, 0)) AS tock_orders,
    SUM(IF(o.line = 'lounge', o.orders, 0)) AS lounge_orders,
    SUM(IF(o.line = 'voided', o.amount, 0)) AS voided_amount,
    SUM(IF(o.line = 'tock', o.amount, 0)) AS tock_amount,
    SUM(IF(o.line = 'lounge', o.amount, 0)) AS lounge_amount
  FROM spine AS s
  LEFT JOIN entity_line_days AS o ON o.date_key = s.date_key AND o.entity_id = s.entity_id
  WHERE s.has_orders
  GROUP BY s.date_key, s.entity_id
),
unit_days AS (
  SELECT
    s.date_key,
    s.entity_id,
    SUM(IF(o.line = 'tasting_room_wine', o.units, 0)) AS tasting_room_units,
    SUM(IF(o.line = 'club', o.units, 0)) AS club_units,
    SUM(IF(o.line = 'web', o.units, 0)) AS web_units,
    SUM(IF(o.line = 'phone', o.units, 0)) AS phone_units,
    SUM(IF(o.line IN ('event_fee', 'event_wine'), o.units, 0)) AS event_units,
    SUM(IF(o.is_shipped, o.bottles, 0)) AS bottles_sold,
    SUM(IF(o.is_shipped, o.bottles_red, 0)) AS bottles_red,
    SUM(IF(o.is_shipped, o.bottles_white, 0)) AS bottles_white,
    SUM(IF(o.is_shipped, o.bottles_rose, 0)) AS bottles_rose,
    SUM(IF(o.is_shipped, o.bottles_sparkling, 0)) AS bottles_sparkling,
    SUM(IF(o.is_shipped, o.bottles - o.bottles_red - o.bottles_white - o.bottles_rose - o.bottles_sparkling, 0))
      AS bottles_other,
    SUM(IF(o.is_shipped, o.merchandise_units, 0)) AS merchandise_units,
    SUM(IF(o.is_shipped, o.wine_ml, 0)) AS wine_ml
  FROM spine AS s
  LEFT JOIN entity_line_days AS o ON o.date_key = s.date_key AND o.entity_id = s.entity_id
  WHERE s.has_orders AND s.has_items
  GROUP BY s.date_key, s.entity_id
),
buyers AS (
  -- A customer who buys at two places on a day is one customer of the whole.
  SELECT
    o.date_key,
    a.entity_id,
    COUNT(DISTINCT IF(o.is_new_customer, o.customer_id, NULL)) AS new_customers,
    COUNT(DISTINCT IF(NOT o.is_new_customer, o.customer_id, NULL)) AS returning_customers
  FROM mart.order_line AS o
  INNER JOIN ancestry AS a ON a.member_id = o.entity_id
  WHERE o.date_key BETWEEN @first_day AND @last_day AND o.effect = 'sale' AND o.is_counted
  GROUP BY o.date_key, a.entity_id
),

-- Reservations, on the day of the visit.
parties AS (
  SELECT
    DATE(r.reservation_datetime) AS date_key,
    COALESCE(e.entity_id, u.entity_id) AS member_id,
    x.attribution,
    r.status,
    COALESCE(r.status NOT IN ('cancelled', 'no_show'), TRUE) AS counts,
    COUNT(*) AS reservations,
    SUM(r.party_size) AS guests,
    SUM(r.final_total) AS fees,
    SUM(COALESCE(g.new_guests, 0)) AS new_guests
  FROM raw.stg_tock_reservation AS r
  CROSS JOIN unassigned AS u
  LEFT JOIN places AS e ON e.rule = r.location
  LEFT JOIN raw.dim_experience AS x ON x.experience = r.experience_name
  LEFT JOIN (
    SELECT reservation_id, COUNTIF(is_new) AS new_guests
    FROM raw.stg_tock_guest
    GROUP BY reservation_id
  ) AS g ON g.reservation_id = r.reservation_id
  WHERE DATE(r.reservation_datetime) BETWEEN @first_day AND @last_day
  GROUP BY date_key, member_id, x.attribution, r.status, counts
),
entity_parties AS (
  SELECT p.*, a.entity_id
  FROM parties AS p
  INNER JOIN ancestry AS a ON a.member_id = p.member_id
),
visit_days AS (
  SELECT
    s.date_key,
    s.entity_id,
    SUM(IF(p.counts AND p.attribution = 'Tasting Room', p.fees, 0)) AS tasting_room_fees_revenue,
    SUM(IF(p.counts AND p.attribution = 'Club', p.fees, 0)) AS wine_club_fees_revenue,
    SUM(IF(p.counts AND p.attribution = 'Event', p.fees, 0)) AS event_fees_reservations_revenue,
    SUM(IF(p.counts AND p.attribution IS NULL, p.fees, 0)) AS unattributed_fees_amount,
    SUM(IF(p.counts, p.reservations, 0)) AS total_reservations,
    SUM(IF(p.counts, p.guests, 0)) AS total_visitors,
    SUM(IF(p.counts AND p.attribution = 'Tasting Room', p.guests, 0)) AS tasting_room_guests,
    SUM(IF(p.counts AND p.attribution = 'Club', p.guests, 0)) AS club_guests,
    SUM(IF(p.counts AND p.attribution = 'Event', p.guests, 0)) AS event_guests,
    SUM(IF(p.status = 'cancelled', p.reservations, 0)) AS cancelled_reservations,
    SUM(IF(p.status = 'no_show', p.reservations, 0)) AS no_show_reservations,
    SUM(IF(p.counts, p.new_guests, 0)) AS new_guests
  FROM spine AS s
  LEFT JOIN entity_parties AS p ON p.date_key = s.date_key AND p.entity_id = s.entity_id
  WHERE s.has_reservations
  GROUP BY s.date_key, s.entity_id
),

-- The club. The stock on a day is what was there before the first day plus every change since,
-- so memberships from before the first day are read too.
changes AS (
  SELECT DATE(m.signup_at, @time_zone) AS date_key, m.location, 1 AS joined, 0 AS gone
  FROM raw.stg_club_membership AS m
  UNION ALL
  SELECT DATE(m.cancel_at, @time_zone) AS date_key, m.location, 0 AS joined, 1 AS gone
  FROM raw.stg_club_membership AS m
  WHERE m.cancel_at IS NOT NULL
),
entity_changes AS (
  SELECT c.date_key, a.entity_id, SUM(c.joined) AS joined, SUM(c.gone) AS gone
  FROM changes AS c
  CROSS JOIN unassigned AS u
  LEFT JOIN places AS e ON e.rule = c.location
  INNER JOIN ancestry AS a ON a.member_id = COALESCE(e.entity_id, u.entity_id)
  WHERE c.date_key <= @last_day
  GROUP BY c.date_key, a.entity_id
),
stock_before AS (
  SELECT entity_id, SUM(joined - gone) AS members
  FROM entity_changes
  WHERE date_key < @first_day
  GROUP BY entity_id
),
stock_days AS (
  SELECT
    s.date_key,
    s.entity_id,
    s.has_memberships,
    COALESCE(c.joined, 0) AS joined,
    COALESCE(c.gone, 0) AS gone,
    COALESCE(b.members, 0)
    + SUM(COALESCE(c.joined, 0) - COALESCE(c.gone, 0)) OVER (
      PARTITION BY s.entity_id
      ORDER BY s.date_key
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS members
  FROM spine AS s
  LEFT JOIN entity_changes AS c ON c.date_key = s.date_key AND c.entity_id = s.entity_id
  LEFT JOIN stock_before AS b ON b.entity_id = s.entity_id
)

SELECT
  s.date_key,
  s.entity_id,
  d.year,
  d.quarter,
  d.month,
  d.day_of_month,
  d.day_of_year,
  d.iso_year,
  d.iso_week,
  d.day_of_week,
  d.is_weekend,
  d.fiscal_year,
  d.fiscal_quarter,
  d.fiscal_month,
  d.fiscal_week,

  -- The 27 KPIs, in their order.
  o.tasting_room_amount AS tasting_room_wine_revenue,
  v.tasting_room_fees_revenue,
  o.tasting_room_amount + v.tasting_room_fees_revenue AS tasting_room_total_revenue,
  o.club_amount AS wine_club_orders_revenue,
  v.wine_club_fees_revenue,
  o.club_amount + v.wine_club_fees_revenue AS wine_club_total_revenue,
  o.web_amount AS ecomm_revenue,
  o.phone_amount AS phone_revenue,
  o.event_fee_amount AS event_fees_orders_revenue,
  v.event_fees_reservations_revenue,
  o.event_fee_amount + v.event_fees_reservations_revenue AS event_fees_total_revenue,
  o.event_wine_amount AS event_wine_revenue,
  o.shipping_revenue,
  o.tasting_room_amount + v.tasting_room_fees_revenue
  + o.club_amount + v.wine_club_fees_revenue
  + o.web_amount
  + o.phone_amount
  + o.event_fee_amount + v.event_fees_reservations_revenue
  + o.event_wine_amount
  + o.shipping_revenue AS total_daily_revenue,
  v.total_reservations,
  v.total_visitors,
  SAFE_DIVIDE(v.total_visitors, v.total_reservations) AS avg_party_size,
  v.tasting_room_guests,
  v.event_guests,
  SAFE_DIVIDE(CAST(v.tasting_room_fees_revenue AS FLOAT64), v.tasting_room_guests) AS avg_tasting_fee_per_guest,
  100 * SAFE_DIVIDE(o.tasting_room_orders, v.tasting_room_guests) AS tasting_room_orders_per_guest_pct,
  u.wine_ml / 9000 AS total_9l_sold,
  IF(s.has_memberships, m.members, NULL) AS total_active_club_membership,
  IF(s.has_memberships, m.joined, NULL) AS new_member_acquisition,
  IF(s.has_memberships, m.gone, NULL) AS member_attrition,
  IF(s.has_memberships, m.joined - m.gone, NULL) AS club_net_gain_loss,
  100 * SAFE_DIVIDE(IF(s.has_memberships, m.joined, NULL), v.tasting_room_guests) AS club_conversion_per_taster_pct,

  -- Orders by line; tasting_room_orders is the numerator of orders per guest.
  o.tasting_room_orders,
  o.club_orders,
  o.web_orders,
  o.phone_orders,
  o.event_fee_orders,
  o.event_wine_orders,
  o.total_orders,

  -- Units and bottles of every order that is not voided.
  u.tasting_room_units,
  u.club_units,
  u.web_units,
  u.phone_units,
  u.event_units,
  u.bottles_sold,
  u.bottles_red,
  u.bottles_white,
  u.bottles_rose,
  u.bottles_sparkling,
  u.bottles_other,
  u.merchandise_units,
  u.wine_ml,

  -- What went off and on top of the subtotals, and what was paid back, by line.
  o.tasting_room_discount_amount,
  o.club_discount_amount,
  o.web_discount_amount,
  o.phone_discount_amount,
  o.event_discount_amount,
  o.tasting_room_tax_amount,
  o.club_tax_amount,
  o.web_tax_amount,
  o.phone_tax_amount,
  o.event_tax_amount,
  o.tasting_room_tip_amount,
  o.club_tip_amount,
  o.web_tip_amount,
  o.phone_tip_amount,
  o.event_tip_amount,
  o.tasting_room_refund_amount,
  o.club_refund_amount,
  o.web_refund_amount,
  o.phone_refund_amount,
  o.event_refund_amount,

  -- Customers with a counted order on the day, and what an order of theirs came to.
  IF(s.has_orders, COALESCE(b.new_customers, 0), NULL) AS new_customers,
  IF(s.has_orders, COALESCE(b.returning_customers, 0), NULL) AS returning_customers,
  o.gross_sales_amount,
  SAFE_DIVIDE(CAST(o.gross_sales_amount AS FLOAT64), o.total_orders) AS average_order_value,

  -- Visits beside the KPIs.
  v.club_guests,
  IF(s.has_guests, v.new_guests, NULL) AS new_guests,
  v.cancelled_reservations,
  v.no_show_reservations,
  v.unattributed_fees_amount,

  -- Left out of revenue, named and counted.
  o.voided_orders,
  o.tock_orders,
  o.lounge_orders,
  o.voided_amount,
  o.tock_amount,
  o.lounge_amount
FROM spine AS s
LEFT JOIN order_days AS o ON o.date_key = s.date_key AND o.entity_id = s.entity_id
LEFT JOIN unit_days AS u ON u.date_key = s.date_key AND u.entity_id = s.entity_id
LEFT JOIN buyers AS b ON b.date_key = s.date_key AND b.entity_id = s.entity_id
LEFT JOIN visit_days AS v ON v.date_key = s.date_key AND v.entity_id = s.entity_id
LEFT JOIN stock_days AS m ON m.date_key = s.date_key AND m.entity_id = s.entity_id
LEFT JOIN mart.dim_date AS d ON d.date_key = s.date_key
