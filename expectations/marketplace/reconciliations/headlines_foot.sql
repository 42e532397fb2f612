-- name: headlines_foot
-- severity: critical
-- table: dashboard_kpis
-- says: Each headline is what the rows of its detail view add up to.
-- remedy: Build the views and the scorecard for the same as-of date.
--
-- A median has no parts; days to fulfill are not here.
WITH
today AS (
  SELECT fiscal_year FROM mart.dim_date WHERE date_key = @as_of
),
development AS (
  SELECT d.*
  FROM kpi.customer_development AS d
  INNER JOIN today AS t ON t.fiscal_year = d.fiscal_year
  WHERE d.qbo_customer_id != 'UNKNOWN'
),
parts AS (
  SELECT 'revenue_ytd' AS metric, CAST(COALESCE(SUM(c.net_revenue), 0) AS FLOAT64) AS value
  FROM kpi.cohort_retention_matrix_by_customer AS c
  INNER JOIN today AS t ON t.fiscal_year = c.fiscal_year
  UNION ALL
  SELECT 'take_rate' AS metric, SUM(take_rate_part) AS value
  FROM kpi.revenue_by_account
  UNION ALL
  -- Last year's revenue, and what its customers added or took away.
  SELECT
    'nrr' AS metric,
    SAFE_DIVIDE(
      CAST(SUM(net_revenue_last_year + net_revenue_change) AS FLOAT64), CAST(SUM(net_revenue_last_year) AS FLOAT64)
    ) AS value
  FROM development
  WHERE net_revenue_last_year > 0
  UNION ALL
  SELECT
    'nrr_to_date' AS metric,
    SAFE_DIVIDE(
      CAST(SUM(net_revenue) AS FLOAT64), CAST(SUM(net_revenue_last_year_to_date) AS FLOAT64)
    ) AS value
  FROM development
  WHERE net_revenue_last_year_to_date > 0
  UNION ALL
  SELECT
    'logo_retention' AS metric,
    SAFE_DIVIDE(
      COUNTIF(status IN ('retained', 'expanded', 'contracted')),
      COUNTIF(status IN ('retained', 'expanded', 'contracted', 'churned'))
    ) AS value
  FROM development
  UNION ALL
  SELECT
    'logo_retention_to_date' AS metric,
    SAFE_DIVIDE(
      COUNTIF(status_to_date IN ('retained', 'expanded', 'contracted')),
      COUNTIF(status_to_date IN ('retained', 'expanded', 'contracted', 'churned'))
    ) AS value
  FROM development
  UNION ALL
  SELECT 'customer_count' AS metric, CAST(COALESCE(SUM(c.has_revenue), 0) AS FLOAT64) AS value
  FROM kpi.cohort_retention_matrix_by_customer AS c
  INNER JOIN today AS t ON t.fiscal_year = c.fiscal_year
  WHERE c.qbo_customer_id != 'UNKNOWN'
  UNION ALL
  SELECT 'person_new_inventory' AS metric, CAST(COUNT(*) AS FLOAT64) AS value
  FROM kpi.new_inventory AS i
  INNER JOIN today AS t ON t.fiscal_year = i.fiscal_year
  UNION ALL
  SELECT 'person_contract_spend' AS metric, SAFE_DIVIDE(SUM(CAST(spent AS FLOAT64)), SUM(CAST(contract_value AS FLOAT64))) AS value
  FROM kpi.Upfront_Contract_Spend_Query
  WHERE COALESCE(end_date, @as_of) >= @as_of
  UNION ALL
  SELECT
    'person_nps' AS metric,
    100 * SAFE_DIVIDE(COUNTIF(n.category = 'promoter') - COUNTIF(n.category = 'detractor'), COUNTIF(n.score IS NOT NULL)) AS value
  FROM kpi.organizer_recap_NPS_score AS n
  INNER JOIN today AS t ON t.fiscal_year = n.fiscal_year
),
quotas AS (
  SELECT SUM(IF(part = 'quota', amount, 0)) AS quota, SUM(amount) AS to_win FROM kpi.quota_to_win
),
covered AS (
  -- Without open deals the view has no rows, and the coverage is zero.
  SELECT 'pipeline_coverage' AS metric, IF(MAX(q.quota) > 0, COALESCE(SUM(p.coverage_part), 0), NULL) AS value
  FROM quotas AS q
  LEFT JOIN kpi.open_pipeline AS p ON TRUE
  UNION ALL
  -- A deal's part of the whole quota, as a part of what is still to win of it.
  SELECT
    'pipeline_coverage_remaining_quarter' AS metric,
    IF(MAX(q.to_win) > 0, COALESCE(SUM(IF(p.closes_this_quarter, p.coverage_part, 0)), 0)
      * CAST(MAX(q.quota) AS FLOAT64) / CAST(MAX(q.to_win) AS FLOAT64), NULL) AS value
  FROM quotas AS q
  LEFT JOIN kpi.open_pipeline AS p ON TRUE
),
compared AS (
  SELECT k.metric_key, k.metric_value AS headline, p.value AS parts
  FROM kpi.dashboard_kpis AS k
  INNER JOIN (SELECT * FROM parts UNION ALL SELECT * FROM covered) AS p ON p.metric = k.metric_key
)
SELECT metric_key, headline, parts
FROM compared
WHERE (headline IS NULL) != (parts IS NULL)
  OR ABS(headline - parts) > 0.000000001 * GREATEST(ABS(parts), 1)
ORDER BY metric_key
