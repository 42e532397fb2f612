-- name: windows_by_the_calendar
-- severity: critical
-- table: agg_kpi_dashboard
-- says: Every to-date and 28-day value of a sum begins on the day the calendar says and adds up the facts since.
-- remedy: Compare the windows of the domain with these dates.
--
-- The first days are worked out here a second time, with nothing but the as-of date.
WITH spans AS (
  SELECT 'mtd' AS window_name, DATE_TRUNC(@as_of, MONTH) AS start_date
  UNION ALL SELECT 'qtd', DATE_TRUNC(@as_of, QUARTER)
  UNION ALL SELECT 'ytd', DATE_TRUNC(@as_of, YEAR)
  UNION ALL SELECT 'last28', DATE_SUB(@as_of, INTERVAL 27 DAY)
  UNION ALL SELECT 'fytd', DATE_SUB(DATE_TRUNC(DATE_ADD(@as_of, INTERVAL 6 MONTH), YEAR), INTERVAL 6 MONTH)
),
sums AS (
  SELECT s.window_name, f.kpi_id, f.entity_id, SUM(f.value) AS added
  FROM kpi.fact_kpi_daily AS f
  JOIN kpi.dim_kpi AS k ON k.kpi_id = f.kpi_id AND k.kind = 'sum'
  JOIN spans AS s ON f.date_key BETWEEN s.start_date AND @as_of
  GROUP BY s.window_name, f.kpi_id, f.entity_id
),
shown AS (
  SELECT kpi_id, entity_id, 'mtd' AS window_name, mtd_value AS value FROM kpi.agg_kpi_dashboard WHERE as_of_date = @as_of
  UNION ALL SELECT kpi_id, entity_id, 'qtd', qtd_value FROM kpi.agg_kpi_dashboard WHERE as_of_date = @as_of
  UNION ALL SELECT kpi_id, entity_id, 'ytd', ytd_value FROM kpi.agg_kpi_dashboard WHERE as_of_date = @as_of
  UNION ALL SELECT kpi_id, entity_id, 'last28', last28_value FROM kpi.agg_kpi_dashboard WHERE as_of_date = @as_of
  UNION ALL SELECT kpi_id, entity_id, 'fytd', fytd_value FROM kpi.agg_kpi_dashboard WHERE as_of_date = @as_of
)
SELECT sums.kpi_id, sums.entity_id, sums.window_name, shown.value AS shown, sums.added
FROM sums
LEFT JOIN shown
  ON shown.kpi_id = sums.kpi_id AND shown.entity_id = sums.entity_id AND shown.window_name = sums.window_name
WHERE (shown.value IS NULL) <> (sums.added IS NULL)
  OR ABS(shown.value - sums.added) > GREATEST(0.005, 0.000000001 * ABS(sums.added))
ORDER BY sums.kpi_id, sums.entity_id, sums.window_name
