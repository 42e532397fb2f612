"""Targets: what is refused, what is written, and how a figure is judged by pace."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from kpi_lib.catalogue import load_catalogue
from kpi_lib.catalogue.pace import pace
from kpi_lib.catalogue.settings import SHIPPED_DOMAINS
from kpi_lib.catalogue.targets import (
    Target,
    check_targets,
    load_targets,
    period_bounds,
    read_targets,
    subject,
    unit_of,
)
from kpi_lib.catalogue.targets_write import make_target, set_target
from kpi_lib.errors import DefinitionError, RunError, UsageError

ROOT = Path(__file__).parents[2]
MARKET = load_catalogue(SHIPPED_DOMAINS / "marketplace")
WINERY = load_catalogue(SHIPPED_DOMAINS / "winery")
AT = dt.datetime(2026, 11, 21, 8, tzinfo=dt.UTC)


def target(**changes: object) -> Target:
    values: dict[str, object] = {
        "domain": "marketplace", "metric": "revenue_ytd", "period": "FY2026", "target": 1000.0, "unit": "USD",
        "direction": "up",
    }  # fmt: skip
    return Target.model_validate({**values, **changes})


def judged(value: float | None, item: Target | None = None, **how: object) -> tuple[str, float, str]:
    given: dict[str, object] = {"phased": False, "elapsed_days": 324, "total_days": 365, **how}
    found = pace(item or target(), value, **given)  # type: ignore[arg-type]
    return found.status, found.expected, found.basis


@pytest.mark.parametrize(
    ("value", "status"), [(1000, "green"), (999.99, "amber"), (950, "amber"), (949.99, "red"), (None, "none")]
)
def test_bands_where_higher_is_better(value: float | None, status: str) -> None:
    assert judged(value)[0] == status


@pytest.mark.parametrize(
    ("value", "status"), [(1000, "green"), (1000.01, "amber"), (1050, "amber"), (1050.01, "red")]
)
def test_bands_turned_round_where_lower_is_better(value: float, status: str) -> None:
    assert judged(value, target(direction="down"))[0] == status


@pytest.mark.parametrize(
    ("value", "status"), [(-20, "green"), (-20.5, "amber"), (-21.1, "red"), (0, "green")]
)
def test_a_target_below_zero_keeps_its_order(value: float, status: str) -> None:
    assert judged(value, target(target=-20.0))[0] == status


@pytest.mark.parametrize(("value", "status"), [(0, "green"), (-0.01, "red")])
def test_a_target_of_zero(value: float, status: str) -> None:
    assert judged(value, target(target=0.0))[0] == status


def test_last_year_s_season_decides_what_is_expected() -> None:
    # 300 of last year's 400 were there on this date, so three quarters of the target are expected.
    assert judged(740, phased=True, prior_to_date=300.0, prior_total=400.0) == ("amber", 750.0, "seasonal")


@pytest.mark.parametrize(
    "season",
    [(None, 400.0), (300.0, None), (300.0, 0.0), (-5.0, 400.0), (500.0, 400.0), (0.0, -1.0)],
)
def test_a_season_that_cannot_be_used_gives_way_to_the_days(season: tuple[float, float]) -> None:
    status, expected, basis = judged(900, phased=True, prior_to_date=season[0], prior_total=season[1])
    assert (expected, basis) == (pytest.approx(1000 * 324 / 365), "linear")
    assert status == "green"


@pytest.mark.parametrize(
    ("period", "calendar", "first", "last"),
    [
        ("FY2026", MARKET, "2026-01-01", "2026-12-31"),
        ("FY2027", WINERY, "2026-07-01", "2027-06-30"),
        ("2026", WINERY, "2026-01-01", "2026-12-31"),
        ("2026-Q4", WINERY, "2026-10-01", "2026-12-31"),
        ("2024-02", WINERY, "2024-02-01", "2024-02-29"),
    ],
)
def test_periods(period: str, calendar: object, first: str, last: str) -> None:
    found = period_bounds(period, calendar.calendar)  # type: ignore[attr-defined]
    assert [day.isoformat() for day in found] == [first, last]


@pytest.mark.parametrize(
    "period", ["", "26", "2026-13", "2026-0", "2026-Q5", "FY26", "FY2026-Q1", "2026-11-20"]
)
def test_what_is_no_period(period: str) -> None:
    with pytest.raises(UsageError, match="no period"):
        period_bounds(period, MARKET.calendar)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no JSON"),
        ('{"schema_version": 1, "targets": [{"dom', "only a part"),
        ("[1]", "schema_version"),
        ('{"schema_version": 1, "targets": {}}', "must be a list"),
        ('{"schema_version": 1, "target": []}', "Did you mean 'targets'"),
        ('{"schema_version": 1, "targets": [{"target": NaN}]}', "NaN is not a number"),
        ('{"schema_version": 1, "targets": [{"target": 1e999}]}', "targets[0]"),
        ('{"schema_version": 1, "targets": [1]}', "targets[0]"),
    ],
)
def test_a_malformed_or_half_written_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "targets.json"
    file.write_text(text)
    with pytest.raises(DefinitionError) as caught:
        read_targets(file)
    assert said in str(caught.value) and "targets.json" in str(caught.value)


def write(file: Path, *rows: Target) -> Path:
    document = {"schema_version": 1, "targets": [row.model_dump() for row in rows], "history": []}
    file.write_text(json.dumps(document))
    return file


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metric": "revenue_ydt"}, "Did you mean 'revenue_ytd'"),
        ({"unit": "count"}, "the unit is 'USD'"),
        ({"direction": "down"}, "the direction is 'up'"),
        ({"period": "2026-11"}, "fiscal year"),
        ({"period": "soon"}, "no period"),
        ({"entity": "EAST"}, "no entity 'EAST'"),
        ({"amber": 1.1}, "must not be above green"),
        ({"metric": "nrr", "unit": "fraction", "target": 105.0}, "percent is a fraction"),
        ({"domain": "winery", "metric": "total_visitors", "unit": "count", "entity": "X"}, "no entity 'X'"),
    ],
)
def test_a_target_that_does_not_fit_is_named(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    file = write(tmp_path / "targets.json", target(**changes))
    with pytest.raises(DefinitionError) as caught:
        load_targets(file, (WINERY, MARKET))
    assert said in str(caught.value) and caught.value.issues


def test_a_target_given_twice(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="given twice"):
        read_targets(write(tmp_path / "targets.json", target(), target(target=2.0)))


def test_writing_keeps_history_and_replaces_in_one_step(tmp_path: Path) -> None:
    file = tmp_path / "targets.json"
    assert read_targets(file).targets == ()
    item = subject(MARKET, "person_time_to_fulfill")
    first = make_target(MARKET, item, period="FY2026", value=42)
    assert (first.unit, first.direction) == ("days", "down")
    set_target(file, MARKET, first, who="One", at=AT)
    set_target(file, MARKET, first, who="Two", at=AT)  # the same again is no change
    set_target(file, MARKET, first.model_copy(update={"target": 40.0}), who="Two", at=AT)
    held = set_target(file, MARKET, None, key=first.key, who="Three", at=AT)
    assert held.targets == ()
    told = [
        (change.who, change.old and change.old["target"], change.new and change.new["target"])
        for change in read_targets(file).history
    ]
    assert told == [("One", None, 42.0), ("Two", 42.0, 40.0), ("Three", 40.0, None)]
    assert {path.name for path in tmp_path.iterdir()} == {"targets.json"}
    with pytest.raises(UsageError, match="no target"):
        set_target(file, MARKET, None, key=first.key, who="Three", at=AT)


def test_a_refused_target_and_a_broken_file_stay_as_they_were(tmp_path: Path) -> None:
    file = write(tmp_path / "targets.json", target())
    before = file.read_bytes()
    with pytest.raises(DefinitionError):
        set_target(file, MARKET, target(unit="count"), who="One", at=AT)
    assert file.read_bytes() == before
    file.write_text("{")
    with pytest.raises(DefinitionError):
        set_target(file, MARKET, target(), who="One", at=AT)
    assert file.read_text() == "{"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be written"):
        set_target(tmp_path / "none" / "targets.json", MARKET, target(), who="One", at=AT)


def test_the_shipped_targets_are_fine_for_both_domains() -> None:
    held = load_targets(ROOT / "kpi_lib" / "domains" / "targets.json", (WINERY, MARKET))
    assert {item.domain for item in held.targets} == {"winery", "marketplace"}
    assert check_targets(held, (WINERY, MARKET)) == []
    assert unit_of(WINERY.kpi("club_conversion_per_taster_pct"), "USD") == "points"


def test_the_form_saves_and_refuses_as_the_file_does(tmp_path: Path) -> None:
    pytest.importorskip("ipywidgets")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ipywidgets

        from kpi_lib.reporting.targets_form import _Form

        form = _Form(ipywidgets, MARKET, tmp_path / "targets.json")
        form.metric.value, form.period.value, form.value.value = "nrr", "FY2026", 105.0
        assert form.unit.value == "fraction"
        form.set()
        assert "Not saved" in form.message.value and not (tmp_path / "targets.json").exists()
        form.value.value = 1.05
        form.set()
        assert "Saved" in form.message.value and "nrr" in form.shown.value
    assert read_targets(tmp_path / "targets.json").targets[0].target == 1.05
