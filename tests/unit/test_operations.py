"""Run record, lock and release."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from kpi_lib.errors import DefinitionError, GateError, RunError, WarehouseError
from kpi_lib.operations.lock import run_lock
from kpi_lib.operations.notice import Notice, post_notice, withdraw_notice
from kpi_lib.operations.release import Releases
from kpi_lib.operations.run import Run, prune_runs, read_runs

NOON = dt.datetime(2026, 11, 21, 20, 0, tzinfo=dt.UTC)


def clock() -> dt.datetime:
    return NOON


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    return Releases(tmp_path / "data" / "warehouse.duckdb", tmp_path / "build", "local")


def publish(releases: Releases, run_id: str) -> Path:
    staged = releases.stage(run_id)
    (staged / "warehouse.duckdb").write_text(run_id)
    (staged / "site" / "index.html").write_text(run_id)
    (staged / "pdf" / "a.pdf").write_text(run_id)
    return releases.publish(staged, {"run_id": run_id})


def seen(releases: Releases) -> set[str]:
    return {
        releases.warehouse.read_text(),
        (releases.output / "site" / "index.html").read_text(),
        (releases.output / "pdf" / "a.pdf").read_text(),
    }


def test_publishing_switches_tables_and_pages_together(releases: Releases) -> None:
    assert releases.record() is None
    publish(releases, "r1")
    assert seen(releases) == {"r1"}
    publish(releases, "r2")
    assert seen(releases) == {"r2"}
    assert releases.record() == {"run_id": "r2", "profile": "local"}


def test_staging_starts_from_the_published_warehouse_and_is_discarded(releases: Releases) -> None:
    publish(releases, "r1")
    staged = releases.stage("r2")
    assert (staged / "warehouse.duckdb").read_text() == "r1"
    (staged / "warehouse.duckdb").write_text("half")
    releases.discard(staged)
    assert not staged.exists()
    assert seen(releases) == {"r1"}


def test_a_dead_runs_staging_folder_is_cleared(releases: Releases) -> None:
    releases.stage("dead")
    releases.stage("next")
    assert [path.name for path in releases.folder.glob(".staging-*")] == [".staging-next"]


def test_a_removed_build_folder_comes_back(releases: Releases) -> None:
    publish(releases, "r1")
    for link in releases.output.iterdir():
        link.unlink()
    releases.output.rmdir()
    publish(releases, "r2")
    assert seen(releases) == {"r2"}


def test_what_is_in_the_way_is_refused_untouched(releases: Releases) -> None:
    releases.warehouse.parent.mkdir(parents=True)
    releases.warehouse.write_text("mine")
    with pytest.raises(WarehouseError, match="in the way") as caught:
        releases.stage("r1")
    assert str(releases.warehouse) in str(caught.value)
    assert releases.warehouse.read_text() == "mine"


def test_pruning_keeps_the_published_one_and_the_newest_before_it(releases: Releases) -> None:
    for number in range(1, 6):
        publish(releases, f"r{number}")
    releases.prune(keep=2)
    left = {path.name for path in releases.folder.iterdir()}
    assert left == {"current", "r5", "r4", "r3"}
    assert seen(releases) == {"r5"}


def test_private_pages_are_for_the_owner_alone(releases: Releases) -> None:
    release = publish(releases, "r1")
    assert (release / "private").stat().st_mode & 0o777 == 0o700


def test_a_step_records_what_it_did_and_how_it_failed(tmp_path: Path) -> None:
    run = Run.start(tmp_path, clock, kind="nightly")
    with run.step("facts", "winery") as step:
        step.rows = {"kpi.fact_kpi_daily": 3}
    with pytest.raises(GateError), run.step("gate", "winery"):
        raise GateError("party_size is negative in 1 row.")
    run.finish("failed")
    record = json.loads((run.folder / "run.json").read_text())
    assert record["status"] == "failed"
    assert [(step["name"], step["status"]) for step in record["steps"]] == [
        ("facts", "done"),
        ("gate", "failed"),
    ]
    assert record["steps"][0]["rows"] == {"kpi.fact_kpi_daily": 3}
    assert "negative" in record["steps"][1]["note"]


def test_run_ids_never_collide_and_are_pruned_oldest_first(tmp_path: Path) -> None:
    ids = [Run.start(tmp_path, clock, profile="local").run_id for _ in range(3)]
    assert len(set(ids)) == 3
    prune_runs(tmp_path, keep=1)
    assert [record["run_id"] for record in read_runs(tmp_path, "local")] == [max(ids)]
    assert read_runs(tmp_path, "sandbox") == []


def test_releases_of_another_profile_are_refused(releases: Releases) -> None:
    publish(releases, "r1")
    with pytest.raises(DefinitionError, match="is of profile 'local', not of 'sandbox'") as found:
        replace(releases, profile="sandbox").record()
    assert "a path of its own" in str(found.value)
    assert (releases.record() or {})["profile"] == "local"


def test_a_renamed_profile_hears_of_both_records_where_a_banner_is_published(releases: Releases) -> None:
    good = publish(releases, "r1")
    marked = post_notice(releases, "r2", Notice("away", "now", "now"), lambda text, place: text)
    assert marked is not None
    renamed = replace(releases, profile="renamed")
    with pytest.raises(DefinitionError) as found:
        renamed.record()
    for release in (marked, good):
        assert str(release / "release.json") in found.value.remedy
        file = release / "release.json"
        file.write_text(file.read_text().replace('"local"', '"renamed"'))
    assert withdraw_notice(renamed)
    assert (renamed.record() or {})["run_id"] == "r1"


def test_a_link_that_leads_elsewhere_is_astray_until_the_next_release(releases: Releases) -> None:
    assert releases.astray() is None
    publish(releases, "r1")
    assert releases.astray() is None
    later = replace(releases, warehouse=releases.warehouse.with_name("other.duckdb"), profile="other")
    assert later.astray() == releases.folder / "r1" / "site"
    publish(later, "r2")
    assert later.astray() is None


def test_a_release_from_before_profiles_were_named_is_the_one_that_lies_there(releases: Releases) -> None:
    (publish(releases, "r1") / "release.json").write_text('{"run_id": "r1"}')
    assert releases.record() == {"run_id": "r1"}


HOLDER = """
import datetime as dt, sys, time
from pathlib import Path
from kpi_lib.operations.lock import run_lock
with run_lock(Path(sys.argv[1]), "first", dt.datetime.now(dt.UTC)):
    print("held", flush=True)
    time.sleep(60)
"""


def test_two_runs_never_overlap_and_a_killed_owner_frees_the_lock(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(RunError, match=rf"run first, process {holder.pid}"),
            run_lock(tmp_path, "2", NOON),
        ):
            pass
    finally:
        holder.kill()
        holder.communicate()
    begun = time.monotonic()
    with run_lock(tmp_path, "3", NOON, wait_seconds=10):
        assert time.monotonic() - begun < 10
