-- name: customers_once
-- severity: critical
-- table: customer_development
-- says: A customer has one row, and in the views by year one row a year; UNKNOWN has exactly one.
-- remedy: Look at customer.sql and ops.customer_merge for the customers named.
WITH
counted AS (
  SELECT 'net_revenue_retention_all_customers' AS view, qbo_customer_id, CAST(NULL AS INT64) AS fiscal_year, COUNT(*) AS n
  FROM kpi.net_revenue_retention_all_customers
  GROUP BY qbo_customer_id
  UNION ALL
  SELECT 'cohort_retention_matrix_by_customer' AS view, qbo_customer_id, fiscal_year, COUNT(*) AS n
  FROM kpi.cohort_retention_matrix_by_customer
  GROUP BY qbo_customer_id, fiscal_year
  UNION ALL
  SELECT 'customer_development' AS view, qbo_customer_id, fiscal_year, COUNT(*) AS n
  FROM kpi.customer_development
  GROUP BY qbo_customer_id, fiscal_year
  UNION ALL
  SELECT
    'net_revenue_retention_all_customers' AS view,
    'UNKNOWN' AS qbo_customer_id,
    CAST(NULL AS INT64) AS fiscal_year,
    COUNTIF(qbo_customer_id = 'UNKNOWN') AS n
  FROM kpi.net_revenue_retention_all_customers
)
SELECT DISTINCT view, qbo_customer_id, fiscal_year, n
FROM counted
WHERE n != 1
ORDER BY view, qbo_customer_id, fiscal_year
