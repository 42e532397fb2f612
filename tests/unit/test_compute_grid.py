"""How facts are laid out: as they lie where that is possible, else cell by cell; always the same numbers."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from kpi_lib.compute import cube, rollup
from kpi_lib.compute.grid import read_grid
from kpi_lib.errors import FrameError
from kpi_lib.periods import Window
from tests.oracle.cases import catalogue, kpi

KNOWN = catalogue(kpis=(kpi(1, "sum"), kpi(2, "sum"), kpi(4, "ratio")))
KEYS = ["date_key", "kpi_id", "entity_id"]


def dense(days: int = 4, kpis: tuple[int, ...] = (1, 2), entities: tuple[int, ...] = (0, 1)) -> pd.DataFrame:
    """Return facts that hold every day of every series, each value its own, in order."""
    dates = pd.date_range("2025-01-01", periods=days, unit="us")
    frame = pd.MultiIndex.from_product([dates, kpis, entities], names=KEYS).to_frame(index=False)
    return frame.assign(value=np.arange(len(frame), dtype=float))


def cells(frame: pd.DataFrame) -> dict[tuple[object, ...], float]:
    """Return what the grid of a frame holds, by day, KPI and entity; what is not there is left out."""
    grid = read_grid(frame, KNOWN)
    return {
        (
            str(grid.first_day + np.timedelta64(row, "D")),
            int(grid.kpi_id[place]),
            int(grid.entity_id[place]),
        ): float(value)
        for (row, place), value in np.ndenumerate(grid.value)
        if not np.isnan(value)
    }


def rows(frame: pd.DataFrame) -> dict[tuple[object, ...], float]:
    return {(f"{row.date_key:%Y-%m-%d}", row.kpi_id, row.entity_id): row.value for row in frame.itertuples()}


@pytest.mark.parametrize(
    "shape", [(4, (1, 2), (0, 1)), (1, (1, 2), (0, 1)), (3, (1,), (0,)), (1, (1,), (2,))]
)
def test_a_dense_ordered_frame_is_taken_as_it_lies(
    shape: tuple[int, tuple[int, ...], tuple[int, ...]],
) -> None:
    frame = dense(*shape)
    grid = read_grid(frame, KNOWN)
    assert np.shares_memory(grid.value, frame["value"].to_numpy())
    assert cells(frame) == rows(frame)
    assert grid.dates.tolist() == sorted(frame["date_key"].dt.date.unique())


@pytest.mark.parametrize(
    "order",
    [
        ["date_key", "entity_id", "kpi_id"],  # entities before KPIs
        ["kpi_id", "entity_id", "date_key"],
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_any_other_order_gives_the_same_cells(order: list[str], backwards: bool) -> None:
    frame = dense().sort_values(order, ascending=not backwards, ignore_index=True)
    assert cells(frame) == rows(frame) == rows(dense())


@pytest.mark.parametrize("seed", range(6))
def test_two_swapped_rows_change_no_cell(seed: int) -> None:
    frame = dense(days=3)
    first, second = np.random.default_rng(seed).choice(len(frame), 2, replace=False)
    order = np.arange(len(frame))
    order[[first, second]] = order[[second, first]]
    assert cells(frame.iloc[order]) == rows(frame)


def test_as_many_rows_of_other_series_on_each_day_are_not_mixed_up() -> None:
    frame = dense(days=2, kpis=(1,), entities=(0, 1))
    for column, other in (("entity_id", 2), ("kpi_id", 2)):
        changed = frame.copy()
        changed.loc[3, column] = other
        assert cells(changed) == rows(changed)


def test_days_that_change_places_within_series_are_not_mixed_up() -> None:
    frame = dense(days=3, kpis=(1,), entities=(0, 1))
    day = frame["date_key"].tolist()
    changed = frame.assign(date_key=[*day[:2], day[4], day[2], day[2], day[4]])
    assert cells(changed) == rows(changed)


def test_a_day_that_is_not_there_leaves_a_row_of_nothing() -> None:
    frame = dense(days=4)
    gone = frame[frame["date_key"] != "2025-01-02"].reset_index(drop=True)
    assert cells(gone) == rows(gone)
    grid = read_grid(gone, KNOWN)
    assert grid.value.shape == (4, 4)
    assert [str(day) for day in grid.dates] == ["2025-01-01", "2025-01-03", "2025-01-04"]


def test_a_series_twice_in_one_day_is_no_dense_frame_but_a_repeated_key() -> None:
    frame = dense(days=2)
    frame.loc[1, "entity_id"] = 0
    frame.loc[5, "entity_id"] = 0
    with pytest.raises(FrameError, match="4 rows share a key"):
        read_grid(frame, KNOWN)


def test_an_empty_frame_is_an_empty_grid() -> None:
    grid = read_grid(dense().iloc[:0], KNOWN)
    assert grid.value.shape == (0, 0)
    assert len(grid.dates) == 0


def test_dates_may_span_a_hundred_and_nine_years_and_no_more() -> None:
    days = pd.to_datetime(["1950-01-01", "2059-07-07"])
    frame = pd.DataFrame({"date_key": days, "kpi_id": 1, "entity_id": 0, "value": [1.0, 2.0]}, index=[7, 9])
    assert (days[1] - days[0]).days + 1 == 40_000
    assert read_grid(frame, KNOWN).value.shape == (40_000, 1)
    frame["date_key"] += pd.to_timedelta([0, 1], unit="D")
    frame.loc[8] = [pd.Timestamp("2025-01-01"), 1, 0, 3.0]
    with pytest.raises(FrameError, match="span 40001 days") as caught:
        read_grid(frame, KNOWN)
    assert "1950-01-01" in caught.value.remedy
    assert "2059-07-08" in caught.value.remedy
    assert "2025" not in caught.value.remedy


@pytest.mark.parametrize(
    ("wrong", "shown"), [(3, "row 2: inf."), (4, "row 2: inf, …."), (5, "row 2: inf, ….")]
)
def test_three_wrong_rows_are_shown_and_more_are_hinted_at(wrong: int, shown: str) -> None:
    frame = dense()
    frame.loc[: wrong - 1, "value"] = np.inf
    with pytest.raises(FrameError, match=re.escape(f"row 0: inf, row 1: inf, {shown}")):
        read_grid(frame, KNOWN)


def test_dates_as_objects_may_have_gaps_that_are_told() -> None:
    frame = dense(days=1).astype({"date_key": object})
    frame.loc[2, "date_key"] = None
    with pytest.raises(FrameError, match="lacks a date: row 2"):
        read_grid(frame, KNOWN)


def test_inactive_days_are_not_there_whatever_the_frame_says() -> None:
    known = catalogue(kpis=(kpi(1, "sum"),))
    dates = pd.date_range("2024-03-09", "2024-03-12")
    early = pd.DataFrame({"date_key": dates, "kpi_id": 1, "entity_id": 2, "value": 1.0})  # opens on the 10th
    assert rollup(early, known, "2024-03-12", ["mtd"])["value"].tolist() == [3.0]
    late = early.assign(entity_id=3, date_key=dates + pd.Timedelta(days=179))  # closes on 5 September
    assert str(late["date_key"].min().date()) == "2024-09-04"
    assert rollup(late, known, "2024-09-07", ["last7"])["value"].tolist() == [2.0]
    one_day_over = late[late["date_key"] <= "2024-09-06"]
    assert rollup(one_day_over, known, "2024-09-06", ["last7"])["value"].tolist() == [2.0]


@pytest.mark.parametrize(
    ("loaded", "value"),
    [
        (("2024-12-01", "2025-02-01"), 10.0),
        (("2025-01-01", "2025-01-01"), 1.0),
        (("2025-01-04", "2025-01-04"), 4.0),
        (("2024-12-01", "2024-12-31"), None),
        (("2025-01-05", "2025-01-09"), None),
    ],
)
def test_only_loaded_days_count(loaded: tuple[str, str], value: float | None) -> None:
    frame = dense(kpis=(1,), entities=(0,)).assign(value=[1.0, 2.0, 3.0, 4.0])
    made = rollup(frame, KNOWN, "2025-01-04", ["mtd"], loaded=loaded)["value"]
    assert made.isna().all() if value is None else made.tolist() == [value]


def test_only_money_is_rounded_to_the_cent_where_it_is_compared() -> None:
    days = pd.to_datetime(["2024-01-31", "2025-01-31"])
    for kind in ("last", "max"):
        item = {"decimals": 2}
        kpis = (
            kpi(1, kind, format="currency", **item),
            kpi(2, kind, **item),
            kpi(3, kind, format="currency"),
        )
        frame = pd.concat(
            [
                pd.DataFrame({"date_key": days, "kpi_id": number, "entity_id": 0, "value": value})
                for number, value in ((1, [0.1, 0.3]), (2, [0.1, 0.3]), (3, [0.125, 0.3]))
            ]
        )
        rolled = rollup(frame, catalogue(kpis=kpis), "2025-01-31", [Window("day", "trailing", days=1)])
        # 0.3 − 0.1 is 0.19999999999999998; only whole cents are kept as such.
        assert rolled["delta"].tolist() == [0.2, 0.3 - 0.1, 0.3 - 0.125]


def test_money_with_fractions_of_a_cent_is_not_cut() -> None:
    money = catalogue(kpis=(kpi(1, "sum", format="currency", decimals=2),))
    days = pd.date_range("2025-01-01", periods=3)
    frame = pd.DataFrame({"date_key": days, "kpi_id": 1, "entity_id": 0, "value": [0.125, 0.25, 0.001]})
    assert not cube(frame, money).money.any()
    made = rollup(frame, money, "2025-01-03", ["mtd"])
    assert made["value"].tolist() == [0.376]
    noisy = frame.assign(value=[0.1 + 0.2, 1e-9, 70.10000000000001])
    assert rollup(noisy, money, "2025-01-03", ["mtd"])["value"].tolist() == [70.4]
    assert cube(noisy, money).money.all()


def test_cents_that_binary_numbers_only_come_near_are_cents() -> None:
    days = pd.to_datetime(["2024-01-31", "2025-01-31"])
    known = catalogue(kpis=(kpi(1, "last", format="currency", decimals=2),))
    # 0.29 × 100 is 28.999999999999996, and 0.29 − 0.1 is 0.18999999999999997.
    frame = pd.DataFrame({"date_key": days, "kpi_id": 1, "entity_id": 0, "value": [0.1, 0.29]})
    assert rollup(frame, known, "2025-01-31", ["mtd"])["delta"].tolist() == [0.19]
    assert cube(frame, known).money.all()


def test_an_average_of_money_is_no_whole_number_of_cents() -> None:
    days = pd.to_datetime(["2024-01-30", "2024-01-31", "2025-01-30", "2025-01-31"])
    known = catalogue(kpis=(kpi(1, "average", format="currency", decimals=2),))
    value = [0.01, 0.02, 0.05, 0.1]
    frame = pd.DataFrame({"date_key": days, "kpi_id": 1, "entity_id": 0, "value": value})
    made = rollup(frame, known, "2025-01-31", [Window("two", "trailing", days=2)])
    assert made[["value", "prior", "delta"]].values.tolist() == [[0.075, 0.015, 0.075 - 0.015]]
    assert not cube(frame, known).money.any()
