-- Each detail view as a whole.
SELECT 'net_revenue_retention_all_customers' AS view_name, COUNT(*) AS row_count, COUNTIF(ltv IS NULL) AS incomplete
FROM kpi.net_revenue_retention_all_customers
UNION ALL
SELECT 'cohort_retention_matrix_by_customer' AS view_name, COUNT(*) AS row_count, COUNTIF(net_revenue IS NULL) AS incomplete
FROM kpi.cohort_retention_matrix_by_customer
UNION ALL
SELECT 'customer_development' AS view_name, COUNT(*) AS row_count, COUNTIF(status IS NULL OR net_revenue IS NULL) AS incomplete
FROM kpi.customer_development
UNION ALL
SELECT 'Upfront_Contract_Spend_Query' AS view_name, COUNT(*) AS row_count, COUNTIF(status IS NULL OR spent IS NULL) AS incomplete
FROM kpi.Upfront_Contract_Spend_Query
UNION ALL
SELECT 'Days_to_Fulfill_Contract_Program' AS view_name, COUNT(*) AS row_count, COUNTIF(days_between < 0) AS incomplete
FROM kpi.Days_to_Fulfill_Contract_Program
UNION ALL
SELECT 'organizer_recap_NPS_score' AS view_name, COUNT(*) AS row_count, COUNTIF(ABS(month_nps) > 100) AS incomplete
FROM kpi.organizer_recap_NPS_score
UNION ALL
SELECT 'revenue_by_account' AS view_name, COUNT(*) AS row_count, COUNTIF(net_revenue IS NULL) AS incomplete
FROM kpi.revenue_by_account
UNION ALL
SELECT 'open_pipeline' AS view_name, COUNT(*) AS row_count, COUNTIF(weighted_amount < 0) AS incomplete
FROM kpi.open_pipeline
UNION ALL
SELECT 'new_inventory' AS view_name, COUNT(*) AS row_count, COUNTIF(listed_on IS NULL) AS incomplete
FROM kpi.new_inventory
UNION ALL
SELECT 'quota_to_win' AS view_name, COUNT(*) AS row_count, COUNTIF(amount IS NULL OR part = 'won' AND won_on IS NULL) AS incomplete
FROM kpi.quota_to_win
