-- name: responses_to_view
-- severity: critical
-- table: organizer_recap_NPS_score
-- says: Every score that organizers gave is in the view once, in the right one of three groups, and the month's figures are those of its rows.
-- remedy: Compare organizer_recap_NPS_score.sql with the recaps of the months named.
WITH
source AS (
  SELECT
    DATE_TRUNC(DATE(submitted_at, @time_zone), MONTH) AS month,
    COUNT(*) AS responses,
    COUNTIF(nps_score IN (9, 10)) AS promoters,
    COUNTIF(nps_score < 7) AS detractors
  FROM ops.organizer_recap
  WHERE nps_score >= 0 AND nps_score <= 10 AND DATE(submitted_at, @time_zone) <= @as_of
  GROUP BY month
),
view AS (
  SELECT
    month,
    COUNT(response_id) AS responses,
    SUM(promoter) AS promoters,
    SUM(detractor) AS detractors,
    MIN(month_responses) AS month_responses,
    MAX(month_promoters - month_detractors) AS month_balance
  FROM kpi.organizer_recap_NPS_score
  GROUP BY month
)
SELECT v.month, s.responses AS source_responses, v.responses, v.promoters, v.detractors, v.month_responses
FROM view AS v
FULL OUTER JOIN source AS s ON s.month = v.month
WHERE v.month IS NULL
  OR v.responses != COALESCE(s.responses, 0)
  OR v.promoters != COALESCE(s.promoters, 0)
  OR v.detractors != COALESCE(s.detractors, 0)
  OR v.month_responses != v.responses
  OR v.month_balance != v.promoters - v.detractors
ORDER BY v.month
