"""The emulator, and workspaces whose sources and tables lie in it."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from kpi_lib.catalogue import BigQueryProfile, load_catalogue, load_settings
from kpi_lib.domains.winery.sample import make
from kpi_lib.warehouse import write_sources
from kpi_lib.warehouse.bigquery.open import open_published
from kpi_lib.warehouse.bigquery.publish import last_run
from tests.bigquery import emulator as server
from tests.bigquery.landing_zone import load_raw

SETTINGS = """
domains = [{domains}]
[profiles.local]
kind = "duckdb"
[profiles.sandbox]
kind = "bigquery"
project = "{project}"
owns_views = true
{more}
[profiles.sandbox.deadlines]
request = {request}
query = 240
outage = {outage}
first_wait = 0.1
longest_wait = 0.5
[profiles.sandbox.datasets]
raw = "{{domain}}_raw"
mart = "{{domain}}_mart_sandbox"
kpi = "{{domain}}_kpi_sandbox"
ops = "{{domain}}_ops_sandbox"
"""
ROOT = Path(__file__).parents[2]
_PROJECTS = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("bigquery")
            item.add_marker(pytest.mark.timeout(1800))


def needed(reason: str) -> None:
    """Skip, or fail where the emulator is required (``KPI_REQUIRE_BIGQUERY=1``)."""
    if os.environ.get("KPI_REQUIRE_BIGQUERY"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[server.Running]:
    """A running emulator, which the clients of these tests find as Google's own do."""
    try:
        import google.cloud.bigquery  # noqa: F401
    except ImportError:
        needed("the client is not installed: pip install 'kpi-lib[bigquery]'")
    try:
        server.set_up()
        with (
            server.running(tmp_path_factory.mktemp("emulator")) as found,
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setenv("BIGQUERY_EMULATOR_HOST", found.host)
            patch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", found.storage)
            yield found
    except server.NoEmulatorError as error:
        needed(str(error))


def new_project() -> str:
    """Return the name of a project that no other test uses."""
    return f"example-{next(_PROJECTS):03d}"


def make_workspace(
    folder: Path, domains: tuple[str, ...], project: str, more: str = "", patience: int = 1
) -> Path:
    """Make a project folder with a profile for the emulator.

    The emulator runs a query before it answers that it has begun: large ones need more ``patience``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listed = ", ".join(f'"{name}"' for name in domains)
    settings = SETTINGS.format(
        domains=listed, project=project, more=more, request=30 * patience, outage=6 * patience
    )
    (folder / "kpi.toml").write_text(settings)
    for name in ("notebooks", "expectations", "reports"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@dataclass(frozen=True)
class Good:
    """A workspace of the winery after a good night of profile ``sandbox``; copied, never changed."""

    folder: Path
    profile: BigQueryProfile
    #: The run that published what stands in BigQuery.
    run: str


@pytest.fixture(scope="session")
def good(emulator: server.Running, tmp_path_factory: pytest.TempPathFactory) -> Good:
    folder = make_workspace(tmp_path_factory.mktemp("good") / "project", ("winery",), new_project())
    sample, landing = make(dt.date(2026, 11, 20), years=1), folder / "data" / "landing" / "winery"
    write_sources(sample.frames, load_catalogue("winery"), landing, sample.manifest)
    profile = load_settings(folder / "kpi.toml").profile("sandbox")
    assert isinstance(profile, BigQueryProfile)
    load_raw(profile, load_catalogue("winery"), landing)
    done = kpi(folder, {}, "nightly", "--profile", "sandbox", "--only", "daily_dashboard")
    assert done.returncode == 0, done.stderr
    return Good(folder, profile, published_run(profile))


def published_run(profile: BigQueryProfile) -> str:
    with open_published(profile, "sandbox", load_catalogue("winery")) as warehouse:
        return last_run(warehouse)[0]


def kpi(folder: Path, env: Mapping[str, str | None], *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does, in a process of its own."""
    merged = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "500", **env}
    return subprocess.run(
        [sys.executable, "-m", "kpi_lib.cli", *words],
        cwd=folder, env={name: value for name, value in merged.items() if value is not None},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
