"""The emulator, and workspaces whose sources and tables lie in it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bigquery import emulator as server

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
request = 30
query = 240
outage = 6
first_wait = 0.1
longest_wait = 0.5
[profiles.sandbox.datasets]
raw = "{{domain}}_raw"
mart = "{{domain}}_mart_sandbox"
kpi = "{{domain}}_kpi_sandbox"
ops = "{{domain}}_ops_sandbox"
"""
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


def make_workspace(folder: Path, domains: tuple[str, ...], project: str, more: str = "") -> Path:
    """Make a project folder with a profile for the emulator."""
    root = Path(__file__).parents[2]
    folder.mkdir(parents=True, exist_ok=True)
    listed = ", ".join(f'"{name}"' for name in domains)
    (folder / "kpi.toml").write_text(SETTINGS.format(domains=listed, project=project, more=more))
    for name in ("notebooks", "expectations", "reports"):
        (folder / name).symlink_to(root / name)
    return folder
