-- One row per invoice line and credit memo line on a revenue account (4000 to 4190); credit memos are negative.
-- Lines on other accounts, or on none (subtotals, remarks), and deleted documents are left out. What belongs to no
-- known customer is kept under UNKNOWN, so that the rows add up to the ledger.
WITH
accounts AS (
  SELECT
    id AS account_id,
    account_number,
    COALESCE(name, account_number) AS account_name,
    CASE
      WHEN REGEXP_CONTAINS(account_number, '^4000([^0-9]|$)') AND REGEXP_CONTAINS(LOWER(name), '(^|[^a-z])events?($|[^a-z])')
        THEN 'events'
      WHEN REGEXP_CONTAINS(account_number, '^4000([^0-9]|$)') THEN 'services'
      WHEN REGEXP_CONTAINS(account_number, '^4100[ .:-]01([^0-9]|$)') THEN 'gmv'
      ELSE 'other'
    END AS revenue_part
  FROM src_fivetran_qbo.account
  WHERE REGEXP_CONTAINS(account_number, '^(40[0-9][0-9]|41[0-8][0-9]|4190)([^0-9]|$)')
),
documents AS (
  SELECT 'invoice' AS document, i.id AS document_id, l.index AS line_index, i.customer_id, i.transaction_date,
    l.sales_item_account_id AS account_id, l.amount
  FROM src_fivetran_qbo.invoice AS i
  INNER JOIN src_fivetran_qbo.invoice_line AS l ON l.invoice_id = i.id
  WHERE NOT COALESCE(i._fivetran_deleted, FALSE)
  UNION ALL
  SELECT 'credit_memo' AS document, m.id AS document_id, l.index AS line_index, m.customer_id, m.transaction_date,
    l.sales_item_account_id AS account_id, -l.amount AS amount
  FROM src_fivetran_qbo.credit_memo AS m
  INNER JOIN src_fivetran_qbo.credit_memo_line AS l ON l.credit_memo_id = m.id
  WHERE NOT COALESCE(m._fivetran_deleted, FALSE)
)
SELECT
  d.document,
  d.document_id,
  d.line_index,
  d.transaction_date AS date_key,
  t.fiscal_year,
  COALESCE(c.qbo_customer_id, 'UNKNOWN') AS qbo_customer_id,
  COALESCE(c.company_name, 'No known customer') AS company_name,
  a.account_number,
  a.account_name,
  a.revenue_part,
  d.amount
FROM documents AS d
INNER JOIN accounts AS a ON a.account_id = d.account_id
LEFT JOIN mart.customer AS c ON c.source_customer_id = d.customer_id
LEFT JOIN mart.dim_date AS t ON t.date_key = d.transaction_date
