-- What the sales quota of the quarter of @as_of is made of, and what is won of it: one row per quota, and one per deal won
-- from the quarter's first day to @as_of, which counts against it. The amounts add up to the quota that is still to win.
WITH today AS (
  SELECT fiscal_quarter_first_day AS first_day FROM mart.dim_date WHERE date_key = @as_of
)
SELECT
  'quota' AS part,
  c.id AS source_id,
  c.property_name AS company_name,
  CAST(NULL AS DATE) AS won_on,
  c.property_quota AS amount
FROM src_fivetran_hubspot.company AS c
WHERE c.property_quota IS NOT NULL
UNION ALL
SELECT
  'won' AS part,
  d.deal_id AS source_id,
  CAST(NULL AS STRING) AS company_name,
  DATE(d.property_closedate, @time_zone) AS won_on,
  -d.property_amount AS amount
FROM src_fivetran_hubspot.deal AS d
CROSS JOIN today AS t
WHERE d.property_hs_is_closed_won
  AND NOT COALESCE(d.is_deleted, FALSE)
  AND d.property_amount IS NOT NULL
  AND DATE(d.property_closedate, @time_zone) BETWEEN t.first_day AND @as_of
