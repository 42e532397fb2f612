-- Weighted pipeline that is to close from @as_of to the end of the quarter ÷ the part of the quarter's quota not yet won.
WITH
today AS (
  SELECT fiscal_quarter_first_day AS first_day FROM mart.dim_date WHERE date_key = @as_of
),
quota AS (
  SELECT CAST(SUM(property_quota) AS FLOAT64) AS quota FROM src_fivetran_hubspot.company
),
won AS (
  SELECT CAST(SUM(d.property_amount) AS FLOAT64) AS won
  FROM src_fivetran_hubspot.deal AS d
  CROSS JOIN today AS t
  WHERE d.property_hs_is_closed_won
    AND NOT COALESCE(d.is_deleted, FALSE)
    AND DATE(d.property_closedate, @time_zone) BETWEEN t.first_day AND @as_of
),
pipeline AS (
  SELECT SUM(IF(closes_this_quarter, weighted_amount, 0)) AS weighted FROM kpi.open_pipeline
)
SELECT
  IF(q.quota > COALESCE(w.won, 0), COALESCE(p.weighted, 0) / (q.quota - COALESCE(w.won, 0)), NULL) AS metric_value
FROM quota AS q
CROSS JOIN won AS w
CROSS JOIN pipeline AS p
