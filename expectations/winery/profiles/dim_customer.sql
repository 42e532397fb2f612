-- Customers, one row a month of their first order.
WITH loaded AS (
  SELECT loaded_at FROM raw.source_load WHERE source = 'dim_customer'
),
customers AS (
  SELECT
    DATE_TRUNC(c.first_order_date, MONTH) AS first_month,
    COUNT(*) OVER (PARTITION BY c.customer_id) AS copies,
    c.customer_id IS NULL AS no_key,
    c.first_order_date > DATE(loaded.loaded_at, @time_zone) AS in_future
  FROM raw.dim_customer AS c
  CROSS JOIN loaded
)
SELECT
  first_month,
  COUNT(*) AS row_count,
  COUNTIF(copies > 1) AS duplicate_keys,
  COUNTIF(no_key) AS null_customer_id,
  COUNTIF(in_future) AS future_customers
FROM customers
GROUP BY first_month
ORDER BY first_month
