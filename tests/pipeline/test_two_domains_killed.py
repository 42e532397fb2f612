"""SIGKILL after every step of a night of two domains; the next plain one equals a night never killed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from .conftest import ROOT, Kpi, site_state
from .test_two_domains import DAILY, OVERVIEW, PAGES, release, table

pytestmark = pytest.mark.slow
STEPS = [
    *(("winery", name) for name in ("extract", "roll-ups", "gate", "ledger")),
    *(("marketplace", name) for name in ("extract", "views", "scorecard", "gate", "ledger")),
    *(("", name) for name in ("notebooks", "render", "check", "publish")),
]
TABLES = {
    "winery_kpi.fact_kpi_daily": "date_key, kpi_id, entity_id, value",
    "marketplace_kpi.dashboard_kpis": "metric_key, person_name, metric_value, fiscal_year",
    "marketplace_kpi.dashboard_kpis_history": "as_of_date, metric_key, person_name, metric_value",
    "marketplace_kpi.dashboard_kpis_trend": "as_of_date, metric_key, person_name, metric_value",
    "marketplace_kpi.customer_development": "qbo_customer_id, fiscal_year, status, net_revenue",
}


def change_sources(folder: Path) -> None:
    """Give the night something new to publish."""
    file = folder / "data" / "landing" / "marketplace" / "listing.parquet"
    frame = pd.read_parquet(file, dtype_backend="pyarrow")
    frame.iloc[:-1].to_parquet(file, index=False)


def state(folder: Path) -> dict[str, object]:
    """Return the tables and the pages that a reader would see, without what names the run."""
    found: dict[str, object] = {
        # A night killed after it published and the next one both enter the history.
        name: table(folder, f"select distinct {columns} from {name} order by all").to_csv(index=False)
        for name, columns in TABLES.items()
    }
    for page in (DAILY, OVERVIEW):
        text = (folder / "build" / "site" / page).read_text()
        found[page] = re.sub(
            r"<header.*?</header>|<footer.*?</footer>|<html[^>]*>", "", text, flags=re.DOTALL
        )
    found["dates"] = {name: item["as_of"] for name, item in release(folder)["domains"].items()}
    return found


@pytest.fixture(scope="module")
def clean(both_once: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The state after a night that nobody kills."""
    folder = tmp_path_factory.mktemp("clean") / "both"
    shutil.copytree(both_once, folder, symlinks=True)
    change_sources(folder)
    subprocess.run(night(), cwd=folder, env=environment(), check=True, capture_output=True)
    return state(folder)


def night() -> list[str]:
    return [sys.executable, "-m", "kpi_lib.cli", "nightly", "--log-format", "json", *PAGES]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize(("domain", "step"), STEPS)
def test_a_kill_after_any_step_is_made_good_by_the_next_night(
    both: Path, kpi: Kpi, clean: dict[str, object], domain: str, step: str
) -> None:
    before = site_state(both)
    change_sources(both)
    running = subprocess.Popen(
        night(), cwd=both, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert running.stderr is not None
    for line in running.stderr:
        record = json.loads(line)
        is_step = record.get("event") == "step" and record["name"] == step and record["status"] == "done"
        if is_step and record.get("domain", "") == domain:
            break
    else:
        pytest.fail(f"the night never reached {domain} {step}")
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    if step != "publish":
        assert site_state(both) == before
    assert kpi("nightly", *PAGES).code == 0
    after = state(both)
    assert after.keys() == clean.keys()
    for name, value in clean.items():
        assert after[name] == value, name
    assert not list((both / "data" / "warehouse.releases").glob(".staging-*"))
