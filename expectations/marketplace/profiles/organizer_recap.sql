-- Recaps by the month in which they came.
WITH recaps AS (
  SELECT r.*, COUNT(*) OVER (PARTITION BY r.recap_id) AS copies FROM ops.organizer_recap AS r
)
SELECT
  DATE_TRUNC(DATE(submitted_at, @time_zone), MONTH) AS month,
  COUNT(*) AS row_count,
  COUNTIF(copies > 1) AS duplicate_keys,
  COUNTIF(nps_score < 0 OR nps_score > 10) AS odd_scores
FROM recaps
GROUP BY month
ORDER BY month
