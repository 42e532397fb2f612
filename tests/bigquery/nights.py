"""The same nights on both warehouses, run and compared."""

from __future__ import annotations

import datetime as dt
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from kpi_lib.catalogue import BigQueryProfile, load_catalogue, load_settings
from kpi_lib.domains.marketplace.sample import make as make_marketplace
from kpi_lib.domains.winery.sample import make as make_winery
from kpi_lib.operations.progress import Lines
from kpi_lib.pipeline.night import run_night
from kpi_lib.pipeline.night_types import NightOptions, NightResult
from kpi_lib.pipeline.workspace import Workspace
from kpi_lib.warehouse import DuckDBWarehouse, Warehouse, write_sources
from kpi_lib.warehouse.bigquery.open import open_published
from kpi_lib.warehouse.bigquery.session import Session
from kpi_lib.warehouse.tables import physical_layers
from tests.bigquery.conftest import make_workspace
from tests.bigquery.landing_zone import load_raw

DOMAINS = ("winery", "marketplace")
UNTIL = dt.date(2026, 11, 20)
#: The nights of a test run minutes apart from here, so that both warehouses can be compared byte by byte.
FIRST = dt.datetime(2026, 11, 21, 8, 0, tzinfo=dt.UTC)

INDEX = "site/api/v1/index.json"
#: What the pages of a profile that is not the default one say beside the title.
LABEL = b" (profile sandbox)"


@dataclass(frozen=True)
class Pair:
    """A folder whose nights run on the embedded warehouse, and one whose nights run on BigQuery."""

    local: Path
    cloud: Path
    profile: BigQueryProfile

    def night(self, minute: int, **options: Any) -> tuple[NightResult, NightResult]:
        """Run the same night on both."""
        return night(self.local, "local", minute, **options), night(self.cloud, "sandbox", minute, **options)


def night(
    folder: Path, profile: str, minute: int, domains: tuple[str, ...] = (), **options: Any
) -> NightResult:
    """Run a night in this process."""
    workspace = Workspace(load_settings(folder / "kpi.toml"), profile, domains)
    now = FIRST + dt.timedelta(minutes=minute)
    return run_night(
        workspace,
        NightOptions(**{"renderer": "embedded", **options}),
        clock=lambda: now,
        progress=Lines(),
    )


def profile_of(folder: Path) -> BigQueryProfile:
    """Return the profile of a folder whose nights run on BigQuery."""
    profile = load_settings(folder / "kpi.toml").profile("sandbox")
    assert isinstance(profile, BigQueryProfile)
    return profile


def make_pair(base: Path, project: str, domains: tuple[str, ...] = DOMAINS) -> Pair:
    """Make both folders and put the same small sources into both warehouses."""
    folders = [make_workspace(base / name, domains, project) for name in ("local", "cloud")]
    pair = Pair(*folders, profile_of(folders[1]))
    for name in domains:
        # As few years as there may be.
        sample = make_winery(UNTIL, years=1) if name == "winery" else make_marketplace(UNTIL, years=3)
        for folder in folders:
            write_sources(sample.frames, load_catalogue(name), landing(folder, name), sample.manifest)
        load_raw(pair.profile, load_catalogue(name), landing(pair.cloud, name))
    return pair


def landing(folder: Path, domain: str) -> Path:
    """Return where a domain's landing files are."""
    return folder / "data" / "landing" / domain


def change_sources(pair: Pair, domain: str, source: str) -> None:
    """Take the last row of a source away on both warehouses, so that the next night has something to do."""
    for folder in (pair.local, pair.cloud):
        file = landing(folder, domain) / f"{source}.parquet"
        pd.read_parquet(file, dtype_backend="pyarrow").iloc[:-1].to_parquet(file, index=False)
    load_raw(pair.profile, load_catalogue(domain), landing(pair.cloud, domain))


def unlike(pair: Pair) -> list[str]:
    """Return the tables and the published files that are not the same on both warehouses."""
    files = site(pair.local), site(pair.cloud)
    pages = [name for name in {**files[0], **files[1]} if files[0].get(name) != files[1].get(name)]
    return unlike_tables(pair) + pages


def unlike_tables(pair: Pair) -> list[str]:
    """Return the tables whose cells are not the same on both warehouses."""
    return [
        name
        for domain in load_settings(pair.cloud / "kpi.toml").domains
        for name, (local, cloud) in tables(pair, domain).items()
        if not local.equals(cloud)
    ]


def tables(pair: Pair, domain: str) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Return the published tables of a domain as both warehouses hold them, their rows in one order."""
    catalogue = load_catalogue(domain)
    sources = {f"{source.layer}.{source.name}" for source in catalogue.sources}
    file = pair.local / "data" / "warehouse.duckdb"
    with (
        DuckDBWarehouse.open(file, physical_layers(catalogue), read_only=True) as local,
        open_published(pair.profile, "sandbox", catalogue) as cloud,
    ):
        return {
            table: (ordered(local, table), ordered(cloud, table))
            for table in local.tables()
            if table not in sources
        }


def ordered(warehouse: Warehouse, table: str) -> pd.DataFrame:
    """Return a table with its rows in one order."""
    frame = warehouse.query(f"SELECT * FROM {table}")
    return frame.sort_values(list(frame), ignore_index=True)


def site(folder: Path) -> dict[str, bytes]:
    """Return every file that readers see, as if its profile were the default one: no folder, no label."""
    own = folder / "build" / "sandbox"
    output = own if own.is_dir() else folder / "build"
    return {
        f"{place}/{name}": content.replace(LABEL, b"")
        for place in ("site", "private")
        for name, content in contents(output / place).items()
    }


def contents(site: Path) -> dict[str, bytes]:
    """Return a folder's files by name, of a workbook its parts.

    PDFs are left out: they tell the instant of their making.
    """
    found: dict[str, bytes] = {}
    for file in sorted(site.rglob("*")):
        name = str(file.relative_to(site))
        if file.suffix == ".xlsx":
            with zipfile.ZipFile(file) as book:
                found |= {f"{name}/{part}": book.read(part) for part in book.namelist()}
        elif file.is_file() and file.suffix != ".pdf":
            found[name] = file.read_bytes()
    return found


def left_in_staging(profile: BigQueryProfile, domains: tuple[str, ...] = DOMAINS) -> list[str]:
    """Return the tables that lie in the staging datasets."""
    session = Session.open(profile, "sandbox")
    found = [
        item.table_id
        for domain in domains
        for item in session.client.list_tables(f"{profile.project}.{profile.dataset('staging', domain)}")
    ]
    session.close()
    return found


def run_id(minute: int) -> str:
    """Return what a night is called."""
    return f"{FIRST + dt.timedelta(minutes=minute):%Y%m%dT%H%M%SZ}"
