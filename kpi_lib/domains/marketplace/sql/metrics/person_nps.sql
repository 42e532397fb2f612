-- Share of promoters less share of detractors among the responses of the fiscal year, times 100.
SELECT 100 * SAFE_DIVIDE(SUM(promoter) - SUM(detractor), COUNT(response_id)) AS metric_value
FROM kpi.organizer_recap_NPS_score
WHERE fiscal_year = @fiscal_year
