"""Nights of two domains in a row: an older date, a domain that fails alone, an outage, deployed views."""

from __future__ import annotations

import datetime as dt
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from kpi_lib.catalogue import load_catalogue
from kpi_lib.catalogue.scorecard import load_scorecard
from kpi_lib.errors import DefinitionError, UsageError, WarehouseError
from kpi_lib.pipeline.night_types import NightResult
from kpi_lib.warehouse.bigquery.session import Session
from tests.bigquery.conftest import new_project
from tests.bigquery.landing_zone import load_raw
from tests.bigquery.nights import (
    INDEX,
    UNTIL,
    Pair,
    change_sources,
    landing,
    left_in_staging,
    make_pair,
    night,
    run_id,
    site,
    tables,
    unlike,
)
from tests.pipeline.conftest import without_notice

KEPT_DOMAIN = b'<div class="banner kept"'
KEPT = b"These are the last good figures"
PAST = dt.date(2026, 10, 31)
SCORECARD = ["metric_key", "person_name", "metric_value"]


@dataclass(frozen=True)
class Archived:
    """Both warehouses after a night and another one for an older date; and the pages before that."""

    pair: Pair
    before: dict[str, bytes]
    scorecard: list[object]
    results: tuple[NightResult, NightResult]


@pytest.fixture(scope="module")
def archived(emulator: object, tmp_path_factory: pytest.TempPathFactory) -> Archived:
    pair = make_pair(tmp_path_factory.mktemp("archive"), new_project())
    for result in pair.night(0):
        assert (result.exit_code, result.failed) == (0, ())
    return Archived(pair, site(pair.cloud), scorecard(pair), pair.night(1, as_of=PAST))


def scorecard(pair: Pair) -> list[object]:
    """Return what BigQuery's ``dashboard_kpis`` says, and of which date."""
    found = tables(pair, "marketplace")
    rows = found["kpi.dashboard_kpis"][1][SCORECARD]
    state = found["kpi.dashboard_kpis_state"][1]
    return [rows.to_csv(index=False), state[["as_of_date", "fiscal_year"]].to_csv(index=False)]


def test_the_older_date_is_made_alike_on_both(archived: Archived) -> None:
    for result in archived.results:
        assert (result.exit_code, result.failed) == (0, ())
    assert archived.results[0].notes == archived.results[1].notes
    assert all(f"as of {PAST}" in note for note in archived.results[1].notes)
    assert unlike(archived.pair) == []
    assert left_in_staging(archived.pair.profile) == []


def test_the_newest_date_stays_published(archived: Archived) -> None:
    assert scorecard(archived.pair) == archived.scorecard
    assert f"{UNTIL}" in str(archived.scorecard[1])
    facts = tables(archived.pair, "winery")["kpi.fact_kpi_daily"][1]
    assert facts["date_key"].max().date() == UNTIL
    history = tables(archived.pair, "marketplace")["kpi.dashboard_kpis_history"][1]
    assert {day.date() for day in history["as_of_date"]} == {PAST, UNTIL}


def test_only_the_archive_got_pages(archived: Archived) -> None:
    after = site(archived.pair.cloud)
    added = sorted(set(after) - set(archived.before))
    assert added and all(f"/archive/{PAST}/" in name for name in added)
    for page in ("winery/daily_dashboard.html", "marketplace/company_overview.html"):
        assert f"site/archive/{PAST}/{page}" in added
        assert after[f"site/{page}"] == archived.before[f"site/{page}"]


def test_the_next_plain_nights_are_equal_again_and_then_have_nothing_to_do(archived: Archived) -> None:
    for result in archived.pair.night(2):
        assert (result.exit_code, result.failed) == (0, ())
    assert unlike(archived.pair) == []
    assert scorecard(archived.pair) == archived.scorecard
    assert night(archived.pair.cloud, "sandbox", 3).status == "unchanged"


def test_a_domain_that_cannot_be_looked_at_fails_alone(archived: Archived) -> None:
    pair, session = archived.pair, Session.open(archived.pair.profile, "sandbox")
    before = site(pair.cloud)
    change_sources(pair, "winery", "stg_club_membership")
    session.client.delete_table(f"{pair.profile.project}.marketplace_raw.source_load")
    session.close()
    result = night(pair.cloud, "sandbox", 4)
    assert result.exit_code == 2
    (failed,) = result.failed
    assert failed.startswith("marketplace: ") and "source_load" in failed
    after = site(pair.cloud)
    page = "site/marketplace/company_overview.html"
    assert KEPT in after[page] and KEPT not in before[page]
    assert without_banner(after[page]) == before[page]
    daily = after["site/winery/daily_dashboard.html"]
    assert KEPT not in daily and run_id(4).encode() in daily
    assert scorecard(pair) == archived.scorecard
    assert left_in_staging(pair.profile) == []


def test_a_domain_at_fault_stops_nobody_in_a_folder_without_a_release(
    archived: Archived, tmp_path: Path
) -> None:
    pair, fresh = archived.pair, tmp_path / "fresh"
    session = Session.open(pair.profile, "sandbox")
    session.client.delete_table(f"{pair.profile.project}.marketplace_raw.source_load", not_found_ok=True)
    session.close()
    nothing = shutil.ignore_patterns("build", "*.releases", "*.duckdb")
    shutil.copytree(pair.cloud, fresh, symlinks=True, ignore=nothing)
    for minute in (5, 6):
        result = night(fresh, "sandbox", minute, only=("daily_dashboard",))
        assert result.exit_code == 2
        (failed,) = result.failed
        assert failed.startswith("marketplace: ") and "source_load" in failed
        pages = site(fresh)
        assert run_id(minute).encode() in pages["site/winery/daily_dashboard.html"]
        assert b"There are no figures yet: " in pages["site/index.html"]
        assert not any("/marketplace/" in name for name in pages)
    assert scorecard(pair) == archived.scorecard


def test_an_outage_ends_the_night(archived: Archived, monkeypatch: pytest.MonkeyPatch) -> None:
    before = site(archived.pair.cloud)
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "127.0.0.1:9")
    with pytest.raises(WarehouseError) as found:
        night(archived.pair.cloud, "sandbox", 7)
    assert found.value.exit_code == 4
    after = without_notice(site(archived.pair.cloud))
    assert {**after, INDEX: before[INDEX]} == before


def test_deployed_views_are_read_and_never_written(archived: Archived) -> None:
    pair, profile = archived.pair, archived.pair.profile
    catalogue, project = load_catalogue("marketplace"), profile.project
    load_raw(profile, catalogue, landing(pair.cloud, "marketplace"))
    session = Session.open(profile, "sandbox")
    views = [view.name for view in load_scorecard(catalogue.folder).views if view.deployed]
    for name in views:
        place, theirs = f"`{project}.marketplace_kpi_sandbox.{name}`", f"`{project}.theirs.{name}`"
        session.client.create_dataset(f"{project}.theirs", exists_ok=True)
        session.query(f"CREATE TABLE {theirs} AS SELECT * FROM {place}", "deploy")
    settings = pair.cloud / "kpi.toml"
    settings.write_text(settings.read_text().replace("owns_views = true", "owns_views = false"))
    with pytest.raises(DefinitionError, match=f"{views[0]} is a table, as a night makes it"):
        night(pair.cloud, "sandbox", 8, ("marketplace",))
    for name in views:
        place, theirs = f"`{project}.marketplace_kpi_sandbox.{name}`", f"`{project}.theirs.{name}`"
        session.query(f"DROP TABLE {place}", "deploy")
        session.query(f"CREATE VIEW {place} AS SELECT * FROM {theirs}", "deploy")
    result = night(pair.cloud, "sandbox", 9, ("marketplace",))
    assert (result.exit_code, result.failed) == (0, ())
    for name in views:
        table = session.client.get_table(f"{project}.marketplace_kpi_sandbox.{name}")
        assert table.table_type == "VIEW", name
    assert scorecard(pair) == archived.scorecard
    assert KEPT_DOMAIN not in site(pair.cloud)["site/marketplace/company_overview.html"]
    with pytest.raises(UsageError, match="are deployed, and tell how things stand now") as older:
        night(pair.cloud, "sandbox", 10, ("marketplace",), as_of=PAST)
    assert older.value.exit_code == 2
    assert left_in_staging(profile, ("marketplace",)) == []
    session.query(f"DROP VIEW `{project}.marketplace_kpi_sandbox.{views[0]}`", "undeploy")
    with pytest.raises(DefinitionError, match=f"There is no view .*{views[0]}"):
        night(pair.cloud, "sandbox", 11, ("marketplace",), force=True)
    session.close()


def without_banner(page: bytes) -> bytes:
    """Return a page without the word that it is kept."""
    start = page.index(KEPT_DOMAIN)
    return page[:start] + page[page.index(b"<main", start) :]
