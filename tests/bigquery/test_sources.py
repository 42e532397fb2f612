"""Sources in BigQuery that cannot be used: one clear message each, and nothing written."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from kpi_lib.catalogue import BigQueryProfile, Catalogue, load_catalogue
from kpi_lib.domains.marketplace.sample import make
from kpi_lib.errors import KpiError
from kpi_lib.warehouse import write_sources
from kpi_lib.warehouse.bigquery.open import open_staging
from kpi_lib.warehouse.bigquery.session import Session
from kpi_lib.warehouse.bigquery.sources import (
    SourceRowsError,
    SourceTablesError,
    load_place,
    read_sources,
    state_of_sources,
)
from kpi_lib.warehouse.bigquery.staging import owner_name
from kpi_lib.warehouse.bigquery.tidy import make_datasets
from kpi_lib.warehouse.bigquery.warehouse import BigQueryWarehouse
from tests.bigquery.conftest import new_project
from tests.bigquery.emulator import Running
from tests.bigquery.landing_zone import load_raw
from tests.bigquery.test_faults import make_profile


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue("marketplace")


@pytest.fixture(scope="module")
def landing(catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("landing")
    sample = make(dt.date(2026, 11, 20))
    write_sources(sample.frames, catalogue, folder, sample.manifest)
    return folder


@pytest.fixture(scope="module")
def warehouse(emulator: Running, catalogue: Catalogue, landing: Path) -> BigQueryWarehouse:
    profile: BigQueryProfile = make_profile(new_project())
    load_raw(profile, catalogue, landing)
    session = Session.open(profile, "sandbox", "20261121T080000Z")
    make_datasets(session, [catalogue.domain])
    return open_staging(session, catalogue, owner_name("20261121T080000Z", "here"))


def place(warehouse: BigQueryWarehouse, catalogue: Catalogue, name: str) -> str:
    (source,) = (item for item in catalogue.sources if item.name == name)
    return warehouse.places.published(f"{source.layer}.{source.name}").quoted


def test_sound_sources_are_read_and_their_record_kept(
    warehouse: BigQueryWarehouse, catalogue: Catalogue, landing: Path
) -> None:
    loads = read_sources(warehouse, catalogue)
    assert list(loads["source"]) == [source.name for source in catalogue.sources]
    rows = {name: len(pd.read_parquet(landing / f"{name}.parquet")) for name in loads["source"]}
    assert dict(zip(loads["source"], loads["row_count"], strict=True)) == rows
    pd.testing.assert_frame_equal(warehouse.query("SELECT * FROM raw.source_load"), loads, check_like=True)


def test_what_is_wrong_is_told_all_at_once(
    emulator: Running, catalogue: Catalogue, landing: Path, warehouse: BigQueryWarehouse
) -> None:
    profile = make_profile(new_project())
    load_raw(profile, catalogue, landing)
    session = Session.open(profile, "sandbox", "20261121T080000Z")
    make_datasets(session, [catalogue.domain])
    broken = open_staging(session, catalogue, owner_name("20261121T080000Z", "here"))
    sound = state_of_sources(broken, catalogue)
    invoice, account = (place(broken, catalogue, name) for name in ("invoice", "account"))
    kind = next(c.type for s in catalogue.sources if s.name == "account" for c in s.columns if c.name == "id")
    other = "INT64" if kind == "STRING" else "STRING"
    changes = {
        invoice: "EXCEPT (customer_id), customer_id AS client_id",
        account: f"REPLACE (SAFE_CAST(id AS {other}) AS id)",
    }
    for table, change in changes.items():
        session.query(f"CREATE OR REPLACE TABLE {table} AS SELECT * {change} FROM {table}", "break")
    session.query(f"DROP TABLE {place(broken, catalogue, 'customer')}", "break")
    session.query(f"DELETE FROM {load_place(broken).quoted} WHERE source = 'deal'", "break")
    with pytest.raises(SourceTablesError) as found:
        read_sources(broken, catalogue)
    told = "\n".join(found.value.issues)
    assert len(found.value.issues) == 4, told
    for part in (
        "column customer_id is missing. → Known: client_id.",
        f"column id is {other}, not {kind}.",
        "there is no such table or view.",
        "its loader does not say how far it is.",
    ):
        assert part in told
    assert broken.staging is not None and broken.staging.tables == {}
    assert state_of_sources(broken, catalogue) != sound


def test_a_repeated_key_is_found(warehouse: BigQueryWarehouse, catalogue: Catalogue) -> None:
    account = place(warehouse, catalogue, "account")
    warehouse.session.query(f"INSERT INTO {account} SELECT * FROM {account} LIMIT 1", "break")
    with pytest.raises(SourceRowsError, match="repeat a key"):
        read_sources(warehouse, catalogue)


def test_a_dataset_that_is_not_there_is_named(emulator: Running, catalogue: Catalogue) -> None:
    profile = make_profile(new_project())
    session = Session.open(profile, "sandbox", "20261121T080000Z")
    empty = open_staging(session, catalogue, owner_name("20261121T080000Z", "here"))
    with pytest.raises(KpiError, match="There is no dataset") as found:
        read_sources(empty, catalogue)
    assert found.value.exit_code == 2
