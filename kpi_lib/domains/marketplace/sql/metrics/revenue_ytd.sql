-- Invoice lines on accounts 4000 to 4190 less credit memos, fiscal year to @as_of.
SELECT CAST(COALESCE(SUM(amount), 0) AS FLOAT64) AS metric_value
FROM mart.revenue_line
WHERE fiscal_year = @fiscal_year AND date_key <= @as_of
