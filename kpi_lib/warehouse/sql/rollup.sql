-- Roll-ups of every kind over the spans of kpi.window_span: the same text for every date, window and comparison.
-- Running totals by series, read at the ends of each span: the cost grows with facts plus results, not with
-- the days that windows cover. Only extremes and distinct counts join days to the spans that cover them.
-- Sums are exact, whatever lies before a span: money is added up in whole cents, other numbers as two whole
-- parts whose units are powers of two, so that the difference of two totals is the sum, rounded once.
WITH
series AS (
  -- One row a KPI and entity that has facts, with the days on which it is active.
  SELECT
    f.kpi_id,
    f.entity_id,
    k.kind,
    k.scale,
    k.kind = 'last' AS is_stock,
    k.format = 'currency' AS is_money,
    GREATEST(COALESCE(k.since, DATE '0001-01-01'), COALESCE(e.opened, DATE '0001-01-01')) AS active_from,
    COALESCE(e.closed, DATE '9999-12-31') AS active_to
  FROM (SELECT DISTINCT kpi_id, entity_id FROM kpi.fact_kpi_daily) AS f
  INNER JOIN kpi.dim_kpi AS k ON k.kpi_id = f.kpi_id
  INNER JOIN kpi.dim_entity AS e ON e.entity_id = f.entity_id
),
grid AS (
  SELECT MIN(date_key) AS first_day, MAX(date_key) AS last_day
  FROM kpi.fact_kpi_daily
),
days AS (
  SELECT date_key
  FROM UNNEST(GENERATE_DATE_ARRAY((SELECT first_day FROM grid), (SELECT last_day FROM grid))) AS date_key
),
measured AS (
  -- Every day of every series, and whether it is there.
  SELECT
    s.kpi_id,
    s.entity_id,
    d.date_key,
    s.kind,
    s.is_money,
    f.value,
    CASE s.kind WHEN 'ratio' THEN f.numerator WHEN 'sum' THEN f.value WHEN 'average' THEN f.value END AS added,
    IF(s.kind = 'ratio', f.denominator, NULL) AS below,
    COALESCE(
      d.date_key BETWEEN s.active_from AND s.active_to
      AND d.date_key BETWEEN @first_day AND @last_day
      AND IF(s.kind = 'ratio', f.numerator IS NOT NULL AND f.denominator IS NOT NULL, f.value IS NOT NULL),
      FALSE
    ) AS is_there
  FROM series AS s
  CROSS JOIN days AS d
  LEFT JOIN kpi.fact_kpi_daily AS f
    ON f.date_key = d.date_key AND f.kpi_id = s.kpi_id AND f.entity_id = s.entity_id
),
sizes AS (
  -- Money comes as FLOAT64 with noise far below a hundredth of a cent; totals of cents stay below 2^53.
  SELECT
    m.kpi_id,
    m.entity_id,
    m.is_money
    AND COALESCE(MAX(ABS(m.added * 100.0 - ROUND(m.added * 100.0))) <= 0.0001, TRUE)
    AND COALESCE(SUM(ABS(m.added)) < 9.0e13, TRUE) AS is_in_cents,
    51.0 - FLOOR(LN(NULLIF(SUM(ABS(m.added)), 0.0)) / LN(2.0)) AS added_bits,
    51.0 - FLOOR(LN(NULLIF(SUM(ABS(m.below)), 0.0)) / LN(2.0)) AS below_bits
  FROM measured AS m
  WHERE m.is_there
  GROUP BY m.kpi_id, m.entity_id, m.is_money
),
units AS (
  -- What the whole parts of a series are divided by; the finer part has 37 bits more.
  SELECT
    kpi_id,
    entity_id,
    is_in_cents,
    IF(is_in_cents, 100.0, POW(2.0, LEAST(COALESCE(added_bits, 0.0), 900.0))) AS added_unit,
    POW(2.0, LEAST(COALESCE(added_bits, 0.0) + 37.0, 1000.0)) AS added_fine_unit,
    POW(2.0, LEAST(COALESCE(below_bits, 0.0), 900.0)) AS below_unit,
    POW(2.0, LEAST(COALESCE(below_bits, 0.0) + 37.0, 1000.0)) AS below_fine_unit
  FROM sizes
),
parts AS (
  SELECT
    m.kpi_id,
    m.entity_id,
    m.date_key,
    m.is_there,
    IF(m.is_there, COALESCE(ROUND(m.added * u.added_unit), 0.0), 0.0) AS added,
    IF(
      m.is_there AND NOT u.is_in_cents,
      COALESCE(ROUND((m.added - ROUND(m.added * u.added_unit) / u.added_unit) * u.added_fine_unit), 0.0), 0.0
    ) AS added_fine,
    IF(m.is_there, COALESCE(ROUND(m.below * u.below_unit), 0.0), 0.0) AS below,
    IF(
      m.is_there,
      COALESCE(ROUND((m.below - ROUND(m.below * u.below_unit) / u.below_unit) * u.below_fine_unit), 0.0), 0.0
    ) AS below_fine
  FROM measured AS m
  LEFT JOIN units AS u ON u.kpi_id = m.kpi_id AND u.entity_id = m.entity_id
),
totals AS (
  -- Up to and including each day.
  SELECT
    kpi_id,
    entity_id,
    date_key,
    SUM(IF(is_there, 1, 0)) OVER w AS days_there,
    SUM(added) OVER w AS added,
    SUM(added_fine) OVER w AS added_fine,
    SUM(below) OVER w AS below,
    SUM(below_fine) OVER w AS below_fine,
    MAX(IF(is_there, date_key, NULL)) OVER w AS latest_day
  FROM parts
  WINDOW w AS (PARTITION BY kpi_id, entity_id ORDER BY date_key ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
firsts AS (
  SELECT kpi_id, entity_id, MIN(date_key) AS first_there
  FROM measured
  WHERE is_there
  GROUP BY kpi_id, entity_id
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
  CROSS JOIN grid AS g
),
extremes AS (
  SELECT
    x.start_date,
    x.end_date,
    m.kpi_id,
    m.entity_id,
    MIN(m.value) AS smallest,
    MAX(m.value) AS largest
  FROM (SELECT * FROM measured WHERE is_there AND kind IN ('min', 'max')) AS m
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
  FROM (SELECT * FROM measured WHERE is_there AND kind = 'distinct') AS m
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
    COALESCE(u.added - COALESCE(b.added, 0.0), 0.0) / n.added_unit
    + COALESCE(u.added_fine - COALESCE(b.added_fine, 0.0), 0.0) / n.added_fine_unit AS added,
    COALESCE(u.below - COALESCE(b.below, 0.0), 0.0) / n.below_unit
    + COALESCE(u.below_fine - COALESCE(b.below_fine, 0.0), 0.0) / n.below_fine_unit AS below,
    LEAST(e.end_date, s.active_to) AS last_active,
    u.latest_day,
    f.first_there
  FROM series AS s
  CROSS JOIN edges AS e
  LEFT JOIN totals AS u ON u.kpi_id = s.kpi_id AND u.entity_id = s.entity_id AND u.date_key = e.until_day
  LEFT JOIN totals AS b ON b.kpi_id = s.kpi_id AND b.entity_id = s.entity_id AND b.date_key = e.before_day
  LEFT JOIN firsts AS f ON f.kpi_id = s.kpi_id AND f.entity_id = s.entity_id
  LEFT JOIN units AS n ON n.kpi_id = s.kpi_id AND n.entity_id = s.entity_id
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
  LEFT JOIN (SELECT kpi_id, entity_id, date_key, value FROM measured WHERE kind = 'last') AS l
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
    s.is_money AND s.kind IN ('sum', 'last', 'min', 'max') AS is_money,
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
      -- The difference of two amounts of money is money.
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
  IF(delta_reason IS NULL, delta / NULLIF(prior, 0.0), NULL) AS delta_pct,
  missing_days,
  prior_missing_days,
  reason,
  prior_reason,
  delta_reason
FROM compared
