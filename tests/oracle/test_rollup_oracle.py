"""Roll-ups of random facts agree with the slow oracle: every kind, window, comparison and reason."""

from __future__ import annotations

import datetime as dt
import math

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.compute import rollup
from kpi_lib.frames import ROLLUPS
from kpi_lib.periods import STANDARD_COMPARISONS, STANDARD_WINDOWS, Calendar, Window
from tests.oracle import plain, plain_rollup
from tests.oracle.cases import Case, catalogue, random_case

CALENDARS = (
    Calendar(),
    Calendar(fiscal_start_month=7),
    Calendar(week_pattern="4-5-4", year_end_month=1, year_end_rule="nearest", fiscal_named_by="start"),
)
WINDOWS = (
    *STANDARD_WINDOWS.values(),
    Window("harvest", "range", start=dt.date(2024, 2, 20), end=dt.date(2024, 6, 7)),
)


def agree(case: Case, definitions: Catalogue, as_of: list[dt.date], loaded: tuple[dt.date, dt.date]) -> None:
    """Compare every row of the roll-up with the oracle's answer."""
    made = rollup(case.frame, definitions, as_of, events=case.events_frame, loaded=loaded)
    ROLLUPS.check(made)
    rows = {
        (row.as_of_date.date(), row.kpi_id, row.entity_id, row.window, row.comparison): row
        for row in made.itertuples()
    }
    every = plain_rollup.all_series(definitions, case.facts, case.events, loaded)
    expected = len(every) * len(set(as_of)) * len(definitions.windows) * len(definitions.comparisons)
    assert len(rows) == expected == len(made)
    for day in as_of:
        for window in definitions.windows:
            days = plain.span(day, window, definitions.calendar)
            for series in every:
                value = plain_rollup.answer(series, days, "not_started")
                for comparison in definitions.comparisons:
                    spans = plain.prior_span(day, window, comparison, definitions.calendar)
                    prior = plain_rollup.prior_answer(series, *spans)
                    row = rows[day, series.kpi.id, series.entity.id, window.name, comparison.name]
                    check_row(row, series, value, prior)


def check_row(
    row: object, series: plain_rollup.Series, value: plain_rollup.Answer, prior: plain_rollup.Answer
) -> None:
    """Hold one row against the oracle: exact but for the last bits of a difference of fractions."""
    delta, pct, reason = plain_rollup.compare(series, value, prior)
    found = {name: _plain(getattr(row, name)) for name in ("value", "prior", "delta", "delta_pct")}
    wanted = {"value": value.value, "prior": prior.value, "delta": delta, "delta_pct": pct}
    where = f"{row}"
    assert found["value"] == wanted["value"], where
    assert found["prior"] == wanted["prior"], where
    for name in ("delta", "delta_pct"):
        assert (found[name] is None) == (wanted[name] is None), where
        if wanted[name] is not None:
            assert math.isclose(found[name], wanted[name], rel_tol=1e-12, abs_tol=1e-12), where
    reasons = tuple(_plain(getattr(row, name)) for name in ("reason", "prior_reason", "delta_reason"))
    assert reasons == (value.reason, prior.reason, reason), where
    assert (row.missing_days, row.prior_missing_days) == (value.missing, prior.missing), where


def _plain(cell: object) -> object:
    return None if pd.isna(cell) else cell


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_random_facts_agree_with_the_oracle(data: st.DataObject) -> None:
    one_case(data, most_dates=2, windows=4)


@pytest.mark.slow
@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_many_random_facts_agree_with_the_oracle(data: st.DataObject) -> None:
    one_case(data, most_dates=4, windows=5)


def one_case(data: st.DataObject, most_dates: int, windows: int) -> None:
    first = data.draw(st.dates(dt.date(2023, 1, 1), dt.date(2023, 12, 31)), "first day")
    length = data.draw(st.integers(5, 760), "days")
    gaps = data.draw(st.sampled_from([0.0, 0.01, 0.15]), "gaps")
    zeros = data.draw(st.sampled_from([0.0, 0.2, 1.0]), "zeros")
    case = random_case(data.draw(st.integers(0, 10**6), "seed"), first, length, gaps, zeros=zeros)
    last = first + dt.timedelta(days=length - 1)
    near = st.dates(first - dt.timedelta(days=20), last + dt.timedelta(days=20))
    as_of = data.draw(st.lists(near, min_size=1, max_size=most_dates, unique=True), "as of")
    chosen = data.draw(
        st.lists(st.sampled_from(WINDOWS), min_size=1, max_size=windows, unique=True), "windows"
    )
    compared = data.draw(
        st.lists(st.sampled_from(list(STANDARD_COMPARISONS.values())), min_size=1, max_size=2, unique=True),
        "comparisons",
    )
    late = dt.timedelta(days=data.draw(st.sampled_from([0, 0, 9]), "loaded later, to earlier"))
    definitions = catalogue(
        windows=tuple(chosen),
        comparisons=tuple(compared),
        calendar=data.draw(st.sampled_from(CALENDARS), "calendar"),
    )
    if len(case.frame) and late < last - first:
        agree(case, definitions, as_of, (first + late, max(first + late, last - late / 3)))
