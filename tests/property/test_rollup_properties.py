"""What holds for any facts: order, purity, additivity, and independence of what else is loaded."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_lib.compute import rollup
from kpi_lib.periods import STANDARD_COMPARISONS, STANDARD_WINDOWS
from tests.oracle.cases import Case, catalogue, kpi, random_case

FIRST = dt.date(2024, 1, 1)
seeds = st.integers(0, 10**6)
gaps = st.sampled_from([0.0, 0.1])
ALL = tuple(STANDARD_WINDOWS.values())
SUMS = (kpi(1, "sum", format="currency", decimals=2), kpi(2, "sum"), kpi(3, "sum", decimals=3))


def made(case: Case, **more: object) -> pd.DataFrame:
    return rollup(case.frame, catalogue(), events=case.events_frame, **more)


@settings(max_examples=10, deadline=None)
@given(seeds, gaps)
def test_row_order_does_not_matter_and_the_input_stays_as_it_was(seed: int, gap: float) -> None:
    case = random_case(seed, FIRST, 50, gap)
    before = case.frame.copy(deep=True)
    wanted = made(case)
    pd.testing.assert_frame_equal(case.frame, before)
    ordered = case.frame.sort_values(["date_key", "kpi_id", "entity_id"], ignore_index=True)
    events = case.events_frame.sample(frac=1.0, random_state=1)
    pd.testing.assert_frame_equal(rollup(ordered, catalogue(), events=events), wanted)


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_dense_ordered_facts_take_the_short_way_to_the_same_numbers(seed: int) -> None:
    case = random_case(seed, FIRST, 45, 0.0, kpis=SUMS)
    keys = ["date_key", "kpi_id", "entity_id"]
    index = pd.MultiIndex.from_product(
        [pd.date_range(FIRST, periods=45, unit="us"), [1, 2, 3], [0, 1, 2, 3]], names=keys
    )
    dense = case.frame.set_index(keys).reindex(index).reset_index()
    shuffled = dense.sample(frac=1.0, random_state=seed)
    pd.testing.assert_frame_equal(rollup(dense, catalogue()), rollup(shuffled, catalogue()))


@settings(max_examples=10, deadline=None)
@given(seeds, gaps)
def test_the_sides_of_several_questions_are_those_of_single_ones(seed: int, gap: float) -> None:
    case = random_case(seed, FIRST, 420, gap)
    as_of = ["2024-12-31", "2025-02-10", "2025-02-28"]
    windows = ["mtd", "last90", "fytd"]
    comparisons = list(STANDARD_COMPARISONS)
    together = made(case, as_of=as_of, windows=windows, comparisons=comparisons)
    for window in windows:
        alone = made(case, as_of=as_of[1], windows=[window], comparisons=comparisons[1:2])
        mask = (together["as_of_date"] == as_of[1]) & (together["window"] == window)
        same = together[mask & (together["comparison"] == comparisons[1])].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, same)


@settings(max_examples=10, deadline=None)
@given(seeds, st.integers(1, 100))
def test_a_value_does_not_depend_on_the_days_around_its_window(seed: int, more: int) -> None:
    case = random_case(seed, FIRST, 300, 0.02, kpis=SUMS)
    as_of = FIRST + dt.timedelta(days=200)
    windows = ["mtd", "last28", "last90", "wtd"]
    whole = made(case, as_of=as_of, windows=windows)
    first, last = as_of - dt.timedelta(days=89 + more), as_of + dt.timedelta(days=min(more, 99))
    day = case.frame["date_key"].dt.date
    cut = case.frame[(day >= first) & (day <= last)]
    part = rollup(cut, catalogue(), as_of, windows=windows)
    columns = ["kpi_id", "entity_id", "window", "value", "reason", "missing_days"]
    both = whole.merge(part[["kpi_id", "entity_id"]].drop_duplicates(), validate="m:1")
    pd.testing.assert_frame_equal(both[columns], part[columns])


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_months_add_up_to_their_quarter_and_year(seed: int) -> None:
    case = random_case(seed, FIRST, 366, 0.0, kpis=SUMS[:2])
    ends = pd.date_range("2024-01-31", "2024-12-31", freq="ME")
    keys = ["kpi_id", "entity_id"]
    rows = rollup(case.frame, catalogue(), list(ends), windows=["mtd", "qtd", "ytd"])
    cents = rows.assign(value=(rows["value"].fillna(0) * 100).round())
    months = cents[cents["window"] == "mtd"].groupby(keys)["value"].sum()
    quarters = cents[(cents["window"] == "qtd") & (cents["as_of_date"].dt.month % 3 == 0)]
    year = cents[(cents["window"] == "ytd") & (cents["as_of_date"] == "2024-12-31")].set_index(keys)["value"]
    pd.testing.assert_series_equal(months, year)
    pd.testing.assert_series_equal(quarters.groupby(keys)["value"].sum(), year)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(-(10**9), 10**9), min_size=2, max_size=60))
def test_money_has_two_decimals_and_its_difference_too(cents: list[int]) -> None:
    days = pd.date_range("2025-01-01", periods=len(cents))
    frame = pd.DataFrame({"date_key": days, "kpi_id": 1, "entity_id": 0, "value": np.array(cents) / 100})
    rows = rollup(frame, catalogue(kpis=SUMS), list(days), windows=["last28"], comparisons=["prior_period"])
    for place, row in enumerate(rows.itertuples()):
        assert row.value == sum(cents[max(0, place - 27) : place + 1]) / 100
        if place >= 55:
            before = sum(cents[place - 55 : place - 27])
            assert row.prior == before / 100
            assert row.delta == (sum(cents[place - 27 : place + 1]) - before) / 100


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.floats(-1e12, 1e12, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-6),
        min_size=1,
        max_size=40,
    )
)
def test_sums_of_fractions_are_rounded_once(values: list[float]) -> None:
    days = pd.date_range("2025-01-01", periods=len(values))
    frame = pd.DataFrame({"date_key": days, "kpi_id": 2, "entity_id": 0, "value": values})
    rows = rollup(frame, catalogue(kpis=SUMS), list(days), windows=["last7"])
    size = float(np.abs(values).sum())
    for place, value in enumerate(rows["value"]):
        wanted = np.float64(math.fsum(values[max(0, place - 6) : place + 1]))
        assert abs(value - wanted) <= max(abs(np.spacing(wanted)) / 2, size * 2.0**-85)


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_turning_the_sign_turns_the_sums_and_swaps_the_extremes(seed: int) -> None:
    kpis = (*SUMS, kpi(4, "min"), kpi(5, "max"), kpi(6, "last"), kpi(7, "average"))
    swapped = (*SUMS, kpi(4, "max"), kpi(5, "min"), kpi(6, "last"), kpi(7, "average"))
    case = random_case(seed, FIRST, 100, 0.1, kpis=kpis)
    plus = rollup(case.frame, catalogue(kpis=kpis, windows=ALL), "2024-03-30")
    turned = case.frame.assign(value=-case.frame["value"])
    minus = rollup(turned, catalogue(kpis=swapped, windows=ALL), "2024-03-30")
    np.testing.assert_array_equal(plus["value"], -minus["value"])
    assert plus["reason"].equals(minus["reason"])
