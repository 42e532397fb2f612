-- Deals by whether they are open, with what would bend the pipeline.
WITH deals AS (
  SELECT
    d.*,
    COALESCE(d.property_hs_is_closed, FALSE) AS is_closed,
    d.deal_pipeline_stage_id IS NOT NULL AND s.stage_id IS NULL AS unknown_stage,
    d.property_hs_forecast_amount IS NULL AND d.property_amount IS NOT NULL AND s.probability IS NULL AS unweighted,
    COUNT(*) OVER (PARTITION BY d.deal_id) AS copies
  FROM src_fivetran_hubspot.deal AS d
  LEFT JOIN src_fivetran_hubspot.deal_pipeline_stage AS s ON s.stage_id = d.deal_pipeline_stage_id
)
SELECT
  is_closed,
  COUNT(*) AS row_count,
  COUNTIF(copies > 1) AS duplicate_keys,
  COUNTIF(unknown_stage) AS unknown_stages,
  COUNTIF(unweighted AND NOT is_closed) AS unweighted,
  COUNTIF(property_amount < 0) AS negative_amounts,
  COUNTIF(property_hs_is_closed_won AND NOT is_closed) AS won_but_open,
  COUNTIF(is_closed AND property_closedate IS NULL) AS closed_without_date,
  COUNTIF(property_closedate < property_createdate AND is_closed) AS closed_before_created
FROM deals
GROUP BY is_closed
ORDER BY is_closed
