-- Distinct customers with revenue this year. Grouped by customer first: several rows of one customer are one customer.
WITH customers AS (
  SELECT qbo_customer_id, SUM(net_revenue) AS net_revenue
  FROM kpi.customer_development
  WHERE fiscal_year = @fiscal_year AND qbo_customer_id != 'UNKNOWN'
  GROUP BY qbo_customer_id
)
SELECT CAST(COUNT(*) AS FLOAT64) AS metric_value
FROM customers
WHERE net_revenue > 0
