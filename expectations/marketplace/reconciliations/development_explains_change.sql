-- name: development_explains_change
-- severity: critical
-- table: customer_development
-- says: New, expanded, reactivated, contracted, churned and the rest add up to the change of all revenue from each fiscal year to the next.
-- remedy: Look for customers that are missing from customer_development or in it twice, in the fiscal year named.
WITH
ledger AS (
  SELECT fiscal_year, SUM(amount) AS amount
  FROM mart.revenue_line
  WHERE date_key <= @as_of
  GROUP BY fiscal_year
),
changes AS (
  SELECT
    fiscal_year,
    SUM(net_revenue_change) AS explained,
    SUM(IF(status = 'opening', 1, 0)) AS openings
  FROM kpi.customer_development
  GROUP BY fiscal_year
)
SELECT
  c.fiscal_year,
  CAST(COALESCE(t.amount, 0) - COALESCE(l.amount, 0) AS FLOAT64) AS change,
  CAST(c.explained AS FLOAT64) AS explained
FROM changes AS c
LEFT JOIN ledger AS t ON t.fiscal_year = c.fiscal_year
LEFT JOIN ledger AS l ON l.fiscal_year = c.fiscal_year - 1
WHERE c.openings = 0 AND c.explained != COALESCE(t.amount, 0) - COALESCE(l.amount, 0)
ORDER BY c.fiscal_year
