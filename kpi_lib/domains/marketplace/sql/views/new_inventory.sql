-- One row per listing that went live by @as_of, with the fiscal year in which it did.
SELECT l.listing_id, l.organizer_id, d.date_key AS listed_on, d.fiscal_year
FROM ops.listing AS l
INNER JOIN mart.dim_date AS d ON d.date_key = DATE(l.listed_at, @time_zone)
WHERE d.date_key <= @as_of
