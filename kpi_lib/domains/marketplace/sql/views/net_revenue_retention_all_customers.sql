-- Net revenue of each customer by fiscal year up to @as_of, and one row for what belongs to no known customer.
WITH
lines AS (
  SELECT qbo_customer_id, company_name, fiscal_year, date_key, amount
  FROM mart.revenue_line
  WHERE date_key <= @as_of
  UNION ALL
  -- The UNKNOWN row is there even when it is empty.
  SELECT
    'UNKNOWN' AS qbo_customer_id,
    'No known customer' AS company_name,
    CAST(NULL AS INT64) AS fiscal_year,
    CAST(NULL AS DATE) AS date_key,
    CAST(0 AS NUMERIC) AS amount
),
compared AS (
  -- The same date a year earlier; a month's last day is compared with a month's last day.
  SELECT
    *,
    fiscal_year = @fiscal_year AS is_this_year,
    fiscal_year = @fiscal_year - 1 AS is_last_year,
    date_key <= IF(
      @as_of = LAST_DAY(@as_of, MONTH),
      LAST_DAY(DATE_SUB(@as_of, INTERVAL 1 YEAR), MONTH),
      DATE_SUB(@as_of, INTERVAL 1 YEAR)
    ) AS is_by_then
  FROM lines
),
sums AS (
  SELECT
    qbo_customer_id,
    MIN(company_name) AS company_name,
    SUM(IF(fiscal_year = {year}, amount, 0)) AS net_revenue_{year},
    SUM(IF(is_last_year AND is_by_then, amount, 0)) AS net_revenue_last_year_to_date,
    SUM(IF(is_this_year, amount, 0)) AS this_year,
    SUM(IF(is_last_year, amount, 0)) AS last_year,
    SUM(amount) AS ltv
  FROM compared
  GROUP BY qbo_customer_id
)
SELECT
  qbo_customer_id,
  company_name,
  net_revenue_{year},
  net_revenue_last_year_to_date,
  ltv,
  IF(
    qbo_customer_id != 'UNKNOWN' AND last_year > 0,
    SAFE_DIVIDE(CAST(this_year AS FLOAT64), CAST(last_year AS FLOAT64)),
    NULL
  ) AS NRR
FROM sums
