"""The gate's history: every run is kept, those that published nothing included, for a year and a month."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from kpi_lib.errors import DataError
from kpi_lib.pipeline.gate_history import KEPT_DAYS, gate_file, remember
from kpi_lib.quality.results import CheckResult, GateResult
from kpi_lib.warehouse import DuckDBWarehouse
from kpi_lib.warehouse.quality_questions import QualityQuestions
from kpi_lib.warehouse.tables import DQ_RESULTS, declared_types
from tests.reporting_sample import winery

NOW = dt.datetime(2026, 11, 21, 8, 5, tzinfo=dt.UTC)
LAYERS = {name: f"winery_{name}" for name in ("raw", "mart", "kpi", "ops")}


def keep(
    runs: Path, run_id: str, success: bool, checked_at: dt.datetime | None = NOW, profile: str = "local"
) -> None:
    result = CheckResult(
        "stg_order", "whole", "", "critical", success, "It is whole.", "found", ({"day": "2026-11-20"},)
    )
    folder = runs / run_id
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"run_id": run_id, "profile": profile}))
    gate = GateResult("winery", dt.date(2026, 11, 20), (result,))
    (folder / gate_file("winery")).write_text(gate.to_json(checked_at))


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse.open(tmp_path / "w.duckdb", LAYERS)


def held(warehouse: DuckDBWarehouse) -> list[tuple[str, bool]]:
    rows = warehouse.query(f"SELECT run_id, success FROM {DQ_RESULTS} ORDER BY checked_at, run_id")
    return [(str(run), bool(success)) for run, success in zip(rows["run_id"], rows["success"], strict=True)]


def test_a_run_that_published_nothing_is_taken_up_by_the_next(
    tmp_path: Path, warehouse: DuckDBWarehouse
) -> None:
    keep(tmp_path, "20261119T080000Z", True, NOW - dt.timedelta(days=2))
    remember(warehouse, tmp_path, "winery", "local")
    keep(tmp_path, "20261120T080000Z", False, NOW - dt.timedelta(days=1))
    keep(tmp_path, "20261121T080000Z", True)
    remember(warehouse, tmp_path, "winery", "local")
    expected = [("20261119T080000Z", True), ("20261120T080000Z", False), ("20261121T080000Z", True)]
    assert held(warehouse) == expected
    remember(warehouse, tmp_path, "winery", "local")
    assert held(warehouse) == expected
    assert warehouse.columns(DQ_RESULTS) == dict(declared_types(DQ_RESULTS))


def test_runs_without_checks_and_other_domains_do_not_count(
    tmp_path: Path, warehouse: DuckDBWarehouse
) -> None:
    (tmp_path / "20261118T080000Z").mkdir()
    keep(tmp_path, "20261119T080000Z", True, None)
    remember(warehouse, tmp_path, "winery", "local")
    remember(warehouse, tmp_path, "marketplace", "local")
    assert not warehouse.exists(DQ_RESULTS)


def test_runs_of_another_profile_in_the_same_folder_do_not_count(
    tmp_path: Path, warehouse: DuckDBWarehouse
) -> None:
    keep(tmp_path, "20261118T080000Z", False, profile="sandbox")
    keep(tmp_path, "20261119T080000Z", True)
    remember(warehouse, tmp_path, "winery", "local")
    assert held(warehouse) == [("20261119T080000Z", True)]


def test_what_is_old_is_forgotten(tmp_path: Path, warehouse: DuckDBWarehouse) -> None:
    keep(tmp_path, "a", False, NOW - dt.timedelta(days=KEPT_DAYS, hours=1))
    keep(tmp_path, "b", True, NOW - dt.timedelta(days=KEPT_DAYS - 1))
    keep(tmp_path, "c", True)
    remember(warehouse, tmp_path, "winery", "local")
    assert held(warehouse) == [("b", True), ("c", True)]


def test_a_damaged_file_is_named(tmp_path: Path, warehouse: DuckDBWarehouse) -> None:
    keep(tmp_path, "a", True)
    (tmp_path / "a" / gate_file("winery")).write_text('{"results": [')
    with pytest.raises(DataError, match="cannot be read") as caught:
        remember(warehouse, tmp_path, "winery", "local")
    assert "gate-winery.json" in str(caught.value)


def test_the_reader_gives_the_newest_runs_and_the_row_counts(
    tmp_path: Path, warehouse: DuckDBWarehouse
) -> None:
    asked = QualityQuestions()
    asked.catalogue, asked._warehouse = winery(), warehouse
    assert asked.checks().empty and asked.row_counts().empty
    for day in (18, 19, 20):
        keep(tmp_path, f"202611{day}T080000Z", day != 19, dt.datetime(2026, 11, day, 8, tzinfo=dt.UTC))
    remember(warehouse, tmp_path, "winery", "local")
    found = asked.checks(2)
    assert list(found["run_id"]) == ["20261119T080000Z", "20261120T080000Z"]
    assert found["failing"].iloc[0] == '[{"day": "2026-11-20"}]'
    warehouse.build("raw.stg_order", "SELECT 1 AS order_id UNION ALL SELECT 2 AS order_id")
    counted = asked.row_counts()
    assert dict(zip(counted["table_name"], counted["row_count"], strict=True)) == {"raw.stg_order": 2}
