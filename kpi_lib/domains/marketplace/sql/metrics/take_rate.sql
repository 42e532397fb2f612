-- Services without their events part ÷ marketplace volume, fiscal year to @as_of.
WITH parts AS (
  SELECT
    SUM(IF(revenue_part = 'services', amount, 0)) AS services,
    SUM(IF(revenue_part = 'gmv', amount, 0)) AS gmv
  FROM mart.revenue_line
  WHERE fiscal_year = @fiscal_year AND date_key <= @as_of
)
SELECT IF(gmv > 0, CAST(services AS FLOAT64) / CAST(gmv AS FLOAT64), NULL) AS metric_value
FROM parts
