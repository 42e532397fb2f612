"""Two profiles of one ``kpi.toml``: each has its own figures, pages, runs and counts."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from pypdf import PdfReader

import kpi_lib
from kpi_lib.catalogue import load_settings

from .conftest import SETTINGS, Kpi, call, edit_source, site_state

PROFILES = """
[profiles.local]
kind = "duckdb"
[profiles.trial]
kind = "duckdb"
path = "data/trial.duckdb"
"""
SOURCE = "stg_tock_reservation"
LABEL = "Larkspur Ridge (profile trial)"


def larger(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(party_size=frame["party_size"] + 1)


def broken(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(party_size=frame["party_size"].where(frame.index != 7, -3))


def night(kpi: Kpi, *more: str) -> tuple[int, str]:
    outcome = kpi("nightly", "--only", "daily_dashboard", *more)
    return outcome.code, outcome.out + outcome.err


@pytest.fixture(scope="module")
def two_once(published_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default profile's night, then one of the profile ``trial`` on other data; copied, never changed."""
    folder = tmp_path_factory.mktemp("two") / "project"
    shutil.copytree(published_once, folder, symlinks=True)
    (folder / "kpi.toml").write_text(SETTINGS + PROFILES)
    edit_source(folder, SOURCE, larger)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        code, said = night(call, "--profile", "trial")
    assert code == 0, said
    assert f"site: {folder}/build/trial/site/index.html" in said
    return folder


@pytest.fixture
def two(two_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "two"
    shutil.copytree(two_once, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder


def visitors(output: Path) -> float:
    """Return what a site shows, in its API, of the newest day."""
    rows = json.loads((output / "site/api/v1/dashboard.json").read_text())["rows"]
    (row,) = (item for item in rows if (item["kpi"], item["entity"]) == ("total_visitors", "ALL"))
    return float(row["mtd"]["v"])


def runs(folder: Path) -> set[str]:
    return {path.parent.name for path in folder.glob("runs/*/run.json")}


def remembered(folder: Path, profile: str) -> set[str]:
    """Return the runs whose checks the profile's reports show."""
    with kpi_lib.connect(profile, settings=load_settings(folder / "kpi.toml")) as wh:
        return set(wh.checks()["run_id"])


def test_each_site_shows_its_own_figures(two: Path, published_once: Path, kpi: Kpi) -> None:
    before = {name: data for name, data in site_state(published_once).items() if name.startswith("api/")}
    assert before == {name: data for name, data in site_state(two).items() if name.startswith("api/")}
    assert visitors(two / "build" / "trial") > visitors(two / "build") > 0


def test_pages_and_documents_of_another_profile_than_the_default_say_which(two: Path) -> None:
    for page in (two / "build/trial/site").rglob("*.html"):
        text = page.read_text()
        assert re.search(rf'<a class="brand" [^>]*>{re.escape(LABEL)}</a>', text), page
    assert json.loads((two / "build/trial/site/api/v1/index.json").read_text())["title"] == LABEL
    (file,) = (two / "build/trial/pdf").glob("*.pdf")
    assert all("(profile trial)" in page.extract_text() for page in PdfReader(file).pages)
    assert not any(b"(profile" in data for name, data in site_state(two).items() if name.endswith(".html"))


@pytest.mark.slow
def test_the_history_of_checks_and_the_last_run_are_a_profiles_own(two: Path, kpi: Kpi) -> None:
    edit_source(two, SOURCE, broken)
    before = site_state(two)
    code, said = night(kpi, "--profile", "trial")
    assert code == 3, said
    assert site_state(two) == before
    assert kpi("status").out.startswith(f"profile:   local, written to {two}/build\n")
    assert "failed" not in kpi("status").out
    status = kpi("status", "--profile", "trial")
    assert f"profile:   trial, written to {two}/build/trial\n" in status.out
    assert "stale: The last run" in status.out
    edit_source(two, SOURCE, lambda frame: frame.assign(party_size=frame["party_size"].abs()))
    for profile in ("local", "trial"):
        code, said = night(kpi, "--profile", profile)
        assert code == 0, said
    assert remembered(two, "local") == runs(two / "build")
    assert remembered(two, "trial") == runs(two / "build" / "trial")
    assert len(runs(two / "build")) == 2 and len(runs(two / "build" / "trial")) == 3


@pytest.mark.slow
def test_another_default_profile_takes_the_folder_and_nothing_else(two: Path, kpi: Kpi) -> None:
    """Runs of the one that was the default before lie there still; they are not the new one's."""
    old = runs(two / "build")
    (two / "kpi.toml").write_text('default_profile = "trial"\n' + SETTINGS + PROFILES)
    status = kpi("status")
    assert status.code == 1 and "last run:" not in status.out
    warning = f"{two}/build/site, which readers open, leads to {two}/data/warehouse.releases/"
    assert f"stale: {warning}" in status.out
    code, said = night(kpi, "--profile", "local")
    assert code == 0 and warning in said, said
    code, said = night(kpi)
    assert code == 0 and warning not in said, said
    assert "which readers open" not in kpi("status").out
    assert visitors(two / "build") > 0
    assert LABEL not in (two / "build/site/index.html").read_text()
    assert (two / "build" / "site").resolve().parts[-3] == "trial.releases"
    assert remembered(two, "trial").isdisjoint(old)
    with kpi_lib.connect() as wh:
        assert wh.path == two / "data" / "trial.duckdb"
    assert "(profile local)" in (two / "build/local/site/index.html").read_text()
    assert (two / "build" / "local" / "site").resolve().parts[-3] == "warehouse.releases"


def test_a_warehouse_that_was_anothers_is_refused(two: Path, kpi: Kpi) -> None:
    swapped = PROFILES.replace("trial.duckdb", "x.duckdb").replace(
        'kind = "duckdb"\n[profiles.trial]', 'kind = "duckdb"\npath = "data/trial.duckdb"\n[profiles.trial]'
    )
    (two / "kpi.toml").write_text(SETTINGS + swapped)
    before = site_state(two)
    for command in ("nightly", "render", "status", "build", "validate"):
        outcome = kpi(command)
        assert outcome.code == 2, outcome.out
        assert "What is published here is of profile 'trial', not of 'local'." in outcome.err
    assert site_state(two) == before
