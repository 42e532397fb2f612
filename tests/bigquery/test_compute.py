"""Roll-ups in memory and in BigQuery: equal tables, night after night."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from kpi_lib.catalogue import BigQueryProfile, Catalogue, load_catalogue, load_settings
from kpi_lib.operations.progress import Lines
from kpi_lib.pipeline.night import run_build
from kpi_lib.pipeline.night_types import NightOptions
from kpi_lib.pipeline.workspace import Workspace
from kpi_lib.warehouse import DuckDBWarehouse, Warehouse, write_sources
from kpi_lib.warehouse.bigquery.open import open_published
from kpi_lib.warehouse.tables import physical_layers
from tests.bigquery.conftest import make_workspace, new_project
from tests.bigquery.landing_zone import load_raw
from tests.pipeline.test_distinct import FILES

KPIS = """
[[kpis]]
id = 3
code = "takings"
name = "Takings"
group = "traffic"
kind = "sum"
format = "currency"
decimals = 2
definition = "Takings."
[[kpis]]
id = 4
code = "per_visit"
name = "Takings per visit"
group = "traffic"
kind = "ratio"
numerator = "takings"
denominator = "visits"
format = "currency"
decimals = 2
definition = "Takings divided by visits."
[[kpis]]
id = 5
code = "visits_so_far"
name = "Visits so far"
group = "traffic"
kind = "last"
definition = "Visits through the day."
"""
MART = """
SELECT date_key, entity_id, visits, takings,
  SUM(visits) OVER (PARTITION BY entity_id ORDER BY date_key) AS visits_so_far
FROM (
  SELECT d.date_key, e.entity_id,
    CAST(COUNT(v.visit_id) AS FLOAT64) AS visits,
    CAST(COALESCE(SUM(MOD(v.visit_id * 37, 1999)), 0) AS FLOAT64) / 100.0 AS takings
  FROM mart.dim_date AS d
  CROSS JOIN kpi.dim_entity AS e
  LEFT JOIN raw.visit AS v ON v.visit_date = d.date_key AND e.entity_id IN (0, v.stall)
  WHERE d.date_key BETWEEN @first_day AND @last_day
  GROUP BY d.date_key, e.entity_id
) AS days
"""
FIRST = dt.date(2025, 9, 20)
WAYS = {"local": "", "memory": 'compute = "memory"', "warehouse": 'compute = "warehouse"'}
Visit = tuple[dt.date, int, str]


def usual(last: dt.date) -> list[Visit]:
    days = (last - FIRST).days + 1
    return [
        (FIRST + dt.timedelta(days=day), 1 + number % 2, f"guest{(day * 7 + number * number) % 23}")
        for day in range(days)
        for number in range((day * 5) % 4)
    ]


def nights() -> list[tuple[dt.date, list[Visit]]]:
    """Return through which day the source is complete, and its rows: four nights."""
    last = dt.date(2026, 11, 3)
    after = [last + dt.timedelta(days=number) for number in range(4)]
    late = [*usual(after[2]), (dt.date(2026, 10, 28), 2, "late")]
    moved = [(day, stall, "other" if day == dt.date(2026, 11, 1) else guest) for day, stall, guest in late]
    return [
        (after[0], usual(after[0])),
        (after[2], late),
        (after[2], moved),
        (after[3], [*moved, (after[3], 1, "new")]),
    ]


@pytest.fixture(scope="module")
def folders(emulator: object, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("compute")
    files = {**FILES, "kpis.toml": FILES["kpis.toml"] + KPIS, "sql/agg_daily_visit.sql": MART}
    for name, text in files.items():
        file = base / "domains" / "stalls" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    made = {}
    for name, more in WAYS.items():
        made[name] = make_workspace(base / name, ("stalls",), new_project(), more, patience=20)
        settings = made[name] / "kpi.toml"
        settings.write_text(f'domain_folders = ["{base / "domains"}"]\n{settings.read_text()}')
    return made


def profile_of(folder: Path) -> BigQueryProfile:
    profile = load_settings(folder / "kpi.toml").profile("sandbox")
    assert isinstance(profile, BigQueryProfile)
    return profile


def build(folder: Path, name: str, catalogue: Catalogue, through: dt.date, visits: list[Visit]) -> None:
    frame = pd.DataFrame(visits, columns=["visit_date", "stall", "guest_id"])
    frame["visit_id"] = range(1, len(frame) + 1)
    loaded = {
        "loaded_from": f"{FIRST}",
        "complete_through": f"{through}",
        "loaded_at": "2026-11-21T06:00:00Z",
    }
    landing = folder / "data" / "landing" / "stalls"
    write_sources({"visit": frame}, catalogue, landing, {"visit": loaded})
    if name != "local":
        load_raw(profile_of(folder), catalogue, landing)
    workspace = Workspace(load_settings(folder / "kpi.toml"), "local" if name == "local" else "sandbox")
    now = dt.datetime.combine(through + dt.timedelta(days=1), dt.time(12), dt.UTC)
    assert run_build(workspace, NightOptions(), clock=lambda: now, progress=Lines()).exit_code == 0


def opened(folder: Path, name: str, catalogue: Catalogue) -> Warehouse:
    if name == "local":
        file = folder / "data" / "warehouse.duckdb"
        return DuckDBWarehouse.open(file, physical_layers(catalogue), read_only=True)
    return open_published(profile_of(folder), "sandbox", catalogue)


def tables_of(folder: Path, name: str, catalogue: Catalogue, tables: list[str]) -> dict[str, pd.DataFrame]:
    with opened(folder, name, catalogue) as warehouse:
        found = {table: warehouse.query(f"SELECT * FROM {table}") for table in tables}
    return {table: frame.sort_values([*frame.columns], ignore_index=True) for table, frame in found.items()}


def test_every_way_gives_equal_tables_night_after_night(folders: dict[str, Path]) -> None:
    catalogue = load_catalogue(folders["local"].parent / "domains" / "stalls")
    changes = []
    for number, (through, visits) in enumerate(nights()):
        for name, folder in folders.items():
            build(folder, name, catalogue, through, visits)
        file = folders["local"] / "data" / "warehouse.duckdb"
        with DuckDBWarehouse.open(file, physical_layers(catalogue), read_only=True) as local:
            tables = [table for table in local.tables() if table != "raw.visit"]
        wanted = tables_of(folders["local"], "local", catalogue, tables)
        for way in ("memory", "warehouse"):
            for table, frame in tables_of(folders[way], way, catalogue, tables).items():
                pd.testing.assert_frame_equal(
                    frame, wanted[table], check_exact=True, obj=f"{table}, night {number}, {way}"
                )
        changes.append(wanted["ops.fact_change"]["is_late"].tolist())
    assert len(wanted["kpi.agg_kpi_dashboard"]) == 5 * 3 * 413
    assert wanted["kpi.agg_kpi_dashboard"]["payload"].str.contains('"dp": -?0[.][0-9]').sum() > 400
    assert changes[0] == []
    assert any(changes[1])
    assert set(changes[2]) == {False}
    assert changes[3] == []
