-- What is loaded, one row a source, and whether the as-of date is covered.
WITH counted AS (
  SELECT 'stg_order' AS source, COUNT(*) AS rows_found FROM raw.stg_order
  UNION ALL SELECT 'stg_order_item', COUNT(*) FROM raw.stg_order_item
  UNION ALL SELECT 'stg_product', COUNT(*) FROM raw.stg_product
  UNION ALL SELECT 'stg_tock_reservation', COUNT(*) FROM raw.stg_tock_reservation
  UNION ALL SELECT 'stg_tock_guest', COUNT(*) FROM raw.stg_tock_guest
  UNION ALL SELECT 'stg_club_membership', COUNT(*) FROM raw.stg_club_membership
  UNION ALL SELECT 'dim_experience', COUNT(*) FROM raw.dim_experience
  UNION ALL SELECT 'dim_customer', COUNT(*) FROM raw.dim_customer
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
  l.row_count - c.rows_found AS rows_lost
FROM raw.source_load AS l
LEFT JOIN counted AS c ON c.source = l.source
ORDER BY l.source
