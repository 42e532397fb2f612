-- The dashboard of one as-of date, one row a KPI and entity: its key and its payload.
SELECT
  d.as_of_date,
  d.kpi_id,
  d.entity_id,
  d.payload,
  COUNT(*) OVER (PARTITION BY d.kpi_id, d.entity_id) AS copies,
  IF(STARTS_WITH(d.payload, CONCAT('{"as_of": "', FORMAT_DATE('%Y-%m-%d', d.as_of_date), '"')), 1, 0) AS payload_names_as_of
FROM kpi.agg_kpi_dashboard AS d
WHERE d.as_of_date = @as_of
ORDER BY d.kpi_id, d.entity_id
