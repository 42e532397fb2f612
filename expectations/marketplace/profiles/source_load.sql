-- What is loaded, one row a source, and whether the as-of date is covered. Merges may rightly be none.
WITH counted AS (
  SELECT 'invoice' AS source, COUNT(*) AS rows_found FROM src_fivetran_qbo.invoice
  UNION ALL SELECT 'invoice_line', COUNT(*) FROM src_fivetran_qbo.invoice_line
  UNION ALL SELECT 'credit_memo', COUNT(*) FROM src_fivetran_qbo.credit_memo
  UNION ALL SELECT 'credit_memo_line', COUNT(*) FROM src_fivetran_qbo.credit_memo_line
  UNION ALL SELECT 'account', COUNT(*) FROM src_fivetran_qbo.account
  UNION ALL SELECT 'customer', COUNT(*) FROM src_fivetran_qbo.customer
  UNION ALL SELECT 'deal', COUNT(*) FROM src_fivetran_hubspot.deal
  UNION ALL SELECT 'deal_pipeline_stage', COUNT(*) FROM src_fivetran_hubspot.deal_pipeline_stage
  UNION ALL SELECT 'company', COUNT(*) FROM src_fivetran_hubspot.company
  UNION ALL SELECT 'owner', COUNT(*) FROM src_fivetran_hubspot.owner
  UNION ALL SELECT 'contract', COUNT(*) FROM ops.contract
  UNION ALL SELECT 'offer', COUNT(*) FROM ops.offer
  UNION ALL SELECT 'organizer_recap', COUNT(*) FROM ops.organizer_recap
  UNION ALL SELECT 'listing', COUNT(*) FROM ops.listing
  UNION ALL SELECT 'customer_merge', COUNT(*) FROM ops.customer_merge
)
SELECT
  l.source,
  l.loaded_from,
  l.complete_through,
  COUNT(*) OVER (PARTITION BY l.source) AS records,
  DATE_DIFF(@as_of, l.complete_through, DAY) AS days_behind,
  DATE_DIFF(l.complete_through, l.loaded_from, DAY) AS days_loaded,
  DATE_DIFF(l.complete_through, DATE(l.loaded_at, @time_zone), DAY) AS complete_after_load,
  c.rows_found,
  IF(l.source = 'customer_merge', 1, c.rows_found) AS rows_needed,
  l.row_count - c.rows_found AS rows_lost
FROM raw.source_load AS l
LEFT JOIN counted AS c ON c.source = l.source
ORDER BY l.source
