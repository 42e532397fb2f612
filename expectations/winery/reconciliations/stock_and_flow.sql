-- name: stock_and_flow
-- severity: critical
-- table: fact_kpi_daily
-- says: The change of the active membership from one day to the next is the day's net gain, for every entity.
-- remedy: Look for memberships that changed their location, or a day that was built from older sources.
WITH stock AS (
  SELECT f.date_key, f.entity_id, f.value
  FROM kpi.fact_kpi_daily AS f
  JOIN kpi.dim_kpi AS k ON k.kpi_id = f.kpi_id
  WHERE k.kpi_code = 'total_active_club_membership'
),
flow AS (
  SELECT f.date_key, f.entity_id, f.value
  FROM kpi.fact_kpi_daily AS f
  JOIN kpi.dim_kpi AS k ON k.kpi_id = f.kpi_id
  WHERE k.kpi_code = 'club_net_gain_loss'
)
SELECT today.date_key, today.entity_id, before.value AS members_before, today.value AS members, flow.value AS net_gain
FROM stock AS today
JOIN stock AS before
  ON before.entity_id = today.entity_id AND before.date_key = DATE_SUB(today.date_key, INTERVAL 1 DAY)
JOIN flow ON flow.entity_id = today.entity_id AND flow.date_key = today.date_key
WHERE today.value - before.value <> flow.value
ORDER BY today.date_key, today.entity_id
