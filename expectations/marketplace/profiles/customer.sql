-- Customers and the merges between them.
SELECT
  COUNT(*) AS row_count,
  COUNT(*) - COUNT(DISTINCT c.id) AS duplicate_keys,
  COUNTIF(c.company_name IS NULL) AS unnamed,
  (SELECT COUNT(*) FROM ops.customer_merge AS m LEFT JOIN src_fivetran_qbo.customer AS k ON k.id = m.customer_id WHERE k.id IS NULL)
    AS merges_into_nobody,
  (SELECT COUNTIF(customer_id = merged_customer_id) FROM ops.customer_merge) AS merges_into_itself
FROM src_fivetran_qbo.customer AS c
