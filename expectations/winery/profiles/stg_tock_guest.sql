-- Guests, one row a day of the visit; guests of no known reservation share a row without a day.
WITH reservations AS (
  SELECT reservation_id, MIN(DATE(reservation_datetime)) AS date_key, MAX(party_size) AS party_size
  FROM raw.stg_tock_reservation
  GROUP BY reservation_id
),
guests AS (
  SELECT
    r.date_key,
    g.guest_id,
    g.reservation_id,
    g.is_new,
    COUNT(*) OVER (PARTITION BY g.guest_id) AS copies,
    COUNT(*) OVER (PARTITION BY g.reservation_id) > r.party_size AS over_party,
    r.reservation_id IS NULL AS orphan
  FROM raw.stg_tock_guest AS g
  LEFT JOIN reservations AS r ON r.reservation_id = g.reservation_id
)
SELECT
  date_key,
  COUNT(*) AS row_count,
  COUNTIF(copies > 1) AS duplicate_keys,
  COUNTIF(guest_id IS NULL OR reservation_id IS NULL OR is_new IS NULL) AS incomplete_guests,
  COUNTIF(orphan) AS orphans,
  COUNTIF(over_party) AS guests_over_party,
  COUNTIF(is_new) AS new_guests
FROM guests
GROUP BY date_key
ORDER BY date_key
