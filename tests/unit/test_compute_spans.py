"""What a span holds, at its edges: extremes, stocks, distinct counts, the days that a row says it covers."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_lib.catalogue.models import Entity
from kpi_lib.compute import cube, dashboard, dashboard_from_facts, rollup, rollup_blocks, rollup_wide
from kpi_lib.errors import FrameError, UsageError
from kpi_lib.periods import PRIOR_YEAR, STANDARD_COMPARISONS, STANDARD_WINDOWS, Calendar, Window, spans
from tests.oracle.cases import catalogue, kpi, random_case

FIRST = dt.date(2024, 1, 1)
KEYS = ["as_of_date", "window", "comparison"]
DATES = ["start_date", "end_date", "prior_start", "prior_end"]


def series(
    values: list[float | None], number: int = 1, entity: int = 0, first: str = "2025-01-01"
) -> pd.DataFrame:
    days = pd.date_range(first, periods=len(values), unit="us")
    frame = pd.DataFrame({"date_key": days, "kpi_id": number, "entity_id": entity})
    return frame.assign(value=np.array(values, dtype=float))


def last(days: int) -> Window:
    return Window(f"last{days}d", "trailing", days=days)


def test_every_row_says_which_days_it_covers_and_is_compared_with() -> None:
    known = catalogue(
        windows=tuple(STANDARD_WINDOWS.values()), comparisons=tuple(STANDARD_COMPARISONS.values())
    )
    case = random_case(3, FIRST, 500, 0.1)
    as_of = ["2024-03-01", "2025-02-28", "2025-05-01"]
    rows = rollup(case.frame, known, as_of, events=case.events_frame)
    said = spans(np.array(as_of, "M8[D]"), known.windows, known.comparisons, known.calendar)
    wanted = rows[KEYS].merge(said, on=KEYS, validate="m:1")
    pd.testing.assert_frame_equal(rows[DATES], wanted[DATES])


def test_one_series_on_one_date_has_its_own_days_too() -> None:
    rows = rollup(series([1.0]), catalogue(kpis=(kpi(1, "sum"),)), "2025-01-01", ["mtd"])
    assert rows[DATES].astype(str).values.tolist() == [
        ["2025-01-01", "2025-01-01", "2024-01-01", "2024-01-01"]
    ]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.none() | st.integers(-50, 50), min_size=1, max_size=70),
    st.integers(1, 80),
    st.sampled_from(["min", "max", "last", "average", "sum"]),
)
def test_every_length_of_span_at_every_place(values: list[int | None], length: int, kind: str) -> None:
    known = catalogue(kpis=(kpi(1, kind),))
    dates = pd.date_range("2024-12-29", periods=len(values) + 6)
    rows = rollup(series(values), known, list(dates), [last(length)])  # type: ignore[arg-type]
    for row in rows.itertuples():
        end = (row.end_date - pd.Timestamp("2025-01-01")).days
        inside = [values[day] for day in range(max(end - length + 1, 0), end + 1) if day < len(values)]
        there = [value for value in inside if value is not None]
        if not there:
            assert np.isnan(row.value)
            assert row.reason == "not_loaded"
            assert row.missing_days == length
            continue
        how = {"min": min, "max": max, "last": lambda x: x[-1], "average": np.mean, "sum": sum}[kind]
        assert row.value == pytest.approx(how(there), rel=1e-14)
        if kind == "last":
            day = max(day for day in range(len(values)) if day <= end and values[day] is not None)
            assert row.missing_days == end - day
        else:
            assert row.missing_days == length - len(there)


def test_series_with_different_days_do_not_share_their_gaps() -> None:
    kpis = (kpi(1, "sum"), kpi(2, "sum"), kpi(6, "last"))
    frame = pd.concat(
        [
            series([1.0, 1.0, 1.0, 1.0], 1),
            series([1.0, None, 1.0, 1.0], 2),
            series([5.0, 5.0, 5.0, None], 6),
            series([1.0, 1.0, None, 1.0], 1, 1),
            series([1.0, 1.0, 1.0, 1.0], 2, 1),
        ]
    )
    rows = rollup(frame, catalogue(kpis=kpis), "2025-01-04", ["mtd"]).set_index(["kpi_id", "entity_id"])
    assert rows["value"].to_dict() == {(1, 0): 4.0, (1, 1): 3.0, (2, 0): 3.0, (2, 1): 4.0, (6, 0): 5.0}
    assert rows["missing_days"].to_dict() == {(1, 0): 0, (1, 1): 1, (2, 0): 1, (2, 1): 0, (6, 0): 1}


def test_alike_days_of_entities_with_other_lives_are_not_alike() -> None:
    frame = pd.concat([series([1.0, 1.0, 1.0], 1, entity, "2024-03-10") for entity in (1, 2)])
    rows = rollup(frame, catalogue(kpis=(kpi(1, "sum"),)), "2024-03-12", ["mtd"]).set_index("entity_id")
    # South opened on the 10th; the North's first nine days are missing.
    assert rows["missing_days"].to_dict() == {1: 9, 2: 0}


def test_what_has_not_begun_has_no_value_and_no_missing_days() -> None:
    later = Window("later", "range", start=dt.date(2025, 2, 1), end=dt.date(2025, 2, 3))
    for kind in ("sum", "last", "max"):
        rows = rollup(
            series([1.0, None, 3.0] * 20),
            catalogue(kpis=(kpi(1, kind),)),
            ["2025-01-31", "2025-02-02"],
            [later],
        )
        assert rows["reason"].tolist()[0] == "not_started"
        assert rows[["value", "prior"]].iloc[0].isna().all()
        assert rows[["missing_days", "prior_missing_days"]].iloc[0].tolist() == [0, 0]
        assert rows["start_date"].isna().tolist() == [True, False]


def test_a_stock_in_a_week_without_counterpart_shows_nothing_in_its_place() -> None:
    calendar = Calendar(
        week_pattern="4-5-4", year_end_month=1, year_end_rule="nearest", fiscal_named_by="start"
    )
    for kind in ("last", "sum", "min"):
        known = catalogue(kpis=(kpi(1, kind),), calendar=calendar)
        frame = series([7.0] * 800, first="2022-01-01")
        (row,) = rollup(frame, known, "2024-02-03", ["fytd"]).to_dict("records")
        assert row["prior_reason"] == "no_counterpart"
        assert np.isnan(row["prior"])
        assert row["prior_missing_days"] == 0


EVENTS = pd.DataFrame(
    {
        "date_key": pd.to_datetime(["2025-01-01", "2025-01-01", "2025-01-02", "2025-01-04", "2025-01-04"]),
        "kpi_id": 10,
        "entity_id": [1, 2, 1, 1, 2],
        "member_id": ["a", "a", "a", "b", "c"],
    }
)
DISTINCT = catalogue(kpis=(kpi(1, "sum"), kpi(10, "distinct")))


def test_a_distinct_count_over_every_span_of_some_days() -> None:
    rows = rollup(EVENTS.iloc[:0].assign(value=1.0).drop(columns="member_id"), DISTINCT,
                  ("2024-12-31", "2025-01-06"), [last(1), last(2), last(4)], events=EVENTS)  # fmt: skip
    table = rows.pivot(index=["entity_id", "window"], columns="as_of_date", values="value")
    found = {key: ["" if np.isnan(cell) else int(cell) for cell in row] for key, row in table.T.items()}
    assert found == {
        (0, "last1d"): ["", 1, 1, 0, 2, "", ""],
        (0, "last2d"): ["", 1, 1, 1, 2, 2, ""],
        (0, "last4d"): ["", 1, 1, 1, 3, 3, 2],
        (1, "last1d"): ["", 1, 1, 0, 1, "", ""],
        (1, "last2d"): ["", 1, 1, 1, 1, 1, ""],
        (1, "last4d"): ["", 1, 1, 1, 2, 2, 1],
        (2, "last1d"): ["", 1, 0, 0, 1, "", ""],
        (2, "last2d"): ["", 1, 1, 0, 1, 1, ""],
        (2, "last4d"): ["", 1, 1, 1, 2, 1, 1],
    }


def test_events_outside_the_facts_and_of_unknown_series_are_not_counted() -> None:
    facts = pd.concat([series([1.0, 1.0], 10, 1), series([1.0, None], 10, 2), series([5.0, 5.0], 1, 2)])
    more = pd.DataFrame(
        {
            "date_key": pd.to_datetime(["2024-12-31", "2025-01-02", "2025-01-03"]),
            "kpi_id": 10,
            "entity_id": [1, 2, 1],
            "member_id": ["early", "missing", "late"],
        }
    )
    events = pd.concat([EVENTS, more])
    rows = rollup(facts, DISTINCT, "2025-01-02", [last(2)], events=events).set_index(["kpi_id", "entity_id"])
    assert rows["value"].to_dict() == {(1, 2): 10.0, (10, 1): 1.0, (10, 2): 1.0}
    assert rows.loc[(10, 2), "reason"] == "partial"
    with pytest.raises(UsageError, match=r"distinct counts \(distinct_10\)"):
        rollup(facts, DISTINCT, "2025-01-02", [last(2)])


def test_events_without_facts_are_loaded_for_as_long_as_is_said() -> None:
    none = EVENTS.iloc[:0].assign(value=1.0).drop(columns="member_id")
    loaded = ("2024-12-30", "2025-01-05")
    rows = rollup(none, DISTINCT, ["2025-01-05"], [last(7)], events=EVENTS, loaded=loaded)
    assert rows.set_index("entity_id")["value"].to_dict() == {0: 3.0, 1: 2.0, 2: 2.0}
    assert rows["reason"].isna().all()
    beside = rollup(series([1.0] * 3), DISTINCT, "2025-01-03", [last(3)], events=EVENTS)
    assert beside.set_index(["kpi_id", "entity_id"])["value"].to_dict() == {
        (1, 0): 3.0, (10, 0): 1.0, (10, 1): 1.0, (10, 2): 1.0,
    }  # fmt: skip


def test_blocks_of_any_width_hold_each_series_once() -> None:
    case = random_case(9, FIRST, 30, 0.1)
    known = catalogue()
    whole = rollup_wide(case.frame, known, events=case.events_frame)
    pairs = list(zip(whole.kpi_id.tolist(), whole.entity_id.tolist(), strict=True))
    for width in (1, 2, len(pairs) - 1, len(pairs), len(pairs) + 1):
        blocks = list(rollup_blocks(case.frame, known, events=case.events_frame, series=width))
        assert [len(block.kpi_id) for block in blocks[:-1]] == [width] * (len(blocks) - 1)
        assert [
            pair
            for block in blocks
            for pair in zip(block.kpi_id.tolist(), block.entity_id.tolist(), strict=True)
        ] == pairs
        # Every block has the dates of the whole frame, and those asked for where some are.
        assert all(block.as_of.tolist() == whole.as_of.tolist() for block in blocks)
    asked = list(rollup_blocks(case.frame, known, "2024-01-05", events=case.events_frame, series=9))
    assert {str(day) for block in asked for day in block.as_of} == {"2024-01-05"}
    assert list(rollup_blocks(case.frame.iloc[:0], known)) == []


def test_blocks_of_500_series_unless_said_otherwise() -> None:
    entities = tuple(Entity(id=n, code=f"E{n}", name=str(n), type="x") for n in range(501))
    frame = pd.concat([series([1.0], 1, n) for n in range(501)])
    known = catalogue(kpis=(kpi(1, "sum"),), entities=entities)
    assert [len(block.kpi_id) for block in rollup_blocks(frame, known)] == [500, 1]


@pytest.mark.parametrize("threads", [False, True])
def test_large_roll_ups_are_worked_out_in_parts_to_the_same_numbers(threads: bool) -> None:
    entities = tuple(Entity(id=n, code=f"E{n}", name=str(n), type="x") for n in range(40 if threads else 3))
    known = catalogue(kpis=(kpi(1, "sum"), kpi(6, "last"), kpi(9, "max")), entities=entities)
    rng = np.random.default_rng(4)
    days = pd.date_range("2015-01-01", "2024-12-31", unit="us")
    parts = []
    for number in (1, 6, 9):
        for entity in entities:
            value = rng.integers(-5, 50, len(days)).astype(float)
            value[rng.random(len(days)) < (0.01 if entity.id % 2 else 0.0)] = np.nan
            parts.append(
                pd.DataFrame({"date_key": days, "kpi_id": number, "entity_id": entity.id, "value": value})
            )
    facts = pd.concat(parts, ignore_index=True)
    ready = cube(facts, known)
    whole = rollup_wide(ready, windows=["mtd", "last7"])
    for rows in (slice(0, 9), slice(1800, 1830), slice(3640, 3653)):
        as_of = list(days[rows])
        part = rollup_wide(ready, as_of=as_of, windows=["mtd", "last7"])
        for name, window in part.windows.items():
            every = whole.windows[name]
            np.testing.assert_array_equal(every.current.value[rows], window.current.value)
            np.testing.assert_array_equal(every.current.codes[rows], window.current.codes)
            np.testing.assert_array_equal(every.current.missing[rows], window.current.missing)
            prior, other = every.priors["prior_year"], window.priors["prior_year"]
            np.testing.assert_array_equal(prior.value[rows], other.value)
            np.testing.assert_array_equal(prior.codes[rows], other.codes)


def test_roll_ups_without_a_date_or_a_window_lacking_make_no_dashboard_and_say_how_many() -> None:
    known = catalogue(kpis=(kpi(1, "sum"),))
    rows = rollup(series([1.0, 2.0, 3.0]), known, windows=["mtd", "ytd"])
    with pytest.raises(FrameError, match="1 of 3 dates and series lack") as caught:
        dashboard(rows.iloc[1:], known)
    assert "2 rows are needed" in caught.value.remedy
    assert "2025-01-01" in caught.value.remedy
    table = dashboard(rows, known)
    assert table.index.tolist() == [0, 1, 2]
    assert table["mtd_value"].tolist() == [1.0, 3.0, 6.0]
    pd.testing.assert_frame_equal(dashboard(rows.sample(frac=1.0, random_state=2), known), table)


@pytest.mark.parametrize("pair", [("2025-01-02", "2025-01-02"), ["2025-01-02", "2025-01-02"]])
def test_a_range_of_one_day_is_one_day(pair: object) -> None:
    known = catalogue(kpis=(kpi(1, "sum"),))
    assert rollup(series([1.0, 2.0, 4.0]), known, pair, ["mtd"])["value"].tolist() == [3.0]
    one = ("2025-01-02", "2025-01-02")
    made = rollup(series([1.0, 2.0, 4.0]), known, "2025-01-03", ["mtd"], loaded=one)
    assert made["value"].tolist() == [2.0]


@pytest.mark.parametrize(
    ("loaded", "said"),
    [
        (("2025-01-01",), "is no pair"),
        (("2025-01-01", "2025-01-02", "2025-01-03"), "is no pair"),
        ("ab", "is no pair"),
        (("2025-01-02", "2025-01-01"), "before it starts"),
    ],
)
def test_a_loaded_range_that_cannot_be_is_told(loaded: object, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        rollup(series([1.0]), catalogue(kpis=(kpi(1, "sum"),)), loaded=loaded)


def test_the_first_comparison_fills_the_plain_columns_without_a_prior_year() -> None:
    weekday = STANDARD_COMPARISONS["prior_year_weekday"]
    known = catalogue(kpis=(kpi(1, "sum"),), comparisons=(STANDARD_COMPARISONS["prior_period"], weekday))
    facts = series([float(day) for day in range(800)])
    table = dashboard_from_facts(facts, known, "2026-12-31")
    rows = rollup(facts, known, "2026-12-31").set_index(["window", "comparison"])
    assert table["mtd_prior"].item() == rows.loc[("mtd", "prior_period"), "prior"]
    assert table["mtd_prior_year_weekday_prior"].item() == rows.loc[("mtd", "prior_year_weekday"), "prior"]
    both = catalogue(kpis=(kpi(1, "sum"),), comparisons=(weekday, PRIOR_YEAR))
    assert (
        dashboard_from_facts(facts, both, "2026-12-31")["mtd_prior"].item()
        == rollup(facts, both, "2026-12-31", ["mtd"], ["prior_year"])["prior"].item()
    )


def test_one_window_with_one_comparison_is_a_dashboard_too() -> None:
    known = catalogue(kpis=(kpi(1, "sum"),))
    table = dashboard(rollup(series([1.0, 2.0]), known, windows=["mtd"]), known)
    assert table["mtd_value"].tolist() == [1.0, 3.0]
    assert len(table) == 2


def test_a_distinct_count_with_facts_stands_beside_one_of_events_alone() -> None:
    known = catalogue(kpis=(kpi(9, "distinct"), kpi(10, "distinct")))
    events = pd.concat([EVENTS, EVENTS.assign(kpi_id=9)])
    facts = pd.concat([series([1.0] * 4, 9, 1), series([1.0] * 4, 9, 2)])
    rows = rollup(facts, known, "2025-01-04", [last(4)], events=events).set_index(["kpi_id", "entity_id"])
    assert rows["value"].to_dict() == {(9, 1): 2.0, (9, 2): 2.0, (10, 0): 3.0, (10, 1): 2.0, (10, 2): 2.0}
