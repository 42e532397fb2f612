-- Listings that went live in the fiscal year to @as_of.
SELECT CAST(COUNT(*) AS FLOAT64) AS metric_value
FROM kpi.new_inventory
WHERE fiscal_year = @fiscal_year
