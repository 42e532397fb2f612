-- Listings, drafts apart.
SELECT
  listed_at IS NULL AS is_draft,
  COUNT(*) AS row_count,
  COUNT(*) - COUNT(DISTINCT listing_id) AS duplicate_keys
FROM ops.listing
GROUP BY is_draft
ORDER BY is_draft
