"""The questions a reader asks, in GoogleSQL; values come in as parameters only."""

BOUNDS = "SELECT MIN(as_of_date) AS first_day, MAX(as_of_date) AS last_day FROM kpi.agg_kpi_dashboard"
ON_DAY = "SELECT COUNT(*) AS n FROM kpi.agg_kpi_dashboard WHERE as_of_date = @as_of"
TODAY = """
SELECT k.kpi_code, k.kpi_name, k.kpi_group, d.* EXCEPT (payload)
FROM kpi.agg_kpi_dashboard AS d
JOIN kpi.dim_kpi AS k ON k.kpi_id = d.kpi_id
WHERE d.as_of_date = @as_of AND d.entity_id = @entity_id
ORDER BY d.kpi_id
"""
SERIES = """
SELECT k.kpi_code, d.* EXCEPT (payload)
FROM kpi.agg_kpi_dashboard AS d
JOIN kpi.dim_kpi AS k ON k.kpi_id = d.kpi_id
WHERE d.kpi_id = @kpi_id AND d.entity_id = @entity_id AND d.as_of_date BETWEEN @since AND @until
ORDER BY d.as_of_date
"""
PAYLOAD = """
SELECT k.kpi_id, k.kpi_code, k.kpi_name, d.as_of_date, d.entity_id, d.payload
FROM kpi.agg_kpi_dashboard AS d
JOIN kpi.dim_kpi AS k ON k.kpi_id = d.kpi_id
WHERE d.as_of_date = @as_of AND d.entity_id = @entity_id
ORDER BY k.kpi_id
"""
WIDE = """
SELECT * EXCEPT (payload)
FROM kpi.agg_kpi_dashboard
WHERE as_of_date = @as_of AND entity_id = @entity_id
"""
WIDE_OF_KPI = """
SELECT * EXCEPT (payload)
FROM kpi.agg_kpi_dashboard
WHERE as_of_date = @as_of AND kpi_id = @kpi_id
"""
DAILY = """
SELECT date_key, kpi_id, entity_id, value, numerator, denominator
FROM kpi.fact_kpi_daily
WHERE entity_id = @entity_id
  AND kpi_id BETWEEN @first_kpi AND @last_kpi
  AND date_key BETWEEN @since AND @until
ORDER BY date_key, kpi_id
"""
LOADS = """
SELECT source, loaded_from, complete_through, loaded_at, row_count
FROM raw.source_load
ORDER BY source
"""
