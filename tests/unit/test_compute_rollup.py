"""Roll-ups by hand: gaps, starts, stocks, bases, kinds."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from kpi_lib.compute import (
    rollup,
    with_parents,
)
from kpi_lib.errors import UsageError
from kpi_lib.periods import STANDARD_WINDOWS, Calendar, Window
from tests.oracle.cases import catalogue, kpi

SUM, RATIO, LAST = kpi(1, "sum", format="currency", decimals=2), kpi(4, "ratio", scale=100), kpi(6, "last")


def facts(values: dict[str, object], kpi_id: int = 1, entity_id: int = 0) -> pd.DataFrame:
    """Return facts from ``{"first:last": value}`` or ``{day: value}``; a pair is numerator, denominator."""
    rows = []
    for days, value in values.items():
        first, _, last = days.partition(":")
        above, below = value if isinstance(value, tuple) else (None, None)
        plain = None if isinstance(value, tuple) else value
        rows += [(day, kpi_id, entity_id, plain, above, below) for day in pd.date_range(first, last or first)]
    columns = ["date_key", "kpi_id", "entity_id", "value", "numerator", "denominator"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype(dict.fromkeys(columns[3:], float))


def only(
    frame: pd.DataFrame, as_of: str, window: str = "ytd", kpis: tuple = (SUM, RATIO, LAST), **more: object
):
    """Return the one row of a roll-up as a dictionary, null as None."""
    rows = rollup(frame, catalogue(kpis=kpis, **more), as_of, windows=[window])
    assert len(rows) == 1
    return {key: None if pd.isna(value) else value for key, value in rows.iloc[0].items()}


def picked(row: dict[str, object], *names: str) -> tuple[object, ...]:
    return tuple(row[name] for name in names)


NUMBERS = ("value", "prior", "delta", "delta_pct")
REASONS = ("reason", "prior_reason", "delta_reason")
MISSING = ("missing_days", "prior_missing_days")


def test_complete_february_is_compared_with_complete_february() -> None:
    row = only(facts({"2024-01-01:2025-12-31": 1.0}), "2025-02-28", "mtd")
    assert picked(row, *NUMBERS) == (28.0, 29.0, -1.0, -1 / 29)
    assert picked(row, *REASONS, *MISSING) == (None, None, None, 0, 0)


def test_money_is_exact_to_the_cent() -> None:
    row = only(facts({"2024-01-01:2024-12-31": 0.1, "2025-01-01:2025-12-31": 0.3}), "2025-12-31")
    assert picked(row, *NUMBERS) == (109.5, 36.6, 72.9, 72.9 / 36.6)


def test_days_that_cancel_out_sum_to_exactly_zero() -> None:
    plain = kpi(1, "sum", decimals=3)
    row = only(facts({"2025-01-01": 0.1, "2025-01-02": 1e9 / 7, "2025-01-03": -1e9 / 7, "2025-01-04": -0.1}),
               "2025-01-04", kpis=(plain,))  # fmt: skip
    assert row["value"] == 0.0


def test_zero_days_after_large_fractions_are_exactly_zero() -> None:
    plain = kpi(1, "sum", decimals=3)
    row = only(facts({"2024-01-01:2024-12-31": 1e6 / 3, "2025-01-01:2025-01-31": 0.0}), "2025-01-31", "mtd",
               kpis=(plain,))  # fmt: skip
    assert row["value"] == 0.0


def test_a_series_that_begins_in_march_is_partial_but_an_entity_that_opened_then_is_whole() -> None:
    values = {"2025-03-10:2025-04-30": 2.0}
    row = only(facts(values), "2025-04-30")
    assert picked(row, "value", "reason", "missing_days") == (104.0, "partial", 68)
    opened = facts(values | {"2024-03-10:2025-03-09": 2.0}, entity_id=2)
    row = only(opened[opened["date_key"] >= "2024-03-10"], "2024-04-30")
    assert picked(row, "value", "reason", "missing_days") == (104.0, None, 0)


def test_a_prior_span_that_starts_before_the_history_has_no_value() -> None:
    row = only(facts({"2024-03-10:2025-12-31": 2.0}), "2025-04-30")
    assert picked(row, "value", "prior", "delta", "reason", "prior_reason", "delta_reason") == (
        240.0, None, None, None, "no_history", "no_history")  # fmt: skip
    row = only(facts({"2024-04-01:2025-12-31": 2.0}), "2025-04-30", "mtd")
    assert picked(row, "prior", "prior_reason") == (60.0, None)


def test_leading_nulls_are_not_history() -> None:
    row = only(facts({"2024-04-01:2024-04-03": None, "2024-04-04:2025-12-31": 2.0}), "2025-04-30", "mtd")
    assert picked(row, "prior", "prior_reason") == (None, "no_history")


def test_a_gap_makes_both_sides_partial_and_takes_the_deltas() -> None:
    gap = {"2024-01-01:2024-01-04": 1.0, "2024-01-06:2024-12-31": 1.0}
    row = only(facts(gap | {"2025-01-01:2025-01-31": 1.0}), "2025-01-31", "mtd")
    assert picked(row, *NUMBERS) == (31.0, 30.0, None, None)
    assert picked(row, *REASONS, *MISSING) == (None, "partial", "partial", 0, 1)
    whole = {"2024-01-01:2024-12-31": 1.0}
    row = only(facts(whole | {"2025-01-01": 1.0, "2025-01-02": None, "2025-01-03": 1.0}), "2025-01-03", "mtd")
    assert picked(row, *NUMBERS) == (2.0, 3.0, None, None)
    assert picked(row, *REASONS, *MISSING) == ("partial", None, "partial", 1, 0)


@pytest.mark.parametrize(
    ("before", "expected"),
    [(0.0, (5.0, 0.0, 5.0, None, "zero_base")), (-2.0, (5.0, -2.0, 7.0, None, "negative_base")),
     (2.0, (5.0, 2.0, 3.0, 1.5, None))],
)  # fmt: skip
def test_bases(before: float, expected: tuple[object, ...]) -> None:
    row = only(facts({"2024-01-01": before, "2025-01-01": 5.0}), "2025-01-01", "mtd")
    assert picked(row, *NUMBERS, "delta_reason") == expected


def test_a_ratio_is_the_ratio_of_sums_and_never_the_sum_of_ratios() -> None:
    frame = facts({"2025-01-01": (1.0, 4.0), "2025-01-02": (0.0, 0.0), "2025-01-03": (2.0, 2.0)}, kpi_id=4)
    row = only(frame, "2025-01-03")
    assert picked(row, "value", "reason") == (50.0, None)
    row = only(frame, "2025-01-02", STANDARD_WINDOWS["last7"].name)
    assert picked(row, "value", "reason", "missing_days") == (25.0, "partial", 5)


def test_a_ratio_without_denominators_has_no_value() -> None:
    frame = facts({"2024-01-01:2024-01-31": (0.0, 0.0), "2025-01-01:2025-01-31": (3.0, 6.0)}, kpi_id=4)
    row = only(frame, "2025-01-31")
    assert picked(row, *NUMBERS) == (50.0, None, None, None)
    assert picked(row, *REASONS) == (None, "zero_denominator", "zero_denominator")


@pytest.mark.parametrize("hole", [(None, 5.0), (5.0, None)])
def test_a_ratios_day_is_missing_if_either_side_is(hole: tuple[object, object]) -> None:
    row = only(
        facts({"2025-01-01": (1.0, 2.0), "2025-01-02": hole, "2025-01-03": (1.0, 2.0)}, kpi_id=4),
        "2025-01-03",
    )
    assert picked(row, "value", "reason", "missing_days") == (50.0, "partial", 1)


def test_a_stock_shows_its_last_day_in_every_window() -> None:
    frame = facts(
        {"2024-01-01:2024-12-31": 10.0, "2025-01-01:2025-01-30": 20.0, "2025-01-31": 25.0}, kpi_id=6
    )
    for window in ("mtd", "ytd", "last28"):
        row = only(frame, "2025-01-31", window)
        assert picked(row, *NUMBERS, *MISSING) == (25.0, 10.0, 15.0, 1.5, 0, 0)


def test_a_stock_whose_last_days_are_missing_shows_the_last_known_one() -> None:
    frame = facts({"2025-01-01:2025-01-28": 20.0, "2025-01-29:2025-01-31": None}, kpi_id=6)
    row = only(frame, "2025-01-31", "mtd")
    assert picked(row, "value", "reason", "missing_days") == (20.0, "partial", 3)
    row = only(frame, "2025-02-02", "mtd")
    assert picked(row, "value", "reason", "missing_days") == (None, "not_loaded", 2)


def test_the_difference_of_two_balances_is_money_too() -> None:
    balance = kpi(6, "last", format="currency", decimals=2)
    frame = facts({"2024-01-01:2024-12-31": 999.9, "2025-01-01": 1000.1}, kpi_id=6)
    assert only(frame, "2025-01-01", "mtd", kpis=(balance,))["delta"] == 0.2


def test_the_prior_of_a_stock_needs_history_only_on_its_last_day() -> None:
    frame = facts({"2024-01-20:2025-01-31": 3.0}, kpi_id=6)
    assert picked(only(frame, "2025-01-31"), "prior", "prior_reason") == (3.0, None)
    assert picked(only(frame, "2025-01-19"), "prior", "prior_reason") == (None, "no_history")


def test_a_closed_entity_keeps_its_whole_year_and_its_last_stock() -> None:
    frame = pd.concat([facts({"2024-01-01:2024-09-30": 1.0}, k, 3) for k in (1, 6)])
    rows = rollup(frame, catalogue(kpis=(SUM, LAST)), "2024-12-31", windows=["ytd", "mtd"])
    found = rows.set_index(["kpi_id", "window"])[["value", "reason", "missing_days"]].astype(object)
    assert found.loc[(1, "ytd")].tolist()[::2] == [249.0, 0]  # to 5 September, when it closed
    assert found.loc[(6, "ytd")].tolist()[::2] == [1.0, 0]
    assert found.loc[(1, "mtd"), "reason"] == "not_loaded"


def test_average_min_and_max_look_at_the_days_that_are_there() -> None:
    kpis = tuple(kpi(n, kind) for n, kind in enumerate(("average", "min", "max"), start=1))
    frame = pd.concat(
        [facts({"2025-01-01": 4.0, "2025-01-02": None, "2025-01-03": -2.0}, k.id) for k in kpis]
    )
    rows = rollup(frame, catalogue(kpis=kpis), "2025-01-03", windows=["mtd"])
    assert rows["value"].tolist() == [1.0, -2.0, 4.0]
    assert rows["reason"].tolist() == ["partial"] * 3


def test_a_kpi_is_active_since_its_first_day() -> None:
    young = kpi(1, "sum", since=dt.date(2025, 1, 15))
    row = only(facts({"2024-01-01:2025-01-31": 1.0}), "2025-01-31", "mtd", kpis=(young,))
    assert picked(row, "value", "reason", "prior_reason") == (17.0, None, "no_history")


def test_what_lies_outside_the_loaded_range_is_missing() -> None:
    frame = facts({"2025-01-01:2025-01-31": 1.0})
    rows = rollup(frame, catalogue(kpis=(SUM,)), "2025-01-31", ["mtd"], loaded=("2025-01-03", "2025-01-29"))
    assert rows[["value", "reason", "missing_days"]].iloc[0].tolist() == [27.0, "partial", 4]


def test_an_as_of_date_outside_the_data_has_no_value_but_a_reason() -> None:
    frame = facts({"2025-01-01:2025-01-31": 1.0})
    for as_of, reason in (
        ("2024-12-31", "not_loaded"),
        ("2026-06-30", "not_loaded"),
        ("2025-02-10", "partial"),
    ):
        assert only(frame, as_of, "last28")["reason"] == reason


def test_a_fixed_range_before_its_start() -> None:
    window = Window("harvest", "range", start=dt.date(2025, 8, 1), end=dt.date(2025, 9, 30))
    rows = rollup(
        facts({"2024-01-01:2025-12-31": 1.0}), catalogue(kpis=(SUM,)), ["2025-07-31", "2025-12-01"], [window]
    )
    assert rows["reason"].iloc[0] == rows["delta_reason"].iloc[0] == "not_started"
    assert pd.isna(rows["start_date"].iloc[0])
    assert rows[["value", "prior"]].iloc[1].tolist() == [61.0, 61.0]


def test_week_53_has_no_counterpart() -> None:
    calendar = Calendar(
        week_pattern="4-5-4", year_end_month=1, year_end_rule="nearest", fiscal_named_by="start"
    )
    row = only(facts({"2022-01-01:2024-12-31": 1.0}), "2024-02-03", "fytd", calendar=calendar)
    assert picked(row, "value", "prior", "prior_reason", "delta_reason") == (
        371.0, None, "no_counterpart", "no_counterpart")  # fmt: skip


def test_distinct_members_are_counted_once_and_again_for_the_whole() -> None:
    kpis = (kpi(1, "distinct"),)
    columns = ["date_key", "kpi_id", "entity_id", "member_id"]
    rows = [
        ("2024-04-01", 1, 1, "a"),
        ("2024-04-01", 1, 1, "a"),
        ("2024-04-02", 1, 1, "b"),
        ("2024-04-03", 1, 3, "a"),
    ]
    events = pd.DataFrame(rows, columns=columns).astype({"date_key": "datetime64[us]"})
    empty = facts({}, 1).astype({"date_key": "datetime64[us]", "kpi_id": int, "entity_id": int})
    made = rollup(empty, catalogue(kpis=kpis), ["2024-04-01", "2024-04-03"], ["mtd"], events=events)
    assert made[["as_of_date", "entity_id", "value"]].astype({"as_of_date": str}).values.tolist() == [
        ["2024-04-01", 0, 1.0], ["2024-04-01", 1, 1.0], ["2024-04-01", 3, 0.0],
        ["2024-04-03", 0, 2.0], ["2024-04-03", 1, 2.0], ["2024-04-03", 3, 1.0],
    ]  # fmt: skip
    with pytest.raises(UsageError, match="events"):
        rollup(facts({"2024-04-01": 1.0}), catalogue(kpis=kpis), None)


def test_parents_are_summed_by_day_before_anything_else() -> None:
    kpis = (SUM, kpi(2, "max"), RATIO)
    parts = [facts({"2025-01-01": 1.0, "2025-01-02": 5.0}, k, 1) for k in (1, 2)]
    parts += [facts({"2025-01-01": 4.0, "2025-01-02": 1.0}, k, 2) for k in (1, 2)]
    parts += [facts({"2025-01-01": (1.0, 2.0), "2025-01-02": (0.0, 0.0)}, 4, e) for e in (1, 2)]
    leaves = pd.concat(parts)
    whole = with_parents(leaves, catalogue(kpis=kpis))
    assert len(whole) == len(leaves) + 6
    rows = rollup(whole, catalogue(kpis=kpis), "2025-01-02", windows=["mtd"])
    found = rows[rows["entity_id"] == 0].set_index("kpi_id")["value"]
    assert found.to_dict() == {1: 11.0, 2: 6.0, 4: 50.0}
    daily = whole[(whole["entity_id"] == 0) & (whole["kpi_id"] == 4)]["value"].tolist()
    assert daily[0] == 50.0
    assert np.isnan(daily[1])  # 0 over 0
    pd.testing.assert_frame_equal(with_parents(whole, catalogue(kpis=kpis)), whole)


def test_a_change_too_large_for_a_number_has_no_percentage() -> None:
    row = only(facts({"2024-01-01": 1e-200, "2025-01-01": 1e200}, 6), "2025-01-01", "mtd")
    assert picked(row, *NUMBERS) == (1e200, 1e-200, 1e200, None)


def test_a_parents_day_is_missing_when_an_active_child_is() -> None:
    leaves = pd.concat(
        [facts({"2024-03-01:2024-03-12": 1.0}, 1, 1), facts({"2024-03-10": 2.0, "2024-03-11": None}, 1, 2)]
    )
    whole = with_parents(leaves, catalogue(kpis=(SUM,)))
    total = whole[whole["entity_id"] == 0].set_index("date_key")["value"]
    assert total["2024-03-09"] == 1.0  # South opens on the 10th
    assert total["2024-03-10"] == 3.0
    assert total["2024-03-11":].isna().all()
