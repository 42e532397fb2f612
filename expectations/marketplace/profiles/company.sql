-- The companies of the sales system and the quota they carry together.
SELECT
  COUNT(*) AS row_count,
  COUNT(*) - COUNT(DISTINCT id) AS duplicate_keys,
  CAST(COALESCE(SUM(property_quota), 0) AS FLOAT64) AS quota
FROM src_fivetran_hubspot.company
