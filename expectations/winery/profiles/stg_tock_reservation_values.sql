-- Which codes reservations hold, by day of the visit.
SELECT DATE(reservation_datetime) AS date_key, status, COUNT(*) AS row_count
FROM raw.stg_tock_reservation
GROUP BY 1, 2
ORDER BY 1, 2
