"""Frames that break their contract: an error that names the rows, never a silent wrong number."""

from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import pytest

from kpi_lib.catalogue.models import Entity
from kpi_lib.compute import dashboard, rollup, unpivot
from kpi_lib.errors import FrameError, UsageError
from tests.oracle.cases import catalogue, kpi

KNOWN = catalogue(kpis=(kpi(1, "sum"), kpi(4, "ratio"), kpi(10, "distinct")))


def frame(**columns: object) -> pd.DataFrame:
    """Return two good rows with some columns replaced."""
    good = {
        "date_key": pd.to_datetime(["2025-01-01", "2025-01-02"]),
        "kpi_id": [1, 1],
        "entity_id": [0, 0],
        "value": [1.0, 2.0],
        "numerator": [np.nan, np.nan],
        "denominator": [np.nan, np.nan],
    }
    return pd.DataFrame(good | columns, index=[10, 11])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"value": [1.0, np.inf]}, "holds infinity: row 11: inf"),
        ({"denominator": [-np.inf, 1.0]}, "'denominator' holds infinity: row 10"),
        ({"date_key": pd.to_datetime(["2025-01-01"] * 2)}, "2 rows share a key .*date_key=2025-01-01"),
        ({"kpi_id": [1, 99]}, "kpi_id 99 is not in the catalogue: row 11: 99"),
        ({"entity_id": [0, 77]}, "entity_id 77 is not in the catalogue: row 11"),
        ({"kpi_id": [1.0, 1.0]}, "holds float64, not whole numbers"),
        ({"kpi_id": pd.array([1, None], dtype="Int64")}, "lacks an id: row 11"),
        (
            {"date_key": pd.to_datetime(["2025-01-01 00:00", "2025-01-02 08:30"])},
            "time of day: row 11: 2025-01-02 08:30",
        ),
        ({"date_key": pd.to_datetime(["2025-01-01", None])}, "lacks a date: row 11"),
        ({"date_key": ["2025-01-01", "2025-01-02"]}, "holds str, not dates"),
        ({"date_key": pd.to_datetime(["2025-01-01", "2025-01-02"], utc=True)}, "not dates"),
        (
            {"date_key": pd.Series([dt.date(2025, 1, 1), "x"], dtype=object, index=[10, 11])},
            r"mixed types \(date, str\)",
        ),
        ({"value": pd.Series([1.0, "two"], dtype=object, index=[10, 11])}, r"mixed types \(float, str\)"),
        (
            {"value": pd.Series([decimal.Decimal(1)] * 2, dtype=object, index=[10, 11])},
            "Decimal, not numbers",
        ),
        ({"value": [True, False]}, "holds bool, not numbers"),
        ({"date_key": np.array(["0900-01-01", "2025-01-02"], "M8[s]")}, "the dates span .* outliers"),
    ],
)
def test_what_breaks_the_contract_is_named(columns: dict[str, object], message: str) -> None:
    with pytest.raises(FrameError, match=f"(?s){message}"):
        rollup(frame(**columns), KNOWN)


def test_columns_that_are_not_there_are_named() -> None:
    with pytest.raises(FrameError, match="column 'value' is missing"):
        rollup(frame().drop(columns="value"), KNOWN)
    with pytest.raises(FrameError, match="'ratio_4' is a ratio"):
        rollup(frame(kpi_id=[4, 4]).drop(columns="numerator"), KNOWN)
    short = frame().drop(columns=["numerator", "denominator"])
    pd.testing.assert_frame_equal(rollup(short, KNOWN), rollup(frame(), KNOWN))


def test_values_too_large_to_add_up_are_told() -> None:
    with pytest.raises(FrameError, match="kpi_id 1, entity_id 0 are too large"):
        rollup(frame(value=[1.7e308, 1.7e308]), KNOWN)
    rows = rollup(frame(value=[1e300, -1e300]), KNOWN, "2025-01-02", windows=["mtd"])
    assert rows["value"].tolist() == [0.0]


def test_python_dates_and_other_units_and_types_of_numbers_are_read() -> None:
    wanted = rollup(frame(), KNOWN)
    dates = pd.Series([dt.date(2025, 1, 1), dt.date(2025, 1, 2)], dtype=object, index=[10, 11])
    for columns in (
        {"date_key": dates},
        {"date_key": pd.to_datetime(["2025-01-01", "2025-01-02"]).astype("datetime64[s]")},
        {"value": pd.array([1, 2], dtype="Int64")},
        {"value": np.array([1, 2], dtype=np.int32)},
        {"kpi_id": np.array([1, 1], dtype=np.int16)},
        {"numerator": pd.Series([None, None], dtype=object, index=[10, 11])},
    ):
        pd.testing.assert_frame_equal(rollup(frame(**columns), KNOWN), wanted)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"member_id": ["a", None]}, "lacks a member"),
        ({"kpi_id": [1, 10]}, "kpi_id 1 is not in the catalogue"),
        ({"entity_id": [0, 5]}, "entity_id 5"),
        ({"date_key": ["a", "b"]}, "not dates"),
    ],
)
def test_events_that_break_their_contract_are_named(columns: dict[str, object], message: str) -> None:
    good = {
        "date_key": pd.to_datetime(["2025-01-01", "2025-01-02"]),
        "kpi_id": [10, 10],
        "entity_id": [0, 1],
        "member_id": ["a", "b"],
    }
    with pytest.raises(FrameError, match=message):
        rollup(frame(), KNOWN, events=pd.DataFrame(good | columns))
    with pytest.raises(FrameError, match="'member_id' is missing"):
        rollup(frame(), KNOWN, events=pd.DataFrame(good).drop(columns="member_id"))


def test_bad_roll_ups_make_no_dashboard() -> None:
    rows = rollup(frame(), KNOWN)
    with pytest.raises(FrameError, match="column 'delta' is missing"):
        dashboard(rows.drop(columns="delta"), KNOWN)
    with pytest.raises(FrameError, match="lack a window or a comparison"):
        dashboard(rows.iloc[1:], KNOWN)
    with pytest.raises(FrameError, match="share a key"):
        dashboard(pd.concat([rows, rows.iloc[:1]]), KNOWN)
    with pytest.raises(FrameError, match="kpi_id 2 is not"):
        dashboard(rows.assign(kpi_id=2), KNOWN)
    bare = rows.copy()
    bare.attrs.clear()
    with pytest.raises(UsageError, match="catalogue"):
        dashboard(bare)


def test_bad_wide_frames_are_not_unpivoted() -> None:
    good = pd.DataFrame(
        {"date_key": pd.to_datetime(["2025-01-01"]), "entity_id": [0], "sum_1": [1.0], "above": [1.0]}
    )
    with pytest.raises(FrameError, match=r"column 'below', which KPI 'ratio_4'"):
        unpivot(good, KNOWN)
    whole = good.assign(below=2.0)
    with pytest.raises(FrameError, match="2 rows share a date and an entity"):
        unpivot(pd.concat([whole, whole]), KNOWN)
    with pytest.raises(FrameError, match="entity_id 9"):
        unpivot(whole.assign(entity_id=9), KNOWN)
    with pytest.raises(FrameError, match="'sum_1' holds infinity"):
        unpivot(whole.assign(sum_1=np.inf), KNOWN)
    with pytest.raises(FrameError, match="'entity_id' is missing"):
        unpivot(whole.drop(columns="entity_id"), KNOWN)
    assert len(unpivot(whole.iloc[:0], KNOWN)) == 0


def test_a_huge_list_of_entities_is_rolled_up_like_any_other() -> None:
    many = tuple(Entity(id=n, code=f"E{n}", name=str(n), type="shop") for n in range(20_000))
    known = catalogue(kpis=(kpi(1, "sum"), kpi(6, "last")), entities=many)
    days = pd.date_range("2025-01-01", periods=2)
    keys = pd.MultiIndex.from_product(
        [days, [1, 6], range(20_000)], names=["date_key", "kpi_id", "entity_id"]
    )
    facts = keys.to_frame(index=False)
    facts["value"] = facts["entity_id"] + facts["date_key"].dt.day * 0.25
    rows = rollup(facts, known, "2025-01-02", ["mtd"])
    assert len(rows) == 40_000
    sums = rows[rows["kpi_id"] == 1]
    np.testing.assert_array_equal(sums["value"], sums["entity_id"] * 2 + 0.75)
    stocks = rows[rows["kpi_id"] == 6]
    np.testing.assert_array_equal(stocks["value"], stocks["entity_id"] + 0.5)


def test_what_is_no_number_is_missing_and_never_zero() -> None:
    rows = rollup(frame(value=[np.nan, 2.0]), KNOWN, ["2025-01-01", "2025-01-02"], ["mtd"])
    assert rows["value"].isna().tolist() == [True, False]
    assert rows["reason"].tolist() == ["not_loaded", "partial"]
    assert rows["missing_days"].tolist() == [1, 1]
