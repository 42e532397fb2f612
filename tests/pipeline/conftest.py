"""A workspace of its own for every test, and the command line called as a user calls it."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from kpi_lib import cli
from kpi_lib.catalogue import load_catalogue
from kpi_lib.domains.marketplace.sample import make as make_marketplace
from kpi_lib.domains.winery.sample import make
from kpi_lib.warehouse import write_sources

ROOT = Path(__file__).parents[2]
UNTIL = dt.date(2026, 11, 20)
SETTINGS = """
domains = ["winery"]
[site]
title = "Larkspur Ridge"
"""

BOTH = 'domains = ["winery", "marketplace"]\n[site]\ntitle = "Morning figures"\n'


@dataclass(frozen=True)
class Outcome:
    """What a call of ``kpi`` did."""

    code: int
    out: str
    err: str


Kpi = Callable[..., Outcome]


@pytest.fixture(scope="session")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two years of sample sources; copied, never changed."""
    folder = tmp_path_factory.mktemp("landing") / "winery"
    sample = make(UNTIL, years=2)
    write_sources(sample.frames, load_catalogue("winery"), folder, sample.manifest)
    return folder


def new_workspace(folder: Path, landing: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kpi.toml").write_text(SETTINGS)
    for name in ("notebooks", "expectations", "reports"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(landing, folder / "data" / "landing" / "winery")
    return folder


@pytest.fixture
def workspace(tmp_path: Path, landing: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with landing files; the current folder of the test."""
    folder = new_workspace(tmp_path / "project", landing)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def published_once(tmp_path_factory: pytest.TempPathFactory, landing: Path) -> Path:
    """A workspace after one night of one report; copied, never changed."""
    folder = new_workspace(tmp_path_factory.mktemp("published") / "project", landing)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert call("nightly", "--only", "daily_dashboard").code == 0
    return folder


@pytest.fixture
def published(published_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace of its own with a published night."""
    folder = tmp_path / "published"
    shutil.copytree(published_once, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder


def call(*args: str) -> Outcome:
    """Run the command line in this process, as its entry point does."""
    import contextlib
    import io

    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setattr(sys, "argv", ["kpi", *args])
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 0
        else:
            code = 0
    return Outcome(code, out.getvalue(), err.getvalue())


@pytest.fixture
def kpi() -> Iterator[Kpi]:
    yield call


@pytest.fixture(scope="session")
def both_once(tmp_path_factory: pytest.TempPathFactory, landing: Path) -> Path:
    folder = new_workspace(tmp_path_factory.mktemp("both") / "project", landing)
    (folder / "kpi.toml").write_text(BOTH)
    shutil.copyfile(ROOT / "kpi_lib" / "domains" / "targets.json", folder / "targets.json")
    sample = make_marketplace(UNTIL)
    place = folder / "data" / "landing" / "marketplace"
    write_sources(sample.frames, load_catalogue("marketplace"), place, sample.manifest)
    reports = [report.name for report in load_catalogue("marketplace").reports]
    asked = [word for name in ("daily_dashboard", *reports) for word in ("--only", name)]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        outcome = call("nightly", "--renderer", "embedded", *asked)
        assert outcome.code == 0, outcome.out + outcome.err
    return folder


@pytest.fixture
def both(both_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "both"
    shutil.copytree(both_once, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder


def edit_source(folder: Path, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Rewrite a landing file with something else in it."""
    file = folder / "data" / "landing" / "winery" / f"{name}.parquet"
    frame = change(pd.read_parquet(file, dtype_backend="pyarrow"))
    frame.to_parquet(file, index=False)


def site_state(folder: Path) -> dict[str, bytes]:
    """Return every published file with its content."""
    site = folder / "build" / "site"
    state = {str(path.relative_to(site)): path.read_bytes() for path in site.rglob("*") if path.is_file()}
    state["warehouse"] = (folder / "data" / "warehouse.duckdb").read_bytes()
    return state


def without_notice(state: dict[str, bytes]) -> dict[str, bytes]:
    """Return what is published but for the banner and the API's word on it."""
    pattern = re.compile(rb'<div class="banner notice" role="status">.*?</div>\n')
    return {name: pattern.sub(b"", data) for name, data in state.items() if name != "api/v1/index.json"}
