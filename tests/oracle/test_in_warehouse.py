"""Facts, changes and dashboard by SQL: the tables that the engine makes in memory, night after night."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kpi_lib import periods
from kpi_lib.catalogue import Catalogue
from kpi_lib.errors import DataError, FrameError
from kpi_lib.periods import STANDARD_COMPARISONS, STANDARD_WINDOWS, Calendar, Window
from kpi_lib.pipeline.build import Span, roll_up
from kpi_lib.pipeline.dimensions import dim_entity, dim_kpi
from kpi_lib.pipeline.events import events_sql, keep_events
from kpi_lib.pipeline.kpi_tables import Days, InMemory, InWarehouse, KpiTables
from kpi_lib.warehouse import DuckDBWarehouse, Warehouse
from kpi_lib.warehouse.dashboard import dashboard_sql
from kpi_lib.warehouse.fact_changes import changes_sql
from kpi_lib.warehouse.facts import facts_sql
from kpi_lib.warehouse.ledger_tables import FACT_CHANGE, WINDOW_SPAN
from kpi_lib.warehouse.rollup import PARAMETERS, SERIES_DAY, series_day_sql
from kpi_lib.warehouse.tables import (
    DASHBOARD,
    ENTITY_ABOVE,
    EVENTS,
    FACTS,
    dashboard_columns,
    physical_layers,
)
from tests.oracle.cases import ENTITIES, KPIS, catalogue, kpi
from tests.oracle.test_rollup_sql import literals

WIDE, SEEN = "mart.wide", "mart.seen"
TABLES = (WIDE, SEEN, "kpi.dim_kpi", "kpi.dim_entity", ENTITY_ABOVE)
FIRST = pd.Timestamp("2024-01-10")
Maker = Callable[[Warehouse, Catalogue, Days], KpiTables]
MAKERS: dict[str, Maker] = {
    "in memory": InMemory,
    "days pulled": lambda *given: InWarehouse(*given, rollups="memory"),
    "in the warehouse": lambda *given: InWarehouse(*given, rollups="warehouse", cells=50_000),
}


def known(calendar: Calendar | None = None, events: bool = True) -> Catalogue:
    windows = tuple(STANDARD_WINDOWS[name] for name in ("mtd", "fytd", "last7", "last28"))
    made = catalogue(
        kpis=KPIS if events else tuple(kpi for kpi in KPIS if kpi.kind != "distinct"),
        windows=windows,
        comparisons=tuple(STANDARD_COMPARISONS.values()),
        calendar=calendar,
    )
    return made.model_copy(update={"mart": WIDE, "events": SEEN if events else None})


def wide_of(rng: np.random.Generator, days: int) -> pd.DataFrame:
    """Return a wide mart: every measure, holes in the days, nulls, zero and negative days, fractions."""
    dates = pd.date_range(FIRST, periods=days, freq="D", unit="us")
    keys = pd.MultiIndex.from_product(
        [dates, [item.id for item in ENTITIES]], names=["date_key", "entity_id"]
    )
    frame = keys.to_frame(index=False)
    size = len(frame)
    for item in KPIS:
        names = ("above", "below") if item.kind == "ratio" else (item.code,)
        for name in names:
            cents = item.format == "currency" and name != "below"
            numbers = (
                rng.integers(-30_000, 90_000, size) / 100
                if cents
                else np.round(rng.normal(2.0, 3.0, size), 2) / 7
            )
            if not cents and item.decimals == 0:
                numbers = rng.integers(-3, 12, size).astype(float)
            numbers[rng.random(size) < 0.2] = 0.0
            numbers[rng.random(size) < 0.05] = np.nan
            frame[name] = numbers
    frame["sum_3"] = frame["sum_3"] * rng.choice([1.0, 1e-2, 1e2], size)
    frame = frame.drop(columns="distinct_10")
    return frame[rng.random(size) > 0.03]


def events_of(rng: np.random.Generator, days: int) -> pd.DataFrame:
    dates = pd.date_range(FIRST, periods=days, freq="D", unit="us")
    rows = [
        (day, 10, entity, f"m{member}")
        for day in dates
        for entity in (1, 2, 3)
        for member in rng.integers(0, 12, rng.integers(0, 4)).tolist()
    ]
    return pd.DataFrame(rows, columns=["date_key", "kpi_id", "entity_id", "member_id"])


def night(
    warehouse: DuckDBWarehouse,
    definitions: Catalogue,
    maker: Maker,
    wide: pd.DataFrame,
    seen: pd.DataFrame,
    grown: list[pd.Timestamp],
) -> tuple[dict[str, pd.DataFrame], object]:
    last = max(wide["date_key"].max(), seen["date_key"].max()).date()
    span = Span(FIRST.date(), last, last, last)
    warehouse.replace("kpi.dim_kpi", dim_kpi(definitions))
    warehouse.replace("kpi.dim_entity", dim_entity(definitions))
    warehouse.replace(WIDE, wide)
    warehouse.replace(SEEN, seen)
    tables = maker(warehouse, definitions, (span.first_day, span.last_day))
    tables.make_facts(grown)
    done = roll_up(warehouse, definitions, tables, span, full=False, last_days=1)
    made = {}
    for name in (FACTS, EVENTS, FACT_CHANGE, DASHBOARD):
        frame = warehouse.query(f"SELECT * FROM {name}")
        made[name] = frame.sort_values(list(frame), ignore_index=True)
    return made, (done, {name: warehouse.columns(name) for name in made})


def nights(seed: int) -> list[tuple[pd.DataFrame, pd.DataFrame, list[pd.Timestamp]]]:
    """Return what five nights find: all, more days, late and corrected rows, other guests, nothing new."""
    rng = np.random.default_rng(seed)
    wide, seen = wide_of(rng, 420), events_of(rng, 420)
    before = FIRST + pd.Timedelta(days=415)
    found = [(wide[wide["date_key"] < before], seen[seen["date_key"] < before], [])]
    found.append((wide, seen, []))
    late = FIRST + pd.Timedelta(days=400)
    changed = wide.copy()
    changed.loc[(changed["date_key"] == late) & (changed["entity_id"] == 1), "sum_1"] += 10.0
    changed.loc[changed["date_key"].between(late, late + pd.Timedelta(days=4)), "last_6"] += 1.0
    changed.loc[changed["date_key"] == late + pd.Timedelta(days=9), ["above", "sum_2"]] = 5.0
    found.append((changed, seen, [late]))
    moved = seen.copy()
    day = moved["date_key"] == late + pd.Timedelta(days=6)
    moved.loc[day, "member_id"] = moved.loc[day, "member_id"] + "x"
    found.append((changed, moved, [late, late + pd.Timedelta(days=6)]))
    found.append((changed, moved, []))
    return found


@pytest.mark.parametrize(
    ("seed", "calendar", "events"),
    [
        (1, Calendar(fiscal_start_month=7), True),
        pytest.param(2, Calendar(), False, marks=pytest.mark.slow),
    ],
)
def test_every_way_gives_the_same_tables_night_after_night(
    seed: int, calendar: Calendar, events: bool
) -> None:
    definitions = known(calendar, events)
    causes = []
    with ExitStack() as open_ones:
        houses = {
            name: open_ones.enter_context(DuckDBWarehouse.open(":memory:", physical_layers(definitions)))
            for name in MAKERS
        }
        for number, found in enumerate(nights(seed)):
            made = {name: night(house, definitions, MAKERS[name], *found) for name, house in houses.items()}
            tables, done = made.pop("in memory")
            for way, (theirs, their_done) in made.items():
                assert their_done == done, way
                for name, frame in tables.items():
                    pd.testing.assert_frame_equal(
                        theirs[name], frame, check_exact=True, obj=f"{name}, night {number}, {way}"
                    )
            changes = tables[FACT_CHANGE]
            causes.append((len(changes) > 0, bool(changes["is_late"].any()), not changes["is_late"].all()))
            assert len(tables[DASHBOARD]) > 1000
    assert causes[:2] == [(False, False, False)] * 2
    assert causes[2] == (True, True, True)
    assert causes[3][0] is events
    assert causes[4] == (False, False, False)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda f: pd.concat([f, f.head(2)]), "2 rows|4 rows"),
        (lambda f: f.assign(entity_id=f["entity_id"].replace(3, 77)), "77"),
        (lambda f: f.assign(sum_2=f["sum_2"].mask(f.index == f.index[5], 1e308)), "infinity"),
        (lambda f: f.drop(columns="below"), "'below'"),
        (lambda f: f.assign(sum_2="many"), "'sum_2' holds"),
    ],
)
@pytest.mark.parametrize("way", list(MAKERS))
def test_a_broken_mart_is_refused_however_facts_are_made(
    way: str, broken: Callable[[pd.DataFrame], pd.DataFrame], said: str
) -> None:
    definitions = known(events=False)
    wide = broken(wide_of(np.random.default_rng(3), 30))
    with DuckDBWarehouse.open(":memory:", physical_layers(definitions)) as warehouse:
        warehouse.replace("kpi.dim_kpi", dim_kpi(definitions))
        warehouse.replace("kpi.dim_entity", dim_entity(definitions))
        warehouse.replace("mart.given", wide)
        # Only a query can make infinity; a frame that holds it is not taken.
        infinite = "IF(sum_2 = 1e308, CAST('inf' AS FLOAT64), sum_2)" if said == "infinity" else "sum_2"
        warehouse.build(WIDE, f"SELECT * EXCEPT (sum_2), {infinite} AS sum_2 FROM mart.given")
        tables = MAKERS[way](warehouse, definitions, (dt.date(2024, 1, 10), dt.date(2024, 2, 8)))
        with pytest.raises(FrameError, match=said):
            tables.make_facts([])
        assert not warehouse.exists(FACTS)


@pytest.mark.parametrize("way", list(MAKERS))
@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [("member_id", None, DataError), ("entity_id", 77, FrameError), ("kpi_id", 1, FrameError)],
)
def test_broken_events_are_refused_however_facts_are_made(
    way: str, column: str, value: object, kind: type[Exception]
) -> None:
    definitions = known()
    rng = np.random.default_rng(3)
    seen = events_of(rng, 30).astype({column: object})
    seen.loc[3, column] = value
    seen = seen.astype({column: "str" if column == "member_id" else int}) if value else seen
    with DuckDBWarehouse.open(":memory:", physical_layers(definitions)) as warehouse:
        warehouse.replace("kpi.dim_kpi", dim_kpi(definitions))
        warehouse.replace("kpi.dim_entity", dim_entity(definitions))
        warehouse.replace(WIDE, wide_of(rng, 30))
        warehouse.replace(SEEN, seen)
        tables = MAKERS[way](warehouse, definitions, (dt.date(2024, 1, 10), dt.date(2024, 2, 8)))
        with pytest.raises(kind):
            tables.make_facts([])
        assert not warehouse.exists(FACTS)


@pytest.mark.googlesql
def test_google_makes_the_same_tables() -> None:
    """The third opinion: Google's reference implementation, over literals in place of the tables."""
    zetasql = pytest.importorskip("tests.zetasql_catalog")
    kept = tuple(kpi for kpi in KPIS if kpi.id in (1, 4, 6, 10))
    definitions = known().model_copy(
        update={
            "kpis": kept,
            "entities": ENTITIES[:2],
            "windows": (STANDARD_WINDOWS["last7"],),
            "comparisons": (STANDARD_COMPARISONS["prior_year"], STANDARD_COMPARISONS["prior_period"]),
        }
    )
    rng = np.random.default_rng(5)
    wide, seen = wide_of(rng, 24), events_of(rng, 24)
    wide = wide[wide["entity_id"] < 2][["date_key", "entity_id", "sum_1", "above", "below", "last_6"]]
    seen = seen[seen["entity_id"] == 1]
    late = FIRST + pd.Timedelta(days=18)
    before = wide[wide["date_key"] < FIRST + pd.Timedelta(days=22)].copy()
    before.loc[before["date_key"] >= late, "last_6"] -= 1.0
    before.loc[before["date_key"] == late, "sum_1"] = np.nan
    asked = {"first_day": FIRST.date(), "last_day": wide["date_key"].max().date()}
    checker = zetasql.GoogleSql.of(definitions)
    with DuckDBWarehouse.open(":memory:", physical_layers(definitions)) as warehouse:
        night(warehouse, definitions, InMemory, before, seen[seen["member_id"] != "m3"], [])
        held = {name: warehouse.query(f"SELECT * FROM {name}") for name in (FACTS, EVENTS)}
        made, _ = night(warehouse, definitions, InMemory, wide, seen, [late])
        columns = warehouse.columns(WIDE)
        checker.add_table(WIDE, columns)
        checker.add_table(SEEN, warehouse.columns(SEEN))
        plain = {name: warehouse.query(f"SELECT * FROM {name}") for name in TABLES}
    dates = [FIRST + pd.Timedelta(days=days) for days in (8, 23)]
    spans = periods.spans(
        np.array(dates, dtype="datetime64[D]"),
        definitions.windows,
        definitions.comparisons,
        definitions.calendar,
    )
    plain[WINDOW_SPAN] = spans.rename(columns={"window": "window_name"})
    events = events_sql(definitions)
    dashboard = dashboard_sql(definitions).replace(SERIES_DAY, f"({series_day_sql()})")
    changes = changes_sql(facts_sql(definitions, columns, "seen"), events, [late], compare_events=True)
    for sql, tables, name in (
        (facts_sql(definitions, columns), plain | {EVENTS: made[EVENTS]}, FACTS),
        (changes, plain | held, FACT_CHANGE),
        (dashboard, plain | {name: made[name] for name in (FACTS, EVENTS)}, DASHBOARD),
    ):
        wanted = made[name]
        if name == DASHBOARD:
            wanted = wanted[wanted["as_of_date"].isin(dates)].reset_index(drop=True)
            assert checker.columns(sql, PARAMETERS) == dashboard_columns(definitions)
        theirs = asked_of_google(checker, sql, tables, asked)
        theirs = theirs.astype(wanted.dtypes.to_dict()).sort_values(list(wanted), ignore_index=True)
        pd.testing.assert_frame_equal(theirs, wanted, check_exact=True, obj=name)
        assert len(wanted) > 3


def asked_of_google(
    checker: Any, sql: str, tables: dict[str, pd.DataFrame], params: dict[str, dt.date]
) -> pd.DataFrame:
    """Return what Google's implementation answers, with literals in place of tables and parameters."""
    types = checker.columns(sql, PARAMETERS)
    text = re.sub(r"--[^\n]*", "", sql)
    for name, day in params.items():
        text = text.replace(f"@{name}", f"DATE '{day}'")
    for name, frame in sorted(tables.items(), key=lambda item: -len(item[0])):
        text = re.sub(rf"\b{re.escape(name)}\b", f"({literals(frame, checker.tables[name])})", text)
    found = pd.DataFrame(checker.evaluate(text), columns=list(types), dtype=object)
    for name, kind in types.items():
        if kind == "DATE":
            found[name] = pd.to_datetime(found[name])
        elif kind == "FLOAT64":
            found[name] = found[name].astype(float)
    return found


@pytest.mark.googlesql
@pytest.mark.parametrize("events", [True, False])
def test_google_knows_every_query(monkeypatch: pytest.MonkeyPatch, events: bool) -> None:
    zetasql = pytest.importorskip("tests.zetasql_catalog")
    definitions = known(events=events)
    asked: list[tuple[str, str]] = []

    def noting(name: str, place: int) -> None:
        method = getattr(DuckDBWarehouse, name)

        def noted(self: DuckDBWarehouse, *given: Any, **named: Any) -> Any:
            asked.append((name, given[place]))
            return method(self, *given, **named)

        monkeypatch.setattr(DuckDBWarehouse, name, noted)

    found = nights(4)[:3]
    with DuckDBWarehouse.open(":memory:", physical_layers(definitions)) as warehouse:
        for name, place in (("query", 0), ("build", 1), ("insert", 1), ("build_days", 1)):
            noting(name, place)
        for each in found:
            night(warehouse, definitions, MAKERS["in the warehouse"], *each)
            night(warehouse, definitions, MAKERS["days pulled"], *each)
        checker = zetasql.GoogleSql.of(definitions)
        for table in (WIDE, SEEN):
            checker.add_table(table, warehouse.columns(table))
        warehouse.build(SERIES_DAY, series_day_sql(), {"first_day": FIRST.date(), "last_day": FIRST.date()})
        checker.add_table(SERIES_DAY, warehouse.columns(SERIES_DAY))
    types = {**PARAMETERS, "from_day": "DATE", "to_day": "DATE"}
    assert {name for name, _ in asked} == {"query", "build", "insert", "build_days"}
    for _, sql in dict.fromkeys(asked):
        checker.columns(sql, types)


def one_way(
    way: str, definitions: Catalogue, facts: pd.DataFrame, loaded: Days, dates: pd.DatetimeIndex
) -> pd.DataFrame:
    """Return the dashboard of these dates, made of these facts."""
    with DuckDBWarehouse.open(":memory:", physical_layers(definitions)) as warehouse:
        warehouse.replace("kpi.dim_kpi", dim_kpi(definitions))
        warehouse.replace("kpi.dim_entity", dim_entity(definitions))
        keep_events(warehouse, definitions, None)
        warehouse.replace(FACTS, facts)
        tables = MAKERS[way](warehouse, definitions, loaded)
        if isinstance(tables, InMemory):
            tables.facts = facts
        tables.make_dashboard(dates, whole=True)
        assert not warehouse.exists(SERIES_DAY)
        return warehouse.query(f"SELECT * FROM {DASHBOARD} ORDER BY as_of_date, kpi_id, entity_id")


def facts_of_one(kpi_id: int, values: pd.Series) -> pd.DataFrame:
    frame = values.rename("value").rename_axis("date_key").reset_index()
    return frame.assign(kpi_id=kpi_id, entity_id=0, numerator=np.nan, denominator=np.nan)[
        ["date_key", "kpi_id", "entity_id", "value", "numerator", "denominator"]
    ]


@pytest.mark.parametrize("kind", ["sum", "last", "min", "max", "average"])
@pytest.mark.parametrize("way", list(MAKERS))
def test_money_with_parts_of_a_cent_keeps_its_differences(way: str, kind: str) -> None:
    definitions = catalogue(
        kpis=(kpi(1, kind, format="currency", decimals=4),), windows=(STANDARD_WINDOWS["last7"],)
    )
    days = pd.date_range("2024-01-01", "2025-03-31", unit="us")
    values = pd.Series(1.2310, index=days).mask(days >= "2025-01-01", 1.2345)
    facts, loaded = facts_of_one(1, values), (days[0].date(), days[-1].date())
    made = one_way(way, definitions, facts, loaded, days[-3:])
    assert made["last7_delta"].round(6).tolist() == [0.0245 if kind == "sum" else 0.0035] * 3
    pd.testing.assert_frame_equal(
        made, one_way("in memory", definitions, facts, loaded, days[-3:]), check_exact=True
    )


@pytest.mark.parametrize("way", list(MAKERS))
def test_days_before_the_loaded_ones_are_no_history(way: str) -> None:
    definitions = catalogue(
        kpis=(kpi(2, "sum"),),
        windows=(STANDARD_WINDOWS["last7"],),
        comparisons=(STANDARD_COMPARISONS["prior_period"],),
    )
    days = pd.date_range("2024-01-01", "2024-03-31", unit="us")
    values = pd.Series(1.0, index=days).drop(pd.Timestamp("2024-03-18"))
    facts, loaded = facts_of_one(2, values), (dt.date(2024, 2, 1), days[-1].date())
    made = one_way(way, definitions, facts, loaded, days[-1:])
    row = made[made["kpi_id"] == 2].iloc[0]
    assert (row["last7_prior"], row["last7_prior_reason"]) == (6.0, "partial")


@pytest.mark.parametrize("way", list(MAKERS))
def test_a_window_that_has_not_begun_needs_no_day(way: str) -> None:
    definitions = catalogue(
        kpis=(kpi(2, "sum"),),
        windows=(Window("later", "range", start=dt.date(2026, 1, 1), end=dt.date(2026, 2, 1)),),
    )
    days = pd.date_range("2024-01-01", "2024-03-31", unit="us")
    loaded = (days[0].date(), days[-1].date())
    made = one_way(way, definitions, facts_of_one(2, pd.Series(1.0, index=days)), loaded, days[-2:])
    assert made["later_reason"].tolist() == ["not_started"] * 2


@pytest.mark.parametrize("way", list(MAKERS))
def test_one_old_day_with_parts_of_a_cent_counts_whichever_days_are_pulled(way: str) -> None:
    definitions = catalogue(kpis=(kpi(1, "sum", format="currency", decimals=2),))
    days = pd.date_range("2020-01-01", "2024-03-31", unit="us")
    cents = np.random.default_rng(1).integers(1, 99_999, len(days)) / 100
    values = pd.Series(cents, index=days).mask(days == "2020-05-05", 1.005)
    facts, loaded = facts_of_one(1, values), (days[0].date(), days[-1].date())
    made = one_way(way, definitions, facts, loaded, days[-20:])
    pd.testing.assert_frame_equal(
        made, one_way("in memory", definitions, facts, loaded, days[-20:]), check_exact=True
    )
