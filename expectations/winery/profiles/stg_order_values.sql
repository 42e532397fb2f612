-- Which codes orders hold, by local day: the combinations and how many orders have them.
SELECT
  COALESCE(DATE(paid_at, @time_zone), order_date) AS date_key,
  channel,
  status,
  event_fee_or_wine,
  external_order_vendor,
  currency,
  COUNT(*) AS row_count
FROM raw.stg_order
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY 1, 2, 3, 4, 5, 6
