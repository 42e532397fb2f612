-- The dashboard of one as-of date, one row a KPI, entity and window, with the parts of each comparison.
WITH windows AS (
  SELECT
    kpi_id, entity_id, 'mtd' AS window_name, mtd_value AS value, mtd_prior AS prior, mtd_delta AS delta,
    mtd_delta_pct AS delta_pct, mtd_reason AS reason, mtd_prior_reason AS prior_reason,
    mtd_delta_reason AS delta_reason, mtd_missing_days AS missing_days, mtd_prior_missing_days AS prior_missing_days
  FROM kpi.agg_kpi_dashboard
  WHERE as_of_date = @as_of
  UNION ALL
  SELECT
    kpi_id, entity_id, 'qtd' AS window_name, qtd_value AS value, qtd_prior AS prior, qtd_delta AS delta,
    qtd_delta_pct AS delta_pct, qtd_reason AS reason, qtd_prior_reason AS prior_reason,
    qtd_delta_reason AS delta_reason, qtd_missing_days AS missing_days, qtd_prior_missing_days AS prior_missing_days
  FROM kpi.agg_kpi_dashboard
  WHERE as_of_date = @as_of
  UNION ALL
  SELECT
    kpi_id, entity_id, 'ytd' AS window_name, ytd_value AS value, ytd_prior AS prior, ytd_delta AS delta,
    ytd_delta_pct AS delta_pct, ytd_reason AS reason, ytd_prior_reason AS prior_reason,
    ytd_delta_reason AS delta_reason, ytd_missing_days AS missing_days, ytd_prior_missing_days AS prior_missing_days
  FROM kpi.agg_kpi_dashboard
  WHERE as_of_date = @as_of
  UNION ALL
  SELECT
    kpi_id, entity_id, 'last28' AS window_name, last28_value AS value, last28_prior AS prior, last28_delta AS delta,
    last28_delta_pct AS delta_pct, last28_reason AS reason, last28_prior_reason AS prior_reason,
    last28_delta_reason AS delta_reason, last28_missing_days AS missing_days, last28_prior_missing_days AS prior_missing_days
  FROM kpi.agg_kpi_dashboard
  WHERE as_of_date = @as_of
  UNION ALL
  SELECT
    kpi_id, entity_id, 'fytd' AS window_name, fytd_value AS value, fytd_prior AS prior, fytd_delta AS delta,
    fytd_delta_pct AS delta_pct, fytd_reason AS reason, fytd_prior_reason AS prior_reason,
    fytd_delta_reason AS delta_reason, fytd_missing_days AS missing_days, fytd_prior_missing_days AS prior_missing_days
  FROM kpi.agg_kpi_dashboard
  WHERE as_of_date = @as_of
)
SELECT
  w.*,
  k.kpi_code,
  k.kind,
  w.delta - (w.value - w.prior) AS delta_error,
  w.delta_pct * w.prior - w.delta AS delta_pct_error,
  IF(w.value IS NULL AND w.reason IS NULL, 1, 0) AS value_without_reason,
  IF(w.prior IS NULL AND w.prior_reason IS NULL, 1, 0) AS prior_without_reason,
  IF(w.delta IS NULL AND w.delta_reason IS NULL, 1, 0) AS delta_without_reason,
  IF(
    w.delta IS NOT NULL
    AND (w.value IS NULL OR w.prior IS NULL OR w.reason = 'partial' OR w.prior_reason = 'partial'),
    1,
    0
  ) AS unlike_compared,
  IF(w.delta_pct IS NOT NULL AND (w.delta IS NULL OR w.prior <= 0), 1, 0) AS percent_of_nothing,
  IF(w.missing_days > 0 AND w.reason IS NULL OR w.prior_missing_days > 0 AND w.prior_reason IS NULL, 1, 0)
    AS missing_without_reason,
  IF(k.kind = 'sum' AND k.kpi_code <> 'club_net_gain_loss' AND k.kpi_group <> 'revenue' AND w.value < 0, 1, 0)
    AS negative_counts,
  -- A ratio without a denominator lacks no day: nobody came on a closed day.
  IF(w.window_name IN ('mtd', 'last28') AND w.entity_id = 0 AND w.reason IN ('partial', 'not_loaded'), 1, 0)
    AS near_window_not_whole
FROM windows AS w
LEFT JOIN kpi.dim_kpi AS k ON k.kpi_id = w.kpi_id
ORDER BY w.kpi_id, w.entity_id, w.window_name
