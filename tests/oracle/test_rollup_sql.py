"""The roll-up as SQL: the numbers and reasons of the engine on DuckDB, and of Google's implementation."""

from __future__ import annotations

import datetime as dt
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from kpi_lib.catalogue import Catalogue
from kpi_lib.compute import rollup
from kpi_lib.frames import ROLLUP_COLUMNS, ROLLUP_KEYS, ROLLUPS
from kpi_lib.periods import STANDARD_COMPARISONS, STANDARD_WINDOWS, Calendar, Window, spans
from kpi_lib.pipeline.dimensions import dim_entity, dim_kpi, entity_above
from kpi_lib.pipeline.events import keep_events
from kpi_lib.warehouse import DuckDBWarehouse
from kpi_lib.warehouse.ledger_tables import KEYS, MEASURES
from kpi_lib.warehouse.rollup import PARAMETERS, load_spans, rollup_in_warehouse, rollup_sql
from kpi_lib.warehouse.tables import physical_layers
from kpi_lib.warehouse.types import ARROW_TYPES, to_arrow
from tests.oracle.cases import KPIS, catalogue, kpi, random_case

WINDOWS = (
    *STANDARD_WINDOWS.values(),
    Window("harvest", "range", start=dt.date(2024, 2, 20), end=dt.date(2024, 6, 7)),
    Window("later", "range", start=dt.date(2025, 3, 1), end=dt.date(2025, 6, 7)),
)
WEEKS = Calendar(week_pattern="4-5-4", year_end_month=1, year_end_rule="nearest", fiscal_named_by="start")
NUMBERS = ("value", "prior", "delta", "delta_pct")


def known(windows: tuple[Window, ...] = WINDOWS, calendar: Calendar | None = None) -> Catalogue:
    return catalogue(
        kpis=KPIS, windows=windows, comparisons=tuple(STANDARD_COMPARISONS.values()), calendar=calendar
    )


def in_duckdb(
    definitions: Catalogue,
    facts: pd.DataFrame,
    as_of: list[str],
    loaded: tuple[dt.date, dt.date],
    events: pd.DataFrame | None = None,
) -> pd.DataFrame:
    with DuckDBWarehouse.open(":memory:", physical_layers(definitions)) as warehouse:
        warehouse.replace("kpi.fact_kpi_daily", facts)
        warehouse.replace("kpi.dim_kpi", dim_kpi(definitions))
        warehouse.replace("kpi.dim_entity", dim_entity(definitions))
        keep_events(warehouse, definitions, events)
        load_spans(warehouse, definitions, np.array(as_of, dtype="datetime64[D]"))
        made = rollup_in_warehouse(warehouse, loaded)
        days = {"first_day": loaded[0], "last_day": loaded[1]}
        assert warehouse.build("kpi.rollup", rollup_sql(), days) == len(made)
        assert warehouse.columns("kpi.rollup") == {**KEYS, **MEASURES_IN_ORDER}
    return made


MEASURES_IN_ORDER = {name: MEASURES[name] for name in ROLLUP_COLUMNS if name in MEASURES}


def same(theirs: pd.DataFrame, ours: pd.DataFrame) -> None:
    """Hold two long frames together: every key, span, reason and number, to the last bit."""
    rest = [name for name in ROLLUP_COLUMNS if name not in NUMBERS]
    pd.testing.assert_frame_equal(theirs[rest], ours[rest], check_dtype=False)
    for name in NUMBERS:
        np.testing.assert_array_equal(theirs[name].to_numpy(float), ours[name].to_numpy(float), err_msg=name)


@pytest.mark.parametrize(
    ("seed", "gaps", "calendar"),
    [(1, 0.0, Calendar(fiscal_start_month=7)), (2, 0.1, Calendar()), (3, 0.5, WEEKS), (4, 0.9, Calendar())],
)
def test_the_sql_says_what_the_engine_says(seed: int, gaps: float, calendar: Calendar) -> None:
    definitions = known(calendar=calendar)
    case = random_case(seed, dt.date(2024, 1, 1), 440, gaps)
    loaded = (dt.date(2024, 1, 20), dt.date(2025, 3, 10))
    as_of = ["2023-12-30", "2024-02-29", "2024-09-06", "2025-01-31", "2025-02-28", "2025-03-09", "2025-04-30"]
    ours = rollup(case.frame, definitions, as_of, events=case.events_frame, loaded=loaded)
    theirs = in_duckdb(definitions, case.frame, as_of, loaded, case.events_frame)
    same(theirs, ours)
    ROLLUPS.check(theirs)
    assert set(ours["reason"].dropna()) >= {"partial", "not_loaded", "not_started"} or gaps == 0.0


def test_sums_that_are_zero_are_zero_whatever_lies_before_them() -> None:
    definitions = catalogue(kpis=(kpi(3, "sum", decimals=1), kpi(5, "ratio")))
    days = pd.date_range("2024-01-01", "2025-01-31", unit="us")
    parts = []
    for number in (3, 5):
        frame = pd.DataFrame({"date_key": days, "kpi_id": number, "entity_id": 0, "value": 0.1})
        quiet = frame["date_key"].dt.month == 1
        parts.append(frame.assign(value=frame["value"].mask(quiet & (number == 3), 0.0)))
    facts = pd.concat(parts, ignore_index=True)
    ratio = facts["kpi_id"] == 5
    january = facts["date_key"].dt.month == 1
    facts["numerator"] = facts["value"].where(ratio)
    facts["denominator"] = facts["value"].where(ratio).mask(ratio & january, 0.0)
    loaded = (dt.date(2024, 1, 1), dt.date(2025, 1, 31))
    ours = rollup(facts, definitions, ["2025-01-31"], loaded=loaded)
    same(in_duckdb(definitions, facts, ["2025-01-31"], loaded), ours)
    mtd = ours[(ours["window"] == "mtd")].set_index("kpi_id")
    assert mtd.loc[3, ["value", "delta_reason"]].tolist() == [0.0, "zero_base"]
    assert mtd.loc[5, "reason"] == "zero_denominator"


def test_a_parent_counts_everybody_once_and_a_day_that_is_missing_counts_nobody() -> None:
    definitions = catalogue(kpis=(kpi(10, "distinct"),), windows=(STANDARD_WINDOWS["last7"],))
    days = pd.date_range("2025-06-01", "2025-06-08", unit="us")
    keys = pd.MultiIndex.from_product([days, [10], [0, 1, 2]], names=["date_key", "kpi_id", "entity_id"])
    facts = keys.to_frame(index=False).assign(value=0.0, numerator=np.nan, denominator=np.nan)
    gap = (facts["date_key"] == "2025-06-06") & (facts["entity_id"] == 0)
    facts["value"] = facts["value"].mask(gap)
    rows = [
        ("2025-06-01", 1, "z"),
        ("2025-06-02", 1, "a"),
        ("2025-06-03", 2, "a"),
        ("2025-06-03", 2, "b"),
        ("2025-06-04", 1, "a"),
        ("2025-06-06", 2, "c"),
        ("2025-06-08", 0, "d"),
    ]
    events = pd.DataFrame(rows, columns=["date_key", "entity_id", "member_id"]).assign(kpi_id=10)
    events["date_key"] = pd.to_datetime(events["date_key"])
    loaded = (dt.date(2025, 6, 1), dt.date(2025, 6, 8))
    theirs = in_duckdb(definitions, facts, ["2025-06-08"], loaded, events)
    # North saw a; South a, b and c; together a, b and d, because the day of c is missing.
    assert theirs.set_index("entity_id")["value"].to_dict() == {0: 3.0, 1: 1.0, 2: 3.0}
    assert theirs.set_index("entity_id").loc[0, ["reason", "missing_days"]].tolist() == ["partial", 1]
    same(theirs, rollup(facts, definitions, ["2025-06-08"], events=events, loaded=loaded))


@pytest.mark.googlesql
def test_google_runs_it_to_the_same_numbers() -> None:
    """The third opinion: Google's reference implementation, over literals in place of the tables."""
    zetasql = pytest.importorskip("tests.zetasql_catalog")
    windows = (
        STANDARD_WINDOWS["mtd"],
        STANDARD_WINDOWS["last7"],
        Window("harvest", "range", start=dt.date(2024, 2, 1), end=dt.date(2024, 2, 4)),
    )
    chosen = tuple(item for item in KPIS if item.id in (1, 3, 4, 6, 7, 8, 9, 10))
    definitions = catalogue(
        kpis=chosen,
        windows=windows,
        comparisons=(STANDARD_COMPARISONS["prior_period"],),
        entities=catalogue().entities[:1],
    )
    case = random_case(8, dt.date(2024, 1, 25), 28, 0.3, kpis=chosen)
    facts = case.frame
    facts = facts[facts["entity_id"] == 0].sort_values(["date_key", "kpi_id"], ignore_index=True)
    events = case.events_frame[case.events_frame["entity_id"] == 1].assign(entity_id=0)
    as_of = ["2024-01-30", "2024-02-16", "2024-02-20"]
    loaded = (dt.date(2024, 1, 27), dt.date(2024, 2, 18))
    days = np.array(as_of, dtype="datetime64[D]")
    dated = spans(days, windows, definitions.comparisons, definitions.calendar)
    frames = {
        "kpi.fact_kpi_daily": facts,
        "kpi.fact_kpi_event": events,
        "kpi.entity_above": entity_above(definitions),
        "kpi.dim_kpi": dim_kpi(definitions),
        "kpi.dim_entity": dim_entity(definitions),
        "kpi.window_span": dated.rename(columns={"window": "window_name"}),
    }
    checker = zetasql.GoogleSql.of(definitions)
    assert checker.columns(rollup_sql(), PARAMETERS) == {**KEYS, **MEASURES_IN_ORDER}
    text = re.sub(r"--[^\n]*", "", rollup_sql())
    for name, day in zip(("first_day", "last_day"), loaded, strict=True):
        text = text.replace(f"@{name}", f"DATE '{day}'")
    for name, frame in frames.items():
        text = text.replace(name, f"({literals(frame, checker.tables[name])})")
    rows = checker.evaluate(text)
    theirs = pd.DataFrame(rows, columns=list(ROLLUP_COLUMNS), dtype=object)
    theirs = theirs.sort_values(list(ROLLUP_KEYS), ignore_index=True)
    for name in ("as_of_date", "start_date", "end_date", "prior_start", "prior_end"):
        theirs[name] = pd.to_datetime(theirs[name]).astype("datetime64[us]")
    for name in ("reason", "prior_reason", "delta_reason", "window", "comparison"):
        theirs[name] = theirs[name].astype("str")
    theirs = theirs.astype(dict.fromkeys(("kpi_id", "entity_id", "missing_days", "prior_missing_days"), int))
    same(theirs, rollup(facts, definitions, as_of, events=events, loaded=loaded))


def literals(frame: pd.DataFrame, types: dict[str, str]) -> str:
    """Return a frame as a subquery that GoogleSQL reads without a table."""
    table = to_arrow(frame[list(types)], "frame", types.get)
    assert all(field.type == ARROW_TYPES[types[field.name]] for field in table.schema)
    rows = [
        ", ".join(
            cell(value, types[name]) + (f" AS {name}" if number == 0 else "") for name, value in row.items()
        )
        for number, row in enumerate(table.to_pylist())
    ]
    return " UNION ALL ".join(f"SELECT {row}" for row in rows)


def cell(value: object, kind: str) -> str:
    if value is None or isinstance(value, pa.Scalar):
        return f"CAST(NULL AS {kind})"
    text = repr(value) if kind == "FLOAT64" else str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"CAST('{text}' AS {kind})"
