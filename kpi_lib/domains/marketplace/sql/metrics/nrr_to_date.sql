-- Like for like: both years to the same date, a month's last day against a month's last day.
WITH
lines AS (
  SELECT
    qbo_customer_id,
    IF(fiscal_year = @fiscal_year, amount, 0) AS this_year,
    IF(fiscal_year = @fiscal_year - 1, amount, 0) AS last_year
  FROM mart.revenue_line
  WHERE qbo_customer_id != 'UNKNOWN'
    AND (
      (fiscal_year = @fiscal_year AND date_key <= @as_of)
      OR (
        fiscal_year = @fiscal_year - 1
        AND date_key <= IF(
          @as_of = LAST_DAY(@as_of, MONTH),
          LAST_DAY(DATE_SUB(@as_of, INTERVAL 1 YEAR), MONTH),
          DATE_SUB(@as_of, INTERVAL 1 YEAR)
        )
      )
    )
),
customers AS (
  SELECT qbo_customer_id, SUM(this_year) AS this_year, SUM(last_year) AS last_year
  FROM lines
  GROUP BY qbo_customer_id
)
SELECT SAFE_DIVIDE(CAST(SUM(this_year) AS FLOAT64), CAST(SUM(last_year) AS FLOAT64)) AS metric_value
FROM customers
WHERE last_year > 0
