-- The stages of the pipelines.
SELECT
  COUNT(*) AS row_count,
  COUNT(*) - COUNT(DISTINCT stage_id) AS duplicate_keys,
  COUNTIF(probability IS NULL) AS without_probability,
  COUNTIF(probability < 0 OR probability > 1) AS odd_probability
FROM src_fivetran_hubspot.deal_pipeline_stage
