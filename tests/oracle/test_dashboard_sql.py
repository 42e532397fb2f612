"""The dashboard as SQL: its numbers are written as Python writes them, by Google's own implementation too."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_lib.warehouse import DuckDBWarehouse
from kpi_lib.warehouse.dashboard import number_sql
from tests.zetasql_catalog import GoogleSql

#: Ties and near ties, signs, powers of ten, the smallest that are written with an exponent.
NUMBERS = (
    0.0, -0.0, 0.5, 1.5, 2.5, -0.5, 0.125, 0.375, 2.675, 1.005, 1e-7, 4.9e-7, 5e-7, 5.1e-7, 1e-6, -1e-6,
    1.2e-5, -1.25e-5, 5e-5, 9.99995e-5, 1e-4, 0.00010049, 99.995, 1e9, 123456789.125, 999999999.5,
    -12345.6785, 3.0, 10.0, 100.0,
)  # fmt: skip


def written(value: float, decimals: int) -> str:
    """Return a number as the payload has it."""
    return repr(round(value, decimals) + 0.0)


def text_sql(numbers: str) -> str:
    fixed = f"SELECT place, FORMAT('%.*f', decimals, CAST(x AS FLOAT64)) AS fixed FROM {numbers}"
    return f"SELECT place, {number_sql('fixed')} AS text FROM ({fixed}) ORDER BY place"


def in_duckdb(pairs: list[tuple[float, int]]) -> list[str]:
    frame = pd.DataFrame(pairs, columns=["x", "decimals"])
    with DuckDBWarehouse.open(":memory:", {"mart": "mart"}) as warehouse:
        warehouse.replace("mart.numbers", frame.assign(place=range(len(frame))))
        return warehouse.query(text_sql("mart.numbers"))["text"].tolist()


EVERY = [(value, decimals) for value in NUMBERS for decimals in range(7)]


def test_numbers_are_written_as_python_writes_them() -> None:
    assert in_duckdb(EVERY) == [written(*pair) for pair in EVERY]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(-1e8, 1e8)
            | st.integers(-(10**9), 10**9).map(lambda n: n / 2**7)
            | st.floats(-1e-3, 1e-3),
            st.integers(0, 6),
        ),
        min_size=1,
        max_size=200,
    )
)
def test_any_number_is_written_as_python_writes_it(pairs: list[tuple[float, int]]) -> None:
    assert in_duckdb(pairs) == [written(*pair) for pair in pairs]


@pytest.mark.googlesql
def test_google_writes_them_so_too() -> None:
    rows = " UNION ALL ".join(
        f"SELECT {place} AS place, {decimals} AS decimals, CAST('{value!r}' AS FLOAT64) AS x"
        for place, (value, decimals) in enumerate(EVERY)
    )
    found = GoogleSql().evaluate(text_sql(f"({rows})"))
    assert [row[1] for row in found] == [written(*pair) for pair in EVERY]


def test_beyond_fifteen_digits_it_is_the_same_number() -> None:
    large = [(1e15 / 3, 2), (1.2345678901234567e16, 2), (1e22, 0), (-9.87654321012345e17, 6)]
    assert [float(text) for text in in_duckdb(large)] == [round(*pair) for pair in large]
