"""The read-only checks of a user's own project, run by the real ``bq`` as far as an emulator can answer."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kpi_lib.catalogue import BigQueryProfile
from kpi_lib.warehouse.bigquery.session import Session
from tests.bigquery.conftest import ROOT, Good
from tests.bigquery.emulator import Running

SCRIPT = ROOT / "scheduled" / "google-cloud" / "check-project.sh"


def tables(profile: BigQueryProfile) -> dict[str, object]:
    """Return every table of the project with the instant of its last change."""
    session = Session.open(profile, "sandbox")
    found = {
        str(item.reference): session.client.get_table(item.reference).modified
        for dataset in session.client.list_datasets()
        for item in session.client.list_tables(dataset.reference)
    }
    session.close()
    return found


def test_every_check_is_asked_and_nothing_is_written(good: Good, emulator: Running, tmp_path: Path) -> None:
    if shutil.which("bq") is None:
        pytest.skip("bq, of the Google Cloud CLI, is not installed")
    command = tmp_path / "bin" / "kpi"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kpi_lib.cli "$@"\n')
    command.chmod(0o755)
    (tmp_path / "bigqueryrc").write_text(f"api = http://{emulator.host}\n")
    (tmp_path / "token").write_text("an emulator asks for none\n")
    env = {
        **os.environ,
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "BIGQUERYRC": str(tmp_path / "bigqueryrc"),
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(tmp_path / "token"),
        "CLOUDSDK_CORE_ACCOUNT": "reader@example.com",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
    }
    before = tables(good.profile)
    words = ["sandbox", good.profile.project, "us", "winery_kpi_sandbox", "winery_raw.stg_order"]
    done = subprocess.run(
        ["/bin/sh", str(SCRIPT), *words],
        cwd=good.folder, env=env, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert len(before) > 20 and tables(good.profile) == before
    assert f"✓ project {good.profile.project}: reached" in done.stdout and "✗" not in done.stdout
    assert "Query successfully validated" in done.stdout
    assert re.search(r"\| fact_kpi_daily +\| date_key +\| kpi_id,entity_id +\|", done.stdout)
    # An emulator neither holds the limit on bytes nor keeps the labels of jobs.
    assert "These checks did not go well: 3 5\n" in done.stderr
    assert done.returncode == 1
