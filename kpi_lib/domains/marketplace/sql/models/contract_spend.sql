-- One row per contract signed by @as_of with what its accepted offers have spent by then.
WITH accepted AS (
  SELECT
    contract_id,
    COUNT(*) AS accepted_offers,
    SUM(amount) AS spent,
    MIN(DATE(accepted_at, @time_zone)) AS first_accepted,
    MAX(DATE(accepted_at, @time_zone)) AS last_accepted
  FROM ops.offer
  WHERE status = 'accepted' AND DATE(accepted_at, @time_zone) <= @as_of
  GROUP BY contract_id
)
SELECT
  c.contract_id,
  COALESCE(k.qbo_customer_id, 'UNKNOWN') AS qbo_customer_id,
  COALESCE(k.company_name, 'No known customer') AS company_name,
  c.program,
  c.close_date,
  c.end_date,
  c.contract_value,
  COALESCE(a.accepted_offers, 0) AS accepted_offers,
  COALESCE(a.spent, 0) AS spent,
  a.first_accepted,
  a.last_accepted
FROM ops.contract AS c
LEFT JOIN accepted AS a ON a.contract_id = c.contract_id
LEFT JOIN mart.customer AS k ON k.source_customer_id = c.customer_id
WHERE c.close_date <= @as_of
