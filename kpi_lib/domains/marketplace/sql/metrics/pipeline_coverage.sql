-- Weighted open pipeline ÷ the quota of all companies.
WITH
quota AS (
  SELECT CAST(SUM(property_quota) AS FLOAT64) AS quota FROM src_fivetran_hubspot.company
),
pipeline AS (
  SELECT SUM(weighted_amount) AS weighted FROM kpi.open_pipeline
)
SELECT IF(q.quota > 0, COALESCE(p.weighted, 0) / q.quota, NULL) AS metric_value
FROM quota AS q
CROSS JOIN pipeline AS p
