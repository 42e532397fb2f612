"""Whole nights on BigQuery that are killed or overtaken: readers see one night, the next one repairs."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kpi_lib.catalogue import load_catalogue, load_settings
from kpi_lib.errors import RunError, UsageError
from kpi_lib.operations.progress import Lines
from kpi_lib.pipeline.night import run_build
from kpi_lib.pipeline.night_types import NightOptions
from kpi_lib.pipeline.store import store_of
from kpi_lib.pipeline.store_bigquery import BigQueryBench
from kpi_lib.pipeline.unchanged import newest_comes_first
from kpi_lib.pipeline.workspace import Workspace
from kpi_lib.warehouse.bigquery.open import open_published
from kpi_lib.warehouse.bigquery.publish import last_run
from tests.bigquery.conftest import make_workspace, new_project
from tests.bigquery.nights import (
    FIRST,
    INDEX,
    Pair,
    change_sources,
    left_in_staging,
    make_pair,
    night,
    run_id,
    site,
    tables,
    unlike,
    unlike_tables,
)
from tests.pipeline.conftest import without_notice

ROOT = Path(__file__).parents[2]
WINERY = ("winery",)
#: Runs a night of a folder; where a place is named, its process dies on arriving there.
NIGHT = """
import importlib, os, signal, sys
from pathlib import Path
from tests.bigquery.nights import night

if __name__ == "__main__":
    folder, profile, minute, place = sys.argv[1:]
    if place:
        module, owner, name = place.split(":")
        die = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
        setattr(getattr(importlib.import_module(module), owner), name, die)
    print(night(Path(folder), profile, int(minute), force=bool(place)).status)
"""
#: Everything is built, checked and drawn.
BEFORE_PUBLISHING = {
    "sandbox": "kpi_lib.pipeline.store_bigquery:BigQueryBench:publish",
    "local": "kpi_lib.pipeline.store:DuckDBBench:publish",
}
#: The tables are published, the new release lies beside the old one.
BEFORE_THE_LINK = "kpi_lib.operations.release:Releases:point_to"


def process(folder: Path, profile: str, minute: int, place: str = "") -> subprocess.CompletedProcess[str]:
    """Run a night in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", NIGHT, str(folder), profile, str(minute), place], cwd=ROOT, text=True,
        capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True,
    )  # fmt: skip


def killed(folder: Path, profile: str, minute: int, place: str) -> None:
    """Run a night that dies at a place."""
    died = process(folder, profile, minute, place)
    assert died.returncode == -signal.SIGKILL, died.stderr


def published_by(pair: Pair) -> str:
    """Return the run whose tables readers see."""
    with open_published(pair.profile, "sandbox", load_catalogue("winery")) as warehouse:
        return last_run(warehouse)[0]


@pytest.fixture(scope="module")
def pair(emulator: object, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Both warehouses after a night; the tests follow one another on it."""
    found = make_pair(tmp_path_factory.mktemp("killed"), new_project(), WINERY)
    for result in found.night(0):
        assert (result.exit_code, result.failed) == (0, ())
    return found


def test_killed_before_publishing(pair: Pair) -> None:
    before, old = site(pair.cloud), tables(pair, "winery")
    change_sources(pair, "winery", "stg_club_membership")
    killed(pair.cloud, "sandbox", 1, BEFORE_PUBLISHING["sandbox"])
    assert site(pair.cloud) == before
    assert published_by(pair) == run_id(0)
    assert all(new[1].equals(old[name][1]) for name, new in tables(pair, "winery").items())
    assert left_in_staging(pair.profile, WINERY)
    # What the gate found in a night that died is kept: so the other warehouse's dies too.
    killed(pair.local, "local", 1, BEFORE_PUBLISHING["local"])
    pair.night(2)
    assert unlike(pair) == []
    assert published_by(pair) == run_id(2)
    assert left_in_staging(pair.profile, WINERY) == []


def test_killed_between_tables_and_pages(pair: Pair) -> None:
    before = site(pair.cloud)
    change_sources(pair, "winery", "stg_club_membership")
    killed(pair.cloud, "sandbox", 3, BEFORE_THE_LINK)
    assert site(pair.cloud) == before
    night(pair.local, "local", 3)
    assert published_by(pair) == run_id(3)
    assert unlike_tables(pair) == []
    # The pages' record ends a run before the tables: no older date goes by it.
    workspace = Workspace(load_settings(pair.cloud / "kpi.toml"), "sandbox")
    older, record = NightOptions(as_of=dt.date(2026, 10, 31)), workspace.releases.record()
    assert record is not None
    assert newest_comes_first(store_of(workspace), record, older, [], workspace.code_version())
    with pytest.raises(UsageError, match="of another run than the pages here"):
        run_build(workspace, older, clock=lambda: FIRST, progress=Lines())
    # A night of the embedded warehouse that nobody killed has to be asked to do the same again.
    night(pair.local, "local", 4, force=True)
    assert night(pair.cloud, "sandbox", 4).status == "published"
    assert unlike(pair) == []
    assert left_in_staging(pair.profile, WINERY) == []
    assert night(pair.cloud, "sandbox", 5).status == "unchanged"


def test_two_nights_of_two_folders(pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = make_workspace(tmp_path / "other", WINERY, pair.profile.project)
    change_sources(pair, "winery", "stg_club_membership")
    before = site(pair.cloud)
    publish = BigQueryBench.publish

    def overtaken(bench: BigQueryBench, *given: object) -> None:
        overtaking = process(other, "sandbox", 7)
        assert overtaking.stdout.strip() == "published", overtaking.stderr
        publish(bench, *given)

    with monkeypatch.context() as patch:
        patch.setattr(BigQueryBench, "publish", overtaken)
        with pytest.raises(RunError, match="Another run has published since this one began") as found:
            night(pair.cloud, "sandbox", 6)
    assert found.value.exit_code == 1
    assert published_by(pair) == run_id(7)
    # Its pages stay, and say that they are not of the last night.
    kept = without_notice(site(pair.cloud))
    assert {**kept, INDEX: before[INDEX]} == before
    assert left_in_staging(pair.profile, WINERY) == []
    night(pair.local, "local", 7)
    assert unlike_tables(pair) == []
    assert night(pair.cloud, "sandbox", 8).status == "published"
    killed(pair.local, "local", 6, BEFORE_PUBLISHING["local"])
    night(pair.local, "local", 8, force=True)
    assert unlike(pair) == []
