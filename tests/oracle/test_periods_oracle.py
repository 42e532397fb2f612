"""Windows and comparisons agree with the slow oracle on every date of 2019–2032."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from kpi_lib.periods import STANDARD_COMPARISONS, STANDARD_WINDOWS, Calendar, Window, dim_date, spans
from tests.oracle import plain

CALENDARS = {
    "january": Calendar("january"),
    "july": Calendar("july", fiscal_start_month=7, week_start="sunday"),
    "4-5-4": Calendar(
        "retail",
        week_pattern="4-5-4",
        week_start="sunday",
        year_end_month=1,
        year_end_weekday="saturday",
        year_end_rule="nearest",
        fiscal_named_by="start",
    ),
    "4-4-5": Calendar("last friday", week_pattern="4-4-5", year_end_month=9, year_end_weekday="friday"),
    "5-4-4": Calendar("december", week_pattern="5-4-4", year_end_month=12, year_end_weekday="sunday"),
}
WINDOWS = (
    *STANDARD_WINDOWS.values(),
    Window("fwtd", "to_date", grain="week", fiscal=True),
    Window("harvest", "range", start=dt.date(2024, 2, 29), end=dt.date(2024, 11, 3)),
)
FIRST, LAST = dt.date(2019, 1, 1), dt.date(2032, 12, 31)


def check(name: str, dates: list[dt.date]) -> None:
    calendar = CALENDARS[name]
    comparisons = tuple(STANDARD_COMPARISONS.values())
    made = spans(np.array(dates, "datetime64[D]"), WINDOWS, comparisons, calendar)
    expected = []
    for as_of in dates:
        for window in WINDOWS:
            current = plain.span(as_of, window, calendar) or (None, None)
            for comparison in comparisons:
                prior, absent = plain.prior_span(as_of, window, comparison, calendar)
                state = "not_started" if current[0] is None else None
                expected.append(
                    (as_of, window.name, comparison.name, *current, *(prior or (None, None)), state, absent)
                )
    wanted = pd.DataFrame(expected, columns=made.columns)
    for column in ("as_of_date", "start_date", "end_date", "prior_start", "prior_end"):
        wanted[column] = pd.to_datetime(wanted[column]).astype("datetime64[us]")
    for column in ("window", "comparison", "state", "prior_state"):
        wanted[column] = wanted[column].astype("str")
    pd.testing.assert_frame_equal(made, wanted)


def edges() -> list[dt.date]:
    """Return the dates on which rules meet (month ends and starts, leap days, week 53) and each 29th day."""
    every = plain.days_of(FIRST, LAST)
    turns = [
        day
        for day in every
        if day.year in (2020, 2023, 2024, 2025) and (day.day <= 1 or plain.is_month_end(day) or day.day == 28)
    ]
    retail = CALENDARS["4-5-4"]
    extra = [day for day in every if plain.week_of(retail, day)[0].number == 53]
    return sorted({*turns, *extra, *every[::29]})


@pytest.mark.parametrize("name", CALENDARS)
def test_spans_agree_with_the_oracle_where_rules_meet(name: str) -> None:
    check(name, edges())


@pytest.mark.slow
@pytest.mark.parametrize("name", CALENDARS)
def test_spans_agree_with_the_oracle_on_every_date(name: str) -> None:
    check(name, plain.days_of(FIRST, LAST))


@pytest.mark.parametrize("name", CALENDARS)
def test_the_date_dimension_agrees_with_the_oracle(name: str) -> None:
    calendar = CALENDARS[name]
    table = dim_date(calendar, "2018-12-25", "2033-01-10").set_index("date_key")
    for day in edges():
        row = table.loc[pd.Timestamp(day)]
        iso = day.isocalendar()
        assert (row["iso_year"], row["iso_week"], row["day_of_week"]) == tuple(iso)
        assert (row["year"], row["month"], row["day_of_month"]) == (day.year, day.month, day.day)
        assert row["day_of_year"] == day.timetuple().tm_yday
        assert row["is_weekend"] == (day.weekday() >= 5)
        assert row["prior_year_date"].date() == plain.months_earlier(day, 12, False)
        assert row["prior_year_weekday_date"].date() == day - dt.timedelta(days=364)
        for grain in ("week", "month", "quarter", "year"):
            window = Window("any", "to_date", grain=grain)
            fiscal = Window("any", "to_date", grain=grain, fiscal=True)
            assert row[f"{grain}_first_day"].date() == plain.first_day(day, window, calendar)
            first = plain.first_day(day, fiscal, calendar)
            if grain == "week":
                first = max(first, row["fiscal_year_first_day"].date())
            assert row[f"fiscal_{grain}_first_day"].date() == first
        if calendar.week_pattern is not None:
            week, _ = plain.week_of(calendar, day)
            assert (row["fiscal_week"], row["fiscal_month"]) == (week.number, week.month)
            assert row["fiscal_quarter"] == (week.month - 1) // 3 + 1
