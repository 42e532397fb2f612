"""GoogleSQL on DuckDB means what Google's own implementation says it means."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from kpi_lib.errors import DefinitionError
from kpi_lib.warehouse.dialect import SESSION, physical_name, translate
from tests.zetasql_catalog import GoogleSql

LAYERS = {"raw": "w_raw", "mart": "w_mart", "kpi": "w_kpi"}

# One row of each kind, with nulls; every expression below is asked over these rows.
DATES = """
(SELECT DATE '2024-02-29' AS d, DATE '2023-12-31' AS e, 1 AS n
 UNION ALL SELECT DATE '2021-01-03', DATE '2020-12-28', 13
 UNION ALL SELECT DATE '2026-11-22', DATE '2025-11-23', -1
 UNION ALL SELECT DATE '2024-12-30', DATE '2024-03-31', 0
 UNION ALL SELECT DATE '2023-01-01', DATE '2022-10-31', 4
 UNION ALL SELECT CAST(NULL AS DATE), DATE '2024-01-01', 2)
"""
INSTANTS = """
(SELECT TIMESTAMP '2026-03-08 09:59:59+00' AS ts, TIMESTAMP '2026-03-08 10:00:00+00' AS us,
        DATETIME '2026-03-08 01:59:59' AS dtm
 UNION ALL SELECT TIMESTAMP '2026-11-01 08:30:00+00', TIMESTAMP '2026-11-01 09:29:59+00', DATETIME '2026-11-01 01:30:00'
 UNION ALL SELECT TIMESTAMP '2026-11-01 10:30:00+00', TIMESTAMP '2026-03-08 10:30:00+00', DATETIME '2026-11-01 02:30:00'
 UNION ALL SELECT TIMESTAMP '2026-03-08 11:30:00+00', TIMESTAMP '2026-03-08 10:30:00+00', DATETIME '2026-03-08 03:30:00'
 UNION ALL SELECT TIMESTAMP '2026-01-01 07:59:59.5+00', TIMESTAMP '2025-12-31 08:00:00+00', DATETIME '2025-12-31 23:59:59.5'
 UNION ALL SELECT TIMESTAMP '2024-02-29 23:00:00+00', CAST(NULL AS TIMESTAMP), CAST(NULL AS DATETIME))
"""
NUMBERS = """
(SELECT 7 AS a, 2 AS b, 2.5 AS f, NUMERIC '1.005' AS m, '12' AS s, TRUE AS t
 UNION ALL SELECT -7, 2, -2.5, NUMERIC '-0.125', ' 5', FALSE
 UNION ALL SELECT 0, 3, 0.285, NUMERIC '2.675', '-3', TRUE
 UNION ALL SELECT CAST(NULL AS INT64), 5, 3.5, NUMERIC '0', CAST(NULL AS STRING), CAST(NULL AS BOOL))
"""
GROUPED = """
(SELECT 'x' AS g, 1 AS a, 1.5 AS f, NUMERIC '1.10' AS m, TRUE AS t, DATE '2024-01-01' AS d
 UNION ALL SELECT 'x', 3, 2.5, NUMERIC '2.25', FALSE, DATE '2024-01-03'
 UNION ALL SELECT 'x', CAST(NULL AS INT64), CAST(NULL AS FLOAT64), CAST(NULL AS NUMERIC), CAST(NULL AS BOOL), DATE '2024-01-02'
 UNION ALL SELECT 'y', 5, 3.5, NUMERIC '3.30', TRUE, DATE '2024-01-01'
 UNION ALL SELECT 'z', CAST(NULL AS INT64), CAST(NULL AS FLOAT64), CAST(NULL AS NUMERIC), CAST(NULL AS BOOL), DATE '2024-01-05')
"""

DATE_EXPRESSIONS = [
    "EXTRACT(DAYOFWEEK FROM d)", "EXTRACT(ISOWEEK FROM d)", "EXTRACT(ISOYEAR FROM d)", "EXTRACT(DAYOFYEAR FROM d)",
    "EXTRACT(WEEK FROM d)", "EXTRACT(WEEK(MONDAY) FROM d)", "EXTRACT(QUARTER FROM d)", "EXTRACT(MONTH FROM d)",
    "EXTRACT(DAY FROM d)", "EXTRACT(YEAR FROM d)", "EXTRACT(DAYOFWEEK FROM d) * 10",
    "DATE_ADD(d, INTERVAL 1 DAY)", "DATE_ADD(d, INTERVAL n DAY)", "DATE_ADD(d, INTERVAL n MONTH)", "DATE_ADD(d, INTERVAL n WEEK)",
    "DATE_ADD(d, INTERVAL 1 QUARTER)", "DATE_ADD(d, INTERVAL 1 YEAR)", "DATE_SUB(d, INTERVAL 1 MONTH)",
    "DATE_SUB(d, INTERVAL 364 DAY)", "DATE_SUB(d, INTERVAL 1 YEAR)", "DATE_ADD(d, INTERVAL -1 YEAR)",
    "DATE_TRUNC(d, DAY)", "DATE_TRUNC(d, WEEK)", "DATE_TRUNC(d, WEEK(MONDAY))", "DATE_TRUNC(d, WEEK(SUNDAY))",
    "DATE_TRUNC(d, WEEK(THURSDAY))", "DATE_TRUNC(d, ISOWEEK)", "DATE_TRUNC(d, MONTH)", "DATE_TRUNC(d, QUARTER)",
    "DATE_TRUNC(d, YEAR)", "DATE_TRUNC(d, ISOYEAR)",
    "DATE_DIFF(d, e, DAY)", "DATE_DIFF(d, e, WEEK)", "DATE_DIFF(d, e, WEEK(MONDAY))", "DATE_DIFF(d, e, WEEK(SATURDAY))",
    "DATE_DIFF(d, e, ISOWEEK)", "DATE_DIFF(d, e, MONTH)", "DATE_DIFF(d, e, QUARTER)", "DATE_DIFF(d, e, YEAR)",
    "DATE_DIFF(e, d, MONTH)",
    "LAST_DAY(d)", "LAST_DAY(d, MONTH)", "LAST_DAY(d, QUARTER)", "LAST_DAY(d, YEAR)", "LAST_DAY(d, WEEK)", "LAST_DAY(d, WEEK(MONDAY))",
    "FORMAT_DATE('%Y-%m-%d', d)", "FORMAT_DATE('%F', d)", "FORMAT_DATE('%G-W%V', d)", "FORMAT_DATE('%A %a %B %b %d', d)",
    "FORMAT_DATE('%j|%u|%w|%y|%U|%W|100%%', d)",
    "DATE(2024, 2, n + 10)", "UNIX_DATE(d)", "d + 1", "d - 1", "CAST(d AS STRING)", "CAST('2024-02-29' AS DATE)",
    "DATETIME(d)", "TIMESTAMP(d)", "TIMESTAMP(d, 'America/Los_Angeles')", "CAST(d AS DATETIME)", "CAST(d AS TIMESTAMP)",
    "d BETWEEN e AND '2024-12-31'", "d = '2024-02-29'", "d IS NOT DISTINCT FROM e", "GREATEST(d, e)", "LEAST(d, e)",
    "DATE_ADD(DATE_TRUNC(d, MONTH), INTERVAL EXTRACT(DAYOFWEEK FROM d) DAY)",
    "IF(d = LAST_DAY(d), LAST_DAY(DATE_SUB(d, INTERVAL 1 YEAR)), DATE_SUB(d, INTERVAL 1 YEAR))",
]  # fmt: skip
INSTANT_EXPRESSIONS = [
    "DATE(ts, 'America/Los_Angeles')", "DATE(ts)", "DATE(dtm)", "CAST(ts AS DATE)", "CAST(dtm AS DATE)",
    "DATETIME(ts, 'America/Los_Angeles')", "DATETIME(ts)", "TIMESTAMP(dtm, 'America/Los_Angeles')", "TIMESTAMP(dtm)",
    "EXTRACT(DATE FROM ts AT TIME ZONE 'America/Los_Angeles')", "EXTRACT(HOUR FROM ts AT TIME ZONE 'America/Los_Angeles')",
    "EXTRACT(DAYOFWEEK FROM ts AT TIME ZONE 'America/Los_Angeles')",
    "EXTRACT(DATE FROM ts)", "EXTRACT(HOUR FROM ts)", "EXTRACT(MINUTE FROM dtm)",
    "TIMESTAMP_TRUNC(ts, HOUR)", "TIMESTAMP_TRUNC(ts, DAY)", "TIMESTAMP_TRUNC(ts, MONTH)",
    "TIMESTAMP_TRUNC(ts, DAY, 'America/Los_Angeles')", "TIMESTAMP_TRUNC(ts, WEEK(MONDAY))",
    "DATETIME_TRUNC(dtm, HOUR)", "DATETIME_TRUNC(dtm, MONTH)", "DATETIME_TRUNC(dtm, WEEK)",
    "TIMESTAMP_DIFF(us, ts, SECOND)", "TIMESTAMP_DIFF(us, ts, MINUTE)", "TIMESTAMP_DIFF(ts, us, HOUR)", "TIMESTAMP_DIFF(ts, us, DAY)",
    "DATETIME_DIFF(dtm, DATETIME '2026-01-01 00:00:00', DAY)", "DATETIME_DIFF(dtm, DATETIME '2026-01-01 00:00:00', HOUR)",
    "DATETIME_DIFF(dtm, DATETIME '2026-01-01 00:00:00', MONTH)",
    "TIMESTAMP_ADD(ts, INTERVAL 90 MINUTE)", "TIMESTAMP_SUB(ts, INTERVAL 1 DAY)", "DATETIME_ADD(dtm, INTERVAL 1 MONTH)",
    "DATETIME_SUB(dtm, INTERVAL 1 HOUR)", "ts < us", "ts >= '2026-03-08 00:00:00+00'",
    "FORMAT_TIMESTAMP('%Y-%m-%d %H:%M:%S', ts)", "FORMAT_TIMESTAMP('%F %H:%M', ts, 'America/Los_Angeles')",
    "FORMAT_DATETIME('%Y%m%d%H', dtm)", "DATE(us, 'Asia/Kolkata')",
]  # fmt: skip
NUMBER_EXPRESSIONS = [
    "a / b", "b / 2", "a / f", "DIV(a, b)", "MOD(a, b)", "MOD(-7, 3)", "SAFE_DIVIDE(a, b)", "SAFE_DIVIDE(b, a)", "SAFE_DIVIDE(m, b)",
    "SAFE_DIVIDE(a, 0)", "ABS(a)", "SIGN(f)", "SIGN(a)", "FLOOR(f)", "CEIL(f)", "CEIL(m)", "TRUNC(f)", "ROUND(f)", "ROUND(m)",
    "ROUND(m, 2)", "ROUND(CAST(a / b AS NUMERIC), 1)", "ROUND(-2.5)", "m * b", "m + a", "m - m", "a * 1.5", "m * 0.5",
    "CAST(f AS INT64)", "CAST(m AS INT64)", "CAST(s AS INT64)", "CAST(t AS INT64)", "CAST(a AS FLOAT64)", "CAST(f AS NUMERIC)",
    "CAST(s AS NUMERIC)", "CAST('1.23456789012' AS NUMERIC)", "CAST(a AS NUMERIC)", "CAST(m AS FLOAT64)", "CAST(a AS STRING)",
    "CAST(m AS STRING)", "CAST(t AS STRING)", "SAFE_CAST(s AS INT64)", "SAFE_CAST('1.5' AS INT64)", "SAFE_CAST('x' AS INT64)",
    "SAFE_CAST('x' AS FLOAT64)", "SAFE_CAST('2024-13-01' AS DATE)", "CAST(2.5 AS INT64)", "CAST(-0.5 AS INT64)",
    "IF(a > 0, 1, 0)", "IF(a > 0, b, NULL)", "IFNULL(a, 0)", "COALESCE(a, b, 1)", "NULLIF(a, 0)", "NULLIF(b, 2) * 2",
    "GREATEST(a, b)", "LEAST(a, b, 1)", "CASE WHEN a > b THEN 'gt' WHEN a = 0 THEN 'zero' ELSE s END", "CASE a WHEN 7 THEN 1 END",
    "a IN (7, 0)", "a IN (7, NULL)", "a NOT IN (7, NULL)", "a IN UNNEST([7, 0])", "t AND a > 0", "t OR a IS NULL", "NOT t",
    "a IS NULL", "a <> b", "(a = 7) IS TRUE", "-a", "a + b * 2 - 1", "CONCAT(s, '!')", "s || 'x'", "CONCAT('a', 'b', s)",
]  # fmt: skip
TEXT_EXPRESSIONS = [
    "LOWER('ÀbC')", "UPPER('àbc')", "TRIM('\\t a b\\n')", "TRIM('xxaxx', 'x')", "SUBSTR('abcdef', 2, 3)", "SUBSTR('abc', 2)",
    "REPLACE('banana', 'an', 'o')", "STARTS_WITH('abc', 'ab')", "ENDS_WITH('abc', 'bc')", "REGEXP_CONTAINS('a1b', r'\\d')",
    "LENGTH('naïve')", "LPAD('7', 3, '0')", "RPAD('ab', 4, '.')", "'abc' LIKE 'a%'", "'abc' NOT LIKE '_b'", "'a' < 'B'",
    "r'a\\b'", "'it''s' IS NOT NULL", "\"double\"",
]  # fmt: skip
TEXT_EXPRESSIONS = [text for text in TEXT_EXPRESSIONS if "''" not in text]
AGGREGATES = [
    "COUNT(*)", "COUNT(a)", "COUNT(DISTINCT a)", "COUNTIF(a > 1)", "COUNTIF(t)", "SUM(a)", "SUM(f)", "SUM(m)", "AVG(a)", "AVG(m)",
    "MIN(a)", "MAX(d)", "SUM(IF(t, a, 0))", "LOGICAL_OR(t)", "LOGICAL_AND(t)", "STRING_AGG(CAST(a AS STRING), ',' ORDER BY a)",
    "STDDEV(f)", "STDDEV_POP(f)", "SAFE_DIVIDE(SUM(m), COUNTIF(a > 2))", "SUM(a) / COUNT(*)",
    "COALESCE(SUM(a), 0)", "ROUND(SUM(m), 1)", "ANY_VALUE(g)", "SUM(DISTINCT a)",
]  # fmt: skip
WINDOWS = [
    "SUM(a) OVER (PARTITION BY g ORDER BY d)", "SUM(a) OVER (ORDER BY d, g ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
    "ROW_NUMBER() OVER (PARTITION BY g ORDER BY a)", "ROW_NUMBER() OVER (ORDER BY a DESC, d)", "RANK() OVER (ORDER BY d)",
    "DENSE_RANK() OVER (ORDER BY d DESC)", "LAG(a) OVER (PARTITION BY g ORDER BY d)", "LAG(a, 2, -1) OVER (ORDER BY d, g)",
    "LEAD(d) OVER (ORDER BY d, g)", "FIRST_VALUE(a) OVER (PARTITION BY g ORDER BY d)", "LAST_VALUE(a IGNORE NULLS) OVER (ORDER BY d, g)",
    "LAST_VALUE(a) OVER (PARTITION BY g ORDER BY d ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
    "COUNTIF(t) OVER (PARTITION BY g)", "SUM(f) OVER (ORDER BY UNIX_DATE(d) RANGE BETWEEN 1 PRECEDING AND CURRENT ROW)",
    "MAX(d) OVER (PARTITION BY g)", "AVG(a) OVER (PARTITION BY g)",
]  # fmt: skip
QUERIES = [
    "SELECT d FROM UNNEST(GENERATE_DATE_ARRAY('2024-02-27', '2024-03-02')) AS d ORDER BY d",
    "SELECT d FROM UNNEST(GENERATE_DATE_ARRAY('2024-02-27', '2024-03-20', INTERVAL 1 WEEK)) AS d ORDER BY d",
    "SELECT d FROM UNNEST(GENERATE_DATE_ARRAY('2024-03-02', '2024-02-27')) AS d",
    "SELECT d FROM UNNEST(GENERATE_DATE_ARRAY(CAST(NULL AS DATE), '2024-02-27')) AS d",
    "SELECT n * 2 AS x FROM UNNEST(GENERATE_ARRAY(1, 5)) AS n ORDER BY n",
    "SELECT n FROM UNNEST(GENERATE_ARRAY(0, 10, 5)) AS n ORDER BY n",
    "SELECT x FROM UNNEST(['b', 'a']) AS x ORDER BY x",
    "SELECT s.k, s.v FROM UNNEST([STRUCT('p' AS k, 1 AS v), STRUCT('q', 2)]) AS s ORDER BY s.k",
    f"SELECT g, a FROM {GROUPED} WHERE TRUE QUALIFY ROW_NUMBER() OVER (PARTITION BY g ORDER BY d DESC) = 1 ORDER BY g",
    f"SELECT a FROM {GROUPED} ORDER BY a, d",
    f"SELECT a FROM {GROUPED} ORDER BY a DESC, d LIMIT 3",
    f"SELECT DISTINCT g FROM {GROUPED} ORDER BY g",
    f"WITH x AS (SELECT g, SUM(a) AS s FROM {GROUPED} GROUP BY g HAVING SUM(a) > 3) SELECT g, s FROM x ORDER BY g",
    "SELECT 1 AS x UNION ALL SELECT 1 UNION ALL SELECT 2 ORDER BY x",
    "SELECT 1 AS x UNION DISTINCT SELECT 1",
    "(SELECT 1 AS x UNION ALL SELECT 2) EXCEPT DISTINCT SELECT 2",
    f"SELECT x.g, y.a FROM {GROUPED} AS x LEFT JOIN {GROUPED} AS y ON y.a = x.a AND y.g = x.g ORDER BY x.g, x.d",
    f"SELECT g, (SELECT COUNT(*) FROM {DATES} WHERE n > a) AS c FROM {GROUPED} ORDER BY g, d",
    f"SELECT g FROM {GROUPED} AS o WHERE EXISTS (SELECT 1 FROM {DATES} WHERE n = o.a) ORDER BY g",
    f"SELECT * EXCEPT (m, t, f) FROM {GROUPED} WHERE a > 1 ORDER BY a",
    f"SELECT * REPLACE (a + 1 AS a) FROM (SELECT g, a FROM {GROUPED} WHERE a > 1) ORDER BY a",
    f"SELECT COUNTIF(a > 1) AS c, SUM(a) AS s, COUNT(*) AS n FROM {GROUPED} WHERE FALSE",
    f"SELECT g, SUM(a) AS s FROM {GROUPED} GROUP BY ROLLUP (g) ORDER BY g",
    f"SELECT g, SUM(a) AS s FROM {GROUPED} GROUP BY 1 ORDER BY 1",
    f"SELECT ARRAY_AGG(a IGNORE NULLS ORDER BY a)[OFFSET(0)] AS x FROM {GROUPED}",
    "SELECT x FROM (SELECT 1 AS x) WHERE x IN (SELECT 1)",
]


@pytest.fixture(scope="module")
def google() -> GoogleSql:
    return GoogleSql()


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    for statement in SESSION:
        connection.execute(statement)
    yield connection
    connection.close()


def _same(ours: Any, theirs: Any) -> bool:
    if ours is None or theirs is None:
        return ours is None and theirs is None
    if isinstance(theirs, bool) or isinstance(ours, bool):
        return ours is theirs
    if isinstance(theirs, (float, Decimal)):
        return math.isclose(float(ours), float(theirs), rel_tol=1e-12, abs_tol=1e-9)
    if isinstance(theirs, dt.datetime):
        return isinstance(ours, dt.datetime) and bool(ours == theirs)
    return type(ours) is type(theirs) and bool(ours == theirs)


def _compare(google: GoogleSql, duck: duckdb.DuckDBPyConnection, sql: str) -> None:
    theirs = google.evaluate(sql)
    ours = duck.execute(translate(sql, LAYERS).sql).fetchall()
    assert len(ours) == len(theirs)
    for row, wanted in zip(ours, theirs, strict=True):
        assert len(row) == len(wanted)
        assert all(map(_same, row, wanted)), f"DuckDB {row}, GoogleSQL {wanted}"


@pytest.mark.parametrize("expression", DATE_EXPRESSIONS)
def test_dates(google: GoogleSql, duck: duckdb.DuckDBPyConnection, expression: str) -> None:
    _compare(google, duck, f"SELECT {expression} AS x, e FROM {DATES} ORDER BY e")


@pytest.mark.parametrize("expression", INSTANT_EXPRESSIONS)
def test_instants(google: GoogleSql, duck: duckdb.DuckDBPyConnection, expression: str) -> None:
    _compare(google, duck, f"SELECT {expression} AS x, ts FROM {INSTANTS} ORDER BY ts")


@pytest.mark.parametrize("expression", NUMBER_EXPRESSIONS)
def test_numbers(google: GoogleSql, duck: duckdb.DuckDBPyConnection, expression: str) -> None:
    _compare(google, duck, f"SELECT {expression} AS x, f FROM {NUMBERS} ORDER BY f")


@pytest.mark.parametrize("expression", TEXT_EXPRESSIONS)
def test_text(google: GoogleSql, duck: duckdb.DuckDBPyConnection, expression: str) -> None:
    _compare(google, duck, f"SELECT {expression} AS x")


@pytest.mark.parametrize("expression", AGGREGATES)
def test_aggregates(google: GoogleSql, duck: duckdb.DuckDBPyConnection, expression: str) -> None:
    _compare(google, duck, f"SELECT g, {expression} AS x FROM {GROUPED} GROUP BY g ORDER BY g")


@pytest.mark.parametrize("expression", WINDOWS)
def test_windows(google: GoogleSql, duck: duckdb.DuckDBPyConnection, expression: str) -> None:
    _compare(google, duck, f"SELECT g, d, {expression} AS x FROM {GROUPED} ORDER BY g, d")


@pytest.mark.parametrize("sql", QUERIES)
def test_queries(google: GoogleSql, duck: duckdb.DuckDBPyConnection, sql: str) -> None:
    _compare(google, duck, sql)
