"""Roll-ups in memory and in BigQuery: equal tables, night after night."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from kpi_lib.catalogue import BigQueryProfile, Catalogue, load_catalogue, load_settings
from kpi_lib.domains.winery.sample import make
from kpi_lib.operations.progress import Lines
from kpi_lib.pipeline.night import run_build
from kpi_lib.pipeline.night_types import NightOptions, NightResult
from kpi_lib.pipeline.workspace import Workspace
from kpi_lib.warehouse import DuckDBWarehouse, Warehouse, write_sources
from kpi_lib.warehouse.bigquery.open import open_published
from kpi_lib.warehouse.tables import physical_layers
from tests.bigquery.conftest import make_workspace, new_project
from tests.bigquery.landing_zone import load_raw

UNTIL = dt.date(2026, 11, 20)
DAYS = 3
WAYS = {"local": "", "memory": 'compute = "memory"', "warehouse": 'compute = "warehouse"'}


@pytest.fixture(scope="module")
def folders(emulator: object, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("compute")
    return {
        name: make_workspace(base / name, ("winery",), new_project(), more) for name, more in WAYS.items()
    }


def profile_of(folder: Path) -> BigQueryProfile:
    profile = load_settings(folder / "kpi.toml").profile("sandbox")
    assert isinstance(profile, BigQueryProfile)
    return profile


def build(folder: Path, name: str, until: dt.date, day: int) -> NightResult:
    catalogue = load_catalogue("winery")
    sample = make(until, years=2)
    frames = dict(sample.frames)
    if day == DAYS - 1:
        # A refund that was booked on an older day: facts change back to it.
        items = frames["stg_order_item"].copy()
        items.loc[items.index[-5000], "quantity"] += 1
        frames["stg_order_item"] = items
    landing = folder / "data" / "landing" / "winery"
    write_sources(frames, catalogue, landing, sample.manifest)
    if name != "local":
        load_raw(profile_of(folder), catalogue, landing)
    workspace = Workspace(load_settings(folder / "kpi.toml"), "local" if name == "local" else "sandbox")
    now = dt.datetime.combine(until + dt.timedelta(days=1), dt.time(8), dt.UTC)
    return run_build(workspace, NightOptions(), clock=lambda: now, progress=Lines())


def opened(folder: Path, name: str, catalogue: Catalogue) -> Warehouse:
    if name == "local":
        file = folder / "data" / "warehouse.duckdb"
        return DuckDBWarehouse.open(file, physical_layers(catalogue), read_only=True)
    return open_published(profile_of(folder), "sandbox", catalogue)


def tables_of(folder: Path, name: str, tables: list[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    with opened(folder, name, load_catalogue("winery")) as warehouse:
        for table in tables:
            frame = warehouse.query(f"SELECT * FROM {table}")
            yield table, frame.sort_values([*frame.columns], ignore_index=True)


def test_every_way_gives_equal_tables_night_after_night(folders: dict[str, Path]) -> None:
    catalogue = load_catalogue("winery")
    sources = {f"{source.layer}.{source.name}" for source in catalogue.sources}
    for day in range(DAYS):
        until = UNTIL + dt.timedelta(days=day)
        for name, folder in folders.items():
            assert build(folder, name, until, day).exit_code == 0
        with DuckDBWarehouse.open(
            folders["local"] / "data" / "warehouse.duckdb", physical_layers(catalogue), read_only=True
        ) as local:
            tables = [table for table in local.tables() if table not in sources]
        wanted = dict(tables_of(folders["local"], "local", tables))
        for way in ("memory", "warehouse"):
            for table, frame in tables_of(folders[way], way, tables):
                pd.testing.assert_frame_equal(
                    frame, wanted[table], check_exact=True, obj=f"{table} of day {day}, {way}"
                )
        assert len(wanted["kpi.agg_kpi_dashboard"]) > 90_000
    assert len(wanted["ops.fact_change"]) > 0
