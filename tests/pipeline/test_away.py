"""A night whose warehouse is away or refuses: exit code, banner on the last good pages, a count."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("google.cloud.bigquery")

from tests.bigquery_server import PROJECT, Fault, refusal, running

from .conftest import Kpi, site_state, without_notice

PROFILE = f"""
[profiles.local]
kind = "duckdb"
[profiles.prod]
kind = "bigquery"
project = "{PROJECT}"
[profiles.prod.deadlines]
request = 1
outage = 0.3
first_wait = 0.05
longest_wait = 0.2
[profiles.prod.datasets]
raw = "raw"
mart = "mart"
kpi = "kpi"
ops = "ops"
"""


@pytest.fixture
def cloud(published: Path) -> Path:
    """A workspace whose last good night is a BigQuery profile's, the default one."""
    settings = published / "kpi.toml"
    settings.write_text('default_profile = "prod"\n' + settings.read_text() + PROFILE)
    data = published / "data"
    shutil.copytree(data / "warehouse.releases", data / "prod.releases", symlinks=True)
    record = data / "prod.releases" / "current" / "release.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"profile": "prod"}))
    return published


def banner(folder: Path) -> str:
    home = (folder / "build" / "site" / "index.html").read_text()
    return home.partition('<div class="banner notice" role="status">')[2].partition("</div>")[0]


def test_bigquery_is_away(cloud: Path, kpi: Kpi, monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as gone:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", gone.url)
    before = site_state(cloud)
    for failures in (1, 2, 3):
        night = kpi("nightly", "--profile", "prod")
        assert night.code == 4, night.err
        assert "could not be reached" in night.err
        assert "Connection refused" in night.err
        assert "Traceback" not in night.err
        counted = json.loads((cloud / "build" / "state" / "connection-prod.json").read_text())
        assert counted["failures"] == failures
    said = banner(cloud)
    assert "3 nights in a row have failed" in said
    assert "BigQuery could not be reached" in said
    assert "These are the last good figures, made" in said
    assert without_notice(site_state(cloud)) == without_notice(before)
    status = kpi("status", "--profile", "prod")
    assert status.code == 1
    assert "The warehouse was not reached 3 times in a row since" in status.out


def test_bigquery_refuses(cloud: Path, kpi: Kpi, monkeypatch: pytest.MonkeyPatch) -> None:
    lacks = f"User does not have bigquery.jobs.create permission in project {PROJECT}."
    with running() as world:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", world.url)
        world.faults = [
            Fault(".", refusal(403, "accessDenied", f"Access Denied: Project {PROJECT}: {lacks}"), times=9999)
        ]
        night = kpi("nightly", "--profile", "prod")
    assert night.code == 2, night.err
    assert "lacks the permission bigquery.jobs.create" in night.err
    assert "roles/bigquery.jobUser" in night.err
    assert "lacks the permission bigquery.jobs.create" in banner(cloud)
    assert not (cloud / "build" / "state" / "connection-prod.json").exists()
