-- Contracts by the month in which they were signed.
WITH contracts AS (
  SELECT c.*, k.id IS NULL AS unknown_customer, COUNT(*) OVER (PARTITION BY c.contract_id) AS copies
  FROM ops.contract AS c
  LEFT JOIN src_fivetran_qbo.customer AS k ON k.id = c.customer_id
)
SELECT
  DATE_TRUNC(close_date, MONTH) AS month,
  COUNT(*) AS row_count,
  COUNTIF(copies > 1) AS duplicate_keys,
  COUNTIF(contract_value <= 0) AS without_value,
  COUNTIF(end_date < close_date) AS ends_before_start,
  COUNTIF(unknown_customer) AS unknown_customers
FROM contracts
GROUP BY month
ORDER BY month
