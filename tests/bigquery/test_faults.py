"""Networks that fail, services that refuse, runs that die: what is published stays whole."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from kpi_lib.catalogue import BigQueryProfile, load_catalogue
from kpi_lib.catalogue.profiles import Deadlines
from kpi_lib.errors import AccessError, KpiError, RunError, WarehouseError
from kpi_lib.warehouse.bigquery.open import open_published, open_staging
from kpi_lib.warehouse.bigquery.publish import last_run, publish
from kpi_lib.warehouse.bigquery.session import Session
from kpi_lib.warehouse.bigquery.staging import owner_name
from kpi_lib.warehouse.bigquery.tidy import clean_up, make_datasets
from kpi_lib.warehouse.bigquery.warehouse import BigQueryWarehouse
from tests.bigquery.conftest import new_project
from tests.bigquery.emulator import Running
from tests.bigquery.proxy import Fault, Proxy, proxy_to

ROOT = Path(__file__).parents[2]
CATALOGUE = load_catalogue("winery")
NOW = dt.datetime(2026, 11, 21, 8, 0, tzinfo=dt.UTC)
DEADLINES = Deadlines(request=5, query=20, outage=3, first_wait=0.05, longest_wait=0.2)


def make_profile(project: str, **changes: object) -> BigQueryProfile:
    datasets = {layer: f"{{domain}}_{layer}" for layer in ("raw", "mart", "kpi", "ops")}
    return BigQueryProfile(project=project, datasets=datasets, deadlines=DEADLINES, **changes)


def frame(value: float, days: int = 2) -> pd.DataFrame:
    dates = pd.date_range("2026-01-01", periods=days)
    return pd.DataFrame(
        {
            "date_key": dates,
            "kpi_id": 1,
            "entity_id": 0,
            "value": value,
            "numerator": None,
            "denominator": None,
        }
    )


def session_of(profile: BigQueryProfile, run: str) -> Session:
    session = Session.open(profile, "sandbox", run)
    make_datasets(session, ["winery"])
    return session


def staged(profile: BigQueryProfile, run: str, value: float) -> BigQueryWarehouse:
    warehouse = open_staging(session_of(profile, run), CATALOGUE, owner_name(run, "here"))
    warehouse.replace("kpi.fact_kpi_daily", frame(value))
    warehouse.replace("mart.agg_daily_revenue", frame(value)[["date_key", "value"]])
    return warehouse


def put(warehouse: BigQueryWarehouse, run: str, expected: str) -> int:
    return publish({"winery": warehouse}, {"winery": expected}, {"winery": {"as_of": run}}, run)


def published(profile: BigQueryProfile) -> list[float]:
    with open_published(profile, "sandbox", CATALOGUE) as warehouse:
        return sorted(
            float(warehouse.query(f"SELECT MAX(value) AS v FROM {table}")["v"].iloc[0])
            for table in ("kpi.fact_kpi_daily", "mart.agg_daily_revenue")
        )


@pytest.fixture
def profile(emulator: Running) -> BigQueryProfile:
    return make_profile(new_project())


@pytest.fixture
def proxy(emulator: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with proxy_to(emulator.host) as found:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", found.host)
        monkeypatch.delenv("BIGQUERY_STORAGE_EMULATOR_HOST")
        yield found


def test_before_the_first_night_there_are_no_datasets(proxy: Proxy, profile: BigQueryProfile) -> None:
    gone = "Not found: Dataset example:winery_ops"
    proxy.faults = [Fault("^GET .*/datasets/winery_ops/tables/", "refuse", None, 404, "notFound", gone)]
    with open_published(profile, "sandbox", CATALOGUE) as warehouse:
        assert last_run(warehouse) == ("", {})
    assert proxy.faults[0].seen == 1


def test_connection_refused_is_told_and_ends_in_time(
    emulator: Running, profile: BigQueryProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "127.0.0.1:9")
    with pytest.raises(WarehouseError, match=r"could not be reached.*tries") as found:
        Session.open(profile, "sandbox", "r").query("SELECT 1", "asked")
    assert found.value.exit_code == 4


def test_503_then_fine(proxy: Proxy, profile: BigQueryProfile) -> None:
    session = session_of(profile, "r")
    proxy.faults = [Fault("^POST .*/(jobs|queries)", "refuse", times=2)]
    job = session.query("SELECT 7 AS n", "asked")
    assert session.rows(job, "asked").to_pylist() == [{"n": 7}]
    assert session.jobs.log.jobs[-1].tries == 3


def test_503_for_ever_gives_up_and_leaves_what_is_published(proxy: Proxy, profile: BigQueryProfile) -> None:
    put(staged(profile, "20261121T080000Z", 1.0), "20261121T080000Z", "")
    later = staged(profile, "20261122T080000Z", 2.0)
    proxy.faults = [Fault("^POST .*/(jobs|queries)", "refuse", times=None)]
    with pytest.raises(WarehouseError) as found:
        put(later, "20261122T080000Z", "20261121T080000Z")
    assert found.value.exit_code == 4
    proxy.faults = []
    assert published(profile) == [1.0, 1.0]


def test_a_lost_answer_never_runs_a_job_twice(proxy: Proxy, profile: BigQueryProfile) -> None:
    put(staged(profile, "20261121T080000Z", 1.0), "20261121T080000Z", "")
    session = session_of(profile, "20261122T080000Z")
    place = open_published(profile, "sandbox", CATALOGUE).places.published("kpi.fact_kpi_daily")
    proxy.faults = [Fault("^POST .*/(jobs|queries)", "lose")]
    session.query(f"INSERT INTO {place.quoted} (kpi_id, value) VALUES (9, 9.0)", "once")
    assert proxy.faults[0].seen == 1
    rows = session.rows(
        session.query(f"SELECT COUNT(*) AS n FROM {place.quoted} WHERE kpi_id = 9", "count"), "c"
    )
    assert rows.to_pylist() == [{"n": 1}]


def test_a_lost_answer_to_publishing_publishes_once(proxy: Proxy, profile: BigQueryProfile) -> None:
    warehouse = staged(profile, "20261121T080000Z", 3.0)
    proxy.faults = [Fault("^POST .*/(jobs|queries)", "lose")]
    put(warehouse, "20261121T080000Z", "")
    assert proxy.faults[0].seen == 1
    assert published(profile) == [3.0, 3.0]
    assert last_run(warehouse) == ("20261121T080000Z", {"as_of": "20261121T080000Z"})


def test_a_result_that_drops_in_the_middle_is_read_again(proxy: Proxy, profile: BigQueryProfile) -> None:
    session = session_of(profile, "r")
    job = session.query("SELECT n FROM UNNEST(GENERATE_ARRAY(1, 5000)) AS n", "many")
    proxy.faults = [Fault("^GET .*/(data|queries/)", "cut")]
    rows = session.rows(job, "many")
    assert proxy.faults[0].seen == 1
    assert sorted(rows["n"].to_pylist()) == list(range(1, 5001))


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (
            Fault("^POST .*/(jobs|queries)", "refuse", None, 403, "accessDenied",
                  "Access Denied: User does not have bigquery.jobs.create permission in project p."),
            AccessError, "bigquery.jobs.create",
        ),
        (
            Fault("^POST .*/(jobs|queries)", "refuse", None, 403, "quotaExceeded",
                  "Quota exceeded: Your project exceeded quota for free query bytes scanned."),
            KpiError, "quota",
        ),
    ],
)  # fmt: skip
def test_what_is_refused_is_not_tried_again(
    proxy: Proxy, profile: BigQueryProfile, fault: Fault, error: type[KpiError], says: str
) -> None:
    session = session_of(profile, "r")
    proxy.faults = [fault]
    with pytest.raises(error, match=says):
        session.query("SELECT 1", "asked")
    assert fault.seen == 1


def test_silence_ends_at_the_deadline(proxy: Proxy, profile: BigQueryProfile) -> None:
    short = profile.model_copy(
        update={"deadlines": DEADLINES.model_copy(update={"request": 0.5, "outage": 1.5})}
    )
    session = session_of(short, "r")
    proxy.faults = [Fault("^POST .*/(jobs|queries)", "stall", times=None, seconds=4)]
    with pytest.raises(WarehouseError) as found:
        session.query("SELECT 1", "asked")
    assert found.value.exit_code == 4


def test_two_runs_at_once_only_one_publishes(emulator: Running, profile: BigQueryProfile) -> None:
    first, second = (staged(profile, f"2026112{day}T080000Z", float(day)) for day in (1, 2))
    put(first, "20261121T080000Z", "")
    with pytest.raises(RunError, match="Another run has published"):
        put(second, "20261122T080000Z", "")
    assert published(profile) == [1.0, 1.0]
    assert last_run(second)[0] == "20261121T080000Z"


def test_a_failure_within_publishing_changes_no_table(emulator: Running, profile: BigQueryProfile) -> None:
    put(staged(profile, "20261121T080000Z", 1.0), "20261121T080000Z", "")
    broken = staged(profile, "20261122T080000Z", 2.0)
    assert broken.staging is not None
    gone = broken.staging.tables["mart.agg_daily_revenue"].rows
    broken.session.client.delete_table(gone.path)
    with pytest.raises(KpiError):
        put(broken, "20261122T080000Z", "20261121T080000Z")
    assert published(profile) == [1.0, 1.0]


DYING = """
import os, signal, sys
from tests.bigquery import test_faults as t
profile = t.make_profile(sys.argv[1])
t.staged(profile, "20261122T080000Z", 2.0)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_killed_before_publishing_leaves_the_old_tables(
    emulator: Running, profile: BigQueryProfile
) -> None:
    put(staged(profile, "20261121T080000Z", 1.0), "20261121T080000Z", "")
    died = subprocess.run(
        [sys.executable, "-c", DYING, profile.project], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert died.returncode == -signal.SIGKILL
    assert published(profile) == [1.0, 1.0]
    session = session_of(profile, "20261122T090000Z")
    place = f"{profile.project}.{profile.dataset('staging', 'winery')}"
    left = {item.table_id for item in session.client.list_tables(place)}
    assert any("20261122T080000Z" in name for name in left)
    assert clean_up(session, ["winery"], "elsewhere", NOW) == 0
    assert clean_up(session, ["winery"], "here", NOW) == len(left)
    assert list(session.client.list_tables(place)) == []
    put(staged(profile, "20261122T090000Z", 4.0), "20261122T090000Z", "20261121T080000Z")
    assert published(profile) == [4.0, 4.0]
