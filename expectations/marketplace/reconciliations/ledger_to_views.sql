-- name: ledger_to_views
-- severity: critical
-- table: cohort_retention_matrix_by_customer
-- says: The customers' net revenue adds up to the ledger, in every fiscal year and over all of them, UNKNOWN included.
-- remedy: Compare revenue_line.sql with the accounts and documents of the fiscal years named; a date beyond the calendar has no year.
--
-- The ledger is added up here a second time, from the documents and the number of the account.
WITH
accounts AS (
  SELECT id
  FROM src_fivetran_qbo.account
  WHERE SUBSTR(account_number, 1, 4) BETWEEN '4000' AND '4190'
    AND SUBSTR(CONCAT(account_number, ' '), 5, 1) NOT IN ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
),
documents AS (
  SELECT i.transaction_date AS day, l.amount
  FROM src_fivetran_qbo.invoice_line AS l
  INNER JOIN src_fivetran_qbo.invoice AS i ON i.id = l.invoice_id
  WHERE i._fivetran_deleted IS NOT TRUE AND l.sales_item_account_id IN (SELECT id FROM accounts)
  UNION ALL
  SELECT m.transaction_date AS day, -l.amount AS amount
  FROM src_fivetran_qbo.credit_memo_line AS l
  INNER JOIN src_fivetran_qbo.credit_memo AS m ON m.id = l.credit_memo_id
  WHERE m._fivetran_deleted IS NOT TRUE AND l.sales_item_account_id IN (SELECT id FROM accounts)
),
ledger AS (
  SELECT t.fiscal_year, SUM(d.amount) AS amount
  FROM documents AS d
  LEFT JOIN mart.dim_date AS t ON t.date_key = d.day
  WHERE d.day <= @as_of
  GROUP BY t.fiscal_year
),
cohorts AS (
  SELECT fiscal_year, SUM(net_revenue) AS amount
  FROM kpi.cohort_retention_matrix_by_customer
  GROUP BY fiscal_year
),
compared AS (
  SELECT 'cohorts' AS what, COALESCE(l.fiscal_year, c.fiscal_year) AS fiscal_year, l.amount AS ledger, c.amount AS customers
  FROM ledger AS l
  FULL OUTER JOIN cohorts AS c ON c.fiscal_year = l.fiscal_year
  UNION ALL
  SELECT 'ltv' AS what, CAST(NULL AS INT64) AS fiscal_year, l.amount AS ledger, v.amount AS customers
  FROM (SELECT SUM(amount) AS amount FROM ledger) AS l
  CROSS JOIN (SELECT SUM(ltv) AS amount FROM kpi.net_revenue_retention_all_customers) AS v
)
SELECT what, fiscal_year, CAST(ledger AS FLOAT64) AS ledger, CAST(customers AS FLOAT64) AS customers
FROM compared
WHERE COALESCE(ledger, 0) != COALESCE(customers, 0)
ORDER BY what, fiscal_year
