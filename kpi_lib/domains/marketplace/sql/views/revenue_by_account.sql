-- Net revenue of the fiscal year to @as_of by ledger account. take_rate_part is what the account adds to the take rate:
-- nothing for accounts that are no part of it; the parts add up to the rate.
WITH
accounts AS (
  SELECT account_number, account_name, revenue_part, SUM(amount) AS net_revenue
  FROM mart.revenue_line
  WHERE fiscal_year = @fiscal_year AND date_key <= @as_of
  GROUP BY account_number, account_name, revenue_part
),
volume AS (
  SELECT SUM(net_revenue) AS gmv
  FROM accounts
  WHERE revenue_part = 'gmv'
)
SELECT
  a.account_number,
  a.account_name,
  a.revenue_part,
  a.net_revenue,
  IF(a.revenue_part = 'services' AND v.gmv > 0, CAST(a.net_revenue AS FLOAT64) / CAST(v.gmv AS FLOAT64), NULL)
    AS take_rate_part
FROM accounts AS a
CROSS JOIN volume AS v
