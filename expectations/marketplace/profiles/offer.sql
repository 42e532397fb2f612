-- Offers by status.
WITH offers AS (
  SELECT o.*, o.contract_id IS NOT NULL AND c.contract_id IS NULL AS unknown_contract, COUNT(*) OVER (PARTITION BY o.offer_id) AS copies
  FROM ops.offer AS o
  LEFT JOIN (SELECT DISTINCT contract_id FROM ops.contract) AS c ON c.contract_id = o.contract_id
)
SELECT
  status,
  COUNT(*) AS row_count,
  COUNTIF(copies > 1) AS duplicate_keys,
  COUNTIF(unknown_contract) AS unknown_contracts,
  COUNTIF(status = 'accepted' AND accepted_at IS NULL) AS accepted_without_time,
  COUNTIF(amount < 0) AS negative_amounts
FROM offers
GROUP BY status
ORDER BY status
