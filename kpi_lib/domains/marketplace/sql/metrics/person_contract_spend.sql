-- Spent ÷ value of the contracts that run on @as_of.
SELECT SAFE_DIVIDE(CAST(SUM(spent) AS FLOAT64), CAST(SUM(contract_value) AS FLOAT64)) AS metric_value
FROM kpi.Upfront_Contract_Spend_Query
WHERE is_active
