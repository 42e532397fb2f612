"""The comparison with targets: which target a window meets, how it is phased, when there is none."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_lib.catalogue import Catalogue, load_catalogue, read
from kpi_lib.catalogue.models import Target
from kpi_lib.catalogue.pace import pace
from kpi_lib.compute import dashboard, rollup
from kpi_lib.errors import DefinitionError, UsageError
from kpi_lib.periods import PRIOR_YEAR, STANDARD_WINDOWS, TARGET, Calendar, Window, spans
from tests.oracle.cases import catalogue, kpi

KPIS = (
    kpi(1, "sum", format="currency", decimals=2),
    kpi(2, "sum"),
    kpi(4, "ratio", scale=100.0),
    kpi(6, "last"),
    kpi(10, "distinct"),
)
SPRING = Window("spring", "range", start=dt.date(2025, 3, 1), end=dt.date(2025, 5, 31))


def aim(number: int, period: str, target: float, entity: str = "ALL") -> Target:
    item = next(item for item in KPIS if item.id == number)
    unit = "USD" if item.format == "currency" else "count"
    return Target(
        domain="trial",
        metric=item.code,
        entity=entity,
        period=period,
        target=target,
        unit=unit,
        direction="up",
    )


def known(*targets: Target, calendar: Calendar | None = None) -> Catalogue:
    windows = (*STANDARD_WINDOWS.values(), SPRING)
    made = catalogue(kpis=KPIS, windows=windows, calendar=calendar or Calendar(fiscal_start_month=7))
    return made.model_copy(update={"stated_targets": targets})


def facts(first: str, last: str, number: int = 2, entity: int = 0) -> pd.DataFrame:
    """Return two a day from January to June, one a day from July to December."""
    days = pd.date_range(first, last)
    value = np.where(days.month <= 6, 2.0, 1.0)
    frame = pd.DataFrame({"date_key": days, "kpi_id": number, "entity_id": entity, "value": value})
    return frame.assign(numerator=value, denominator=4.0)


def met(definitions: Catalogue, frame: pd.DataFrame, as_of: str, window: str) -> pd.Series:
    rows = rollup(frame, definitions, as_of, windows=[window], comparisons=["target"])
    return rows[rows["entity_id"] == 0].iloc[0]


def test_a_sum_is_compared_with_the_part_of_its_target_that_last_year_s_season_puts_there() -> None:
    row = met(known(aim(2, "2025", 1000.0)), facts("2024-01-01", "2025-03-31"), "2025-03-31", "ytd")
    # 2024 brought 91 × 2 of its 182 × 2 + 184 by the end of March.
    assert row["prior"] == pytest.approx(1000 * 182 / 548)
    assert row["value"] == 180.0
    assert row["delta"] == row["value"] - row["prior"]
    assert row["delta_pct"] == pytest.approx(180 / (1000 * 182 / 548) - 1)
    assert (row["prior_start"], row["prior_end"]) == (row["start_date"], row["end_date"])
    assert row[["reason", "prior_reason", "delta_reason"]].isna().all()


@pytest.mark.parametrize(
    ("period", "as_of", "window", "expected"),
    [
        # A month of the year's target: its own days a year earlier.
        ("2025", "2025-02-10", "mtd", 1000 * 10 * 2 / 548),
        ("2025", "2025-02-28", "mtd", 1000 * 29 * 2 / 548),  # whole February, of a leap year
        ("2025", "2025-08-31", "qtd", 1000 * 62 / 548),
        ("2025", "2025-07-03", "last7", 1000 * (4 * 2 + 3) / 548),
        ("2025", "2025-03-10", "spring", 1000 * 10 * 2 / 548),
        ("2025", "2025-12-31", "ytd", 1000.0),
        ("FY2026", "2025-12-31", "fytd", 1000 * 184 / (184 + 181 * 2)),
        ("2025-Q1", "2025-02-28", "qtd", 1000 * (31 + 29) / 91),
        ("2025-02", "2025-02-14", "mtd", 1000 * 14 / 29),
    ],
)
def test_what_is_expected_of_a_part_of_a_period(
    period: str, as_of: str, window: str, expected: float
) -> None:
    row = met(known(aim(2, period, 1000.0)), facts("2024-01-01", "2025-12-31"), as_of, window)
    assert row["prior"] == pytest.approx(expected, rel=1e-12)


def test_without_a_season_the_days_decide() -> None:
    definitions = known(aim(2, "2025", 730.0))
    assert met(definitions, facts("2025-01-01", "2025-01-31"), "2025-01-31", "ytd")["prior"] == 62.0
    short = facts("2024-06-01", "2025-01-31")
    assert met(definitions, short, "2025-01-31", "mtd")["prior"] == 62.0


def test_a_gap_in_last_year_makes_no_season() -> None:
    frame = facts("2024-01-01", "2025-01-31")
    frame.loc[frame["date_key"] == "2024-11-05", "value"] = np.nan
    assert met(known(aim(2, "2025", 730.0)), frame, "2025-01-31", "ytd")["prior"] == 62.0


@pytest.mark.parametrize(
    ("window", "as_of", "expected"),
    [
        ("mtd", "2025-01-31", 10.0),
        # In January the quarter and the year do not meet the month's target, whose days they also cover.
        ("qtd", "2025-01-31", 20.0 * 31 / 90),
        ("ytd", "2025-01-31", 73.0 * 31 / 365),
        ("mtd", "2025-02-28", 20.0 * 28 / 90),
        ("qtd", "2025-05-10", 73.0 * 40 / 365),
        ("last28", "2025-01-31", 10.0 * 28 / 31),
        ("last28", "2025-02-10", 20.0 * 28 / 90),
    ],
)
def test_a_window_meets_the_target_of_the_shortest_period_that_holds_it(
    window: str, as_of: str, expected: float
) -> None:
    definitions = known(aim(2, "2025", 73.0), aim(2, "2025-01", 10.0), aim(2, "2025-Q1", 20.0))
    row = met(definitions, facts("2025-01-01", "2025-05-31"), as_of, window)
    assert row["prior"] == pytest.approx(expected, rel=1e-12)


def test_of_two_years_that_are_the_same_the_fiscal_one_counts() -> None:
    definitions = known(aim(2, "FY2025", 365.0), aim(2, "2025", 730.0), calendar=Calendar())
    assert met(definitions, facts("2025-01-01", "2025-01-31"), "2025-01-31", "ytd")["prior"] == 31.0


@pytest.mark.parametrize("number", [4, 6])
@pytest.mark.parametrize("window", ["mtd", "ytd", "last7"])
def test_ratios_and_stocks_are_not_phased(number: int, window: str) -> None:
    frame = facts("2024-01-01", "2025-03-31", number)
    row = met(known(aim(number, "2025", 40.0)), frame, "2025-03-31", window)
    assert row["prior"] == 40.0
    assert row["value"] == (50.0 if number == 4 else 2.0)


def test_a_distinct_count_meets_the_target_of_its_own_period_only() -> None:
    frame = facts("2025-01-01", "2025-03-31", 10)
    events = pd.DataFrame({"date_key": frame["date_key"], "kpi_id": 10, "entity_id": 0, "member_id": "a"})
    rows = rollup(
        frame, known(aim(10, "2025", 40.0)), "2025-03-31", ["mtd", "ytd"], ["target"], events=events
    ).set_index("window")
    assert rows.loc["ytd", ["value", "prior"]].tolist() == [1.0, 40.0]
    assert rows.loc["mtd", "prior_reason"] == "no_target"
    # January begins with the year, December ends with it, and neither is the year.
    january = rollup(frame, known(aim(10, "2025", 40.0)), "2025-01-20", ["mtd"], ["target"], events=events)
    december = rollup(frame, known(aim(10, "2025", 40.0)), "2025-12-20", ["mtd"], ["target"], events=events)
    assert [*january["prior_reason"], *december["prior_reason"]] == ["no_target"] * 2


def test_where_there_is_no_target_there_is_a_reason_and_no_change() -> None:
    definitions = known(aim(2, "2025", 1000.0, entity="NORTH"), aim(1, "2025", 5.0))
    frame = pd.concat([facts("2024-01-01", "2025-03-31", 2, entity) for entity in (0, 1)])
    rows = rollup(frame, definitions, "2025-03-31", ["ytd", "fytd", "spring"], ["target"])
    rows = rows.set_index(["entity_id", "window"])
    assert rows.loc[0, "prior_reason"].tolist() == ["no_target"] * 3
    assert rows.loc[0, "delta_reason"].tolist() == ["no_target"] * 3
    assert rows.loc[0, ["prior", "delta", "delta_pct"]].isna().all(axis=None)
    assert rows.loc[1, "prior_reason"].fillna("met").to_dict() == {
        "fytd": "no_target", "spring": "met", "ytd": "met",
    }  # fmt: skip
    early = rollup(frame, definitions, "2025-02-01", ["spring"], ["target"])
    assert early[["reason", "prior_reason", "delta_reason"]].isin(["not_started"]).all(axis=None)


@pytest.mark.parametrize(("target", "reason"), [(0.0, "zero_base"), (-5.0, "negative_base")])
def test_a_target_that_is_no_base_gives_no_percentage(target: float, reason: str) -> None:
    row = met(known(aim(6, "2025", target)), facts("2025-01-01", "2025-01-31", 6), "2025-01-31", "ytd")
    assert row["delta"] == 2.0 - target
    assert pd.isna(row["delta_pct"])
    assert row["delta_reason"] == reason


def test_what_is_expected_of_money_is_money() -> None:
    frame = facts("2025-01-01", "2025-01-31", 1)
    row = met(known(aim(1, "2025", 1000.0)), frame, "2025-01-31", "ytd")
    assert (row["prior"], row["delta"]) == (84.93, -22.93)
    rounded_up = met(known(aim(1, "2025", 1000.0)), frame, "2025-01-30", "ytd")
    assert rounded_up["prior"] == 82.19
    assert met(known(aim(1, "2025", 1000.0)), frame, "2025-01-29", "ytd")["prior"] == 79.45
    assert met(known(aim(1, "2025", 1000.1)), frame, "2025-01-29", "ytd")["prior"] == 79.46


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.dates(dt.date(2025, 1, 1), dt.date(2025, 12, 31)))
def test_the_year_to_date_is_judged_as_the_cards_judge_it(seed: int, as_of: dt.date) -> None:
    days = pd.date_range("2024-01-01", "2025-12-31")
    value = np.random.default_rng(seed).integers(-2, 20, len(days)).astype(float)
    frame = pd.DataFrame({"date_key": days, "kpi_id": 2, "entity_id": 0, "value": value})
    goal = aim(2, "2025", 4000.0)
    row = met(known(goal), frame, as_of.isoformat(), "ytd")
    leap = dt.date(2024, 2, 29) if (as_of.month, as_of.day) == (2, 28) else as_of.replace(year=2024)
    season = frame[(frame["date_key"] < "2025-01-01") & (frame["date_key"].dt.date <= leap)]["value"].sum()
    year = frame[frame["date_key"] < "2025-01-01"]["value"].sum()
    judged = pace(
        goal, row["value"], phased=True, elapsed_days=as_of.timetuple().tm_yday, total_days=365,
        prior_to_date=season, prior_total=year,
    )  # fmt: skip
    assert row["prior"] == pytest.approx(judged.expected, rel=1e-12)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["2025", "FY2025"]))
def test_what_is_expected_of_the_months_adds_up_to_the_target(seed: int, period: str) -> None:
    days = pd.date_range("2023-07-01", "2025-12-31")
    value = np.random.default_rng(seed).integers(0, 20, len(days)).astype(float)
    frame = pd.DataFrame({"date_key": days, "kpi_id": 2, "entity_id": 0, "value": value})
    first = "2025-01-31" if period == "2025" else "2024-07-31"
    ends = pd.date_range(first, periods=12, freq="ME")
    rows = rollup(frame, known(aim(2, period, 4000.0)), list(ends), ["mtd"], ["target"])
    assert rows["prior"].sum() == pytest.approx(4000.0, rel=1e-12)


def test_targets_stand_beside_the_prior_year_and_become_columns_of_their_own() -> None:
    definitions = known(aim(2, "2025", 730.0))
    frame = facts("2025-01-01", "2025-01-31")
    rows = rollup(frame, definitions, "2025-01-31", ["ytd"], ["prior_year", "target"])
    assert rows["comparison"].tolist() == ["prior_year", "target"]
    table = dashboard(rows, definitions)
    assert table["ytd_target_prior"].tolist() == [62.0]
    assert table["ytd_prior_reason"].tolist() == ["no_history"]
    shown = json.loads(table["payload"][0])["ytd"]
    assert shown["target"] == {"p": 62.0, "d": 0.0, "dp": 0.0}


def test_a_target_has_no_earlier_days() -> None:
    with pytest.raises(UsageError, match="no earlier span"):
        spans(["2025-01-01"], [STANDARD_WINDOWS["mtd"]], [PRIOR_YEAR, TARGET], Calendar())


def project(folder: Path, target: dict[str, object]) -> None:
    row = {"domain": "winery", "entity": "ALL", "unit": "USD", "direction": "up", **target}
    (folder / "kpi.toml").write_text('domains = ["winery"]\n')
    (folder / "targets.json").write_text(json.dumps({"schema_version": 1, "targets": [row]}))


def test_a_domain_has_the_targets_of_its_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    frame = facts("2025-01-01", "2025-01-31", 13)
    outside = rollup(frame, load_catalogue("winery"), "2025-01-31", ["ytd"], ["target"])
    assert outside["prior_reason"].tolist() == ["no_target"]
    code = load_catalogue("winery").kpi(13).code
    project(tmp_path, {"metric": code, "period": "2025", "target": 365.0})
    winery = load_catalogue("winery")
    assert [target.metric for target in winery.targets] == [code]
    inside = rollup(frame, winery, "2025-01-31", ["ytd"], ["target"])
    assert inside["prior"].tolist() == [31.0]
    project(tmp_path, {"metric": "nothing", "period": "2025", "target": 365.0})
    with pytest.raises(DefinitionError, match="nothing"):
        rollup(frame, winery, "2025-01-31", ["ytd"], ["target"])


def test_no_table_keeps_a_comparison_with_targets(tmp_path: Path) -> None:
    folder = tmp_path / "trial"
    folder.mkdir()
    (folder / "domain.toml").write_text(
        'title = "Trial"\n[[groups]]\ncode = "all"\nname = "All"\n'
        '[[comparisons]]\nname = "plan"\nkind = "target"\n'
    )
    (folder / "kpis.toml").write_text(
        '[[kpis]]\nid = 1\ncode = "a"\nname = "A"\ngroup = "all"\nkind = "sum"\ndefinition = "A."\n'
    )
    (folder / "entities.csv").write_text("id,code,name,type\n0,ALL,All,all\n")
    _, problems = read(folder)
    assert [problem.key for problem in problems] == ["comparisons[plan]"]
    assert "kpi.rollup" in problems[0].remedy
