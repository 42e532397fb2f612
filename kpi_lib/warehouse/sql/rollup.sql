-- Roll-ups of every kind over the spans of kpi.window_span: the same text for every date, window and comparison.
-- Running totals by series, read at the ends of each span: the cost grows with facts plus results, not with
-- the days that windows cover. Only extremes and distinct counts join days to the spans that cover them.
WITH
series AS (
  -- One row a KPI and entity that has facts, with the days on which it is active.
  SELECT
    f.kpi_id,
    f.entity_id,
    k.kind,
    k.scale,
    k.kind = 'last' AS is_stock,
    -- The difference of two amounts in cents is money.
    f.is_in_cents AND k.kind IN ('sum', 'last', 'min', 'max') AS is_money,
    GREATEST(COALESCE(k.since, DATE '0001-01-01'), COALESCE(e.opened, DATE '0001-01-01')) AS active_from,
    COALESCE(e.closed, DATE '9999-12-31') AS active_to,
    f.first_there,
    f.added_unit,
    f.added_fine_unit,
    f.below_unit,
    f.below_fine_unit
  FROM (
    SELECT
      t.kpi_id,
      t.entity_id,
      LOGICAL_AND(t.is_in_cents) AS is_in_cents,
      MIN(t.first_there) AS first_there,
      MIN(t.added_unit) AS added_unit,
      MIN(t.added_fine_unit) AS added_fine_unit,
      MIN(t.below_unit) AS below_unit,
      MIN(t.below_fine_unit) AS below_fine_unit
    FROM ops.series_day AS t
    GROUP BY t.kpi_id, t.entity_id
  ) AS f
  INNER JOIN kpi.dim_kpi AS k ON k.kpi_id = f.kpi_id
  INNER JOIN kpi.dim_entity AS e ON e.entity_id = f.entity_id
),
sides AS (
  -- The distinct spans: a window's own and its counterparts', each computed once.
  SELECT DISTINCT start_date, end_date
  FROM kpi.window_span
  WHERE start_date IS NOT NULL
  UNION DISTINCT
  SELECT DISTINCT prior_start, prior_end
  FROM kpi.window_span
  WHERE prior_start IS NOT NULL
),
edges AS (
  -- The day whose totals a span ends with, and the day whose totals it starts from.
  SELECT
    x.start_date,
    x.end_date,
    LEAST(x.end_date, g.last_day) AS until_day,
    LEAST(DATE_SUB(x.start_date, INTERVAL 1 DAY), g.last_day) AS before_day
  FROM sides AS x
  CROSS JOIN (SELECT MAX(t.date_key) AS last_day FROM ops.series_day AS t) AS g
),
extremes AS (
  SELECT
    x.start_date,
    x.end_date,
    m.kpi_id,
    m.entity_id,
    MIN(m.value) AS smallest,
    MAX(m.value) AS largest
  FROM (SELECT t.* FROM ops.series_day AS t WHERE t.is_there AND t.kind IN ('min', 'max')) AS m
  INNER JOIN sides AS x ON m.date_key BETWEEN x.start_date AND x.end_date
  GROUP BY x.start_date, x.end_date, m.kpi_id, m.entity_id
),
counted AS (
  -- Who was seen in each span, once; an event belongs to its entity and to all those above it.
  SELECT
    x.start_date,
    x.end_date,
    m.kpi_id,
    m.entity_id,
    COUNT(DISTINCT v.member_id) AS members
  FROM (SELECT t.* FROM ops.series_day AS t WHERE t.is_there AND t.kind = 'distinct') AS m
  INNER JOIN kpi.entity_above AS a ON a.above_id = m.entity_id
  INNER JOIN kpi.fact_kpi_event AS v
    ON v.kpi_id = m.kpi_id AND v.entity_id = a.entity_id AND v.date_key = m.date_key
  INNER JOIN sides AS x ON m.date_key BETWEEN x.start_date AND x.end_date
  GROUP BY x.start_date, x.end_date, m.kpi_id, m.entity_id
),
spans AS (
  -- What happened in each span: sums as differences of totals.
  SELECT
    s.kpi_id,
    s.entity_id,
    s.kind,
    s.scale,
    s.is_stock,
    e.start_date,
    e.end_date,
    COALESCE(u.days_there, 0) - COALESCE(b.days_there, 0) AS days_there,
    GREATEST(
      DATE_DIFF(LEAST(e.end_date, s.active_to), GREATEST(e.start_date, s.active_from), DAY) + 1, 0
    ) AS days_active,
    COALESCE(u.added - COALESCE(b.added, 0.0), 0.0) / s.added_unit
    + COALESCE(u.added_fine - COALESCE(b.added_fine, 0.0), 0.0) / s.added_fine_unit AS added,
    COALESCE(u.below - COALESCE(b.below, 0.0), 0.0) / s.below_unit
    + COALESCE(u.below_fine - COALESCE(b.below_fine, 0.0), 0.0) / s.below_fine_unit AS below,
    LEAST(e.end_date, s.active_to) AS last_active,
    u.latest_day,
    s.first_there
  FROM series AS s
  CROSS JOIN edges AS e
  LEFT JOIN ops.series_day AS u ON u.kpi_id = s.kpi_id AND u.entity_id = s.entity_id AND u.date_key = e.until_day
  LEFT JOIN ops.series_day AS b ON b.kpi_id = s.kpi_id AND b.entity_id = s.entity_id AND b.date_key = e.before_day
),
valued AS (
  SELECT
    p.kpi_id,
    p.entity_id,
    p.start_date,
    p.end_date,
    CASE
      WHEN p.days_there = 0 THEN NULL
      WHEN p.kind = 'ratio' THEN p.added / NULLIF(p.below, 0.0) * p.scale
      WHEN p.kind = 'last' THEN l.value
      WHEN p.kind = 'average' THEN p.added / p.days_there
      WHEN p.kind = 'min' THEN x.smallest
      WHEN p.kind = 'max' THEN x.largest
      WHEN p.kind = 'distinct' THEN CAST(COALESCE(c.members, 0) AS FLOAT64)
      ELSE p.added
    END AS value,
    CASE
      WHEN p.is_stock AND p.days_there > 0 THEN GREATEST(DATE_DIFF(p.last_active, p.latest_day, DAY), 0)
      ELSE p.days_active - p.days_there
    END AS missing_days,
    p.days_there = 0 AS is_empty,
    p.kind = 'ratio' AND p.below = 0.0 AS has_no_base,
    COALESCE(IF(p.is_stock, p.end_date, p.start_date) < p.first_there, TRUE) AS is_before_history
  FROM spans AS p
  LEFT JOIN (SELECT t.kpi_id, t.entity_id, t.date_key, t.value FROM ops.series_day AS t WHERE t.kind = 'last') AS l
    ON l.kpi_id = p.kpi_id AND l.entity_id = p.entity_id AND l.date_key = p.latest_day
  LEFT JOIN extremes AS x
    ON x.kpi_id = p.kpi_id AND x.entity_id = p.entity_id
    AND x.start_date = p.start_date AND x.end_date = p.end_date
  LEFT JOIN counted AS c
    ON c.kpi_id = p.kpi_id AND c.entity_id = p.entity_id
    AND c.start_date = p.start_date AND c.end_date = p.end_date
),
sided AS (
  SELECT
    w.as_of_date,
    s.kpi_id,
    s.entity_id,
    s.is_money,
    w.window_name,
    w.comparison,
    w.start_date,
    w.end_date,
    w.prior_start,
    w.prior_end,
    v.value,
    IF(COALESCE(p.is_before_history, TRUE), NULL, p.value) AS prior,
    COALESCE(v.missing_days, 0) AS missing_days,
    COALESCE(p.missing_days, 0) AS prior_missing_days,
    CASE
      WHEN w.state IS NOT NULL THEN w.state
      WHEN v.is_empty THEN 'not_loaded'
      WHEN v.has_no_base THEN 'zero_denominator'
      WHEN v.missing_days > 0 THEN 'partial'
    END AS reason,
    CASE
      WHEN w.prior_state IS NOT NULL THEN w.prior_state
      WHEN p.is_before_history THEN 'no_history'
      WHEN p.is_empty THEN 'not_loaded'
      WHEN p.has_no_base THEN 'zero_denominator'
      WHEN p.missing_days > 0 THEN 'partial'
    END AS prior_reason
  FROM kpi.window_span AS w
  CROSS JOIN series AS s
  LEFT JOIN valued AS v
    ON v.kpi_id = s.kpi_id AND v.entity_id = s.entity_id
    AND v.start_date = w.start_date AND v.end_date = w.end_date
  LEFT JOIN valued AS p
    ON p.kpi_id = s.kpi_id AND p.entity_id = s.entity_id
    AND p.start_date = w.prior_start AND p.end_date = w.prior_end
),
compared AS (
  SELECT
    *,
    COALESCE(
      reason,
      prior_reason,
      CASE WHEN prior = 0.0 THEN 'zero_base' WHEN prior < 0.0 THEN 'negative_base' END
    ) AS delta_reason,
    CASE
      WHEN reason IS NOT NULL OR prior_reason IS NOT NULL THEN NULL
      WHEN is_money THEN ROUND((value - prior) * 100.0) / 100.0
      ELSE value - prior
    END AS delta
  FROM sided
)
SELECT
  as_of_date,
  kpi_id,
  entity_id,
  window_name,
  comparison,
  start_date,
  end_date,
  prior_start,
  prior_end,
  value,
  prior,
  delta,
  IF(delta_reason IS NULL, SAFE_DIVIDE(delta, prior), NULL) AS delta_pct,
  missing_days,
  prior_missing_days,
  reason,
  prior_reason,
  delta_reason
FROM compared
