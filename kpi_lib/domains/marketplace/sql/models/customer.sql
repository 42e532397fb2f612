-- Every customer record of the ledger with the customer that it counts as: itself, or the one it was merged into,
-- at the end of the chain. Merges that lead in a circle are ignored, so each record then counts as itself.
WITH RECURSIVE
steps AS (
  SELECT merged_customer_id AS source_customer_id, customer_id, 1 AS depth
  FROM ops.customer_merge
  UNION ALL
  SELECT s.source_customer_id, m.customer_id, s.depth + 1 AS depth
  FROM steps AS s
  INNER JOIN ops.customer_merge AS m ON m.merged_customer_id = s.customer_id
  WHERE s.depth < 20
),
remaining AS (
  SELECT s.source_customer_id, MIN(s.customer_id) AS customer_id
  FROM steps AS s
  LEFT JOIN ops.customer_merge AS m ON m.merged_customer_id = s.customer_id
  WHERE m.merged_customer_id IS NULL
  GROUP BY s.source_customer_id
),
records AS (
  SELECT id AS source_customer_id FROM src_fivetran_qbo.customer
  UNION DISTINCT
  SELECT merged_customer_id AS source_customer_id FROM ops.customer_merge
)
SELECT
  a.source_customer_id,
  c.id AS qbo_customer_id,
  COALESCE(c.company_name, CONCAT('Customer ', c.id)) AS company_name
FROM records AS a
LEFT JOIN remaining AS r ON r.source_customer_id = a.source_customer_id
INNER JOIN src_fivetran_qbo.customer AS c ON c.id = COALESCE(r.customer_id, a.source_customer_id)
