-- Customers with revenue in both years ÷ customers with revenue last year. Grouped by customer first: several rows of one
-- customer are one logo.
WITH customers AS (
  SELECT qbo_customer_id, SUM(net_revenue) AS this_year, SUM(net_revenue_last_year) AS last_year
  FROM kpi.customer_development
  WHERE fiscal_year = @fiscal_year AND qbo_customer_id != 'UNKNOWN'
  GROUP BY qbo_customer_id
)
SELECT SAFE_DIVIDE(COUNTIF(this_year > 0 AND last_year > 0), COUNTIF(last_year > 0)) AS metric_value
FROM customers
