"""The whole night of both domains on DuckDB and on BigQuery: equal tables, equal pages, few jobs."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kpi_lib.catalogue import BigQueryProfile, load_catalogue, load_settings
from kpi_lib.catalogue.profiles import Deadlines
from kpi_lib.domains.marketplace.sample import make as make_marketplace
from kpi_lib.domains.winery.sample import make as make_winery
from kpi_lib.operations.progress import Lines
from kpi_lib.pipeline.kpi_tables import InWarehouse
from kpi_lib.pipeline.night import run_night
from kpi_lib.pipeline.night_types import NightOptions, NightResult
from kpi_lib.pipeline.workspace import Workspace
from kpi_lib.warehouse import DuckDBWarehouse, Warehouse, connect, write_sources
from kpi_lib.warehouse.bigquery.open import open_published, open_staging, places_of
from kpi_lib.warehouse.bigquery.session import Session
from kpi_lib.warehouse.bigquery.staging import owner_name
from kpi_lib.warehouse.bigquery.tidy import drop
from kpi_lib.warehouse.tables import DASHBOARD, FACTS, physical_layers
from tests.bigquery.conftest import make_workspace, new_project
from tests.bigquery.landing_zone import load_raw
from tests.bigquery.nights import LABEL, contents

DOMAINS = ("winery", "marketplace")
UNTIL = dt.date(2026, 11, 20)
#: Both nights run at this instant, so that everything they write can be compared byte by byte.
NOW = dt.datetime(2026, 11, 21, 8, 0, tzinfo=dt.UTC)
#: What a night asks of BigQuery, by domain; a change to this is a change to what a night costs.
JOBS = {"winery": 75, "marketplace": 110}


@dataclass(frozen=True)
class Nights:
    """A folder whose nights have run on both warehouses."""

    local: Path
    cloud: Path
    profile: BigQueryProfile
    results: tuple[NightResult, NightResult]


def night(folder: Path, profile: str, **options: Any) -> NightResult:
    workspace = Workspace(load_settings(folder / "kpi.toml"), profile)
    return run_night(
        workspace, NightOptions(renderer="embedded", **options), clock=lambda: NOW, progress=Lines()
    )


@pytest.fixture(scope="module")
def nights(emulator: object, tmp_path_factory: pytest.TempPathFactory) -> Nights:
    base, project = tmp_path_factory.mktemp("parity"), new_project()
    folders = [make_workspace(base / name, DOMAINS, project) for name in ("local", "cloud")]
    samples = {"winery": make_winery(UNTIL, years=2), "marketplace": make_marketplace(UNTIL)}
    settings = load_settings(folders[1] / "kpi.toml")
    profile = settings.profile("sandbox")
    assert isinstance(profile, BigQueryProfile)
    for name, sample in samples.items():
        for folder in folders:
            landing = folder / "data" / "landing" / name
            write_sources(sample.frames, load_catalogue(name), landing, sample.manifest)
        load_raw(profile, load_catalogue(name), landing)
    results = night(folders[0], "local"), night(folders[1], "sandbox")
    return Nights(*folders, profile, results)


def test_both_nights_published_everything(nights: Nights) -> None:
    for result in nights.results:
        assert (result.exit_code, result.failed) == (0, ())
    assert nights.results[0].notes == nights.results[1].notes


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_table_is_equal_cell_by_cell(nights: Nights, domain: str) -> None:
    catalogue = load_catalogue(domain)
    sources = {f"{source.layer}.{source.name}" for source in catalogue.sources}
    file = nights.local / "data" / "warehouse.duckdb"
    compared = 0
    with (
        DuckDBWarehouse.open(file, physical_layers(catalogue), read_only=True) as local,
        open_published(nights.profile, "sandbox", catalogue) as cloud,
    ):
        for table in local.tables():
            if table in sources:
                continue
            assert cloud.columns(table) == local.columns(table), table
            frames = [sorted_rows(warehouse, table) for warehouse in (local, cloud)]
            pd.testing.assert_frame_equal(*frames, check_exact=True, obj=table)
            compared += len(frames[0])
    assert compared > 1000


def test_the_pages_are_equal_byte_by_byte(nights: Nights) -> None:
    local = contents(nights.local / "build" / "site")
    cloud = contents(nights.cloud / "build" / "sandbox" / "site")
    assert list(local) == list(cloud)
    pages = [name for name in local if name.endswith(".html")]
    assert len(pages) > 40
    # Pages of a profile that is not the default one say so; nothing else may differ.
    assert [name for name in pages if LABEL not in cloud[name] or LABEL in local[name]] == []
    assert [name for name in local if cloud[name].replace(LABEL, b"") != local[name]] == []


def test_a_reader_gets_the_same_answers(nights: Nights) -> None:
    readers = [
        connect(profile, "winery", settings=load_settings(folder / "kpi.toml"))
        for profile, folder in (("local", nights.local), ("sandbox", nights.cloud))
    ]
    answers = [
        [
            reader.today(),
            reader.payload(),
            reader.rollups(),
            reader.series("total_daily_revenue", since="2026-11-01"),
            reader.daily(kpi="total_visitors", since="2026-11-01"),
            reader.loads(),
            reader.publications().drop(columns=["published_at"]),
        ]
        for reader in readers
    ]
    for local, cloud in zip(*answers, strict=True):
        pd.testing.assert_frame_equal(local, cloud, check_exact=True)
    for reader in readers:
        reader.close()


def test_facts_and_roll_ups_made_in_bigquery_are_those_that_were_published(nights: Nights) -> None:
    catalogue = load_catalogue("winery")
    # The emulator runs a query before it answers that it has begun.
    patient = nights.profile.model_copy(update={"deadlines": Deadlines(request=600, outage=600)})
    session = Session.open(patient, "sandbox", "compute")
    with open_staging(session, catalogue, owner_name("compute", "here")) as warehouse:
        before = {table: sorted_rows(warehouse, table) for table in (FACTS, DASHBOARD)}
        dates = pd.DatetimeIndex(before[DASHBOARD]["as_of_date"].unique())
        tables = InWarehouse(warehouse, catalogue, (dates[0].date(), dates[-1].date()), "warehouse")
        tables.make_facts([])
        assert tables.changed_from() is None
        assert tables.make_dashboard(dates, whole=True) == len(before[DASHBOARD])
        for table, frame in before.items():
            pd.testing.assert_frame_equal(sorted_rows(warehouse, table), frame, check_exact=True, obj=table)
        drop(warehouse)


def sorted_rows(warehouse: Warehouse, table: str) -> pd.DataFrame:
    frame = warehouse.query(f"SELECT * FROM {table}")
    return frame.sort_values([*frame.columns], ignore_index=True)


def test_a_second_night_has_nothing_to_do_and_asks_little(nights: Nights) -> None:
    again = night(nights.cloud, "sandbox")
    assert again.status == "unchanged"


def test_a_night_needs_few_jobs(nights: Nights) -> None:
    (file,) = nights.cloud.glob("build/sandbox/runs/*Z/run.json")
    account = json.loads(file.read_text())["bigquery"]
    counted = Counter(job["domain"] or "run" for job in account["list"])
    assert account["jobs"] == len(account["list"])
    for domain, most in JOBS.items():
        assert counted[domain] <= most, counted
    assert counted["run"] <= 3


def test_nothing_but_our_own_datasets_was_written(nights: Nights) -> None:
    session = Session.open(nights.profile, "sandbox")
    own = {name for domain in DOMAINS for name in nights.profile.own_datasets(domain).values()}
    theirs = {
        name
        for domain in DOMAINS
        for name in places_of(nights.profile, load_catalogue(domain)).datasets.values()
    } - own
    assert theirs
    written = set()
    for job in session.client.list_jobs(all_users=True):
        place = getattr(job, "destination", None)
        if place is not None and not place.dataset_id.startswith("_") and "kpi-loader" not in job.job_id:
            written.add(place.dataset_id)
    assert written and written <= own
    for dataset in theirs:
        for item in session.client.list_tables(f"{nights.profile.project}.{dataset}"):
            table = session.client.get_table(item.reference)
            assert table.modified < _first_job(session), item.table_id
    session.close()


def _first_job(session: Session) -> dt.datetime:
    return min(job.created for job in session.client.list_jobs() if "kpi-2026" in job.job_id)


@pytest.mark.parametrize("domain", DOMAINS)
def test_nothing_is_left_in_staging(nights: Nights, domain: str) -> None:
    session = Session.open(nights.profile, "sandbox")
    place = f"{nights.profile.project}.{nights.profile.dataset('staging', domain)}"
    assert list(session.client.list_tables(place)) == []
    session.close()


def test_published_tables_are_partitioned_and_clustered(nights: Nights) -> None:
    session = Session.open(nights.profile, "sandbox")
    laid_out = {}
    for domain, table in (
        ("winery", "fact_kpi_daily"),
        ("winery", "agg_kpi_dashboard"),
        ("winery", "kpi_snapshot"),
        ("marketplace", "dashboard_kpis"),
    ):
        found = session.client.get_table(f"{nights.profile.project}.{domain}_kpi_sandbox.{table}")
        laid_out[table] = (found.time_partitioning.field, found.clustering_fields)
    session.close()
    assert laid_out == {
        "fact_kpi_daily": ("date_key", ["kpi_id", "entity_id"]),
        "agg_kpi_dashboard": ("as_of_date", ["as_of_date", "entity_id", "kpi_id"]),
        "kpi_snapshot": ("published_at", ["as_of_date", "kpi_id", "entity_id"]),
        "dashboard_kpis": ("updated_at", ["department", "metric_key"]),
    }
