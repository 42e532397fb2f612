-- name: lines_without_account
-- severity: critical
-- table: revenue_line
-- says: Every account that an invoice or credit memo line names is in the list of accounts; else its revenue would be lost.
-- remedy: Load the accounts again, deleted ones included.
SELECT l.document, l.account_id, COUNT(*) AS line_count, CAST(SUM(l.amount) AS FLOAT64) AS amount
FROM (
  SELECT 'invoice' AS document, sales_item_account_id AS account_id, amount FROM src_fivetran_qbo.invoice_line
  UNION ALL
  SELECT 'credit_memo' AS document, sales_item_account_id AS account_id, amount FROM src_fivetran_qbo.credit_memo_line
) AS l
LEFT JOIN src_fivetran_qbo.account AS a ON a.id = l.account_id
WHERE l.account_id IS NOT NULL AND a.id IS NULL
GROUP BY l.document, l.account_id
ORDER BY l.document, l.account_id
