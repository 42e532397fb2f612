-- One row per response with the figures of its month (month_…, the same on each row of the month: never add them up), and one
-- row without a response for a month that has none. Recaps without a score from 0 to 10 are no responses.
WITH
responses AS (
  SELECT
    r.recap_id AS response_id,
    DATE(r.submitted_at, @time_zone) AS responded_on,
    r.nps_score AS score,
    IF(r.nps_score >= 9, 1, 0) AS promoter,
    IF(r.nps_score BETWEEN 7 AND 8, 1, 0) AS passive,
    IF(r.nps_score <= 6, 1, 0) AS detractor
  FROM ops.organizer_recap AS r
  WHERE r.nps_score BETWEEN 0 AND 10 AND DATE(r.submitted_at, @time_zone) <= @as_of
),
bounds AS (
  SELECT MIN(responded_on) AS first_day FROM responses
),
dated AS (
  SELECT r.*, d.month_first_day AS month
  FROM responses AS r
  INNER JOIN mart.dim_date AS d ON d.date_key = r.responded_on
),
months AS (
  SELECT d.month_first_day AS month, MIN(d.fiscal_year) AS fiscal_year
  FROM mart.dim_date AS d
  CROSS JOIN bounds AS b
  WHERE d.date_key BETWEEN b.first_day AND @as_of
  GROUP BY d.month_first_day
),
counted AS (
  SELECT
    month,
    COUNT(*) AS responses,
    SUM(promoter) AS promoters,
    SUM(passive) AS passives,
    SUM(detractor) AS detractors
  FROM dated
  GROUP BY month
)
SELECT
  m.month,
  m.fiscal_year,
  r.response_id,
  r.responded_on,
  r.score,
  CASE WHEN r.promoter = 1 THEN 'promoter' WHEN r.passive = 1 THEN 'passive' WHEN r.detractor = 1 THEN 'detractor' END
    AS category,
  COALESCE(r.promoter, 0) AS promoter,
  COALESCE(r.passive, 0) AS passive,
  COALESCE(r.detractor, 0) AS detractor,
  COALESCE(c.responses, 0) AS month_responses,
  COALESCE(c.promoters, 0) AS month_promoters,
  COALESCE(c.passives, 0) AS month_passives,
  COALESCE(c.detractors, 0) AS month_detractors,
  100 * (c.promoters - c.detractors) / c.responses AS month_nps
FROM months AS m
LEFT JOIN dated AS r ON r.month = m.month
LEFT JOIN counted AS c ON c.month = m.month
