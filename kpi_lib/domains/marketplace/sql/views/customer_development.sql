-- One row per customer and fiscal year with revenue in it or in the year before: what became of the customer. The changes
-- of a year's rows add up to the change of all revenue. The year of @as_of is compared twice: with the whole year before,
-- and (…_to_date) with that year up to the same date. A customer "has revenue" when its net revenue is positive.
WITH
lines AS (
  SELECT
    qbo_customer_id,
    company_name,
    fiscal_year,
    amount,
    fiscal_year < @fiscal_year - 1 OR date_key <= IF(
      @as_of = LAST_DAY(@as_of, MONTH),
      LAST_DAY(DATE_SUB(@as_of, INTERVAL 1 YEAR), MONTH),
      DATE_SUB(@as_of, INTERVAL 1 YEAR)
    ) AS is_by_then
  FROM mart.revenue_line
  WHERE date_key <= @as_of
),
sums AS (
  SELECT
    qbo_customer_id,
    MIN(company_name) AS company_name,
    fiscal_year,
    SUM(amount) AS net_revenue,
    SUM(IF(is_by_then, amount, 0)) AS net_revenue_by_then
  FROM lines
  GROUP BY qbo_customer_id, fiscal_year
),
customers AS (
  SELECT
    qbo_customer_id,
    MIN(company_name) AS company_name,
    MIN(IF(net_revenue > 0, fiscal_year, NULL)) AS first_year
  FROM sums
  GROUP BY qbo_customer_id
),
bounds AS (
  SELECT MIN(fiscal_year) AS first_year FROM sums
),
years AS (
  -- The first year of the ledger has nothing before it to be compared with.
  SELECT d.fiscal_year, d.fiscal_year = b.first_year AS is_first
  FROM mart.dim_date AS d
  CROSS JOIN bounds AS b
  WHERE d.fiscal_year BETWEEN b.first_year AND @fiscal_year
  GROUP BY d.fiscal_year, b.first_year
),
pairs AS (
  SELECT
    c.qbo_customer_id,
    c.company_name,
    y.fiscal_year,
    y.is_first,
    c.first_year < y.fiscal_year - 1 AS had_revenue_before,
    COALESCE(t.net_revenue, 0) AS net_revenue,
    IF(y.is_first, NULL, COALESCE(l.net_revenue, 0)) AS last_year,
    IF(y.is_first, NULL, COALESCE(IF(y.fiscal_year = @fiscal_year, l.net_revenue_by_then, l.net_revenue), 0))
      AS last_year_to_date
  FROM customers AS c
  CROSS JOIN years AS y
  LEFT JOIN sums AS t ON t.qbo_customer_id = c.qbo_customer_id AND t.fiscal_year = y.fiscal_year
  LEFT JOIN sums AS l ON l.qbo_customer_id = c.qbo_customer_id AND l.fiscal_year = y.fiscal_year - 1
)
SELECT
  qbo_customer_id,
  company_name,
  fiscal_year,
  CASE
    WHEN qbo_customer_id = 'UNKNOWN' THEN 'unknown'
    WHEN is_first THEN 'opening'
    WHEN last_year > 0 AND net_revenue <= 0 THEN 'churned'
    WHEN last_year > 0 AND net_revenue > last_year THEN 'expanded'
    WHEN last_year > 0 AND net_revenue < last_year THEN 'contracted'
    WHEN last_year > 0 THEN 'retained'
    WHEN net_revenue > 0 AND had_revenue_before THEN 'reactivated'
    WHEN net_revenue > 0 THEN 'new'
    ELSE 'adjustment'
  END AS status,
  net_revenue,
  last_year AS net_revenue_last_year,
  net_revenue - last_year AS net_revenue_change,
  CASE
    WHEN net_revenue = 0 AND last_year_to_date = 0 THEN NULL
    WHEN qbo_customer_id = 'UNKNOWN' THEN 'unknown'
    WHEN is_first THEN 'opening'
    WHEN last_year_to_date > 0 AND net_revenue <= 0 THEN 'churned'
    WHEN last_year_to_date > 0 AND net_revenue > last_year_to_date THEN 'expanded'
    WHEN last_year_to_date > 0 AND net_revenue < last_year_to_date THEN 'contracted'
    WHEN last_year_to_date > 0 THEN 'retained'
    WHEN net_revenue > 0 AND had_revenue_before THEN 'reactivated'
    WHEN net_revenue > 0 THEN 'new'
    ELSE 'adjustment'
  END AS status_to_date,
  last_year_to_date AS net_revenue_last_year_to_date,
  net_revenue - last_year_to_date AS net_revenue_change_to_date
FROM pairs
WHERE net_revenue != 0 OR last_year != 0 OR last_year_to_date != 0
