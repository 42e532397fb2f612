-- One row per contract signed by @as_of: what is spent of it, against how much of its time is over.
WITH timed AS (
  SELECT
    *,
    -- Both ends count. Without an end, or with one before the start, the share of time is unknown.
    IF(
      end_date >= close_date,
      LEAST(DATE_DIFF(@as_of, close_date, DAY) + 1, DATE_DIFF(end_date, close_date, DAY) + 1)
        / (DATE_DIFF(end_date, close_date, DAY) + 1),
      NULL
    ) AS elapsed_pct,
    SAFE_DIVIDE(CAST(spent AS FLOAT64), CAST(contract_value AS FLOAT64)) AS spent_pct
  FROM mart.contract_spend
)
SELECT
  contract_id,
  qbo_customer_id,
  company_name,
  program,
  close_date,
  end_date,
  COALESCE(end_date >= @as_of, TRUE) AS is_active,
  contract_value,
  accepted_offers,
  spent,
  contract_value - spent AS remaining,
  spent_pct,
  elapsed_pct,
  CASE
    WHEN spent > contract_value THEN 'overspent'
    WHEN spent = contract_value THEN 'spent'
    WHEN end_date < @as_of THEN 'underspent'
    WHEN elapsed_pct IS NULL THEN 'no end date'
    WHEN spent_pct >= elapsed_pct THEN 'on track'
    ELSE 'behind'
  END AS status
FROM timed
