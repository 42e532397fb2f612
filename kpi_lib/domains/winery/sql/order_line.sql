-- One row per order and effect: its sale, and its refund where there is one, on their business dates.
-- Every order falls in exactly one line, by the first rule that matches; the lines that are no revenue
-- (voided, tock, lounge) and an unknown channel are named too, so that source and mart reconcile with nothing left over.
WITH
places AS (
  -- The location that a source value is assigned to.
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
items AS (
  -- One row per order, so that the join below cannot multiply orders.
  SELECT
    i.order_id,
    SUM(i.quantity) AS units,
    SUM(IF(i.item_type = 'Wine', i.quantity, 0)) AS bottles,
    SUM(IF(i.item_type = 'Wine' AND p.type = 'Red Wine', i.quantity, 0)) AS bottles_red,
    SUM(IF(i.item_type = 'Wine' AND p.type = 'White Wine', i.quantity, 0)) AS bottles_white,
    SUM(IF(i.item_type = 'Wine' AND p.type = 'Rosé Wine', i.quantity, 0)) AS bottles_rose,
    SUM(IF(i.item_type = 'Wine' AND p.type = 'Sparkling Wine', i.quantity, 0)) AS bottles_sparkling,
    SUM(IF(i.item_type = 'Merchandise', i.quantity, 0)) AS merchandise_units,
    SUM(IF(i.item_type = 'Wine', i.quantity * p.bottle_ml, 0)) AS wine_ml,
    SUM(IF(i.item_type = 'Wine' AND p.bottle_ml IS NULL, i.quantity, 0)) AS bottles_unmeasured
  FROM raw.stg_order_item AS i
  LEFT JOIN raw.stg_product AS p ON p.product_id = i.product_id
  GROUP BY i.order_id
),
lined AS (
  SELECT
    o.*,
    CASE
      WHEN o.status = 'voided' THEN 'voided'
      WHEN o.event_fee_or_wine = 'Event Fee' THEN 'event_fee'
      WHEN o.event_fee_or_wine = 'Event Wine' THEN 'event_wine'
      WHEN o.external_order_vendor = 'Tock' THEN 'tock'
      WHEN o.tasting_lounge THEN 'lounge'
      WHEN o.channel = 'POS' THEN 'tasting_room_wine'
      WHEN o.channel = 'Club' THEN 'club'
      WHEN o.channel = 'Web' THEN 'web'
      WHEN o.channel = 'Inbound' THEN 'phone'
      ELSE 'unknown_channel'
    END AS line,
    IF(o.channel IN ('Web', 'Club', 'Inbound'), 'Online', o.location) AS place,
    DATE(o.paid_at, @time_zone) AS paid_date,
    COALESCE(o.event_fee_or_wine IN ('Event Fee', 'Event Wine'), FALSE) AS is_event
  FROM raw.stg_order AS o
),
placed AS (
  SELECT
    l.*,
    COALESCE(e.entity_id, u.entity_id) AS entity_id,
    l.paid_date <= c.first_order_date AS is_new_customer
  FROM lined AS l
  CROSS JOIN unassigned AS u
  LEFT JOIN places AS e ON e.rule = l.place
  LEFT JOIN raw.dim_customer AS c ON c.customer_id = l.customer_id
),
effects AS (
  SELECT
    -- An event order without a realization date counts when it is paid, and says so.
    IF(p.is_event, COALESCE(p.event_revenue_realization_date, p.paid_date), p.paid_date) AS date_key,
    p.entity_id,
    p.order_id,
    'sale' AS effect,
    p.line,
    p.channel,
    p.location,
    p.customer_id,
    p.is_new_customer,
    p.event_specific_sale,
    p.paid_date,
    CASE
      WHEN NOT p.is_event THEN 'paid'
      WHEN p.event_revenue_realization_date IS NULL THEN 'realization_missing'
      ELSE 'realized'
    END AS date_basis,
    p.line NOT IN ('voided', 'tock', 'lounge', 'unknown_channel') AS is_counted,
    p.line != 'voided' AS is_shipped,
    1 AS orders,
    p.subtotal AS amount,
    p.discount,
    p.tax,
    p.tip,
    p.shipping,
    COALESCE(i.units, 0) AS units,
    COALESCE(i.bottles, 0) AS bottles,
    COALESCE(i.bottles_red, 0) AS bottles_red,
    COALESCE(i.bottles_white, 0) AS bottles_white,
    COALESCE(i.bottles_rose, 0) AS bottles_rose,
    COALESCE(i.bottles_sparkling, 0) AS bottles_sparkling,
    COALESCE(i.merchandise_units, 0) AS merchandise_units,
    COALESCE(i.wine_ml, 0) AS wine_ml,
    COALESCE(i.bottles_unmeasured, 0) AS bottles_unmeasured
  FROM placed AS p
  LEFT JOIN items AS i ON i.order_id = p.order_id
  UNION ALL
  -- A refund returns money, not wine: it has an amount and nothing else.
  SELECT
    DATE(p.refunded_at, @time_zone) AS date_key,
    p.entity_id,
    p.order_id,
    'refund' AS effect,
    p.line,
    p.channel,
    p.location,
    p.customer_id,
    p.is_new_customer,
    p.event_specific_sale,
    p.paid_date,
    'refunded' AS date_basis,
    p.line NOT IN ('voided', 'tock', 'lounge', 'unknown_channel') AS is_counted,
    p.line != 'voided' AS is_shipped,
    0 AS orders,
    -p.refund_amount AS amount,
    CAST(0 AS NUMERIC) AS discount,
    CAST(0 AS NUMERIC) AS tax,
    CAST(0 AS NUMERIC) AS tip,
    CAST(0 AS NUMERIC) AS shipping,
    0 AS units,
    0 AS bottles,
    0 AS bottles_red,
    0 AS bottles_white,
    0 AS bottles_rose,
    0 AS bottles_sparkling,
    0 AS merchandise_units,
    0 AS wine_ml,
    0 AS bottles_unmeasured
  FROM placed AS p
  WHERE p.refunded_at IS NOT NULL
)
SELECT *
FROM effects
WHERE date_key BETWEEN @first_day AND @last_day
