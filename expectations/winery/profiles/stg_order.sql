-- Orders, one row a local day: counts and sums, never an order.
-- The days of the loaded range are all there; a day outside it appears only if an order claims it.
-- An order whose time is unknown stands under its order date, or else under 1970-01-01.
WITH loaded AS (
  SELECT loaded_from, complete_through, loaded_at FROM raw.source_load WHERE source = 'stg_order'
),
orders AS (
  SELECT
    COALESCE(DATE(o.paid_at, @time_zone), o.order_date, DATE '1970-01-01') AS date_key,
    COUNT(*) OVER (PARTITION BY o.order_id) AS copies,
    o.order_id IS NULL AS no_key,
    o.paid_at IS NULL OR o.order_date IS NULL AS no_date,
    o.channel IS NULL OR o.status IS NULL OR o.tasting_lounge IS NULL OR o.event_specific_sale IS NULL AS no_line,
    o.currency IS NULL AS no_currency,
    o.subtotal IS NULL OR o.refund_amount IS NULL OR o.discount IS NULL OR o.tax IS NULL OR o.tip IS NULL
      OR o.shipping IS NULL OR o.total IS NULL AS no_amount,
    o.order_date <> DATE(o.paid_at, @time_zone) AS other_day,
    o.paid_at > loaded.loaded_at OR o.order_date > DATE(loaded.loaded_at, @time_zone) AS in_future,
    o.refunded_at > loaded.loaded_at AS refund_in_future,
    o.subtotal <> ROUND(o.subtotal, 2) OR o.refund_amount <> ROUND(o.refund_amount, 2)
      OR o.discount <> ROUND(o.discount, 2) OR o.tax <> ROUND(o.tax, 2) OR o.tip <> ROUND(o.tip, 2)
      OR o.shipping <> ROUND(o.shipping, 2) OR o.total <> ROUND(o.total, 2) AS odd_cents,
    o.subtotal < 0 AS negative_subtotal,
    o.shipping < 0 OR o.discount < 0 OR o.tax < 0 OR o.tip < 0 OR o.refund_amount < 0 AS negative_amount,
    o.refund_amount > o.subtotal AS refund_over_subtotal,
    o.status = 'refunded' AND o.refunded_at IS NULL OR o.refund_amount > 0 AND o.refunded_at IS NULL
      AS refund_without_date,
    o.refunded_at < o.paid_at AS refund_before_sale,
    o.event_fee_or_wine IS NOT NULL AND o.event_revenue_realization_date IS NULL AND o.status <> 'voided'
      AS event_without_day,
    o.channel = 'POS' AND COALESCE(o.location, '') NOT IN (SELECT rule FROM kpi.dim_entity WHERE rule IS NOT NULL)
      AS unassigned,
    o.channel = 'Club' AS shipment,
    o.subtotal
  FROM raw.stg_order AS o
  CROSS JOIN loaded
),
counted AS (
  SELECT
    date_key,
    COUNT(*) AS row_count,
    COUNTIF(NOT COALESCE(shipment, FALSE)) AS sale_count,
    COUNTIF(copies > 1 AND NOT no_key) AS duplicate_keys,
    COUNTIF(no_key) AS null_order_id,
    COUNTIF(no_date) AS null_dates,
    COUNTIF(no_line) AS null_line_columns,
    COUNTIF(no_currency) AS null_currency,
    COUNTIF(no_amount) AS null_amounts,
    COUNTIF(other_day) AS order_date_differs,
    COUNTIF(in_future) AS future_orders,
    COUNTIF(refund_in_future) AS future_refunds,
    COUNTIF(odd_cents) AS fractions_of_a_cent,
    COUNTIF(negative_subtotal) AS negative_subtotals,
    COUNTIF(negative_amount) AS negative_amounts,
    COUNTIF(refund_over_subtotal) AS refunds_over_subtotal,
    COUNTIF(refund_without_date) AS refunds_without_date,
    COUNTIF(refund_before_sale) AS refunds_before_sale,
    COUNTIF(event_without_day) AS events_without_day,
    COUNTIF(unassigned) AS unassigned_orders,
    SUM(subtotal) AS subtotal
  FROM orders
  GROUP BY date_key
),
days AS (
  SELECT date_key
  FROM loaded, UNNEST(GENERATE_DATE_ARRAY(loaded.loaded_from, loaded.complete_through)) AS date_key
  UNION DISTINCT
  SELECT date_key FROM counted
),
dense AS (
  SELECT
    days.date_key,
    loaded.loaded_from,
    loaded.complete_through,
    COALESCE(counted.sale_count, 0) AS sales,
    counted.* EXCEPT (date_key, sale_count)
  FROM days
  CROSS JOIN loaded
  LEFT JOIN counted ON counted.date_key = days.date_key
),
shaped AS (
  SELECT
    *,
    AVG(sales) OVER (
      PARTITION BY EXTRACT(DAYOFWEEK FROM date_key) ORDER BY date_key ROWS BETWEEN 8 PRECEDING AND 1 PRECEDING
    ) AS usual_sales,
    MAX(IF(row_count > 0 AND date_key <= complete_through, date_key, NULL)) OVER () AS last_busy_day
  FROM dense
)
SELECT
  date_key,
  COALESCE(row_count, 0) AS row_count,
  sales,
  usual_sales,
  -- Only the newest day is compared, and only where there are enough sales for a comparison to mean something.
  IF(date_key = LEAST(@as_of, complete_through) AND usual_sales >= 15, sales / usual_sales, NULL) AS sales_to_usual,
  IF(date_key = complete_through, DATE_DIFF(complete_through, last_busy_day, DAY), NULL) AS quiet_days,
  duplicate_keys,
  null_order_id,
  null_dates,
  null_line_columns,
  null_currency,
  null_amounts,
  order_date_differs,
  future_orders,
  future_refunds,
  fractions_of_a_cent,
  negative_subtotals,
  negative_amounts,
  refunds_over_subtotal,
  refunds_without_date,
  refunds_before_sale,
  events_without_day,
  -- Older sales at places that are no entity have been seen; the new ones are news.
  IF(date_key > DATE_SUB(@as_of, INTERVAL 28 DAY) AND date_key <= @as_of, unassigned_orders, NULL)
    AS unassigned_recently,
  IF(date_key < loaded_from, row_count, NULL) AS orders_before_loaded,
  IF(date_key > complete_through, row_count, NULL) AS orders_after_complete,
  CAST(subtotal AS FLOAT64) AS subtotal
FROM shaped
ORDER BY date_key
