-- Every day of every series with running totals up to and including it: what roll-ups of any span are read from.
-- Totals are exact: money is added up in whole cents, other numbers as two whole parts whose units are powers of
-- two, so that the difference of two totals is the sum of the days between, rounded once.
WITH
grid AS (
  SELECT MIN(date_key) AS first_day, MAX(date_key) AS last_day
  FROM kpi.fact_kpi_daily
),
series AS (
  SELECT DISTINCT f.kpi_id, f.entity_id
  FROM kpi.fact_kpi_daily AS f
),
measured AS (
  SELECT
    s.kpi_id,
    s.entity_id,
    d.date_key,
    k.kind,
    k.format = 'currency' AS is_money,
    f.value,
    CASE k.kind WHEN 'ratio' THEN f.numerator WHEN 'sum' THEN f.value WHEN 'average' THEN f.value END AS added,
    IF(k.kind = 'ratio', f.denominator, NULL) AS below,
    COALESCE(
      d.date_key >= COALESCE(k.since, DATE '0001-01-01')
      AND d.date_key >= COALESCE(e.opened, DATE '0001-01-01')
      AND d.date_key <= COALESCE(e.closed, DATE '9999-12-31')
      AND d.date_key BETWEEN @first_day AND @last_day
      AND IF(k.kind = 'ratio', f.numerator IS NOT NULL AND f.denominator IS NOT NULL, f.value IS NOT NULL),
      FALSE
    ) AS is_there
  FROM series AS s
  INNER JOIN kpi.dim_kpi AS k ON k.kpi_id = s.kpi_id
  INNER JOIN kpi.dim_entity AS e ON e.entity_id = s.entity_id
  CROSS JOIN (
    SELECT date_key
    FROM UNNEST(GENERATE_DATE_ARRAY((SELECT first_day FROM grid), (SELECT last_day FROM grid))) AS date_key
  ) AS d
  LEFT JOIN kpi.fact_kpi_daily AS f
    ON f.date_key = d.date_key AND f.kpi_id = s.kpi_id AND f.entity_id = s.entity_id
),
sized AS (
  -- A bound of the totals that does not depend on the order in which days are added up.
  SELECT
    *,
    MIN(IF(is_there, date_key, NULL)) OVER s AS first_there,
    MAX(IF(is_there, ABS(added), NULL)) OVER s * SUM(IF(is_there, 1, 0)) OVER s AS added_size,
    MAX(IF(is_there, ABS(below), NULL)) OVER s * SUM(IF(is_there, 1, 0)) OVER s AS below_size,
    MAX(
      IF(is_there, ABS(COALESCE(added, value) * 100.0 - ROUND(COALESCE(added, value) * 100.0)), NULL)
    ) OVER s AS off_cents
  FROM measured
  WINDOW s AS (PARTITION BY kpi_id, entity_id)
),
judged AS (
  -- Money comes as FLOAT64 with noise far below a hundredth of a cent; totals of cents stay below 2^53.
  SELECT
    *,
    is_money AND COALESCE(off_cents <= 0.0001, TRUE) AND COALESCE(added_size < 9.0e13, TRUE) AS is_in_cents,
    COALESCE(51.0 - FLOOR(LN(NULLIF(added_size, 0.0)) / LN(2.0)), 0.0) AS added_bits,
    COALESCE(51.0 - FLOOR(LN(NULLIF(below_size, 0.0)) / LN(2.0)), 0.0) AS below_bits
  FROM sized
),
scaled AS (
  -- The finer part has 37 bits more.
  SELECT
    *,
    IF(is_in_cents, 100.0, POW(2.0, LEAST(added_bits, 900.0))) AS added_unit,
    POW(2.0, LEAST(added_bits + 37.0, 1000.0)) AS added_fine_unit,
    POW(2.0, LEAST(below_bits, 900.0)) AS below_unit,
    POW(2.0, LEAST(below_bits + 37.0, 1000.0)) AS below_fine_unit
  FROM judged
),
parts AS (
  SELECT
    *,
    IF(is_there, COALESCE(ROUND(added * added_unit), 0.0), 0.0) AS added_part,
    IF(
      is_there AND NOT is_in_cents,
      COALESCE(ROUND((added - ROUND(added * added_unit) / added_unit) * added_fine_unit), 0.0), 0.0
    ) AS added_fine_part,
    IF(is_there, COALESCE(ROUND(below * below_unit), 0.0), 0.0) AS below_part,
    IF(
      is_there,
      COALESCE(ROUND((below - ROUND(below * below_unit) / below_unit) * below_fine_unit), 0.0), 0.0
    ) AS below_fine_part
  FROM scaled
)
SELECT
  date_key,
  kpi_id,
  entity_id,
  kind,
  value,
  is_there,
  first_there,
  is_in_cents,
  added_unit,
  added_fine_unit,
  below_unit,
  below_fine_unit,
  SUM(IF(is_there, 1, 0)) OVER w AS days_there,
  SUM(added_part) OVER w AS added,
  SUM(added_fine_part) OVER w AS added_fine,
  SUM(below_part) OVER w AS below,
  SUM(below_fine_part) OVER w AS below_fine,
  MAX(IF(is_there, date_key, NULL)) OVER w AS latest_day
FROM parts
WINDOW w AS (PARTITION BY kpi_id, entity_id ORDER BY date_key ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
