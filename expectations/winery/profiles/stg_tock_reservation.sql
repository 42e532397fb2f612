-- Reservations, one row a local day of the visit, with the days that have none.
-- Bookings for days to come are normal; a visit that is over before it began is not.
WITH loaded AS (
  SELECT loaded_from, complete_through, loaded_at FROM raw.source_load WHERE source = 'stg_tock_reservation'
),
known_experiences AS (
  SELECT DISTINCT experience FROM raw.dim_experience
),
reservations AS (
  SELECT
    COALESCE(DATE(r.reservation_datetime), DATE '1970-01-01') AS date_key,
    COUNT(*) OVER (PARTITION BY r.reservation_id) AS copies,
    r.reservation_id IS NULL OR r.experience_name IS NULL OR r.reservation_datetime IS NULL
      OR r.party_size IS NULL OR r.status IS NULL OR r.final_total IS NULL AS incomplete,
    r.status NOT IN ('cancelled', 'no_show') AS counts,
    r.status IN ('seated', 'finished') AND DATE(r.reservation_datetime) > DATE(loaded.loaded_at, @time_zone)
      AS over_before_it_began,
    r.party_size < 0 AS negative_party,
    r.party_size = 0 AND r.status NOT IN ('cancelled', 'no_show') AS empty_party,
    r.final_total < 0 AS negative_total,
    r.final_total <> ROUND(r.final_total, 2) AS odd_cents,
    e.experience IS NULL AS unknown_experience,
    COALESCE(r.location, '') NOT IN (SELECT rule FROM kpi.dim_entity WHERE rule IS NOT NULL) AS unassigned,
    r.party_size,
    r.final_total
  FROM raw.stg_tock_reservation AS r
  CROSS JOIN loaded
  LEFT JOIN known_experiences AS e ON e.experience = r.experience_name
),
counted AS (
  SELECT
    date_key,
    COUNT(*) AS row_count,
    COUNTIF(copies > 1) AS duplicate_keys,
    COUNTIF(incomplete) AS incomplete_reservations,
    COUNTIF(over_before_it_began) AS future_visits,
    COUNTIF(negative_party) AS negative_parties,
    COUNTIF(empty_party) AS empty_parties,
    MAX(IF(counts, party_size, NULL)) AS largest_party,
    COUNTIF(negative_total) AS negative_totals,
    COUNTIF(odd_cents) AS fractions_of_a_cent,
    COUNTIF(unknown_experience) AS unknown_experiences,
    COUNTIF(unassigned AND counts) AS unassigned_reservations,
    SUM(IF(counts, final_total, 0)) AS final_total
  FROM reservations
  GROUP BY date_key
),
days AS (
  SELECT date_key
  FROM loaded, UNNEST(GENERATE_DATE_ARRAY(loaded.loaded_from, loaded.complete_through)) AS date_key
  UNION DISTINCT
  SELECT date_key FROM counted
),
dense AS (
  SELECT days.date_key, loaded.complete_through, COALESCE(counted.row_count, 0) AS visits, counted.* EXCEPT (date_key)
  FROM days
  CROSS JOIN loaded
  LEFT JOIN counted ON counted.date_key = days.date_key
),
shaped AS (
  SELECT
    *,
    AVG(visits) OVER (
      PARTITION BY EXTRACT(DAYOFWEEK FROM date_key) ORDER BY date_key ROWS BETWEEN 8 PRECEDING AND 1 PRECEDING
    ) AS usual_visits,
    MAX(IF(visits > 0 AND date_key <= complete_through, date_key, NULL)) OVER () AS last_busy_day
  FROM dense
)
SELECT
  date_key,
  visits AS row_count,
  usual_visits,
  IF(date_key = LEAST(@as_of, complete_through) AND usual_visits >= 15, visits / usual_visits, NULL)
    AS visits_to_usual,
  IF(date_key = complete_through, DATE_DIFF(complete_through, last_busy_day, DAY), NULL) AS quiet_days,
  duplicate_keys,
  incomplete_reservations,
  future_visits,
  negative_parties,
  empty_parties,
  largest_party,
  negative_totals,
  fractions_of_a_cent,
  unknown_experiences,
  IF(date_key > DATE_SUB(@as_of, INTERVAL 28 DAY) AND date_key <= @as_of, unassigned_reservations, NULL)
    AS unassigned_recently,
  CAST(final_total AS FLOAT64) AS final_total
FROM shaped
ORDER BY date_key
