-- One row per customer and fiscal year from its first line on; the cohort is the first year with positive net revenue.
-- Years without revenue have a row with 0. A customer without any such year, and UNKNOWN, belong to no cohort but count
-- in the ledger's total.
WITH
sums AS (
  SELECT qbo_customer_id, MIN(company_name) AS company_name, fiscal_year, SUM(amount) AS net_revenue
  FROM mart.revenue_line
  WHERE date_key <= @as_of
  GROUP BY qbo_customer_id, fiscal_year
),
years AS (
  SELECT fiscal_year, MAX(date_key) AS last_day
  FROM mart.dim_date
  WHERE fiscal_year <= @fiscal_year
  GROUP BY fiscal_year
),
customers AS (
  SELECT
    qbo_customer_id,
    MIN(company_name) AS company_name,
    MIN(fiscal_year) AS first_year,
    MIN(IF(net_revenue > 0 AND qbo_customer_id != 'UNKNOWN', fiscal_year, NULL)) AS cohort_year
  FROM sums
  GROUP BY qbo_customer_id
)
SELECT
  c.qbo_customer_id,
  c.company_name,
  c.cohort_year,
  y.fiscal_year,
  y.fiscal_year - c.cohort_year AS age_years,
  y.last_day <= @as_of AS is_whole_year,
  COALESCE(s.net_revenue, 0) AS net_revenue,
  b.net_revenue AS cohort_net_revenue,
  IF(COALESCE(s.net_revenue, 0) > 0, 1, 0) AS has_revenue
FROM customers AS c
INNER JOIN years AS y ON y.fiscal_year >= c.first_year
LEFT JOIN sums AS s ON s.qbo_customer_id = c.qbo_customer_id AND s.fiscal_year = y.fiscal_year
LEFT JOIN sums AS b ON b.qbo_customer_id = c.qbo_customer_id AND b.fiscal_year = c.cohort_year
