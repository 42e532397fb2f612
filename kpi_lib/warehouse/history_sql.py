"""Questions to the ledger, in GoogleSQL; values come in as parameters only."""

PUBLICATIONS = """
SELECT publication_no, run_id, published_at, as_of_date, code, definitions
FROM kpi.publication
ORDER BY publication_no
"""
AS_PUBLISHED = """
SELECT as_of_date, kpi_id, entity_id, window_name, comparison, start_date, end_date, prior_start, prior_end,
  value, prior, delta, delta_pct, missing_days, prior_missing_days, reason, prior_reason, delta_reason, state
FROM kpi.kpi_snapshot
WHERE publication_no <= @publication_no
  AND as_of_date = @as_of
  AND entity_id BETWEEN @first_entity AND @last_entity
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY as_of_date, kpi_id, entity_id, window_name, comparison ORDER BY publication_no DESC
) = 1
"""
#: Every row of the ledger after the first of its key, beside the one before it.
RESTATEMENTS = """
WITH versions AS (
  SELECT publication_no, run_id, published_at, as_of_date, kpi_id, entity_id, window_name, comparison,
    state, cause,
    value AS new_value, reason AS new_reason, missing_days AS new_missing,
    prior AS new_prior, prior_reason AS new_prior_reason, prior_missing_days AS new_prior_missing,
    LAG(publication_no) OVER w AS before,
    LAG(state) OVER w AS old_state,
    LAG(value) OVER w AS old_value,
    LAG(reason) OVER w AS old_reason,
    LAG(missing_days) OVER w AS old_missing,
    LAG(prior) OVER w AS old_prior,
    LAG(prior_reason) OVER w AS old_prior_reason,
    LAG(prior_missing_days) OVER w AS old_prior_missing
  FROM kpi.kpi_snapshot
  WHERE as_of_date BETWEEN @first_as_of AND @last_as_of
    AND kpi_id BETWEEN @first_kpi AND @last_kpi
    AND entity_id BETWEEN @first_entity AND @last_entity
  WINDOW w AS (
    PARTITION BY as_of_date, kpi_id, entity_id, window_name, comparison ORDER BY publication_no
  )
)
SELECT * EXCEPT (before)
FROM versions
WHERE before IS NOT NULL AND published_at >= @since
ORDER BY publication_no DESC, as_of_date DESC, kpi_id, entity_id, window_name, comparison
"""
#: Two publications beside each other: the newest row of each key up to either.
COMPARE = """
WITH between_them AS (
  SELECT as_of_date, kpi_id, entity_id, window_name, comparison,
    MAX(CASE cause WHEN 'definition' THEN 3 WHEN 'correction' THEN 2 WHEN 'late_data' THEN 1 END) AS weight
  FROM kpi.kpi_snapshot
  WHERE publication_no > @first AND publication_no <= @second
    AND as_of_date BETWEEN @first_as_of AND @last_as_of
    AND kpi_id BETWEEN @first_kpi AND @last_kpi
    AND entity_id BETWEEN @first_entity AND @last_entity
  GROUP BY as_of_date, kpi_id, entity_id, window_name, comparison
),
versions AS (
  SELECT s.*, b.weight, s.publication_no <= @first AS is_old
  FROM kpi.kpi_snapshot AS s
  JOIN between_them AS b
    ON b.as_of_date = s.as_of_date AND b.kpi_id = s.kpi_id AND b.entity_id = s.entity_id
    AND b.window_name = s.window_name AND b.comparison = s.comparison
  WHERE s.publication_no <= @second
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY s.as_of_date, s.kpi_id, s.entity_id, s.window_name, s.comparison, s.publication_no <= @first
    ORDER BY s.publication_no DESC
  ) = 1
)
SELECT n.publication_no, n.run_id, n.published_at,
  n.as_of_date, n.kpi_id, n.entity_id, n.window_name, n.comparison, n.state,
  CASE n.weight WHEN 3 THEN 'definition' WHEN 2 THEN 'correction' ELSE 'late_data' END AS cause,
  n.value AS new_value, n.reason AS new_reason, n.missing_days AS new_missing,
  n.prior AS new_prior, n.prior_reason AS new_prior_reason, n.prior_missing_days AS new_prior_missing,
  o.state AS old_state,
  o.value AS old_value, o.reason AS old_reason, o.missing_days AS old_missing,
  o.prior AS old_prior, o.prior_reason AS old_prior_reason, o.prior_missing_days AS old_prior_missing
FROM versions AS n
JOIN versions AS o
  ON o.as_of_date = n.as_of_date AND o.kpi_id = n.kpi_id AND o.entity_id = n.entity_id
  AND o.window_name = n.window_name AND o.comparison = n.comparison
WHERE NOT n.is_old AND o.is_old
ORDER BY as_of_date DESC, kpi_id, entity_id, window_name, comparison
"""
