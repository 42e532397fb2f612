"""The embedded warehouse: tables in and out, and what it says when something is wrong."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from kpi_lib.errors import DataError, DefinitionError, FrameError, KpiError, WarehouseError
from kpi_lib.warehouse import DuckDBWarehouse
from kpi_lib.warehouse.failures import explain

LAYERS = {"raw": "w_raw", "mart": "w_mart", "kpi": "w_kpi", "ops": "w_ops"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


@pytest.fixture
def warehouse(file: Path) -> Iterator[DuckDBWarehouse]:
    with DuckDBWarehouse.open(file, LAYERS) as opened:
        yield opened


def _facts(days: int = 3, value: float = 1.5) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "date_key": pd.date_range("2024-02-28", periods=days),
            "kpi_id": 1,
            "entity_id": 0,
            "value": value,
            "numerator": np.nan,
            "denominator": np.nan,
        }
    )


def test_a_frame_comes_back_as_it_went_in(warehouse: DuckDBWarehouse) -> None:
    frame = pd.DataFrame(
        {
            "day": pd.date_range("2024-02-28", periods=3),
            "local": pd.to_datetime(["2024-01-01 10:00:00.5", "2024-01-01 11:30:01.5", None]),
            "instant": pd.to_datetime(["2024-03-10T09:59:59Z", None, "2024-03-10T10:00:00Z"]),
            "id": [1, 2**60, -3],
            "number": [1.5, np.nan, 2.0],
            "text": pd.Series(["a", None, "ü"], dtype="str"),
            "flag": [True, False, True],
            "empty": pd.Series([None, None, None], dtype=object),
        }
    )
    assert warehouse.replace("mart.t", frame) == 3
    assert warehouse.columns("mart.t") == {
        "day": "DATE",
        "local": "DATETIME",
        "instant": "TIMESTAMP",
        "id": "INT64",
        "number": "FLOAT64",
        "text": "STRING",
        "flag": "BOOL",
        "empty": "STRING",
    }
    back = warehouse.query("SELECT * FROM mart.t")
    pd.testing.assert_frame_equal(back, frame.astype({"empty": "str"}), check_dtype=False)
    assert [str(kind) for kind in back.dtypes] == [
        *("datetime64[us]", "datetime64[us]", "datetime64[us, UTC]", "int64", "float64", "str", "bool", "str")
    ]
    assert back["text"].isna().tolist() == [False, True, False]


def test_a_missing_whole_number_makes_the_column_float(warehouse: DuckDBWarehouse) -> None:
    warehouse.replace("mart.t", pd.DataFrame({"n": pd.array([1, None], dtype="Int64")}))
    assert warehouse.columns("mart.t") == {"n": "INT64"}
    assert warehouse.query("SELECT n FROM mart.t ORDER BY n")["n"].dtype == np.float64


def test_library_tables_keep_their_types_when_a_column_is_all_null(warehouse: DuckDBWarehouse) -> None:
    frame = _facts().assign(value=None, numerator=pd.Series([None] * 3, dtype=object))
    warehouse.replace("kpi.fact_kpi_daily", frame)
    types = warehouse.columns("kpi.fact_kpi_daily")
    assert types["value"] == types["numerator"] == "FLOAT64"
    dashboard = pd.DataFrame(
        {"as_of_date": [pd.NaT], "mtd_value": [None], "mtd_prior_reason": [None], "mtd_missing_days": [2.0]}
    )
    warehouse.replace("kpi.agg_kpi_dashboard", dashboard)
    assert warehouse.columns("kpi.agg_kpi_dashboard") == {
        "as_of_date": "DATE",
        "mtd_value": "FLOAT64",
        "mtd_prior_reason": "STRING",
        "mtd_missing_days": "INT64",
    }


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame({"a": [1.0, np.inf]}), "infinite"),
        (pd.DataFrame({"a": [1, "x"]}, dtype=object), "common type"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "twice"),
        (_facts().assign(kpi_id=1.5), "do not fit INT64"),
        (_facts().assign(date_key=pd.Timestamp("2024-01-01 10:00")), "time of day"),
    ],
)
def test_a_frame_that_does_not_fit_is_refused(
    warehouse: DuckDBWarehouse, frame: pd.DataFrame, said: str
) -> None:
    with pytest.raises(FrameError, match=said):
        warehouse.replace("kpi.fact_kpi_daily", frame)
    assert not warehouse.exists("kpi.fact_kpi_daily")


def test_build_gives_googlesql_types(warehouse: DuckDBWarehouse) -> None:
    warehouse.replace("kpi.fact_kpi_daily", _facts())
    rows = warehouse.build(
        "mart.t",
        "SELECT date_key, SUM(kpi_id) AS s, COUNTIF(value > 1) AS c, NULL AS nothing, 0.5 AS half,\n"
        "  SUM(CAST(value AS NUMERIC)) AS money, MAX(value) AS top, 'x' AS text, TRUE AS flag,\n"
        "  DATE_ADD(date_key, INTERVAL 1 DAY) AS tomorrow, TIMESTAMP(date_key) AS instant\n"
        "FROM kpi.fact_kpi_daily WHERE date_key <= @as_of GROUP BY date_key",
        {"as_of": dt.date(2024, 2, 29), "time_zone": "unused"},
    )
    assert rows == 2
    assert warehouse.columns("mart.t") == {
        "date_key": "DATE",
        "s": "INT64",
        "c": "INT64",
        "nothing": "INT64",
        "half": "FLOAT64",
        "money": "NUMERIC",
        "top": "FLOAT64",
        "text": "STRING",
        "flag": "BOOL",
        "tomorrow": "DATE",
        "instant": "TIMESTAMP",
    }


def test_build_replaces_and_may_read_the_old_table(warehouse: DuckDBWarehouse) -> None:
    warehouse.build("mart.t", "SELECT 1 AS n")
    assert warehouse.build("mart.t", "SELECT n + 1 AS n FROM mart.t UNION ALL SELECT 7") == 2
    assert sorted(warehouse.query("SELECT n FROM mart.t")["n"]) == [2, 7]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT 1 AS a, 2 AS A", "twice"),
        ("SELECT [1, 2] AS a", "plain values"),
        ("SELECT STRUCT(1 AS x) AS a", "plain values"),
    ],
)
def test_build_refuses_what_no_table_can_hold(warehouse: DuckDBWarehouse, sql: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        warehouse.build("mart.t", sql)


def test_a_failed_build_leaves_the_old_table(warehouse: DuckDBWarehouse) -> None:
    warehouse.build("mart.t", "SELECT 1 AS n")
    with pytest.raises(DataError, match="Division by zero"):
        warehouse.build("mart.t", "SELECT n / (n - 1) AS n FROM mart.t")
    assert warehouse.query("SELECT n FROM mart.t")["n"].tolist() == [1]


def test_replace_days_replaces_only_the_days_of_the_frame(warehouse: DuckDBWarehouse) -> None:
    assert warehouse.replace_days("kpi.fact_kpi_daily", _facts(), "date_key") == 3
    late = pd.concat([_facts(1, value=9.0), _facts(1, value=8.0).assign(kpi_id=2)])
    for _ in range(2):
        assert warehouse.replace_days("kpi.fact_kpi_daily", late, "date_key") == 2
    held = warehouse.query("SELECT * FROM kpi.fact_kpi_daily ORDER BY date_key, kpi_id")
    assert held["value"].tolist() == [9.0, 8.0, 1.5, 1.5]


def test_replace_days_takes_columns_in_any_order(warehouse: DuckDBWarehouse) -> None:
    warehouse.replace("kpi.fact_kpi_daily", _facts())
    turned = _facts(1, value=4.0)[list(reversed(_facts().columns))]
    warehouse.replace_days("kpi.fact_kpi_daily", turned, "date_key")
    assert warehouse.query("SELECT value FROM kpi.fact_kpi_daily ORDER BY date_key")["value"].tolist() == [
        *(4.0, 1.5, 1.5)
    ]


def test_replace_days_refuses_other_columns(warehouse: DuckDBWarehouse) -> None:
    warehouse.replace("kpi.fact_kpi_daily", _facts())
    with pytest.raises(FrameError, match="extra"):
        warehouse.replace_days("kpi.fact_kpi_daily", _facts().assign(extra=1), "date_key")
    assert warehouse.row_count("kpi.fact_kpi_daily") == 3


def test_what_is_there_can_be_asked(warehouse: DuckDBWarehouse) -> None:
    assert warehouse.tables() == ()
    warehouse.build("mart.b", "SELECT 1 AS n")
    warehouse.build("kpi.a", "SELECT 1 AS n")
    assert warehouse.tables() == ("kpi.a", "mart.b")
    assert warehouse.exists("mart.b")
    assert not warehouse.exists("mart.a")
    with pytest.raises(WarehouseError, match=r"'mart.a' does not exist[\s\S]*Did you mean 'mart.b'"):
        warehouse.columns("mart.a")
    with pytest.raises(DefinitionError, match="no layer 'marts'"):
        warehouse.exists("marts.b")


def test_dates_pass_as_dates(warehouse: DuckDBWarehouse) -> None:
    asked = warehouse.query("SELECT DATE_ADD(@day, INTERVAL 1 DAY) AS d", {"day": pd.Timestamp("2024-02-28")})
    assert asked["d"].tolist() == [pd.Timestamp("2024-02-29")]


def test_numeric_is_exact_to_nine_places(warehouse: DuckDBWarehouse) -> None:
    frame = pd.DataFrame({"n": [Decimal("0.1")] * 3})
    warehouse.replace("mart.t", frame)
    assert warehouse.columns("mart.t") == {"n": "NUMERIC"}
    assert warehouse.query("SELECT SUM(n) = NUMERIC '0.3' AS same FROM mart.t")["same"].tolist() == [True]


@pytest.mark.parametrize(
    ("sql", "error", "said"),
    [
        ("SELECT * FROM mart.nothing", WarehouseError, "'mart.nothing' does not exist"),
        ("SELECT nothing FROM mart.t", DefinitionError, "nothing"),
        ("SELECT CAST(text AS INT64) FROM mart.t", DataError, "no BIGINT: abc"),
        ("SELECT 1 / 0 AS x", DataError, "Division by zero"),
        ("SELECT DATE '2024-02-31' AS x", DataError, "2024-02-31"),
        ("SELECT @missing AS x", DefinitionError, "@missing"),
    ],
)
def test_a_wrong_query_says_what_is_wrong(
    warehouse: DuckDBWarehouse, sql: str, error: type[KpiError], said: str
) -> None:
    warehouse.build("mart.t", "SELECT 1 AS n, 'abc' AS text")
    with pytest.raises(error, match=said):
        warehouse.query(sql)
    assert warehouse.row_count("mart.t") == 1


def test_an_empty_warehouse_says_how_to_fill_it(warehouse: DuckDBWarehouse) -> None:
    with pytest.raises(WarehouseError, match="make report"):
        warehouse.query("SELECT * FROM mart.t")


def test_sql_cannot_reach_other_files(warehouse: DuckDBWarehouse) -> None:
    with pytest.raises(duckdb.PermissionException):
        warehouse._connection.execute("SELECT * FROM read_text('pyproject.toml')")


def test_a_reader_cannot_write(file: Path) -> None:
    with DuckDBWarehouse.open(file, LAYERS) as warehouse:
        warehouse.build("mart.t", "SELECT 1 AS n")
    with DuckDBWarehouse.open(file, LAYERS, read_only=True) as first:
        with DuckDBWarehouse.open(file, LAYERS, read_only=True) as second:
            assert second.row_count("mart.t") == 1
        assert first.row_count("mart.t") == 1
        with pytest.raises(WarehouseError, match="reading only"):
            first.build("mart.t", "SELECT 2 AS n")
        with pytest.raises(WarehouseError, match="another mode"):
            DuckDBWarehouse.open(file, LAYERS)


def test_nothing_is_left_beside_the_file(file: Path) -> None:
    with DuckDBWarehouse.open(file, LAYERS, memory_limit="64MB") as warehouse:
        warehouse.build(
            "mart.t",
            "SELECT a, b, ROW_NUMBER() OVER (ORDER BY CAST(a * b AS STRING), a) AS r\n"
            "FROM UNNEST(GENERATE_ARRAY(1, 1500)) AS a CROSS JOIN UNNEST(GENERATE_ARRAY(1, 1000)) AS b",
        )
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def _damaged(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[5000:6000] = b"\x01" * 1000
    file.write_bytes(content)


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda file: file.write_text("no database" * 1000), "no DuckDB database"),
        (lambda file: file.write_bytes(b""), "no DuckDB database"),
        (_damaged, "damaged"),
        (_cut, "damaged"),
        (lambda file: (file.unlink(), file.mkdir()), "a folder"),
        (lambda file: file.unlink(), "no warehouse yet"),
    ],
)
def test_a_file_that_cannot_be_opened(file: Path, spoil, said: str) -> None:  # type: ignore[no-untyped-def]
    with DuckDBWarehouse.open(file, LAYERS) as warehouse:
        warehouse.build("mart.t", "SELECT n FROM UNNEST(GENERATE_ARRAY(1, 100000)) AS n")
    spoil(file)
    with (
        pytest.raises(WarehouseError, match=said) as caught,
        DuckDBWarehouse.open(file, LAYERS, read_only=True) as warehouse,
    ):
        warehouse.query("SELECT SUM(n) AS s FROM mart.t")
    assert caught.value.exit_code == 4
    assert caught.value.remedy
    assert str(file) in str(caught.value)


def test_a_file_in_use_names_the_other_process(file: Path) -> None:
    code = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.readline()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(WarehouseError, match=rf"in use by another process[\s\S]*{other.pid}"):
            DuckDBWarehouse.open(file, LAYERS, read_only=True)
        other.communicate("\n")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WarehouseError, match="permissions"):
        DuckDBWarehouse.open(tmp_path / "file" / "below" / "w.duckdb", LAYERS)


_FILL = """
import resource, sys
import numpy as np, pandas as pd
from kpi_lib.errors import WarehouseError
from kpi_lib.warehouse import DuckDBWarehouse
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))
warehouse = DuckDBWarehouse.open(sys.argv[1], {"raw": "w_raw"})
warehouse.replace("raw.t", pd.DataFrame({"a": [1.0]}))
try:
    warehouse.replace("raw.t", pd.DataFrame({"a": np.random.default_rng(1).random(600_000)}))
except WarehouseError as error:
    print(error.exit_code, error)
print(warehouse.row_count("raw.t"))
"""


def test_a_full_disk_leaves_the_old_table(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FILL, str(file)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.stdout.startswith("4 ")
    assert "The disk is full or cannot be written" in done.stdout
    assert "Free some space" in done.stdout
    assert done.stdout.splitlines()[-1] == "1"


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (
            duckdb.IOException('IO Error: Cannot open file "x": Permission denied'),
            WarehouseError,
            "permissions",
        ),
        (
            duckdb.IOException('IO Error: Cannot open file "x": Read-only file system'),
            WarehouseError,
            "cannot be",
        ),
        (
            duckdb.IOException("IO Error: Could not write file: No space left on device"),
            WarehouseError,
            "space",
        ),
        (duckdb.OutOfMemoryException("Out of Memory Error: failed"), WarehouseError, "memory"),
        (duckdb.FatalException("FATAL Error: it broke"), WarehouseError, "it broke"),
        (duckdb.ConversionException("Conversion Error: no date"), DataError, "no date"),
    ],
)
def test_engine_errors_are_told_in_our_words(error: duckdb.Error, kind: type[KpiError], said: str) -> None:
    told = explain(error, Path("w.duckdb"))
    assert type(told) is kind
    assert said in str(told)
    assert "Error:" not in str(told)


def test_decimals_come_back_as_the_nearest_float(warehouse: DuckDBWarehouse) -> None:
    cents = np.random.default_rng(3).integers(-(10**12), 10**12, 2_000)
    amounts = [Decimal(int(value)) / 100 for value in cents]
    warehouse.replace("mart.t", pd.DataFrame({"number": range(len(amounts)), "amount": amounts}))
    back = warehouse.query("SELECT amount FROM mart.t ORDER BY number")["amount"]
    assert back.tolist() == [float(amount) for amount in amounts]
