-- Ledger accounts as a whole: how many there are, and the ones that the metrics stand on.
SELECT
  COUNT(*) AS row_count,
  COUNT(*) - COUNT(DISTINCT id) AS duplicate_keys,
  COUNTIF(REGEXP_CONTAINS(account_number, '^4000([^0-9]|$)')) AS services,
  COUNTIF(REGEXP_CONTAINS(account_number, '^4100[ .:-]01([^0-9]|$)')) AS gmv,
  COUNTIF(REGEXP_CONTAINS(account_number, '^4') AND name IS NULL) AS unnamed
FROM src_fivetran_qbo.account
