"""What holds for every date, window, comparison and calendar."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_lib.periods import (
    STANDARD_COMPARISONS,
    STANDARD_WINDOWS,
    WEEKDAYS,
    Calendar,
    Comparison,
    Window,
    dim_date,
    spans,
)

calendars = st.builds(
    Calendar,
    fiscal_start_month=st.integers(1, 12),
    fiscal_named_by=st.sampled_from(["end", "start"]),
    week_start=st.sampled_from(WEEKDAYS),
    week_pattern=st.sampled_from([None, None, "4-4-5", "4-5-4", "5-4-4"]),
    year_end_month=st.integers(1, 12),
    year_end_weekday=st.sampled_from(WEEKDAYS),
    year_end_rule=st.sampled_from(["last", "nearest"]),
)
dates = st.dates(dt.date(2015, 1, 1), dt.date(2035, 12, 31))
trailing = st.integers(1, 365).map(lambda days: Window(f"last{days}", "trailing", days=days))
windows = st.sampled_from(list(STANDARD_WINDOWS.values())) | trailing
comparisons = st.sampled_from(list(STANDARD_COMPARISONS.values()))
DAY = pd.Timedelta(days=1)


def one(as_of: dt.date, window: Window, comparison: Comparison, calendar: Calendar) -> pd.Series:
    return spans([as_of], [window], [comparison], calendar).iloc[0]


@settings(max_examples=150, deadline=None)
@given(dates, windows, comparisons, calendars)
def test_a_window_ends_on_its_as_of_date_and_its_counterpart_before_it_begins(
    as_of: dt.date, window: Window, comparison: Comparison, calendar: Calendar
) -> None:
    row = one(as_of, window, comparison, calendar)
    assert row["start_date"] <= row["end_date"] == pd.Timestamp(as_of)
    if pd.isna(row["prior_state"]):
        assert row["prior_start"] <= row["prior_end"]
        overlap_allowed = comparison.kind == "prior_year_weekday" or window.fiscal or window.name == "last365"
        assert row["prior_end"] < row["start_date"] or overlap_allowed


@settings(max_examples=100, deadline=None)
@given(dates, trailing, comparisons, calendars)
def test_trailing_days_stay_as_many(
    as_of: dt.date, window: Window, comparison: Comparison, calendar: Calendar
) -> None:
    row = one(as_of, window, comparison, calendar)
    assert row["end_date"] - row["start_date"] == (window.days - 1) * DAY
    if pd.isna(row["prior_state"]):
        assert row["prior_end"] - row["prior_start"] == (window.days - 1) * DAY
    if comparison.kind == "prior_period":
        assert row["prior_end"] == row["start_date"] - DAY


@settings(max_examples=100, deadline=None)
@given(
    st.dates(dt.date(2015, 1, 1), dt.date(2035, 12, 1)).map(
        lambda day: (pd.Timestamp(day) + pd.offsets.MonthEnd(0)).date()
    ),
    st.sampled_from(["mtd", "qtd", "ytd", "fmtd", "fqtd", "fytd"]),
    st.sampled_from(["prior_year", "prior_period"]),
    st.integers(1, 12),
)
def test_complete_months_are_compared_with_complete_months(
    as_of: dt.date, window: str, comparison: str, month: int
) -> None:
    row = one(
        as_of, STANDARD_WINDOWS[window], STANDARD_COMPARISONS[comparison], Calendar(fiscal_start_month=month)
    )
    assert row["prior_end"].is_month_end
    assert row["prior_start"].is_month_start
    months = (row["end_date"].to_period("M") - row["start_date"].to_period("M")).n
    assert (row["prior_end"].to_period("M") - row["prior_start"].to_period("M")).n == months


@settings(max_examples=60, deadline=None)
@given(st.lists(dates, min_size=1, max_size=8), windows, comparisons, calendars)
def test_a_span_does_not_depend_on_what_else_is_asked(
    as_of: list[dt.date], window: Window, comparison: Comparison, calendar: Calendar
) -> None:
    together = spans(as_of, [window], [comparison], calendar)
    alone = pd.concat([spans([day], [window], [comparison], calendar) for day in as_of], ignore_index=True)
    pd.testing.assert_frame_equal(together, alone)


@settings(max_examples=40, deadline=None)
@given(windows, comparisons, calendars, st.integers(2015, 2034))
def test_spans_never_move_backwards(
    window: Window, comparison: Comparison, calendar: Calendar, year: int
) -> None:
    table = spans(
        np.arange(f"{year}-01-01", f"{year + 2}-01-01", dtype="M8[D]"), [window], [comparison], calendar
    )
    assert table["start_date"].is_monotonic_increasing
    if comparison.kind != "prior_period":
        assert table["prior_end"].dropna().is_monotonic_increasing


@settings(max_examples=40, deadline=None)
@given(calendars, st.integers(2015, 2030))
def test_the_date_dimension_is_made_of_whole_periods(calendar: Calendar, year: int) -> None:
    table = dim_date(calendar, f"{year}-01-01", f"{year + 3}-12-31")
    keys = {"year": [], "quarter": ["quarter"], "month": ["month"], "week": ["week"]}
    inner = table[(table["fiscal_year_first_day"] >= table["date_key"].min())]
    inner = inner[inner["fiscal_year_last_day"] <= table["date_key"].max()]
    for grain, more in keys.items():
        columns = ["fiscal_year", *(f"fiscal_{key}" for key in more)]
        found = inner.groupby(columns)["date_key"].agg(["min", "max", "size"])
        bounds = inner.groupby(columns)[[f"fiscal_{grain}_first_day", f"fiscal_{grain}_last_day"]].agg(
            ["min", "max"]
        )
        assert (found["min"] == bounds[f"fiscal_{grain}_first_day", "min"]).all()
        assert (found["min"] == bounds[f"fiscal_{grain}_first_day", "max"]).all()
        assert (found["max"] == bounds[f"fiscal_{grain}_last_day", "max"]).all()
        assert ((found["max"] - found["min"]).dt.days + 1 == found["size"]).all()
    if calendar.week_pattern is not None:
        assert set(inner.groupby("fiscal_year")["fiscal_week"].max()) <= {52, 53}
        assert (inner["fiscal_year_last_day"].dt.day_name().str.lower() == calendar.year_end_weekday).all()
        lengths = inner[inner["fiscal_month"] < 12].groupby(["fiscal_year", "fiscal_month"]).size() // 7
        pattern = [int(part) for part in calendar.week_pattern.split("-")] * 4
        assert lengths.groupby(level=0).apply(lambda year: list(year) == pattern[:11]).all()
