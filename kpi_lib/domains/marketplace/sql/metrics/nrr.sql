-- This year's net revenue of the customers that had some last year ÷ what they had then.
-- Grouped by customer first, so that a customer with several rows counts once, with all of them.
WITH customers AS (
  SELECT
    qbo_customer_id,
    SUM(net_revenue_{fiscal_year}) AS this_year,
    SUM(net_revenue_{prior_fiscal_year}) AS last_year
  FROM kpi.net_revenue_retention_all_customers
  WHERE qbo_customer_id != 'UNKNOWN'
  GROUP BY qbo_customer_id
)
SELECT SAFE_DIVIDE(CAST(SUM(this_year) AS FLOAT64), CAST(SUM(last_year) AS FLOAT64)) AS metric_value
FROM customers
WHERE last_year > 0
