-- The scorecard, row by row, with the day it was made for. No person is named here.
SELECT
  k.metric_key,
  k.metric_format,
  k.department,
  k.fiscal_year,
  t.fiscal_year - k.fiscal_year AS years_behind,
  k.metric_value,
  k.department = 'company' AND k.person_name IS NOT NULL OR k.department <> 'company' AND k.person_name IS NULL AS wrong_owner,
  IF(k.metric_format = 'percent' AND k.metric_key LIKE '%logo%', k.metric_value, NULL) AS share_of_customers,
  IF(k.metric_key IN ('customer_count', 'revenue_ytd', 'take_rate', 'pipeline_coverage'), k.metric_value, NULL) AS never_negative,
  IF(k.metric_key = 'person_nps', k.metric_value, NULL) AS nps,
  COUNT(*) OVER (PARTITION BY k.metric_key, k.department, k.person_name) AS copies
FROM kpi.dashboard_kpis AS k
LEFT JOIN mart.dim_date AS t ON t.date_key = @as_of
ORDER BY k.metric_key
