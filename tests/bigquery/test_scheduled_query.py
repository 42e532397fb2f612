"""The procedure that refreshes dashboard_kpis, called in the emulator: the figures are the night's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from kpi_lib import periods
from kpi_lib.catalogue import BigQueryProfile, Catalogue, load_catalogue, load_settings
from kpi_lib.domains.marketplace.sample import make
from kpi_lib.pipeline import scorecard
from kpi_lib.pipeline.scheduled_query import PROCEDURE, script
from kpi_lib.warehouse import DuckDBWarehouse, load_sources, write_sources
from kpi_lib.warehouse.bigquery.names import Place
from kpi_lib.warehouse.bigquery.session import Session
from kpi_lib.warehouse.tables import physical_layers
from kpi_lib.warehouse.types import to_arrow
from tests.bigquery.conftest import make_workspace, new_project
from tests.bigquery.emulator import Running
from tests.bigquery.landing_zone import load_raw

UNTIL = dt.date(2026, 11, 20)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue("marketplace")


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue) -> Path:
    folder, sample = tmp_path_factory.mktemp("landing"), make(UNTIL)
    write_sources(sample.frames, catalogue, folder, sample.manifest)
    return folder


@pytest.fixture(scope="module")
def profile(
    emulator: Running, tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue, landing: Path
) -> BigQueryProfile:
    """A project whose sources and calendar are loaded, and nothing else."""
    folder = make_workspace(tmp_path_factory.mktemp("project"), ("marketplace",), new_project())
    chosen = load_settings(folder / "kpi.toml").profile("sandbox")
    assert isinstance(chosen, BigQueryProfile)
    load_raw(chosen, catalogue, landing)
    session = Session.open(chosen, "sandbox", "calendar")
    for dataset in chosen.own_datasets("marketplace").values():
        session.client.create_dataset(f"{chosen.project}.{dataset}", exists_ok=True)
    dates = periods.dim_date(catalogue.calendar, *scorecard.DIM_DATE)
    place = Place(chosen.project, chosen.dataset("mart", "marketplace"), "dim_date")
    session.load(to_arrow(dates, "mart.dim_date", lambda _: None), place, "dates")
    session.close()
    return chosen


@pytest.fixture
def session(profile: BigQueryProfile) -> Iterator[Session]:
    opened = Session.open(profile, "sandbox", "test")
    yield opened
    opened.close()


def table(profile: BigQueryProfile, name: str) -> str:
    return f"`{profile.project}.{profile.dataset('kpi', 'marketplace')}.{name}`"


def rows(session: Session, sql: str) -> pd.DataFrame:
    return pd.DataFrame(list(map(dict, session.client.query(sql).result())))


def call(session: Session, profile: BigQueryProfile) -> None:
    place = f"`{profile.project}.{profile.dataset('ops', 'marketplace')}.{PROCEDURE}`"
    session.client.query(f"CALL {place}()").result()


def test_the_procedure_gives_the_figures_of_the_night(
    session: Session, profile: BigQueryProfile, catalogue: Catalogue, landing: Path, tmp_path: Path
) -> None:
    with DuckDBWarehouse.open(tmp_path / "w.duckdb", physical_layers(catalogue)) as duck:
        load_sources(duck, catalogue, landing)
        scorecard.build_tables(duck, catalogue, UNTIL)
        wanted = scorecard.refresh(duck, catalogue, UNTIL, dt.datetime.now(dt.UTC), first_day=UNTIL)
    session.client.query(script(catalogue, profile, UNTIL)).result()
    call(session, profile)
    found = rows(session, f"SELECT * FROM {table(profile, 'dashboard_kpis')}")
    columns = ["metric_key", "person_name", "metric_value", "metric_format", "department", "fiscal_year"]
    keys = columns[:2]
    pd.testing.assert_frame_equal(
        found[columns].sort_values(keys, ignore_index=True),
        wanted[columns].sort_values(keys, ignore_index=True),
        check_dtype=False,
        rtol=1e-12,
    )
    assert len(found) == 16


def test_again_replaces_the_figures_and_adds_to_the_history(
    session: Session, profile: BigQueryProfile, catalogue: Catalogue
) -> None:
    session.client.query(script(catalogue, profile, UNTIL)).result()
    before = f"SELECT COUNT(*) AS n FROM {table(profile, 'dashboard_kpis_history')}"
    call(session, profile)
    held = int(rows(session, before)["n"].iloc[0])
    call(session, profile)
    assert int(rows(session, before)["n"].iloc[0]) == held + 16
    assert len(rows(session, f"SELECT * FROM {table(profile, 'dashboard_kpis')}")) == 16
    state = rows(session, f"SELECT * FROM {table(profile, 'dashboard_kpis_state')}")
    assert state[["as_of_date", "fiscal_year"]].to_numpy().tolist() == [[UNTIL, 2026]]


def test_in_another_fiscal_year_it_refuses_and_leaves_the_old_figures(
    session: Session, profile: BigQueryProfile, catalogue: Catalogue
) -> None:
    session.client.query(script(catalogue, profile, UNTIL)).result()
    call(session, profile)
    everything = f"SELECT * FROM {table(profile, 'dashboard_kpis')} ORDER BY metric_key"
    before = rows(session, everything)
    session.client.query(script(catalogue, profile, dt.date(2027, 2, 1))).result()
    with pytest.raises(Exception, match="make it again"):
        call(session, profile)
    pd.testing.assert_frame_equal(rows(session, everything), before)
