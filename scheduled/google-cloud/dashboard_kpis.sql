-- Fernway Market: dashboard_kpis, refreshed by BigQuery itself.
-- Written by `kpi scheduled-query` from the domain's SQL files: change those, not this.
-- Called at midnight in Los Angeles: scheduled/google-cloud/scheduler-dashboard-kpis.json.
-- A failure leaves the old table.
CREATE OR REPLACE PROCEDURE `example-reporting.marketplace_ops.refresh_dashboard_kpis`()
BEGIN

DECLARE run_time_zone STRING DEFAULT 'America/Los_Angeles';

DECLARE run_updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP();

DECLARE run_as_of DATE;

DECLARE run_fiscal_year INT64;

ASSERT (
  SELECT COUNT(DISTINCT source) = 14
  FROM `example-reporting.marketplace_raw.source_load`
  WHERE source IN ('invoice', 'invoice_line', 'credit_memo', 'credit_memo_line', 'account', 'customer', 'deal', 'deal_pipeline_stage', 'company', 'owner', 'contract', 'offer', 'organizer_recap', 'listing')
) AS
  'The loader does not say of every required source how far it is loaded.';

-- Yesterday, or the last day through which every required source is loaded.
SET run_as_of = (
  SELECT LEAST(
    DATE_SUB(DATE(run_updated_at, run_time_zone), INTERVAL 1 DAY), MIN(complete_through)
  )
  FROM `example-reporting.marketplace_raw.source_load`
  WHERE source IN ('invoice', 'invoice_line', 'credit_memo', 'credit_memo_line', 'account', 'customer', 'deal', 'deal_pipeline_stage', 'company', 'owner', 'contract', 'offer', 'organizer_recap', 'listing')
);

SET run_fiscal_year = (
  SELECT fiscal_year FROM `example-reporting.marketplace_mart.dim_date` WHERE date_key = run_as_of
);

ASSERT run_fiscal_year = 2026 AS
  'This SQL names the columns of fiscal 2026: make it again (kpi scheduled-query).';

CREATE OR REPLACE TEMP TABLE mart_customer AS
-- Every customer record of the ledger with the customer that it counts as: itself, or the one it was merged into,
-- at the end of the chain. Merges that lead in a circle are ignored, so each record then counts as itself.
WITH RECURSIVE
steps AS (
  SELECT merged_customer_id AS source_customer_id, customer_id, 1 AS depth
  FROM `example-reporting.marketplace_ops.customer_merge`
  UNION ALL
  SELECT s.source_customer_id, m.customer_id, s.depth + 1 AS depth
  FROM steps AS s
  INNER JOIN `example-reporting.marketplace_ops.customer_merge` AS m ON m.merged_customer_id = s.customer_id
  WHERE s.depth < 20
),
remaining AS (
  SELECT s.source_customer_id, MIN(s.customer_id) AS customer_id
  FROM steps AS s
  LEFT JOIN `example-reporting.marketplace_ops.customer_merge` AS m ON m.merged_customer_id = s.customer_id
  WHERE m.merged_customer_id IS NULL
  GROUP BY s.source_customer_id
),
records AS (
  SELECT id AS source_customer_id FROM `example-reporting.src_fivetran_qbo.customer`
  UNION DISTINCT
  SELECT merged_customer_id AS source_customer_id FROM `example-reporting.marketplace_ops.customer_merge`
)
SELECT
  a.source_customer_id,
  c.id AS qbo_customer_id,
  COALESCE(c.company_name, CONCAT('Customer ', c.id)) AS company_name
FROM records AS a
LEFT JOIN remaining AS r ON r.source_customer_id = a.source_customer_id
INNER JOIN `example-reporting.src_fivetran_qbo.customer` AS c ON c.id = COALESCE(r.customer_id, a.source_customer_id);

CREATE OR REPLACE TEMP TABLE mart_revenue_line AS
-- One row per invoice line and credit memo line on a revenue account (4000 to 4190); credit memos are negative.
-- Lines on other accounts, or on none (subtotals, remarks), and deleted documents are left out. What belongs to no
-- known customer is kept under UNKNOWN, so that the rows add up to the ledger.
WITH
accounts AS (
  SELECT
    id AS account_id,
    account_number,
    COALESCE(name, account_number) AS account_name,
    CASE
      WHEN REGEXP_CONTAINS(account_number, '^4000([^0-9]|$)') AND REGEXP_CONTAINS(LOWER(name), '(^|[^a-z])events?($|[^a-z])')
        THEN 'events'
      WHEN REGEXP_CONTAINS(account_number, '^4000([^0-9]|$)') THEN 'services'
      WHEN REGEXP_CONTAINS(account_number, '^4100[ .:-]01([^0-9]|$)') THEN 'gmv'
      ELSE 'other'
    END AS revenue_part
  FROM `example-reporting.src_fivetran_qbo.account`
  WHERE REGEXP_CONTAINS(account_number, '^(40[0-9][0-9]|41[0-8][0-9]|4190)([^0-9]|$)')
),
documents AS (
  SELECT 'invoice' AS document, i.id AS document_id, l.index AS line_index, i.customer_id, i.transaction_date,
    l.sales_item_account_id AS account_id, l.amount
  FROM `example-reporting.src_fivetran_qbo.invoice` AS i
  INNER JOIN `example-reporting.src_fivetran_qbo.invoice_line` AS l ON l.invoice_id = i.id
  WHERE NOT COALESCE(i._fivetran_deleted, FALSE)
  UNION ALL
  SELECT 'credit_memo' AS document, m.id AS document_id, l.index AS line_index, m.customer_id, m.transaction_date,
    l.sales_item_account_id AS account_id, -l.amount AS amount
  FROM `example-reporting.src_fivetran_qbo.credit_memo` AS m
  INNER JOIN `example-reporting.src_fivetran_qbo.credit_memo_line` AS l ON l.credit_memo_id = m.id
  WHERE NOT COALESCE(m._fivetran_deleted, FALSE)
)
SELECT
  d.document,
  d.document_id,
  d.line_index,
  d.transaction_date AS date_key,
  t.fiscal_year,
  COALESCE(c.qbo_customer_id, 'UNKNOWN') AS qbo_customer_id,
  COALESCE(c.company_name, 'No known customer') AS company_name,
  a.account_number,
  a.account_name,
  a.revenue_part,
  d.amount
FROM documents AS d
INNER JOIN accounts AS a ON a.account_id = d.account_id
LEFT JOIN mart_customer AS c ON c.source_customer_id = d.customer_id
LEFT JOIN `example-reporting.marketplace_mart.dim_date` AS t ON t.date_key = d.transaction_date;

CREATE OR REPLACE TEMP TABLE kpi_open_pipeline AS
-- One row per deal that is open on run_as_of. weighted_amount is the owner's forecast where there is one, else the amount times
-- the stage's probability; coverage_part is its share of the quota, and the parts add up to the coverage.
WITH
quota AS (
  SELECT SUM(property_quota) AS quota FROM `example-reporting.src_fivetran_hubspot.company`
),
today AS (
  SELECT fiscal_quarter_last_day FROM `example-reporting.marketplace_mart.dim_date` WHERE date_key = run_as_of
),
deals AS (
  SELECT
    d.deal_id,
    d.owner_id,
    d.deal_pipeline_id AS pipeline_id,
    COALESCE(s.label, 'No stage') AS stage,
    s.probability,
    d.property_amount AS amount,
    COALESCE(
      CAST(d.property_hs_forecast_amount AS FLOAT64),
      CAST(d.property_amount AS FLOAT64) * s.probability
    ) AS weighted_amount,
    DATE(d.property_createdate, run_time_zone) AS created_on,
    DATE(d.property_closedate, run_time_zone) AS closes_on,
    COALESCE(d.property_hs_is_closed, FALSE) AS is_closed
  FROM `example-reporting.src_fivetran_hubspot.deal` AS d
  LEFT JOIN `example-reporting.src_fivetran_hubspot.deal_pipeline_stage` AS s ON s.stage_id = d.deal_pipeline_stage_id
  WHERE NOT COALESCE(d.is_deleted, FALSE)
)
SELECT
  d.deal_id,
  d.owner_id,
  d.pipeline_id,
  d.stage,
  d.probability,
  d.amount,
  d.weighted_amount,
  d.created_on,
  d.closes_on,
  COALESCE(d.closes_on < run_as_of, FALSE) AS is_late,
  COALESCE(d.closes_on BETWEEN run_as_of AND t.fiscal_quarter_last_day, FALSE) AS closes_this_quarter,
  IF(q.quota > 0, d.weighted_amount / CAST(q.quota AS FLOAT64), NULL) AS coverage_part
FROM deals AS d
CROSS JOIN quota AS q
CROSS JOIN today AS t
-- Closed later than run_as_of means that it was still open then.
WHERE d.created_on <= run_as_of AND (NOT d.is_closed OR d.closes_on > run_as_of);

CREATE OR REPLACE TEMP TABLE kpi_quota_to_win AS
-- What the sales quota of the quarter of run_as_of is made of, and what is won of it: one row per quota, and one per deal won
-- from the quarter's first day to run_as_of, which counts against it. The amounts add up to the quota that is still to win.
WITH today AS (
  SELECT fiscal_quarter_first_day AS first_day FROM `example-reporting.marketplace_mart.dim_date` WHERE date_key = run_as_of
)
SELECT
  'quota' AS part,
  c.id AS source_id,
  c.property_name AS company_name,
  CAST(NULL AS DATE) AS won_on,
  c.property_quota AS amount
FROM `example-reporting.src_fivetran_hubspot.company` AS c
WHERE c.property_quota IS NOT NULL
UNION ALL
SELECT
  'won' AS part,
  d.deal_id AS source_id,
  CAST(NULL AS STRING) AS company_name,
  DATE(d.property_closedate, run_time_zone) AS won_on,
  -d.property_amount AS amount
FROM `example-reporting.src_fivetran_hubspot.deal` AS d
CROSS JOIN today AS t
WHERE d.property_hs_is_closed_won
  AND NOT COALESCE(d.is_deleted, FALSE)
  AND d.property_amount IS NOT NULL
  AND DATE(d.property_closedate, run_time_zone) BETWEEN t.first_day AND run_as_of;

CREATE OR REPLACE TEMP TABLE kpi_new_inventory AS
-- One row per listing that went live by run_as_of, with the fiscal year in which it did.
SELECT l.listing_id, l.organizer_id, d.date_key AS listed_on, d.fiscal_year
FROM `example-reporting.marketplace_ops.listing` AS l
INNER JOIN `example-reporting.marketplace_mart.dim_date` AS d ON d.date_key = DATE(l.listed_at, run_time_zone)
WHERE d.date_key <= run_as_of;

CREATE OR REPLACE TEMP TABLE answers AS
SELECT 'revenue_ytd' AS metric_key, metric_value, 'currency' AS metric_format, 'company' AS department, CAST(NULL AS STRING) AS person_name
FROM (
-- Invoice lines on accounts 4000 to 4190 less credit memos, fiscal year to run_as_of.
SELECT CAST(COALESCE(SUM(amount), 0) AS FLOAT64) AS metric_value
FROM mart_revenue_line
WHERE fiscal_year = run_fiscal_year AND date_key <= run_as_of
)
UNION ALL
SELECT 'take_rate' AS metric_key, metric_value, 'percent' AS metric_format, 'company' AS department, CAST(NULL AS STRING) AS person_name
FROM (
-- Services without their events part ÷ marketplace volume, fiscal year to run_as_of.
WITH parts AS (
  SELECT
    SUM(IF(revenue_part = 'services', amount, 0)) AS services,
    SUM(IF(revenue_part = 'gmv', amount, 0)) AS gmv
  FROM mart_revenue_line
  WHERE fiscal_year = run_fiscal_year AND date_key <= run_as_of
)
SELECT IF(gmv > 0, CAST(services AS FLOAT64) / CAST(gmv AS FLOAT64), NULL) AS metric_value
FROM parts
)
UNION ALL
SELECT 'nrr' AS metric_key, metric_value, 'percent' AS metric_format, 'company' AS department, CAST(NULL AS STRING) AS person_name
FROM (
-- This year's net revenue of the customers that had some last year ÷ what they had then.
-- Grouped by customer first, so that a customer with several rows counts once, with all of them.
WITH customers AS (
  SELECT
    qbo_customer_id,
    SUM(net_revenue_2026) AS this_year,
    SUM(net_revenue_2025) AS last_year
  FROM `example-reporting.marketplace_kpi.net_revenue_retention_all_customers`
  WHERE qbo_customer_id != 'UNKNOWN'
  GROUP BY qbo_customer_id
)
SELECT SAFE_DIVIDE(CAST(SUM(this_year) AS FLOAT64), CAST(SUM(last_year) AS FLOAT64)) AS metric_value
FROM customers
WHERE last_year > 0
)
UNION ALL
SELECT 'nrr_to_date' AS metric_key, metric_value, 'percent' AS metric_format, 'company' AS department, CAST(NULL AS STRING) AS person_name
FROM (
-- Like for like: both years to the same date, a month's last day against a month's last day.
WITH
lines AS (
  SELECT
    qbo_customer_id,
    IF(fiscal_year = run_fiscal_year, amount, 0) AS this_year,
    IF(fiscal_year = run_fiscal_year - 1, amount, 0) AS last_year
  FROM mart_revenue_line
  WHERE qbo_customer_id != 'UNKNOWN'
    AND (
      (fiscal_year = run_fiscal_year AND date_key <= run_as_of)
      OR (
        fiscal_year = run_fiscal_year - 1
        AND date_key <= IF(
          run_as_of = LAST_DAY(run_as_of, MONTH),
          LAST_DAY(DATE_SUB(run_as_of, INTERVAL 1 YEAR), MONTH),
          DATE_SUB(run_as_of, INTERVAL 1 YEAR)
        )
      )
    )
),
customers AS (
  SELECT qbo_customer_id, SUM(this_year) AS this_year, SUM(last_year) AS last_year
  FROM lines
  GROUP BY qbo_customer_id
)
SELECT SAFE_DIVIDE(CAST(SUM(this_year) AS FLOAT64), CAST(SUM(last_year) AS FLOAT64)) AS metric_value
FROM customers
WHERE last_year > 0
)
UNION ALL
SELECT 'pipeline_coverage' AS metric_key, metric_value, 'multiplier' AS metric_format, 'company' AS department, CAST(NULL AS STRING) AS person_name
FROM (
-- Weighted open pipeline ÷ the quota of all companies.
WITH
quota AS (
  SELECT CAST(SUM(property_quota) AS FLOAT64) AS quota FROM `example-reporting.src_fivetran_hubspot.company`
),
pipeline AS (
  SELECT SUM(weighted_amount) AS weighted FROM kpi_open_pipeline
)
SELECT IF(q.quota > 0, COALESCE(p.weighted, 0) / q.quota, NULL) AS metric_value
FROM quota AS q
CROSS JOIN pipeline AS p
)
UNION ALL
SELECT 'pipeline_coverage_remaining_quarter' AS metric_key, metric_value, 'multiplier' AS metric_format, 'company' AS department, CAST(NULL AS STRING) AS person_name
FROM (
-- Weighted pipeline that is to close from run_as_of to the end of the quarter ÷ the part of the quarter's quota not yet won.
WITH
quota AS (
  SELECT CAST(SUM(amount) AS FLOAT64) AS to_win FROM kpi_quota_to_win
),
pipeline AS (
  SELECT SUM(IF(closes_this_quarter, weighted_amount, 0)) AS weighted FROM kpi_open_pipeline
)
SELECT IF(q.to_win > 0, COALESCE(p.weighted, 0) / q.to_win, NULL) AS metric_value
FROM quota AS q
CROSS JOIN pipeline AS p
)
UNION ALL
SELECT 'logo_retention' AS metric_key, metric_value, 'percent' AS metric_format, 'company' AS department, CAST(NULL AS STRING) AS person_name
FROM (
-- Customers with revenue in both years ÷ customers with revenue last year. Grouped by customer first: several rows of one
-- customer are one logo.
WITH customers AS (
  SELECT qbo_customer_id, SUM(net_revenue) AS this_year, SUM(net_revenue_last_year) AS last_year
  FROM `example-reporting.marketplace_kpi.customer_development`
  WHERE fiscal_year = run_fiscal_year AND qbo_customer_id != 'UNKNOWN'
  GROUP BY qbo_customer_id
)
SELECT SAFE_DIVIDE(COUNTIF(this_year > 0 AND last_year > 0), COUNTIF(last_year > 0)) AS metric_value
FROM customers
)
UNION ALL
SELECT 'logo_retention_to_date' AS metric_key, metric_value, 'percent' AS metric_format, 'company' AS department, CAST(NULL AS STRING) AS person_name
FROM (
-- Like for like: customers with revenue in both years to the same date ÷ customers with revenue last year to that date.
WITH customers AS (
  SELECT qbo_customer_id, SUM(net_revenue) AS this_year, SUM(net_revenue_last_year_to_date) AS last_year
  FROM `example-reporting.marketplace_kpi.customer_development`
  WHERE fiscal_year = run_fiscal_year AND qbo_customer_id != 'UNKNOWN'
  GROUP BY qbo_customer_id
)
SELECT SAFE_DIVIDE(COUNTIF(this_year > 0 AND last_year > 0), COUNTIF(last_year > 0)) AS metric_value
FROM customers
)
UNION ALL
SELECT 'customer_count' AS metric_key, metric_value, 'number' AS metric_format, 'company' AS department, CAST(NULL AS STRING) AS person_name
FROM (
-- Distinct customers with revenue this year. Grouped by customer first: several rows of one customer are one customer.
WITH customers AS (
  SELECT qbo_customer_id, SUM(net_revenue) AS net_revenue
  FROM `example-reporting.marketplace_kpi.customer_development`
  WHERE fiscal_year = run_fiscal_year AND qbo_customer_id != 'UNKNOWN'
  GROUP BY qbo_customer_id
)
SELECT CAST(COUNT(*) AS FLOAT64) AS metric_value
FROM customers
WHERE net_revenue > 0
)
UNION ALL
SELECT 'person_revenue_ytd' AS metric_key, metric_value, 'currency' AS metric_format, 'ceo' AS department, 'Jack' AS person_name
FROM (
-- Invoice lines on accounts 4000 to 4190 less credit memos, fiscal year to run_as_of.
SELECT CAST(COALESCE(SUM(amount), 0) AS FLOAT64) AS metric_value
FROM mart_revenue_line
WHERE fiscal_year = run_fiscal_year AND date_key <= run_as_of
)
UNION ALL
SELECT 'person_take_rate' AS metric_key, metric_value, 'percent' AS metric_format, 'coo' AS department, 'Deuce' AS person_name
FROM (
-- Services without their events part ÷ marketplace volume, fiscal year to run_as_of.
WITH parts AS (
  SELECT
    SUM(IF(revenue_part = 'services', amount, 0)) AS services,
    SUM(IF(revenue_part = 'gmv', amount, 0)) AS gmv
  FROM mart_revenue_line
  WHERE fiscal_year = run_fiscal_year AND date_key <= run_as_of
)
SELECT IF(gmv > 0, CAST(services AS FLOAT64) / CAST(gmv AS FLOAT64), NULL) AS metric_value
FROM parts
)
UNION ALL
SELECT 'person_new_inventory' AS metric_key, metric_value, 'number' AS metric_format, 'supply' AS department, 'Ian Hong' AS person_name
FROM (
-- Listings that went live in the fiscal year to run_as_of.
SELECT CAST(COUNT(*) AS FLOAT64) AS metric_value
FROM kpi_new_inventory
WHERE fiscal_year = run_fiscal_year
)
UNION ALL
SELECT 'person_nrr' AS metric_key, metric_value, 'percent' AS metric_format, 'sales' AS department, 'Andy Cooper' AS person_name
FROM (
-- This year's net revenue of the customers that had some last year ÷ what they had then.
-- Grouped by customer first, so that a customer with several rows counts once, with all of them.
WITH customers AS (
  SELECT
    qbo_customer_id,
    SUM(net_revenue_2026) AS this_year,
    SUM(net_revenue_2025) AS last_year
  FROM `example-reporting.marketplace_kpi.net_revenue_retention_all_customers`
  WHERE qbo_customer_id != 'UNKNOWN'
  GROUP BY qbo_customer_id
)
SELECT SAFE_DIVIDE(CAST(SUM(this_year) AS FLOAT64), CAST(SUM(last_year) AS FLOAT64)) AS metric_value
FROM customers
WHERE last_year > 0
)
UNION ALL
SELECT 'person_contract_spend' AS metric_key, metric_value, 'percent' AS metric_format, 'demand' AS department, 'Char Short' AS person_name
FROM (
-- Spent ÷ value of the contracts that run on run_as_of.
SELECT SAFE_DIVIDE(CAST(SUM(spent) AS FLOAT64), CAST(SUM(contract_value) AS FLOAT64)) AS metric_value
FROM `example-reporting.marketplace_kpi.Upfront_Contract_Spend_Query`
WHERE is_active
)
UNION ALL
SELECT 'person_time_to_fulfill' AS metric_key, metric_value, 'days' AS metric_format, 'operations' AS department, 'Victoria' AS person_name
FROM (
-- Median days from first to last accepted offer of the contracts fulfilled in the fiscal year; of an even number of
-- contracts, the mean of the middle two.
WITH ranked AS (
  SELECT
    days_between,
    ROW_NUMBER() OVER (ORDER BY days_between) AS place,
    COUNT(*) OVER () AS contracts
  FROM `example-reporting.marketplace_kpi.Days_to_Fulfill_Contract_Program`
  WHERE fulfilled_fiscal_year = run_fiscal_year
)
SELECT AVG(days_between) AS metric_value
FROM ranked
-- The middle one of an odd number, the middle two of an even one.
WHERE 2 * place BETWEEN contracts AND contracts + 2
)
UNION ALL
SELECT 'person_nps' AS metric_key, metric_value, 'number' AS metric_format, 'organizer success' AS department, 'Claire' AS person_name
FROM (
-- Share of promoters less share of detractors among the responses of the fiscal year, times 100.
SELECT 100 * SAFE_DIVIDE(SUM(promoter) - SUM(detractor), COUNT(response_id)) AS metric_value
FROM `example-reporting.marketplace_kpi.organizer_recap_NPS_score`
WHERE fiscal_year = run_fiscal_year
);

ASSERT (
  SELECT COUNT(*) = 16
    AND COUNT(DISTINCT TO_JSON_STRING(STRUCT(metric_key, person_name))) = 16
  FROM answers
) AS
  'A metric gave no row, or several.';

ASSERT NOT EXISTS (
  SELECT 1 FROM answers WHERE IS_NAN(metric_value) OR IS_INF(metric_value)
) AS
  'A metric gave no finite number.';

CREATE TABLE IF NOT EXISTS `example-reporting.marketplace_kpi.dashboard_kpis` (
  metric_key STRING NOT NULL,
  metric_value FLOAT64,
  metric_format STRING,
  department STRING,
  person_name STRING,
  fiscal_year INT64 NOT NULL,
  updated_at TIMESTAMP NOT NULL
)
PARTITION BY DATE(updated_at)
CLUSTER BY department, metric_key;

CREATE TABLE IF NOT EXISTS `example-reporting.marketplace_kpi.dashboard_kpis_history` (
  as_of_date DATE NOT NULL,
  metric_key STRING NOT NULL,
  metric_value FLOAT64,
  metric_format STRING,
  department STRING,
  person_name STRING,
  fiscal_year INT64 NOT NULL,
  updated_at TIMESTAMP NOT NULL
)
PARTITION BY as_of_date
CLUSTER BY department, metric_key;

CREATE TABLE IF NOT EXISTS `example-reporting.marketplace_kpi.dashboard_kpis_state` (as_of_date DATE, fiscal_year INT64, updated_at TIMESTAMP);

BEGIN TRANSACTION;

DELETE FROM `example-reporting.marketplace_kpi.dashboard_kpis` WHERE TRUE;

INSERT INTO `example-reporting.marketplace_kpi.dashboard_kpis` (metric_key, metric_value, metric_format, department, person_name, fiscal_year, updated_at)
SELECT metric_key, metric_value, metric_format, department, person_name, run_fiscal_year, run_updated_at
FROM answers;

INSERT INTO `example-reporting.marketplace_kpi.dashboard_kpis_history` (as_of_date, metric_key, metric_value, metric_format, department, person_name, fiscal_year, updated_at)
SELECT run_as_of, metric_key, metric_value, metric_format, department, person_name, run_fiscal_year, run_updated_at
FROM answers;

DELETE FROM `example-reporting.marketplace_kpi.dashboard_kpis_state` WHERE TRUE;

INSERT INTO `example-reporting.marketplace_kpi.dashboard_kpis_state` (as_of_date, fiscal_year, updated_at)
VALUES (run_as_of, run_fiscal_year, run_updated_at);

COMMIT TRANSACTION;

END;
