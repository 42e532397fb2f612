-- One row per contract signed by @as_of: the days from its first accepted offer to its last. It is fulfilled when the
-- accepted offers reach its value; until then it is open and its days are those so far.
WITH judged AS (
  SELECT *, accepted_offers > 0 AND spent >= contract_value AS is_fulfilled
  FROM mart.contract_spend
)
SELECT
  j.contract_id,
  j.qbo_customer_id,
  j.company_name,
  j.program,
  j.contract_value,
  j.spent,
  j.accepted_offers,
  j.first_accepted,
  j.last_accepted,
  DATE_DIFF(j.last_accepted, j.first_accepted, DAY) AS days_between,
  IF(j.is_fulfilled, 'fulfilled', 'open') AS status,
  IF(j.is_fulfilled, d.fiscal_year, NULL) AS fulfilled_fiscal_year
FROM judged AS j
LEFT JOIN mart.dim_date AS d ON d.date_key = j.last_accepted
