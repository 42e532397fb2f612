-- Weighted pipeline that is to close from @as_of to the end of the quarter ÷ the part of the quarter's quota not yet won.
WITH
quota AS (
  SELECT CAST(SUM(amount) AS FLOAT64) AS to_win FROM kpi.quota_to_win
),
pipeline AS (
  SELECT SUM(IF(closes_this_quarter, weighted_amount, 0)) AS weighted FROM kpi.open_pipeline
)
SELECT IF(q.to_win > 0, COALESCE(p.weighted, 0) / q.to_win, NULL) AS metric_value
FROM quota AS q
CROSS JOIN pipeline AS p
