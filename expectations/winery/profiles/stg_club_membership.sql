-- Memberships, one row a local day of signup.
WITH loaded AS (
  SELECT loaded_at, complete_through FROM raw.source_load WHERE source = 'stg_club_membership'
),
memberships AS (
  SELECT
    DATE(m.signup_at, @time_zone) AS date_key,
    loaded.complete_through,
    COUNT(*) OVER (PARTITION BY m.membership_id) AS copies,
    m.membership_id IS NULL OR m.customer_id IS NULL OR m.club IS NULL OR m.signup_at IS NULL AS incomplete,
    m.signup_at > loaded.loaded_at AS in_future,
    m.cancel_at > loaded.loaded_at AS cancelled_in_future,
    m.cancel_at < m.signup_at AS cancelled_before_signup,
    COALESCE(m.location, '') NOT IN (SELECT rule FROM kpi.dim_entity WHERE rule IS NOT NULL) AS unassigned,
    m.cancel_at
  FROM raw.stg_club_membership AS m
  CROSS JOIN loaded
),
counted AS (
  SELECT
    date_key,
    complete_through,
    COUNT(*) AS row_count,
    COUNTIF(copies > 1) AS duplicate_keys,
    COUNTIF(incomplete) AS incomplete_memberships,
    COUNTIF(in_future) AS future_signups,
    COUNTIF(cancelled_in_future) AS future_cancellations,
    COUNTIF(cancelled_before_signup) AS cancelled_before_signup,
    COUNTIF(unassigned) AS unassigned_memberships,
    COUNTIF(cancel_at IS NULL) AS active
  FROM memberships
  GROUP BY date_key, complete_through
)
SELECT
  date_key,
  row_count,
  -- On the newest signup's row: how long ago that was.
  IF(
    date_key = MAX(IF(date_key <= complete_through, date_key, NULL)) OVER (),
    DATE_DIFF(complete_through, date_key, DAY),
    NULL
  ) AS quiet_days,
  duplicate_keys,
  incomplete_memberships,
  future_signups,
  future_cancellations,
  cancelled_before_signup,
  IF(date_key > DATE_SUB(@as_of, INTERVAL 28 DAY) AND date_key <= @as_of, unassigned_memberships, NULL)
    AS unassigned_recently,
  active
FROM counted
ORDER BY date_key
