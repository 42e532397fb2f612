"""A night for an older date on both warehouses: they stay equal, and the newest date stays published."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pytest

from kpi_lib.pipeline.night_types import NightResult
from tests.bigquery.conftest import new_project
from tests.bigquery.nights import UNTIL, Pair, left_in_staging, make_pair, night, site, tables, unlike

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
        assert f"build/site/archive/{PAST}/{page}" in added
        assert after[f"build/site/{page}"] == archived.before[f"build/site/{page}"]


def test_the_next_plain_nights_are_equal_again_and_then_have_nothing_to_do(archived: Archived) -> None:
    for result in archived.pair.night(2):
        assert (result.exit_code, result.failed) == (0, ())
    assert unlike(archived.pair) == []
    assert scorecard(archived.pair) == archived.scorecard
    assert night(archived.pair.cloud, "sandbox", 3).status == "unchanged"
