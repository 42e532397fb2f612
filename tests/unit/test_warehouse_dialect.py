"""GoogleSQL on DuckDB means what Google's own implementation says it means."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot

from kpi_lib.errors import DefinitionError
from kpi_lib.warehouse.dialect import SESSION, physical_name, translate
from kpi_lib.warehouse.mends import CHECKED
from tests.zetasql_catalog import GoogleSql

LAYERS = {"raw": "w_raw", "mart": "w_mart", "kpi": "w_kpi"}


def _rows(columns: str, *rows: str) -> str:
    names = columns.split()
    first = ", ".join(f"{value} AS {name}" for value, name in zip(rows[0].split(" | "), names, strict=True))
    rest = "".join(f" UNION ALL SELECT {row.replace(' | ', ', ')}" for row in rows[1:])
    return f"(SELECT {first}{rest})"


DATES = _rows(
    "d e n",
    "DATE '2024-02-29' | DATE '2023-12-31' | 1",
    "DATE '2021-01-03' | DATE '2020-12-28' | 13",
    "DATE '2026-11-22' | DATE '2025-11-23' | -1",
    "DATE '2024-12-30' | DATE '2024-03-31' | 0",
    "DATE '2023-01-01' | DATE '2022-10-31' | 4",
    "CAST(NULL AS DATE) | DATE '2024-01-01' | 2",
)
# Both clock changes in Los Angeles, the end of a local year, a leap day.
INSTANTS = _rows(
    "ts us dtm",
    "TIMESTAMP '2026-03-08 09:59:59+00' | "
    "TIMESTAMP '2026-03-08 10:00:00+00' | DATETIME '2026-03-08 01:59:59'",
    "TIMESTAMP '2026-11-01 08:30:00+00' | "
    "TIMESTAMP '2026-11-01 09:29:59+00' | DATETIME '2026-11-01 01:30:00'",
    "TIMESTAMP '2026-11-01 10:30:00+00' | "
    "TIMESTAMP '2026-03-08 10:30:00+00' | DATETIME '2026-11-01 02:30:00'",
    "TIMESTAMP '2026-03-08 11:30:00+00' | "
    "TIMESTAMP '2026-03-08 10:30:00+00' | DATETIME '2026-03-08 03:30:00'",
    "TIMESTAMP '2026-01-01 07:59:59.5+00' | "
    "TIMESTAMP '2025-12-31 08:00:00+00' | DATETIME '2025-12-31 23:59:59.5'",
    "TIMESTAMP '2024-02-29 23:00:00+00' | CAST(NULL AS TIMESTAMP) | CAST(NULL AS DATETIME)",
)
NUMBERS = _rows(
    "a b f m s t",
    "7 | 2 | 2.5 | NUMERIC '1.005' | '12' | TRUE",
    "-7 | 2 | -2.5 | NUMERIC '-0.125' | ' 5' | FALSE",
    "0 | 3 | 0.285 | NUMERIC '2.675' | '-3' | TRUE",
    "CAST(NULL AS INT64) | 5 | 3.5 | NUMERIC '0' | CAST(NULL AS STRING) | CAST(NULL AS BOOL)",
)
_NULLS = "CAST(NULL AS INT64) | CAST(NULL AS FLOAT64) | CAST(NULL AS NUMERIC) | CAST(NULL AS BOOL)"
GROUPED = _rows(
    "g a f m t d",
    "'x' | 1 | 1.5 | NUMERIC '1.10' | TRUE | DATE '2024-01-01'",
    "'x' | 3 | 2.5 | NUMERIC '2.25' | FALSE | DATE '2024-01-03'",
    f"'x' | {_NULLS} | DATE '2024-01-02'",
    "'y' | 5 | 3.5 | NUMERIC '3.30' | TRUE | DATE '2024-01-01'",
    f"'z' | {_NULLS} | DATE '2024-01-05'",
)
TEXTS = {
    "dates": f"SELECT e, {{}} FROM {DATES} ORDER BY e",
    "instants": f"SELECT ts, {{}} FROM {INSTANTS} ORDER BY ts",
    "numbers": f"SELECT f, {{}} FROM {NUMBERS} ORDER BY f",
    "text": "SELECT 1 AS one, {}",
    "aggregates": f"SELECT g, {{}} FROM {GROUPED} GROUP BY g ORDER BY g",
    "windows": f"SELECT g, d, {{}} FROM {GROUPED} ORDER BY g, d",
}


def _cases() -> dict[str, list[str]]:
    cases: dict[str, list[str]] = {}
    lines = (Path(__file__).parent / "googlesql_cases.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line.startswith("[") and line.endswith("]"):
            section = cases.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            section.append(line)
    return cases


CASES = _cases()
EXPRESSIONS = [(section, number) for section in TEXTS for number in range(len(CASES[section]))]
QUERIES = [query.replace("{grouped}", GROUPED).replace("{dates}", DATES) for query in CASES["queries"]]


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    for statement in SESSION:
        connection.execute(statement)
    yield connection
    connection.close()


@cache
def _google(sql: str) -> list[tuple[Any, ...]]:
    return GoogleSql().evaluate(sql)


def _same(ours: Any, theirs: Any) -> bool:
    if ours is None or theirs is None:
        return ours is None and theirs is None
    if isinstance(theirs, bool) or isinstance(ours, bool):
        return ours is theirs
    if isinstance(theirs, (float, Decimal)):
        return math.isclose(float(ours), float(theirs), rel_tol=1e-12, abs_tol=1e-9)
    return type(ours) is type(theirs) and bool(ours == theirs)


@pytest.mark.googlesql
@pytest.mark.parametrize(
    ("section", "number"), EXPRESSIONS, ids=[CASES[section][number] for section, number in EXPRESSIONS]
)
def test_an_expression_means_the_same(duck: duckdb.DuckDBPyConnection, section: str, number: int) -> None:
    # Google's side is asked once a section, for all of its expressions together.
    every = ", ".join(f"{text} AS x{index}" for index, text in enumerate(CASES[section]))
    query = TEXTS[section].format(every)
    offset = query[: query.index(" AS x0")].count(",") - CASES[section][0].count(",")
    theirs = [row[offset + number] for row in _google(query)]
    one = translate(TEXTS[section].format(f"{CASES[section][number]} AS x"), LAYERS)
    ours = [row[-1] for row in duck.execute(one.sql).fetchall()]
    assert len(ours) == len(theirs)
    assert all(map(_same, ours, theirs)), f"DuckDB {ours}, GoogleSQL {theirs}: {one.sql}"


@pytest.mark.googlesql
@pytest.mark.parametrize("sql", QUERIES, ids=CASES["queries"])
def test_a_query_means_the_same(duck: duckdb.DuckDBPyConnection, sql: str) -> None:
    theirs = _google(sql)
    ours = duck.execute(translate(sql, LAYERS).sql).fetchall()
    assert len(ours) == len(theirs)
    for row, wanted in zip(ours, theirs, strict=True):
        assert all(map(_same, row, wanted)), f"DuckDB {row}, GoogleSQL {wanted}"


def test_every_function_that_passes_has_been_compared() -> None:
    seen: set[type] = set()
    queries = [*QUERIES, *(f"SELECT {text}" for section in TEXTS for text in CASES[section])]
    for query in queries:
        seen |= {type(node) for node in sqlglot.parse_one(query, dialect="bigquery").walk()}
    assert {kind.__name__ for kind in CHECKED - seen} == set()


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT CURRENT_DATE() AS d", "reads the clock"),
        ("SELECT MD5('a') AS x", "MD5"),
        ("SELECT FOO(1) AS x", "FOO"),
        ("SELECT SAFE.SUBSTR('a', 1) AS x", "SAFE"),
        ("SELECT APPROX_COUNT_DISTINCT(a) AS x FROM raw.t", "APPROX"),
        ("SELECT * FROM raw.t PIVOT(SUM(a) FOR b IN ('x'))", "PIVOT"),
        ("SELECT a FROM raw.t TABLESAMPLE SYSTEM (10 PERCENT)", "not supported"),
        ("SELECT AS STRUCT 1 AS a", "struct"),
        ("SELECT raw.t.a FROM raw.t", "alias"),
        ("SELECT EXTRACT(WEEK(FRIDAY) FROM d) AS x FROM raw.t", "FRIDAY"),
        ("SELECT EXTRACT(MILLISECOND FROM d) AS x FROM raw.t", "MILLISECOND"),
        ("SELECT LAST_DAY(d, ISOYEAR) AS x FROM raw.t", "ISOYEAR"),
        ("SELECT FORMAT_DATE('%Q', d) AS x FROM raw.t", "format"),
        ("SELECT FORMAT_DATE(f, d) AS x FROM raw.t", "format"),
        ("SELECT d FROM UNNEST(GENERATE_DATE_ARRAY(@a, @b, INTERVAL 1 MONTH)) AS d", "months"),
        ("SELECT x FROM UNNEST([1]) AS x WITH OFFSET AS o", "OFFSET"),
        ("SELECT ROUND(a / b, 2) AS x FROM raw.t", "quotient"),
        ("SELECT ROUND(SAFE_DIVIDE(a, b) * 100, 2) AS x FROM raw.t", "quotient"),
        ("SELECT ROUND(AVG(a), 2) AS x FROM raw.t", "quotient"),
        ("SELECT FORMAT('%d', a) AS x FROM raw.t", "FLOAT64"),
        ("SELECT FORMAT('%.2f', m) AS x FROM raw.t", "FLOAT64"),
        ("SELECT FORMAT('%t', CAST(m AS FLOAT64)) AS x FROM raw.t", "FLOAT64"),
        ("SELECT FORMAT('x') AS x FROM raw.t", "FLOAT64"),
        ("SELECT CAST(a AS BYTES) AS x FROM raw.t", "BYTES"),
        ("SELECT CAST(a AS STRING FORMAT 'x') AS x FROM raw.t", "FORMAT"),
        ("SELECT SUBSTR(s, -1) AS x FROM raw.t", "position"),
        ("SELECT s LIKE p AS x FROM raw.t", "pattern"),
        ("SELECT ARRAY_AGG(a LIMIT 1) AS x FROM raw.t", "counterpart"),
        ("SELECT a FROM t", "no layer"),
        ("SELECT a FROM marts.t", "Did you mean 'mart'"),
        ("SELECT a FROM project.raw.t", "project"),
        ("SELECT a FROM read_csv('x')", "table function"),
        ("SELECT a FROM raw.t WHERE", "not valid GoogleSQL"),
        ("SELECT 'a", "not valid GoogleSQL"),
        ("", "One SELECT"),
        ("SELECT 1; SELECT 2", "One SELECT"),
        ("DELETE FROM raw.t WHERE TRUE", "One SELECT"),
        ("DROP TABLE raw.t", "One SELECT"),
    ],
)
def test_what_is_not_known_to_agree_is_refused(sql: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        translate(sql, LAYERS)


@pytest.mark.googlesql
@pytest.mark.parametrize(
    "expression", ["1 / 0", "CAST('1.5' AS INT64)", "CAST('yes' AS BOOL)", "CAST(1e0 AS STRING)", "MOD(1, 0)"]
)
def test_what_googlesql_calls_an_error_is_one(duck: duckdb.DuckDBPyConnection, expression: str) -> None:
    with pytest.raises(duckdb.Error):
        duck.execute(translate(f"SELECT {expression} AS x", LAYERS).sql).fetchall()


def test_layers_become_schemas_and_with_names_stay() -> None:
    query = translate(
        "WITH stg_order AS (SELECT * FROM raw.stg_order)\n"
        "SELECT stg_order.a, 'raw.t' AS raw FROM stg_order JOIN `mart.x` AS x USING (a) WHERE a <= @as_of",
        LAYERS,
    )
    assert 'FROM "w_raw"."stg_order"' in query.sql
    assert 'JOIN "w_mart"."x"' in query.sql
    assert "FROM stg_order " in query.sql
    assert "'raw.t'" in query.sql
    assert "$as_of" in query.sql
    assert query.tables == ("mart.x", "raw.stg_order")
    assert query.parameters == {"as_of"}


def test_a_translation_is_kept() -> None:
    assert translate("SELECT 1 AS x", LAYERS) is translate("SELECT 1 AS x", dict(LAYERS))


def test_parameters_are_chosen_and_asked_for() -> None:
    query = translate("SELECT @as_of AS d", LAYERS)
    assert query.bind({"as_of": dt.datetime(2024, 1, 2), "other": 1}) == {"as_of": dt.date(2024, 1, 2)}  # noqa: DTZ001
    with pytest.raises(DefinitionError, match="@as_of has no value"):
        query.bind({"other": 1})


def test_physical_names_are_quoted() -> None:
    assert physical_name("raw.stg_order", LAYERS) == '"w_raw"."stg_order"'
    assert physical_name('raw.a"b', LAYERS) == '"w_raw"."a""b"'
    with pytest.raises(DefinitionError, match="no table name"):
        physical_name("stg_order", LAYERS)
