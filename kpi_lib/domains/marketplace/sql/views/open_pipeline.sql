-- One row per deal that is open on @as_of. weighted_amount is the owner's forecast where there is one, else the amount times
-- the stage's probability; coverage_part is its share of the quota, and the parts add up to the coverage.
WITH
quota AS (
  SELECT SUM(property_quota) AS quota FROM src_fivetran_hubspot.company
),
today AS (
  SELECT fiscal_quarter_last_day FROM mart.dim_date WHERE date_key = @as_of
),
deals AS (
  SELECT
    d.deal_id,
    d.owner_id,
    d.deal_pipeline_id AS pipeline_id,
    COALESCE(s.label, 'No stage') AS stage,
    s.probability,
    d.property_amount AS amount,
    COALESCE(
      CAST(d.property_hs_forecast_amount AS FLOAT64),
      CAST(d.property_amount AS FLOAT64) * s.probability
    ) AS weighted_amount,
    DATE(d.property_createdate, @time_zone) AS created_on,
    DATE(d.property_closedate, @time_zone) AS closes_on,
    COALESCE(d.property_hs_is_closed, FALSE) AS is_closed
  FROM src_fivetran_hubspot.deal AS d
  LEFT JOIN src_fivetran_hubspot.deal_pipeline_stage AS s ON s.stage_id = d.deal_pipeline_stage_id
  WHERE NOT COALESCE(d.is_deleted, FALSE)
)
SELECT
  d.deal_id,
  d.owner_id,
  d.pipeline_id,
  d.stage,
  d.probability,
  d.amount,
  d.weighted_amount,
  d.created_on,
  d.closes_on,
  COALESCE(d.closes_on < @as_of, FALSE) AS is_late,
  COALESCE(d.closes_on BETWEEN @as_of AND t.fiscal_quarter_last_day, FALSE) AS closes_this_quarter,
  IF(q.quota > 0, d.weighted_amount / CAST(q.quota AS FLOAT64), NULL) AS coverage_part
FROM deals AS d
CROSS JOIN quota AS q
CROSS JOIN today AS t
-- Closed later than @as_of means that it was still open then.
WHERE d.created_on <= @as_of AND (NOT d.is_closed OR d.closes_on > @as_of)
