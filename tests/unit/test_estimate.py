"""What a night would cost, on paper: sizes by type, columns by name, growth by entities."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from kpi_lib.catalogue import load_catalogue
from kpi_lib.pipeline.estimate import Night, Reading, measure, readings
from kpi_lib.warehouse import DuckDBWarehouse
from kpi_lib.warehouse.tables import DASHBOARD, FACTS, physical_layers

DAYS = pd.date_range("2026-01-01", periods=100, freq="D")


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    catalogue = load_catalogue("winery")
    opened = DuckDBWarehouse.open(tmp_path / "w.duckdb", physical_layers(catalogue))
    facts = pd.DataFrame({"date_key": DAYS, "kpi_id": 1, "entity_id": 0})
    opened.replace(FACTS, facts.assign(value=1.5, numerator=2.0, denominator=3.0))
    opened.replace(
        DASHBOARD, pd.DataFrame({"as_of_date": DAYS, "kpi_id": 1, "entity_id": 0, "payload": "ab"})
    )
    return opened


def test_a_value_is_as_wide_as_its_type(warehouse: DuckDBWarehouse) -> None:
    with warehouse:
        assert measure(warehouse, FACTS).read(None) == 100 * 6 * 8
        assert measure(warehouse, FACTS).read(frozenset({"value"})) == 100 * 8
        # A text has two bytes more than its characters.
        assert measure(warehouse, DASHBOARD).read(frozenset({"payload"})) == 100 * 4
        assert measure(warehouse, FACTS, 10).rows == 1000


def test_an_empty_table_reads_nothing(warehouse: DuckDBWarehouse) -> None:
    with warehouse:
        warehouse.build("mart.none", f"SELECT payload FROM {DASHBOARD} WHERE kpi_id = 2")
        assert measure(warehouse, "mart.none").read(None) == 0


def test_facts_and_roll_ups_grow_with_the_entities(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    catalogue, day = load_catalogue("winery"), dt.date(2026, 4, 10)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "one.sql").write_text(
        f"-- numerator is only spoken of\nSELECT SUM(value) AS total FROM {FACTS} WHERE kpi_id = 1"
    )
    present = len(catalogue.entities)
    with warehouse:
        once, ten = (readings(warehouse, catalogue, tmp_path, day, present * n) for n in (1, 10))
    by_name = {item.what: item for item in once}
    assert by_name["gate profiles one"].bytes == 100 * (8 + 8)
    assert by_name["facts that the roll-up needs"].bytes == 100 * 6 * 8
    assert by_name["dates of the dashboard"].bytes == 100 * 8
    assert sum(item.bytes for item in ten) == 10 * sum(item.bytes for item in once)


def test_no_table_is_billed_for_less_than_ten_mebibytes() -> None:
    assert Reading("x", {"a": 1.0, "b": 20 * 2**20}).billed == 30 * 2**20


def test_the_line_says_bytes_and_dollars() -> None:
    line = Night(10, 5, 2.0 * 2**30, 2.0**40).line(6.25)
    assert line == "      10 entities: 5 queries read 2.0 GiB, billed 1.0 TiB, $6.25 a night"
