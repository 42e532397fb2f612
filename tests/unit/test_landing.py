"""Landing files in and out: every way a user's export can be wrong is told, all at once."""

from __future__ import annotations

import datetime as dt
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kpi_lib.catalogue import Catalogue, load_catalogue
from kpi_lib.catalogue.settings import SHIPPED_DOMAINS
from kpi_lib.domains.winery.sample import Sample, make
from kpi_lib.errors import DataError, FrameError, RunError
from kpi_lib.warehouse import DuckDBWarehouse, fingerprint, load_sources, write_sources
from kpi_lib.warehouse.manifest import LandingError, Problem
from kpi_lib.warehouse.tables import physical_layers

ORDER = "stg_order.parquet"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(SHIPPED_DOMAINS / "winery")


@pytest.fixture(scope="module")
def sample() -> Sample:
    whole = make(dt.date(2026, 11, 20), years=1)
    return replace(whole, frames={name: frame.head(300) for name, frame in whole.frames.items()})


@pytest.fixture(scope="module")
def written(sample: Sample, catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("landing") / "winery"
    write_sources(sample.frames, catalogue, folder, sample.manifest)
    return folder


@pytest.fixture
def landing(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "winery"))


@pytest.fixture
def warehouse(catalogue: Catalogue) -> Iterator[DuckDBWarehouse]:
    with DuckDBWarehouse.open(":memory:", physical_layers(catalogue)) as opened:
        yield opened


def _problems(warehouse: DuckDBWarehouse, catalogue: Catalogue, landing: Path) -> tuple[Problem, ...]:
    with pytest.raises(LandingError) as caught:
        load_sources(warehouse, catalogue, landing)
    assert caught.value.exit_code == 3
    assert caught.value.remedy
    assert str(landing) in str(caught.value)
    assert all(str(problem) in str(caught.value) for problem in caught.value.issues)
    assert warehouse.tables() == ()
    return caught.value.issues


def _only(warehouse: DuckDBWarehouse, catalogue: Catalogue, landing: Path) -> str:
    issues = _problems(warehouse, catalogue, landing)
    assert len(issues) == 1, issues
    return str(issues[0])


def _change(landing: Path, change: Callable[[pa.Table], pa.Table], name: str = ORDER) -> None:
    pq.write_table(change(pq.read_table(landing / name)), landing / name)


def _set(column: str, make_values: Callable[[pa.ChunkedArray], Any]) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        values = make_values(table[column])
        array = values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values)
        return table.set_column(table.column_names.index(column), column, array)

    return change


def _manifest(landing: Path, change: Callable[[dict[str, Any]], object]) -> None:
    file = landing / "manifest.json"
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))


def test_sources_are_loaded_with_their_declared_types(
    warehouse: DuckDBWarehouse, catalogue: Catalogue, landing: Path, sample: Sample
) -> None:
    loads = load_sources(warehouse, catalogue, landing)
    assert dict(zip(loads["source"], loads["row_count"], strict=True)) == {
        name: len(frame) for name, frame in sample.frames.items()
    }
    assert [str(kind) for kind in loads.dtypes] == [
        *("str", "datetime64[us]", "datetime64[us]", "datetime64[us, UTC]", "int64")
    ]
    for source in catalogue.sources:
        assert warehouse.columns(f"raw.{source.name}") == {c.name: c.type for c in source.columns}
        assert warehouse.row_count(f"raw.{source.name}") == len(sample.frames[source.name])
    assert warehouse.columns("raw.source_load")["loaded_at"] == "TIMESTAMP"
    total = warehouse.query("SELECT CAST(SUM(subtotal) AS STRING) AS s FROM raw.stg_order")["s"].iloc[0]
    assert Decimal(total) == sample.frames["stg_order"]["subtotal"].sum()
    asked = warehouse.query("SELECT * FROM raw.source_load")
    pd.testing.assert_frame_equal(asked, loads)


def test_loading_twice_changes_nothing(
    warehouse: DuckDBWarehouse, catalogue: Catalogue, landing: Path
) -> None:
    first = load_sources(warehouse, catalogue, landing)
    pd.testing.assert_frame_equal(load_sources(warehouse, catalogue, landing), first)


def test_no_folder(warehouse: DuckDBWarehouse, catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="kpi sample"):
        load_sources(warehouse, catalogue, tmp_path / "nothing")


def _write(text: str) -> Callable[[Path], object]:
    return lambda landing: (landing / "manifest.json").write_text(text)


def _entry(**values: object) -> Callable[[Path], object]:
    return lambda landing: _manifest(landing, lambda d: d["sources"]["stg_order"].update(values))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda landing: (landing / "manifest.json").unlink(), "manifest.json: the file is missing"),
        (_write('{"sources": '), "line 1: this is not valid JSON"),
        (_write("[]"), "sources: this must be an object"),
        (_write('{"sources": []}'), "sources: this must be an object"),
        (
            lambda landing: _manifest(landing, lambda d: d["sources"].pop("stg_order")),
            "stg_order: the source has no entry",
        ),
        (
            lambda landing: _manifest(landing, lambda d: d["sources"].update(stg_orders={})),
            "stg_orders: there is no such source. → Did you mean 'stg_order'",
        ),
        (
            lambda landing: _manifest(landing, lambda d: d["sources"].update(stg_order="2024")),
            "stg_order: the entry is no object",
        ),
        (
            lambda landing: _manifest(landing, lambda d: d.update(schema_version=2)),
            "schema_version: 2 is unknown",
        ),
        (_entry(loaded_from="20260101"), "stg_order.loaded_from: it is no date: '20260101'"),
        (_entry(loaded_from="2026-02-30"), "stg_order.loaded_from: it is no date"),
        (_entry(complete_through=None), "stg_order.complete_through: it is missing"),
        (_entry(complete_through="2020-01-01"), "complete_through 2020-01-01 comes before loaded_from"),
        (_entry(loaded_at="yesterday"), "stg_order.loaded_at: it is no time: 'yesterday'"),
    ],
)  # fmt: skip
def test_manifests(
    warehouse: DuckDBWarehouse,
    catalogue: Catalogue,
    landing: Path,
    spoil: Callable[[Path], object],
    said: str,
) -> None:
    spoil(landing)
    assert said in _only(warehouse, catalogue, landing)


def test_a_loading_time_without_a_zone_is_utc(
    warehouse: DuckDBWarehouse, catalogue: Catalogue, landing: Path
) -> None:
    _entry(loaded_at="2026-11-21T08:00:00")(landing)
    loads = load_sources(warehouse, catalogue, landing).set_index("source")
    assert loads.at["stg_order", "loaded_at"] == pd.Timestamp("2026-11-21 08:00", tz="UTC")


def _first_doubled(table: pa.Table) -> pa.Table:
    return pa.concat_tables([table, table.slice(0, 2)])


def _with_nulls(column: pa.ChunkedArray) -> list[object]:
    values = column.to_pylist()
    return [*values[:4], None, None, *values[6:]]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda landing: (landing / ORDER).unlink(), "stg_order.parquet: the file is missing"),
        (lambda landing: (landing / ORDER).write_bytes(b""), "the file is empty (0 bytes)"),
        (lambda landing: (landing / ORDER).write_text("order_id,paid_at\n1,2"), "cannot be read as Parquet"),
        (
            lambda landing: (landing / ORDER).write_bytes((landing / ORDER).read_bytes()[:5000]),
            "cannot be read as Parquet",
        ),
        (lambda landing: _change(landing, lambda table: table.slice(0, 0)), "it has no rows"),
        (
            lambda landing: _change(
                landing, lambda table: table.rename_columns(["order_no", *table.column_names[1:]])
            ),
            "column order_id: the column is missing. → Did you mean 'order_no'",
        ),
        (
            lambda landing: _change(landing, _set("subtotal", lambda c: [f"${v}" for v in c.to_pylist()])),
            "column subtotal: it holds text, not numbers with at most nine decimals (NUMERIC)."
            " For example '$",
        ),
        (
            lambda landing: _change(landing, _set("order_date", lambda c: c.cast(pa.string()))),
            "column order_date: it holds text, not dates (DATE)",
        ),
        (
            lambda landing: _change(landing, _set("tasting_lounge", lambda c: c.cast(pa.string()))),
            "column tasting_lounge: it holds text, not true/false values (BOOL)",
        ),
        (
            lambda landing: _change(landing, _set("channel", lambda c: [1.5] * len(c))),
            "column channel: it holds floating-point numbers, not text (STRING)",
        ),
        (
            lambda landing: _change(
                landing, _set("tax", lambda c: [1.0, 2.0, float("nan"), *([1.0] * (len(c) - 3))])
            ),
            "column tax: there is a value that is not a finite number (NaN or infinity). "
            "For example in row 3",
        ),
        (
            lambda landing: _change(landing, _set("order_id", lambda c: [*range(len(c) - 1), 7.5])),
            "column order_id: a value does not fit INT64 (whole numbers). For example in row",
        ),
        (
            lambda landing: _change(landing, _set("channel", _with_nulls)),
            "column channel: 2 of",
        ),
        (lambda landing: _change(landing, _first_doubled), "key order_id: 4 rows share a key (rows 1, 2, "),
        (
            lambda landing: _change(landing, _first_doubled, "stg_tock_guest.parquet"),
            "key guest_id: 4 rows share a key (rows 1, 2, ",
        ),
    ],
)  # fmt: skip
def test_files(
    warehouse: DuckDBWarehouse,
    catalogue: Catalogue,
    landing: Path,
    spoil: Callable[[Path], object],
    said: str,
) -> None:
    spoil(landing)
    assert said in _only(warehouse, catalogue, landing)


def test_examples_are_shown_unless_they_are_personal(
    warehouse: DuckDBWarehouse, catalogue: Catalogue, landing: Path
) -> None:
    _change(landing, _set("customer_id", lambda c: ["Ada Example"] * len(c)))
    assert "Ada" not in _only(warehouse, catalogue, landing)


def test_duplicates_show_their_keys_unless_they_are_personal(
    warehouse: DuckDBWarehouse, catalogue: Catalogue, landing: Path
) -> None:
    first = pq.read_table(landing / ORDER)["order_id"][0].as_py()
    _change(landing, _first_doubled)
    _change(landing, _first_doubled, "stg_tock_guest.parquet")
    texts = [str(problem) for problem in _problems(warehouse, catalogue, landing)]
    assert f"order_id {first}" in texts[0]
    assert "): " not in texts[1]


def test_all_problems_of_all_files_are_told_at_once(
    warehouse: DuckDBWarehouse, catalogue: Catalogue, landing: Path
) -> None:
    (landing / "dim_customer.parquet").unlink()
    (landing / "dim_experience.parquet").write_bytes(b"")
    _manifest(landing, lambda d: d["sources"].pop("stg_product"))
    _change(landing, _set("tax", lambda c: ["x"] * len(c)))
    _change(landing, _set("tip", lambda c: ["x"] * len(c)))
    issues = _problems(warehouse, catalogue, landing)
    assert [(problem.file, problem.place) for problem in issues] == [
        ("manifest.json", "stg_product"),
        (ORDER, "column tax"),
        (ORDER, "column tip"),
        ("dim_experience.parquet", ""),
        ("dim_customer.parquet", ""),
    ]


LOSSLESS: list[tuple[str, Callable[[pa.ChunkedArray], Any]]] = [
    ("order_id", lambda c: c.cast(pa.float64())),
    ("order_id", lambda c: c.cast(pa.int32())),
    ("customer_id", lambda c: c.cast(pa.float64())),
    ("subtotal", lambda c: c.cast(pa.float64())),
    ("subtotal", lambda c: c.cast(pa.decimal128(18, 4))),
    ("order_date", lambda c: c.cast(pa.timestamp("ns"))),
    ("order_date", lambda c: c.cast(pa.date64())),
    ("paid_at", lambda c: c.cast(pa.timestamp("us"))),
    ("paid_at", lambda c: c.cast(pa.timestamp("ns", tz="America/Los_Angeles"))),
    ("paid_at", lambda c: c.cast(pa.timestamp("ms", tz="UTC"))),
    ("tasting_lounge", lambda c: c.cast(pa.int64())),
    ("channel", lambda c: c.cast(pa.large_string())),
    ("channel", lambda c: c.combine_chunks().dictionary_encode()),
    ("event_revenue_realization_date", lambda c: c),
]


@pytest.mark.parametrize(("column", "turn"), LOSSLESS)
def test_other_types_that_lose_nothing_are_taken(
    warehouse: DuckDBWarehouse,
    catalogue: Catalogue,
    landing: Path,
    column: str,
    turn: Callable[[pa.ChunkedArray], Any],
) -> None:
    sql = f"SELECT order_id, {column} AS x FROM raw.stg_order ORDER BY order_id"
    load_sources(warehouse, catalogue, landing)
    wanted, types = warehouse.query(sql), warehouse.columns("raw.stg_order")
    _change(landing, _set(column, turn))
    load_sources(warehouse, catalogue, landing)
    pd.testing.assert_frame_equal(warehouse.query(sql), wanted)
    assert warehouse.columns("raw.stg_order") == types


def test_doubles_become_the_decimals_that_were_meant(
    warehouse: DuckDBWarehouse, catalogue: Catalogue, landing: Path
) -> None:
    values = [19.99, 0.1 + 0.2, 123456789.12, 1e-7, 1e15, -0.005]
    _change(landing, _set("tax", lambda c: [*values, *([0.0] * (len(c) - len(values)))]))
    load_sources(warehouse, catalogue, landing)
    exact = ("19.99", "0.3", "123456789.12", "0.0000001", "1000000000000000", "-0.005")
    found = ", ".join(f"NUMERIC '{value}'" for value in exact)
    asked = warehouse.query(f"SELECT COUNT(DISTINCT tax) AS n FROM raw.stg_order WHERE tax IN ({found})")
    assert asked["n"].tolist() == [len(values)]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("order_date", lambda c: [dt.datetime(2026, 1, 1, 10)] * len(c)),  # noqa: DTZ001
        ("paid_at", lambda c: pa.array([1] * len(c), pa.timestamp("ns", tz="UTC"))),
        ("tasting_lounge", lambda c: [2] * len(c)),
        ("order_id", lambda c: [float(2**63)] * len(c)),
        ("tax", lambda c: pa.array([Decimal("0.0000000001")] * len(c), pa.decimal128(38, 10))),
        ("tax", lambda c: [1e30] * len(c)),
    ],
)
def test_what_would_lose_something_is_refused(
    warehouse: DuckDBWarehouse,
    catalogue: Catalogue,
    landing: Path,
    column: str,
    values: Callable[[pa.ChunkedArray], Any],
) -> None:
    _change(landing, _set(column, values))
    text = _only(warehouse, catalogue, landing)
    assert f"column {column}: a value does not fit" in text
    assert "row 1" in text


def test_a_local_time_with_a_zone_is_refused(
    warehouse: DuckDBWarehouse, catalogue: Catalogue, landing: Path
) -> None:
    zoned = _set("reservation_datetime", lambda c: c.cast(pa.timestamp("us", tz="UTC")))
    _change(landing, zoned, "stg_tock_reservation.parquet")
    assert "not local times without a zone" in _only(warehouse, catalogue, landing)


def test_columns_that_nothing_uses_are_ignored_and_noted(
    warehouse: DuckDBWarehouse, catalogue: Catalogue, landing: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _change(landing, lambda table: table.append_column("note", pa.array(["x"] * len(table))))
    with caplog.at_level(logging.INFO, "kpi_lib"):
        load_sources(warehouse, catalogue, landing)
    assert "note" not in warehouse.columns("raw.stg_order")
    assert "stg_order.parquet: columns that nothing uses are ignored: note" in caplog.text


def test_a_source_that_is_not_required_may_be_absent(
    warehouse: DuckDBWarehouse, catalogue: Catalogue, landing: Path
) -> None:
    (landing / "dim_customer.parquet").unlink()
    _manifest(landing, lambda d: d["sources"].pop("dim_customer"))
    relaxed = catalogue.model_copy(
        update={
            "sources": tuple(
                source.model_copy(update={"required": source.name != "dim_customer"})
                for source in catalogue.sources
            )
        }
    )
    loads = load_sources(warehouse, relaxed, landing)
    assert "dim_customer" not in set(loads["source"])
    assert warehouse.row_count("raw.dim_customer") == 0
    assert warehouse.columns("raw.dim_customer")["first_order_date"] == "DATE"


def _guests(number: float) -> pd.DataFrame:
    return pd.DataFrame({"guest_id": [number], "reservation_id": 1, "is_new": True})


def test_writing_gives_typed_files_and_nothing_else(
    catalogue: Catalogue, written: Path, sample: Sample
) -> None:
    names = sorted([f"{name}.parquet" for name in sample.frames] + ["manifest.json"])
    assert sorted(path.name for path in written.iterdir()) == names
    schema = pq.read_schema(written / ORDER)
    assert schema.field("subtotal").type == pa.decimal128(38, 9)
    assert schema.field("paid_at").type == pa.timestamp("us", tz="UTC")
    assert schema.field("order_date").type == pa.date32()
    assert json.loads((written / "manifest.json").read_text()) == sample.manifest


def test_writing_takes_the_sources_part_of_a_manifest_too(catalogue: Catalogue, tmp_path: Path) -> None:
    frame = pd.DataFrame({"experience": ["Tasting"], "attribution": ["Tasting Room"]})
    files = write_sources({"dim_experience": frame}, catalogue, tmp_path, {"dim_experience": {}})
    assert [file.name for file in files] == ["dim_experience.parquet", "manifest.json"]
    assert json.loads(files[-1].read_text()) == {"schema_version": 1, "sources": {"dim_experience": {}}}


@pytest.mark.parametrize(
    ("name", "frame", "said"),
    [
        ("dim_experiences", pd.DataFrame(), "Did you mean 'dim_experience'"),
        ("dim_experience", pd.DataFrame({"experience": ["x"]}), "'attribution' is missing"),
        ("stg_tock_guest", _guests(0.5), "do not fit"),
        ("stg_tock_guest", _guests(np.inf), "infinite"),
    ],
)  # fmt: skip
def test_frames_that_cannot_be_written(
    catalogue: Catalogue, tmp_path: Path, name: str, frame: pd.DataFrame, said: str
) -> None:
    with pytest.raises(FrameError, match=said):
        write_sources({name: frame}, catalogue, tmp_path / "new", {})
    assert not (tmp_path / "new").exists()


def test_a_failed_write_leaves_the_old_files(
    catalogue: Catalogue, landing: Path, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fingerprint(landing, catalogue)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kpi_lib.warehouse.landing.pq.write_table", full)
    with pytest.raises(RunError, match="No space left on device"):
        write_sources(sample.frames, catalogue, landing, sample.manifest)
    assert fingerprint(landing, catalogue) == before
    assert not list(landing.glob(".*"))


def test_a_fingerprint_is_of_the_content(
    catalogue: Catalogue, written: Path, landing: Path, tmp_path: Path
) -> None:
    first = fingerprint(written, catalogue)
    assert fingerprint(landing, catalogue) == first
    (landing / "unrelated.txt").write_text("x")
    assert fingerprint(landing, catalogue) == first
    _entry(loaded_at="2026-11-22T08:00:00Z")(landing)
    second = fingerprint(landing, catalogue)
    (landing / ORDER).unlink()
    assert len({first, second, fingerprint(landing, catalogue), fingerprint(tmp_path, catalogue)}) == 4


def test_a_folder_in_place_of_a_file(catalogue: Catalogue, landing: Path) -> None:
    (landing / ORDER).unlink()
    (landing / ORDER).mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        fingerprint(landing, catalogue)
