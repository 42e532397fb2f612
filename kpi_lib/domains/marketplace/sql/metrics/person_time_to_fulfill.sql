-- Median days from first to last accepted offer of the contracts fulfilled in the fiscal year; of an even number of
-- contracts, the mean of the middle two.
WITH ranked AS (
  SELECT
    days_between,
    ROW_NUMBER() OVER (ORDER BY days_between) AS place,
    COUNT(*) OVER () AS contracts
  FROM kpi.Days_to_Fulfill_Contract_Program
  WHERE fulfilled_fiscal_year = @fiscal_year
)
SELECT AVG(days_between) AS metric_value
FROM ranked
-- The middle one of an odd number, the middle two of an even one.
WHERE 2 * place BETWEEN contracts AND contracts + 2
