"""Unpivot, the dashboard table and the payload."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kpi_lib.catalogue import load_catalogue
from kpi_lib.compute import cube, dashboard, dashboard_from_facts, rollup, unpivot
from kpi_lib.compute.payload import number_text, round_half_even
from kpi_lib.errors import FrameError, UsageError
from kpi_lib.frames import FACTS, WINDOW_COLUMNS
from kpi_lib.periods import PRIOR_YEAR, STANDARD_COMPARISONS, STANDARD_WINDOWS, Comparison, Window
from tests.oracle.cases import catalogue, kpi, random_case

# A busy machine makes slow examples, which say nothing about the code.
BUSY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
MONEY = kpi(1, "sum", format="currency", decimals=2)


def winery_wide(days: int = 3, entities: tuple[int, ...] = (0, 1)) -> pd.DataFrame:
    """Return a wide frame for the winery in which every column holds the day's number times its place."""
    winery = load_catalogue("winery")
    names: list[str] = []
    for item in winery.kpis:
        names += [item.numerator, item.denominator] if item.kind == "ratio" else [item.column or item.code]
    dates = pd.date_range("2025-01-01", periods=days)
    wide = pd.DataFrame({"date_key": np.repeat(dates, len(entities)), "entity_id": np.tile(entities, days)})
    for place, name in enumerate(dict.fromkeys(names), start=1):
        wide[name] = np.repeat(np.arange(1, days + 1), len(entities)) * float(place)
    return wide


def test_unpivot_makes_dense_facts_of_the_winery() -> None:
    wide = winery_wide()
    made = unpivot(wide.sample(frac=1.0, random_state=1), load_catalogue("winery"))
    FACTS.check(made)
    assert len(made) == 3 * 27 * 2
    guests = made[(made["kpi_id"] == 17) & (made["entity_id"] == 1)].iloc[1]
    row = wide[(wide["date_key"] == "2025-01-02") & (wide["entity_id"] == 1)].iloc[0]
    assert guests["numerator"] == row["total_visitors"]
    assert guests["denominator"] == row["total_reservations"]
    assert guests["value"] == row["total_visitors"] / row["total_reservations"]
    percent = made[made["kpi_id"] == 27].iloc[0]
    assert percent["value"] == pytest.approx(100 * percent["numerator"] / percent["denominator"])
    pd.testing.assert_frame_equal(unpivot(wide, "winery"), made)


def test_the_kpis_of_the_winery_sit_side_by_side_in_one_roll_up() -> None:
    wide = winery_wide(days=70, entities=(0,))
    made = rollup(unpivot(wide, "winery"), "winery", "2025-03-11", windows=["last28"]).set_index("kpi_id")[
        "value"
    ]
    last = wide[wide["date_key"] > "2025-02-11"].sum(numeric_only=True)
    for item in load_catalogue("winery").kpis:
        if item.kind == "ratio":
            wanted = last[item.numerator] / last[item.denominator] * item.scale
        elif item.kind == "last":
            wanted = wide[item.column or item.code].iloc[-1]
        else:
            wanted = last[item.column or item.code]
        assert made[item.id] == pytest.approx(wanted), item.code


def test_unpivot_fills_missing_days_with_nulls_and_leaves_out_inactive_ones() -> None:
    known = catalogue(kpis=(MONEY, kpi(2, "sum", since=dt.date(2024, 3, 11)), kpi(4, "ratio")))
    wide = pd.DataFrame(
        {
            "date_key": pd.to_datetime(["2024-03-09", "2024-03-09", "2024-03-11", "2024-03-11"]),
            "entity_id": [0, 2, 0, 2],
            "sum_1": [1.0, 2.0, 3.0, np.nan],
            "sum_2": [1, 2, 3, 4],
            "above": [1, 1, 1, 1],
            "below": [0, 1, 2, 4],
        }
    )
    made = unpivot(wide, known)
    cells = {(f"{r.date_key:%m-%d}", r.kpi_id, r.entity_id): r.value for r in made.itertuples()}
    assert {key for key in cells if key[1] == 2} == {("03-11", 2, 0), ("03-11", 2, 2)}
    assert ("03-09", 1, 2) not in cells  # South opens on the 10th
    assert np.isnan(cells["03-10", 1, 0])
    assert np.isnan(cells["03-11", 1, 2])
    assert np.isnan(cells["03-09", 4, 0])  # 1 over 0
    assert cells["03-11", 4, 0] == 0.5


def test_a_series_is_there_from_the_day_it_opens_to_the_day_it_closes() -> None:
    days = pd.date_range("2024-03-01", "2024-09-30")
    known = catalogue(kpis=(MONEY, kpi(2, "sum", since=dt.date(2024, 4, 1))))
    wide = pd.DataFrame({"date_key": np.repeat(days, 2), "entity_id": np.tile([2, 3], len(days))})
    made = unpivot(wide.assign(sum_1=1.0, sum_2=2.0), known)
    spans = made.groupby(["kpi_id", "entity_id"])["date_key"].agg(["min", "max"]).astype(str)
    # South opens on 10 March, East closes on 5 September.
    assert spans.T.to_dict("list") == {
        (1, 2): ["2024-03-10", "2024-09-30"],
        (1, 3): ["2024-03-01", "2024-09-05"],
        (2, 2): ["2024-04-01", "2024-09-30"],
        (2, 3): ["2024-04-01", "2024-09-05"],
    }


def test_a_distinct_count_without_a_column_is_left_to_its_events() -> None:
    known = catalogue(kpis=(MONEY, kpi(10, "distinct")))
    wide = pd.DataFrame({"date_key": pd.to_datetime(["2025-01-01"]), "entity_id": [0], "sum_1": [1.0]})
    assert unpivot(wide, known)["kpi_id"].tolist() == [1]
    assert unpivot(wide.assign(distinct_10=3), known)["kpi_id"].tolist() == [1, 10]


def money_facts(days: dict[str, float | None]) -> pd.DataFrame:
    frame = pd.DataFrame({"date_key": pd.to_datetime(list(days)), "kpi_id": 1, "entity_id": 0})
    return frame.assign(value=np.array(list(days.values()), dtype=float))


def test_the_payload_is_the_seeds() -> None:
    facts = money_facts({"2024-10-06": 11000.0, "2025-10-06": 12345.67})
    table = dashboard_from_facts(
        facts, catalogue(kpis=(MONEY,), windows=(Window("day", "trailing", days=1),)), "2025-10-06"
    )
    assert table["payload"].item() == (
        '{"as_of": "2025-10-06", "day": {"v": 12345.67, "p": 11000.0, "d": 1345.67, "dp": 0.122334}}'
    )


def test_reasons_and_missing_days_appear_only_where_there_is_something_to_say() -> None:
    facts = money_facts({"2024-01-01": 5.0, "2024-01-02": 0.0, "2025-01-01": 7.0, "2025-01-02": None})
    table = dashboard_from_facts(facts, catalogue(kpis=(MONEY,)), "2025-01-02")
    payload = json.loads(table["payload"].item())
    assert list(payload) == ["as_of", "mtd", "qtd", "ytd", "last28"]
    assert payload["mtd"] == {
        "v": 7.0,
        "p": 5.0,
        "d": None,
        "dp": None,
        "r": "partial",
        "dr": "partial",
        "n": 1,
    }
    assert payload["last28"]["pr"] == "no_history"
    assert "pn" in payload["last28"]
    clean = json.loads(dashboard_from_facts(facts, catalogue(kpis=(MONEY,)), "2025-01-01")["payload"].item())
    assert list(clean["mtd"]) == ["v", "p", "d", "dp"]


def test_the_table_has_the_columns_of_each_window() -> None:
    table = dashboard_from_facts(money_facts({"2025-01-01": 1.0}), catalogue(kpis=(MONEY,)))
    wanted = [f"{w}_{name}" for w in ("mtd", "qtd", "ytd", "last28") for name in WINDOW_COLUMNS]
    assert list(table.columns) == ["as_of_date", "kpi_id", "entity_id", *wanted, "payload"]


def test_further_comparisons_stand_beside_the_prior_year() -> None:
    facts = money_facts({f"{day:%Y-%m-%d}": 1.0 for day in pd.date_range("2024-01-01", "2025-03-31")})
    both = catalogue(kpis=(MONEY,), comparisons=(STANDARD_COMPARISONS["prior_period"], PRIOR_YEAR))
    alone = dashboard_from_facts(facts, catalogue(kpis=(MONEY,)), "2025-03-31")
    table = dashboard_from_facts(facts, both, "2025-03-31")
    pd.testing.assert_frame_equal(
        table[[name for name in alone if name != "payload"]], alone.drop(columns="payload")
    )
    assert table["mtd_prior_period_prior"].item() == 28.0
    payload, before = json.loads(table["payload"].item()), json.loads(alone["payload"].item())
    assert payload["mtd"].pop("prior_period") == {"p": 28.0, "d": 3.0, "dp": 0.107143}
    assert payload["mtd"] == before["mtd"]
    clash = catalogue(
        kpis=(MONEY,),
        windows=(STANDARD_WINDOWS["mtd"], Window("mtd_x", "t12m")),
        comparisons=(PRIOR_YEAR, Comparison("x")),
    )
    with pytest.raises(UsageError, match="both fill the column 'mtd_x_"):
        dashboard_from_facts(facts, clash, "2025-03-31")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_both_ways_to_the_dashboard_give_the_same_table(seed: int) -> None:
    case = random_case(seed, dt.date(2024, 1, 1), 400, 0.05)
    known = catalogue(comparisons=(PRIOR_YEAR, STANDARD_COMPARISONS["prior_year_weekday"]))
    as_of = ("2025-01-20", "2025-02-03")
    rows = rollup(case.frame, known, as_of, events=case.events_frame)
    long = dashboard(rows.sample(frac=1.0, random_state=seed), known)
    wide = dashboard_from_facts(case.frame, known, as_of, events=case.events_frame)
    pd.testing.assert_frame_equal(long, wide)


def test_the_dashboard_needs_no_catalogue_for_a_frame_that_rollup_made(tmp_path: Path) -> None:
    case = random_case(6, dt.date(2024, 1, 1), 400, 0.05)
    known = catalogue(
        windows=(STANDARD_WINDOWS["ytd"], STANDARD_WINDOWS["last7"]),
        comparisons=(STANDARD_COMPARISONS["prior_period"], PRIOR_YEAR),
    )
    windows = ["last7", "ytd", Window("alone", "trailing", days=2)]
    rows = rollup(case.frame, known, "2025-01-20", windows=windows, events=case.events_frame)
    wanted = dashboard(rows, known)
    pd.testing.assert_frame_equal(dashboard(rows), wanted)
    pd.testing.assert_frame_equal(dashboard(rows[rows["as_of_date"] == "2025-01-20"]), wanted)
    json.dumps(rows.attrs)
    rows.to_parquet(tmp_path / "rows.parquet")
    pd.testing.assert_frame_equal(dashboard(pd.read_parquet(tmp_path / "rows.parquet")), wanted)
    ready = cube(case.frame, known, case.events_frame)
    pd.testing.assert_frame_equal(dashboard(rollup(ready, as_of="2025-01-20", windows=windows)), wanted)
    with pytest.raises(FrameError, match="kpi_id 99 is not"):
        dashboard(rows.assign(kpi_id=rows["kpi_id"].where(rows["kpi_id"] != 1, 99)))


@pytest.mark.parametrize("seed", [4, 5])
def test_the_payload_says_what_the_columns_say(seed: int) -> None:
    case = random_case(seed, dt.date(2024, 1, 1), 400, 0.05)
    known = catalogue()
    table = dashboard_from_facts(case.frame, known, ["2025-01-20", "2025-02-28"], events=case.events_frame)
    decimals = {item.id: item.decimals for item in known.kpis}
    for row in table.to_dict("records"):
        expected: dict[str, object] = {"as_of": f"{row['as_of_date']:%Y-%m-%d}"}
        for window in ("mtd", "qtd", "ytd", "last28"):
            places = {"v": "value", "p": "prior", "d": "delta", "dp": "delta_pct"}
            cells: dict[str, object] = {}
            for key, name in places.items():
                number = row[f"{window}_{name}"]
                digits = 6 if key == "dp" else decimals[row["kpi_id"]]
                cells[key] = None if np.isnan(number) else round(number, digits) + 0.0
            for key, name in (("r", "reason"), ("pr", "prior_reason"), ("dr", "delta_reason")):
                if not pd.isna(row[f"{window}_{name}"]):
                    cells[key] = row[f"{window}_{name}"]
            for key, name in (("n", "missing_days"), ("pn", "prior_missing_days")):
                if row[f"{window}_{name}"]:
                    cells[key] = row[f"{window}_{name}"]
            expected[window] = cells
        assert row["payload"] == json.dumps(expected)


@BUSY
@given(st.lists(st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 6)), min_size=1))
def test_rounding_is_pythons(cells: list[tuple[float, int]]) -> None:
    made = round_half_even(
        np.array([number for number, _ in cells]), np.array([digits for _, digits in cells])
    )
    assert made.tolist() == [round(number, digits) + 0.0 for number, digits in cells]


@BUSY
@given(
    st.lists(st.integers(-(10**7), 10**7), min_size=1),
    st.integers(0, 6),
    st.sampled_from([2.0, 8.0, 40.0, 3.0, 200.0]),
)
def test_rounding_near_ties_is_pythons(whole: list[int], digits: int, divisor: float) -> None:
    numbers = [number / divisor for number in whole]
    made = round_half_even(np.array(numbers), np.full(len(numbers), digits))
    assert made.tolist() == [round(number, digits) + 0.0 for number in numbers]


def test_rounding_of_large_numbers_near_ties_is_pythons() -> None:
    rng = np.random.default_rng(1)
    for size in (1e6, 1e9, 1e11, 1e12):
        for digits in (1, 2, 3):
            # Ties in decimal that are none in binary: scaled, some land on the wrong side of a half.
            numbers = ((rng.integers(0, int(size), 3000) * 10 + 5) / 10.0 ** (digits + 1)).tolist()
            numbers += [-number for number in numbers]
            made = round_half_even(np.array(numbers), np.full(len(numbers), digits))
            assert made.tolist() == [round(number, digits) for number in numbers]


def test_what_rounds_to_nothing_has_no_sign() -> None:
    made = round_half_even(np.array([-0.001, -0.0, 0.001, -0.5]), np.array([2, 2, 2, 0]))
    assert [str(number) for number in made] == ["0.0"] * 4


@BUSY
@given(st.lists(st.floats(allow_infinity=False), min_size=1))
def test_numbers_are_written_as_json_reads_them(numbers: list[float]) -> None:
    texts = number_text(np.array(numbers)).to_pylist()
    for number, text in zip(numbers, texts, strict=True):
        assert json.loads(text) == (None if np.isnan(number) else number)
        assert "." in text or "e" in text or text == "null"
