"""The ledger: what was published stays, what changed is told with its cause."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from kpi_lib.catalogue import Catalogue
from kpi_lib.compute import dashboard
from kpi_lib.compute.changes import no_changes
from kpi_lib.errors import UsageError, WarehouseError
from kpi_lib.frames import ROLLUP_COLUMNS
from kpi_lib.periods import PRIOR_YEAR, STANDARD_COMPARISONS, STANDARD_WINDOWS
from kpi_lib.warehouse import history_sql
from kpi_lib.warehouse.history import COLUMNS
from kpi_lib.warehouse.ledger import Publication, grown_days, write_ledger
from kpi_lib.warehouse.ledger_sql import LAST_PUBLICATION, PUBLICATION_SQL, snapshot_sql
from kpi_lib.warehouse.ledger_tables import FACT_CHANGE, LEDGER_TABLES, PUBLICATION, SNAPSHOT
from tests.ledger_case import MORNING, Published, published
from tests.oracle.cases import catalogue, kpi

DAYS = pd.date_range("2024-04-01", "2025-05-31", unit="us")
KPIS = (
    kpi(1, "sum", format="currency", decimals=2),
    kpi(4, "ratio", format="percent", unit="points", decimals=1, scale=100),
    kpi(6, "last"),
)
LAST = "2025-05-31"


def trial(**changes: object) -> Catalogue:
    given = {"kpis": KPIS, "windows": (STANDARD_WINDOWS["mtd"], STANDARD_WINDOWS["ytd"]), **changes}
    return catalogue(**given)  # type: ignore[arg-type]


def facts(seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    keys = pd.MultiIndex.from_product([DAYS, [1, 4, 6], [0, 1]], names=["date_key", "kpi_id", "entity_id"])
    frame = keys.to_frame(index=False)
    ratio = frame["kpi_id"] == 4
    above = pd.Series(rng.integers(0, 9, len(frame)).astype(float)).where(ratio)
    below = pd.Series(rng.integers(1, 9, len(frame)).astype(float)).where(ratio)
    amount = pd.Series(rng.integers(1, 9000, len(frame)) / 100).where(frame["kpi_id"] == 1, 5.0)
    return frame.assign(value=amount.mask(ratio, above / below * 100), numerator=above, denominator=below)


def change(
    frame: pd.DataFrame, day: str, by: float | None, number: int = 1, entity: int = 0, until: str = ""
) -> pd.DataFrame:
    """Return the facts with one series changed on one day, or from it on."""
    days = (frame["date_key"] >= day) & (frame["date_key"] <= (until or day))
    rows = days & (frame["kpi_id"] == number) & (frame["entity_id"] == entity)
    assert rows.any()
    changed = frame["value"].mask(rows, np.nan if by is None else frame["value"] + by)
    return frame.assign(value=changed)


@pytest.fixture
def house() -> Iterator[Published]:
    with published(trial()) as made:
        yield made


def test_a_first_night_notes_every_value_and_the_same_night_again_none(house: Published) -> None:
    wanted = len(DAYS) * 3 * 2 * 2
    assert house.night(facts()) == wanted
    assert house.night(facts()) == 0
    assert house.night(facts(), full=True) == 0
    assert len(house.reader.publications()) == 1
    assert house.reader.restatements(entity=None).empty
    assert house.warehouse.columns(SNAPSHOT) == dict(LEDGER_TABLES[SNAPSHOT])
    assert house.warehouse.columns(PUBLICATION) == dict(LEDGER_TABLES[PUBLICATION])


def test_a_new_day_adds_that_day_alone(house: Published) -> None:
    house.night(facts(), until=dt.date(2025, 5, 30))
    assert house.night(facts()) == 3 * 2 * 2
    assert house.reader.restatements(entity=None).empty


def test_a_past_report_is_rebuilt_as_it_was_published(house: Published) -> None:
    house.night(facts())
    as_it_was = house.reader.rollups(LAST), house.reader.payload(LAST)["payload"].tolist()
    table = house.warehouse.query("SELECT * FROM kpi.agg_kpi_dashboard WHERE as_of_date = @d", {"d": LAST})
    rounded = trial(kpis=(KPIS[0].model_copy(update={"decimals": 0}), *KPIS[1:]))
    house.night(change(facts(), "2025-05-10", 7.5), catalogue=rounded)
    house.night(change(facts(), "2024-05-10", -1.0), catalogue=rounded)
    wh = house.reader
    assert wh.payload(LAST)["payload"].tolist() != as_it_was[1]
    for at in ("run1", MORNING, dt.date(2025, 6, 1), "2025-06-01", "2025-06-01T09:00:00+00:00"):
        again = wh.as_published(LAST, at)
        pd.testing.assert_frame_equal(again, as_it_was[0], check_exact=True)
    assert list(again.columns) == list(ROLLUP_COLUMNS)
    then = dashboard(wh.as_published(LAST, "run1", entity=None))
    keys = ["as_of_date", "kpi_id", "entity_id"]
    pd.testing.assert_frame_equal(
        then, table.sort_values(keys, ignore_index=True), check_exact=True, check_dtype=False
    )
    pd.testing.assert_frame_equal(wh.as_published(LAST), wh.rollups(LAST), check_exact=True)


def test_late_rows_corrections_and_definitions_are_told_apart(house: Published) -> None:
    base = facts()
    missing = change(base, "2025-05-20", None)
    house.night(missing)
    house.night(base)  # the missing day has arrived
    more = change(base, "2025-05-21", 10.0)
    house.night(more, grown=["2025-05-21"])  # more rows for that day
    less = change(more, "2025-05-22", -3.0)
    house.night(less, grown=["2025-05-23"])  # the rows that came are another day's
    house.night(change(less, "2025-05-24", 1.0), code="c2", full=True)
    told = house.reader.restatements(as_of=LAST)
    assert list(told.columns) == list(COLUMNS)
    mtd = told[(told["window"] == "mtd") & (told["measure"] == "value")].set_index("run_id")
    assert mtd["cause"].to_dict() == {
        "run2": "late_data", "run3": "late_data", "run4": "correction", "run5": "definition",
    }  # fmt: skip
    assert mtd["difference"].round(2).drop("run2").to_dict() == {"run3": 10.0, "run4": -3.0, "run5": 1.0}
    assert (mtd.loc["run2", "old_reason"], pd.isna(mtd.loc["run2", "new_reason"])) == ("partial", True)
    assert set(told["kpi_code"]) == {"sum_1"}
    since = house.reader.restatements(since="2025-06-04", entity=None)
    assert set(since["run_id"]) == {"run4", "run5"}
    assert set(house.reader.restatements(since="run5")["run_id"]) == {"run5"}


def test_a_late_row_carries_through_a_stock(house: Published) -> None:
    base = facts()
    house.night(base)
    house.night(change(base, "2025-05-20", 1.0, number=6, until=LAST), grown=["2025-05-20"])
    house.night(
        change(base, "2025-05-18", 1.0, number=6, until=LAST), grown=["2025-05-20"]
    )  # and what was there before is now another number
    told = house.reader.restatements(kpi=6)
    late = told[(told["run_id"] == "run2") & (told["measure"] == "value")]
    assert set(late["cause"]) == {"late_data"}
    assert set(told.loc[told["run_id"] == "run3", "cause"]) == {"correction"}


def test_mixed_changes_in_one_window_count_as_a_correction(house: Published) -> None:
    base = facts()
    house.night(base)
    house.night(change(change(base, "2025-05-02", 1.0), "2025-05-10", 1.0), grown=["2025-05-10"])
    told = house.reader.restatements(kpi=1)
    by_date = told[(told["window"] == "mtd") & (told["measure"] == "value")].set_index("as_of_date")["cause"]
    assert set(by_date) == {"correction"}
    last28 = trial(windows=(STANDARD_WINDOWS["last7"],))
    with published(last28) as other:
        other.night(base)
        other.night(change(change(base, "2025-05-02", 1.0), "2025-05-10", 1.0), grown=["2025-05-10"])
        told = other.reader.restatements(kpi=1)
        values = told[told["measure"] == "value"].set_index("as_of_date")["cause"].sort_index()
    assert (values["2025-05-02":"2025-05-08"] == "correction").all()
    assert (values["2025-05-10":"2025-05-16"] == "late_data").all()


def test_a_new_version_or_a_moved_window_is_a_definition(house: Published) -> None:
    base = facts()
    house.night(base)
    twice = base.assign(value=base["value"].where(base["kpi_id"] != 1, base["value"] * 2))
    newer = trial(kpis=(KPIS[0].model_copy(update={"version": 2}), *KPIS[1:]))
    house.night(twice, catalogue=newer, full=True)
    told = house.reader.restatements()
    assert set(told["cause"]) == {"definition"}
    assert set(told["kpi_code"]) == {"sum_1"}
    from kpi_lib.periods import Calendar

    fiscal = trial(windows=(STANDARD_WINDOWS["fytd"],))
    with published(fiscal) as other:
        other.night(base)
        july = trial(windows=(STANDARD_WINDOWS["fytd"],), calendar=Calendar(fiscal_start_month=7))
        other.night(base, catalogue=july, full=True)
        told = other.reader.restatements(as_of=LAST)
    assert set(told["cause"]) == {"definition"}
    assert len(told)


def test_what_is_no_longer_published_is_withdrawn_and_can_come_back(house: Published) -> None:
    base = facts()
    house.night(base)
    without = trial(kpis=KPIS[:2])
    gone = house.night(base[base["kpi_id"] != 6], catalogue=without, full=True)
    assert gone == len(DAYS) * 2 * 2
    assert house.night(base[base["kpi_id"] != 6], catalogue=without) == 0
    told = house.reader.restatements(as_of=LAST, kpi=None)
    assert set(told["new_reason"]) == {"withdrawn"}
    assert set(told["cause"]) == {"definition"}
    assert set(told["kpi_code"]) == {"6"}
    assert 6 not in set(house.reader.as_published(LAST)["kpi_id"])
    assert 6 in set(house.reader.as_published(LAST, "run1")["kpi_id"])
    assert house.night(base, catalogue=trial(), full=True) == gone
    assert 6 in set(house.reader.as_published(LAST)["kpi_id"])
    # Data that no longer reaches so far takes its as-of dates along.
    house.night(base, until=dt.date(2025, 5, 29))
    with pytest.raises(UsageError, match="Nothing had been published for 2025-05-31 by run run5"):
        house.reader.as_published(LAST)
    assert len(house.reader.as_published(LAST, "run4"))
    last = house.reader.restatements(since="run5")
    assert set(last["cause"]) == {"correction"}
    assert set(last["as_of_date"]) == {pd.Timestamp("2025-05-30"), pd.Timestamp(LAST)}


def test_two_publications_are_compared(house: Published) -> None:
    base = facts()
    house.night(base, until=dt.date(2025, 5, 30))
    late = change(base, "2025-05-20", 10.0)
    house.night(late, grown=["2025-05-20"])
    house.night(change(late, "2025-05-20", 5.0))
    wh = house.reader
    whole = wh.compare("run1", "run3", as_of="2025-05-30", kpi="sum_1")
    value = whole[(whole["window"] == "mtd") & (whole["measure"] == "value")].iloc[0]
    assert value["difference"] == pytest.approx(15.0)
    assert value["cause"] == "correction"
    assert (
        value["old"]
        == wh.as_published("2025-05-30", "run1").set_index(["kpi_id", "window"])["value"][1, "mtd"]
    )
    assert set(wh.compare("2025-06-01", "2025-06-02")["cause"]) == {"late_data"}
    assert wh.compare("run1", "run3", as_of=LAST).empty  # the first one did not hold that date
    assert wh.compare("run2", "run2").empty
    undone = house.night(base)
    assert undone
    assert wh.compare("run1", "run4", as_of="2025-05-30").empty
    with pytest.raises(UsageError, match="run3 comes after run1"):
        wh.compare("run3", "run1")


def test_a_second_comparison_is_told_on_its_own() -> None:
    both = trial(comparisons=(PRIOR_YEAR, STANDARD_COMPARISONS["prior_period"]))
    with published(both) as house:
        house.night(facts())
        house.night(change(facts(), "2025-04-20", 4.0))
        told = house.reader.restatements(as_of=LAST, kpi=1)
    rows = {tuple(row) for row in told[["window", "comparison", "measure"]].fillna("").to_numpy()}
    assert rows == {("mtd", "prior_period", "prior"), ("ytd", "", "value")}
    assert len(told) == 2


def test_wrong_questions(house: Published) -> None:
    with pytest.raises(WarehouseError, match="no ledger"):
        house.reader.publications()
    house.night(facts())
    with pytest.raises(UsageError, match="Nothing had been published by 2025-05-31"):
        house.reader.as_published(LAST, "2025-05-31")
    with pytest.raises(UsageError, match="neither a date"):
        house.reader.restatements("yesterday")
    with pytest.raises(UsageError, match="is no date"):
        house.reader.as_published("soon")


def test_a_domain_without_a_dashboard_has_no_ledger(house: Published) -> None:
    nothing = Publication("run1", MORNING, dt.date(2025, 5, 31), "c1")
    assert write_ledger(house.warehouse, house.catalogue, nothing) == 0
    assert not house.warehouse.exists(SNAPSHOT)
    house.refresh(facts())
    house.warehouse.replace(FACT_CHANGE, no_changes())
    assert write_ledger(house.warehouse, house.catalogue, nothing) == len(DAYS) * 3 * 2 * 2


def test_days_that_grew() -> None:
    def days(**counts: int) -> pd.DataFrame:
        frame = pd.DataFrame({"source": "orders", "date_key": pd.to_datetime(list(counts)), "row_count": 0})
        return frame.assign(row_count=list(counts.values()))

    before = days(**{"2025-01-01": 3, "2025-01-02": 3, "2025-01-03": 3})
    after = days(**{"2025-01-01": 3, "2025-01-02": 2, "2025-01-03": 4, "2025-01-04": 1})
    assert grown_days(before, after) == [pd.Timestamp("2025-01-03"), pd.Timestamp("2025-01-04")]
    assert grown_days(before.head(0), after.head(0)) == []


@pytest.mark.googlesql
def test_the_ledgers_sql_is_googlesql() -> None:
    zetasql = pytest.importorskip("tests.zetasql_catalog")
    known = trial(comparisons=(PRIOR_YEAR, STANDARD_COMPARISONS["prior_period"]))
    checker = zetasql.GoogleSql.of(known)
    parameters = {
        **dict.fromkeys(("publication_no", "first", "second"), "INT64"),
        **dict.fromkeys(
            (f"{side}_{what}" for side in ("first", "last") for what in ("kpi", "entity")), "INT64"
        ),
        **dict.fromkeys(("as_of", "first_as_of", "last_as_of"), "DATE"),
        **dict.fromkeys(("run_id", "code", "definitions"), "STRING"),
        "published_at": "TIMESTAMP",
    }
    writes = {**parameters, "since": "DATE"}
    assert checker.columns(snapshot_sql(known), writes) == dict(LEDGER_TABLES[SNAPSHOT])
    assert checker.columns(PUBLICATION_SQL, writes) == dict(LEDGER_TABLES[PUBLICATION])
    assert checker.columns(LAST_PUBLICATION, {})
    reads = {**parameters, "since": "TIMESTAMP"}
    for name in ("PUBLICATIONS", "AS_PUBLISHED", "RESTATEMENTS", "COMPARE"):
        assert checker.columns(getattr(history_sql, name), reads)
