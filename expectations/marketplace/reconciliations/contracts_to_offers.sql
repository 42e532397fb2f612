-- name: contracts_to_offers
-- severity: critical
-- table: Upfront_Contract_Spend_Query
-- says: What the contracts have spent is what their accepted offers add up to, and both contract views hold every signed contract once.
-- remedy: Compare contract_spend.sql with the offers of the contracts named.
WITH
signed AS (
  SELECT c.contract_id, COALESCE(SUM(IF(DATE(o.accepted_at, @time_zone) <= @as_of, o.amount, 0)), 0) AS spent
  FROM ops.contract AS c
  LEFT JOIN ops.offer AS o ON o.contract_id = c.contract_id AND o.status = 'accepted'
  WHERE c.close_date <= @as_of
  GROUP BY c.contract_id
),
spend AS (
  SELECT contract_id, COUNT(*) AS n, SUM(spent) AS spent FROM kpi.Upfront_Contract_Spend_Query GROUP BY contract_id
),
days AS (
  SELECT contract_id, COUNT(*) AS n, SUM(spent) AS spent FROM kpi.Days_to_Fulfill_Contract_Program GROUP BY contract_id
)
SELECT
  COALESCE(s.contract_id, v.contract_id, d.contract_id) AS contract_id,
  CAST(s.spent AS FLOAT64) AS offers,
  CAST(v.spent AS FLOAT64) AS spend_view,
  CAST(d.spent AS FLOAT64) AS days_view
FROM signed AS s
FULL OUTER JOIN spend AS v ON v.contract_id = s.contract_id
FULL OUTER JOIN days AS d ON d.contract_id = COALESCE(s.contract_id, v.contract_id)
WHERE s.spent IS NULL OR v.spent IS NULL OR d.spent IS NULL
  OR s.spent != v.spent OR s.spent != d.spent OR v.n != 1 OR d.n != 1
ORDER BY contract_id
