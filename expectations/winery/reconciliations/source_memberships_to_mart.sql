-- name: source_memberships_to_mart
-- severity: critical
-- table: agg_daily_revenue
-- says: The mart's signups and cancellations are those of the day, and its members on the as-of date are counted one by one.
-- remedy: Compare the memberships with the mart's SQL.
WITH changes AS (
  SELECT DATE(signup_at, @time_zone) AS date_key, 1 AS joined, 0 AS gone FROM raw.stg_club_membership
  UNION ALL
  SELECT DATE(cancel_at, @time_zone), 0, 1 FROM raw.stg_club_membership WHERE cancel_at IS NOT NULL
),
source AS (
  SELECT date_key, SUM(joined) AS joined, SUM(gone) AS gone FROM changes GROUP BY date_key
),
active AS (
  SELECT COUNT(*) AS members
  FROM raw.stg_club_membership
  WHERE DATE(signup_at, @time_zone) <= @as_of
    AND (cancel_at IS NULL OR DATE(cancel_at, @time_zone) > @as_of)
),
loaded AS (
  SELECT loaded_from, complete_through FROM raw.source_load WHERE source = 'stg_club_membership'
),
compared AS (
  SELECT m.date_key, m.new_member_acquisition, m.member_attrition, m.total_active_club_membership,
    COALESCE(s.joined, 0) AS joined, COALESCE(s.gone, 0) AS gone, a.members
  FROM mart.agg_daily_revenue AS m
  CROSS JOIN loaded AS l
  CROSS JOIN active AS a
  LEFT JOIN source AS s ON s.date_key = m.date_key
  WHERE m.entity_id = 0 AND m.date_key BETWEEN l.loaded_from AND l.complete_through
),
measures AS (
  SELECT date_key, 'new_member_acquisition' AS measure, new_member_acquisition AS mart_count, joined AS source_count
  FROM compared
  UNION ALL SELECT date_key, 'member_attrition', member_attrition, gone FROM compared
  UNION ALL SELECT date_key, 'total_active_club_membership', total_active_club_membership, members
  FROM compared WHERE date_key = @as_of
)
SELECT date_key, measure, mart_count, source_count
FROM measures
WHERE mart_count IS NULL OR mart_count <> source_count
ORDER BY date_key, measure
