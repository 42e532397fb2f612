-- Credit memos, one row a day, with the sums of their lines.
WITH
lines AS (
  SELECT
    credit_memo_id AS document_id,
    SUM(IF(sales_item_account_id IS NULL, 0, amount)) AS amount,
    COUNTIF(amount <> ROUND(amount, 2)) AS odd_cents,
    COUNTIF(sales_item_account_id IS NOT NULL AND amount IS NULL) AS without_amount
  FROM src_fivetran_qbo.credit_memo_line
  GROUP BY credit_memo_id
),
documents AS (
  SELECT
    d.*,
    l.document_id IS NULL AS without_lines,
    l.odd_cents,
    l.without_amount,
    ABS(d.total_amount - COALESCE(l.amount, 0)) > 0.005 AS unlike_lines,
    d.customer_id IS NOT NULL AND c.id IS NULL AS unknown_customer,
    COUNT(*) OVER (PARTITION BY d.id) AS copies
  FROM src_fivetran_qbo.credit_memo AS d
  LEFT JOIN lines AS l ON l.document_id = d.id
  LEFT JOIN src_fivetran_qbo.customer AS c ON c.id = d.customer_id
)
SELECT
  transaction_date AS date_key,
  COUNT(*) AS row_count,
  COUNTIF(copies > 1) AS duplicate_keys,
  COUNTIF(without_lines) AS without_lines,
  SUM(COALESCE(odd_cents, 0)) AS fractions_of_a_cent,
  SUM(COALESCE(without_amount, 0)) AS lines_without_amount,
  COUNTIF(unlike_lines) AS unlike_lines,
  COUNTIF(unknown_customer) AS unknown_customers,
  COUNTIF(total_amount < 0) AS negative_totals,
  COUNTIF(transaction_date < DATE '2000-01-01' OR transaction_date > DATE_ADD(@as_of, INTERVAL 366 DAY)) AS odd_dates
FROM documents
GROUP BY transaction_date
ORDER BY transaction_date
