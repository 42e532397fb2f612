"""Windows and comparisons by hand: leap years, month ends, fiscal years, week 53."""

from __future__ import annotations

import datetime as dt
import time

import numpy as np
import pandas as pd
import pytest

from kpi_lib.errors import DefinitionError, UsageError
from kpi_lib.periods import (
    DATE_DIMENSION,
    PRIOR_YEAR,
    STANDARD_COMPARISONS,
    STANDARD_WINDOWS,
    Calendar,
    Comparison,
    Window,
    dim_date,
    spans,
)

JULY = Calendar("winery", fiscal_start_month=7)
RETAIL = Calendar(
    "retail",
    week_pattern="4-5-4",
    week_start="sunday",
    year_end_month=1,
    year_end_rule="nearest",
    fiscal_named_by="start",
)
HARVEST = Window("harvest", "range", start=dt.date(2024, 2, 29), end=dt.date(2024, 3, 10))


def row(as_of: str, window: str | Window, comparison: str = "prior_year", calendar: Calendar = JULY) -> str:
    """Return one span as text: start–end | prior start–prior end, or the reason."""
    chosen = STANDARD_WINDOWS[window] if isinstance(window, str) else window
    table = spans([as_of], [chosen], [STANDARD_COMPARISONS[comparison]], calendar)
    only = table.iloc[0]

    def text(start: str, end: str, state: str) -> str:
        if isinstance(only[state], str):
            assert pd.isna(only[start])
            assert pd.isna(only[end])
            return str(only[state])
        return f"{only[start]:%Y-%m-%d}–{only[end]:%Y-%m-%d}"

    return " | ".join(
        [text("start_date", "end_date", "state"), text("prior_start", "prior_end", "prior_state")]
    )


@pytest.mark.parametrize(
    ("as_of", "window", "expected"),
    [
        ("2025-10-06", "mtd", "2025-10-01–2025-10-06 | 2024-10-01–2024-10-06"),
        ("2025-10-06", "qtd", "2025-10-01–2025-10-06 | 2024-10-01–2024-10-06"),
        ("2025-11-06", "qtd", "2025-10-01–2025-11-06 | 2024-10-01–2024-11-06"),
        ("2025-10-06", "ytd", "2025-01-01–2025-10-06 | 2024-01-01–2024-10-06"),
        ("2025-10-06", "last28", "2025-09-09–2025-10-06 | 2024-09-09–2024-10-06"),
        # Leap years, both ways: complete months meet complete months, trailing days stay as many.
        ("2025-02-28", "mtd", "2025-02-01–2025-02-28 | 2024-02-01–2024-02-29"),
        ("2024-02-29", "mtd", "2024-02-01–2024-02-29 | 2023-02-01–2023-02-28"),
        ("2024-02-28", "mtd", "2024-02-01–2024-02-28 | 2023-02-01–2023-02-28"),
        ("2025-02-27", "ytd", "2025-01-01–2025-02-27 | 2024-01-01–2024-02-27"),
        ("2025-02-28", "ytd", "2025-01-01–2025-02-28 | 2024-01-01–2024-02-29"),
        ("2024-02-29", "last28", "2024-02-02–2024-02-29 | 2023-02-01–2023-02-28"),
        ("2025-02-28", "last28", "2025-02-01–2025-02-28 | 2024-02-01–2024-02-28"),
        ("2024-03-01", "last28", "2024-02-03–2024-03-01 | 2023-02-02–2023-03-01"),
        ("2025-03-01", "ytd", "2025-01-01–2025-03-01 | 2024-01-01–2024-03-01"),
        ("2024-12-31", "ytd", "2024-01-01–2024-12-31 | 2023-01-01–2023-12-31"),
        # Twelve months to date, over leap days.
        ("2025-02-28", "t12m", "2024-02-29–2025-02-28 | 2023-03-01–2024-02-28"),
        ("2024-02-29", "t12m", "2023-03-01–2024-02-29 | 2022-03-01–2023-02-28"),
        ("2026-11-20", "t12m", "2025-11-21–2026-11-20 | 2024-11-21–2025-11-20"),
        # The fiscal year from July: first day, last day, first quarter.
        ("2026-07-01", "fytd", "2026-07-01–2026-07-01 | 2025-07-01–2025-07-01"),
        ("2026-06-30", "fytd", "2025-07-01–2026-06-30 | 2024-07-01–2025-06-30"),
        ("2025-02-28", "fytd", "2024-07-01–2025-02-28 | 2023-07-01–2024-02-29"),
        ("2026-09-30", "fqtd", "2026-07-01–2026-09-30 | 2025-07-01–2025-09-30"),
        ("2026-09-15", "fmtd", "2026-09-01–2026-09-15 | 2025-09-01–2025-09-15"),
        ("2026-11-20", "wtd", "2026-11-16–2026-11-20 | 2025-11-17–2025-11-21"),
        # A fixed range: before, in and after it; its first day is a leap day.
        ("2024-02-28", HARVEST, "not_started | not_started"),
        ("2024-02-29", HARVEST, "2024-02-29–2024-02-29 | 2023-02-28–2023-02-28"),
        ("2024-03-05", HARVEST, "2024-02-29–2024-03-05 | 2023-02-28–2023-03-05"),
        ("2025-01-01", HARVEST, "2024-02-29–2024-03-10 | 2023-02-28–2023-03-10"),
    ],
)
def test_prior_year(as_of: str, window: str | Window, expected: str) -> None:
    assert row(as_of, window) == expected


@pytest.mark.parametrize(
    ("as_of", "window", "expected"),
    [
        ("2025-05-31", "qtd", "2025-04-01–2025-05-31 | 2025-01-01–2025-02-28"),
        ("2024-05-31", "qtd", "2024-04-01–2024-05-31 | 2024-01-01–2024-02-29"),
        ("2025-04-30", "mtd", "2025-04-01–2025-04-30 | 2025-03-01–2025-03-31"),
        ("2025-03-30", "mtd", "2025-03-01–2025-03-30 | 2025-02-01–2025-02-28"),
        ("2025-03-15", "mtd", "2025-03-01–2025-03-15 | 2025-02-01–2025-02-15"),
        ("2025-01-10", "qtd", "2025-01-01–2025-01-10 | 2024-10-01–2024-10-10"),
        ("2025-02-28", "ytd", "2025-01-01–2025-02-28 | 2024-01-01–2024-02-29"),
        ("2026-08-31", "fqtd", "2026-07-01–2026-08-31 | 2026-04-01–2026-05-31"),
        ("2026-11-20", "wtd", "2026-11-16–2026-11-20 | 2026-11-09–2026-11-13"),
        ("2026-11-20", "last28", "2026-10-24–2026-11-20 | 2026-09-26–2026-10-23"),
        ("2026-11-20", "t12m", "2025-11-21–2026-11-20 | 2024-11-21–2025-11-20"),
        ("2024-03-05", HARVEST, "2024-02-29–2024-03-05 | 2024-02-23–2024-02-28"),
    ],
)
def test_prior_period(as_of: str, window: str | Window, expected: str) -> None:
    assert row(as_of, window, "prior_period") == expected


@pytest.mark.parametrize("window", ["mtd", "fytd", "last28", "t12m", "wtd"])
def test_the_same_weekday_is_364_days_earlier_at_both_ends(window: str) -> None:
    table = spans(
        ["2025-02-28"], [STANDARD_WINDOWS[window]], [STANDARD_COMPARISONS["prior_year_weekday"]], JULY
    )
    only = table.iloc[0]
    assert only["start_date"] - only["prior_start"] == pd.Timedelta(days=364)
    assert only["end_date"] - only["prior_end"] == pd.Timedelta(days=364)


@pytest.mark.parametrize(
    ("as_of", "window", "comparison", "expected"),
    [
        # The retail year 2023 has 53 weeks: 2023-01-29 to 2024-02-03.
        ("2024-02-03", "fytd", "prior_year", "2023-01-29–2024-02-03 | no_counterpart"),
        ("2024-01-28", "fmtd", "prior_year", "2023-12-31–2024-01-28 | no_counterpart"),
        ("2024-01-28", "last28", "prior_year", "2024-01-01–2024-01-28 | no_counterpart"),
        ("2024-01-27", "fytd", "prior_year", "2023-01-29–2024-01-27 | 2022-01-30–2023-01-28"),
        # The year after it: the same fiscal week lies 371 days back.
        ("2024-02-04", "fytd", "prior_year", "2024-02-04–2024-02-04 | 2023-01-29–2023-01-29"),
        ("2024-02-10", "last28", "prior_year", "2024-01-14–2024-02-10 | 2023-01-08–2023-02-04"),
        # Windows of the ordinary calendar stay on it.
        ("2024-02-03", "mtd", "prior_year", "2024-02-01–2024-02-03 | 2023-02-01–2023-02-03"),
        ("2024-02-03", "t12m", "prior_year", "2023-02-04–2024-02-03 | 2022-02-04–2023-02-03"),
        # March (five weeks) back to February (four): its fifth week meets February's end.
        ("2024-04-06", "fmtd", "prior_period", "2024-03-03–2024-04-06 | 2024-02-04–2024-03-02"),
        ("2024-04-03", "fmtd", "prior_period", "2024-03-03–2024-04-03 | 2024-02-04–2024-03-02"),
        ("2024-03-09", "fmtd", "prior_period", "2024-03-03–2024-03-09 | 2024-02-04–2024-02-10"),
        # The end of April (four weeks) meets the end of March (five).
        ("2024-05-04", "fmtd", "prior_period", "2024-04-07–2024-05-04 | 2024-03-03–2024-04-06"),
        ("2024-05-03", "fmtd", "prior_period", "2024-04-07–2024-05-03 | 2024-03-03–2024-03-29"),
        # April back to January, which had a week more: month end to month end.
        ("2024-03-02", "fqtd", "prior_period", "2024-02-04–2024-03-02 | 2023-10-29–2023-11-25"),
        ("2024-03-02", "fytd", "prior_period", "2024-02-04–2024-03-02 | 2023-01-29–2023-02-25"),
    ],
)
def test_week_patterns(as_of: str, window: str, comparison: str, expected: str) -> None:
    assert row(as_of, window, comparison, RETAIL) == expected


def test_years_of_53_weeks_are_the_retail_ones() -> None:
    table = dim_date(RETAIL, "2010-01-01", "2035-12-31")
    assert table.loc[table["fiscal_week"] == 53, "fiscal_year"].unique().tolist() == [
        2012,
        2017,
        2023,
        2028,
        2034,
    ]


@pytest.mark.parametrize(
    ("calendar", "day", "year"),
    [
        (JULY, "2026-06-30", 2026),
        (JULY, "2026-07-01", 2027),
        (Calendar(fiscal_start_month=7, fiscal_named_by="start"), "2026-07-01", 2026),
        (Calendar(), "2026-12-31", 2026),
        (RETAIL, "2025-02-01", 2024),
        (RETAIL, "2025-02-02", 2025),
        (Calendar(week_pattern="4-4-5", year_end_month=12, year_end_rule="nearest"), "2027-01-02", 2026),
        (Calendar(week_pattern="4-4-5", year_end_month=9, fiscal_named_by="start"), "2026-09-26", 2025),
        (Calendar(week_pattern="4-4-5", year_end_month=9), "2026-09-26", 2026),
        (Calendar(week_pattern="4-4-5", year_end_month=9), "2026-09-27", 2027),
        # A year that ends in December starts in the one it ends in, give or take a week.
        (Calendar(week_pattern="4-4-5", fiscal_named_by="start"), "2026-06-01", 2026),
        (Calendar(week_pattern="4-4-5", year_end_month=11, fiscal_named_by="start"), "2026-06-01", 2025),
    ],
)
def test_names_of_fiscal_years(calendar: Calendar, day: str, year: int) -> None:
    assert dim_date(calendar, day, day)["fiscal_year"].item() == year


def test_the_date_dimension_of_the_winery() -> None:
    table = dim_date(JULY)
    assert list(table.columns[:1]) == ["date_key"]
    assert len(table) == 7670
    only = table.set_index("date_key").loc["2024-02-29"]
    assert only["fiscal_year"] == 2024
    assert only["fiscal_quarter"] == 3
    assert only["fiscal_month"] == 8
    assert only["quarter"] == 1
    assert only["day_of_week"] == 4
    assert not only["is_weekend"]
    assert (only["iso_year"], only["iso_week"]) == (2024, 9)
    assert only["prior_year_date"] == pd.Timestamp("2023-02-28")
    assert only["prior_year_weekday_date"] == pd.Timestamp("2023-03-02")
    assert only["iso_week_first_day"] == pd.Timestamp("2024-02-26")
    assert only["iso_week_last_day"] == pd.Timestamp("2024-03-03")
    assert only["iso_year_first_day"] == pd.Timestamp("2024-01-01")
    assert only["iso_year_last_day"] == pd.Timestamp("2024-12-29")
    assert only["fiscal_year_first_day"] == pd.Timestamp("2023-07-01")
    assert only["fiscal_quarter_last_day"] == pd.Timestamp("2024-03-31")
    assert not table.isna().any().any()


def test_several_windows_and_comparisons_stand_side_by_side_in_the_order_given() -> None:
    windows = [STANDARD_WINDOWS["ytd"], STANDARD_WINDOWS["mtd"]]
    comparisons = [STANDARD_COMPARISONS["prior_period"], PRIOR_YEAR]
    table = spans(["2026-01-02", "2026-01-01"], windows, comparisons, JULY)
    assert list(table["window"]) == ["ytd", "ytd", "mtd", "mtd"] * 2
    assert list(table["comparison"]) == ["prior_period", "prior_year"] * 4
    assert table["as_of_date"].iloc[0] == pd.Timestamp("2026-01-02")


def test_the_standard_trailing_windows_are_as_long_as_they_say() -> None:
    lengths = {name: window.days for name, window in STANDARD_WINDOWS.items() if window.kind == "trailing"}
    assert lengths == {"last7": 7, "last28": 28, "last90": 90, "last365": 365}


def test_nothing_asked_is_an_empty_frame() -> None:
    columns = list(spans(["2026-01-01"], [STANDARD_WINDOWS["mtd"]], [PRIOR_YEAR], JULY).columns)
    assert list(spans([], [STANDARD_WINDOWS["fytd"]], [PRIOR_YEAR], RETAIL).columns) == columns
    assert len(spans(["2026-01-01"], [], [PRIOR_YEAR], JULY)) == 0


def test_all_of_2015_to_2035_takes_well_under_a_second() -> None:
    dates = np.arange("2015-01-01", "2036-01-01", dtype="datetime64[D]")
    started = time.process_time()
    table = spans(dates, list(STANDARD_WINDOWS.values()), list(STANDARD_COMPARISONS.values()), RETAIL)
    assert len(table) == 7670 * 12 * 3
    assert time.process_time() - started < 1.0


def test_a_missing_as_of_date_and_a_repeated_name_are_told() -> None:
    with pytest.raises(UsageError, match="NaT"):
        spans(np.array(["NaT"], "datetime64[D]"), [STANDARD_WINDOWS["mtd"]], [PRIOR_YEAR], JULY)
    with pytest.raises(DefinitionError, match="two windows are called 'mtd'"):
        spans(["2026-01-01"], [STANDARD_WINDOWS["mtd"]] * 2, [PRIOR_YEAR], JULY)
    with pytest.raises(UsageError, match="before it starts"):
        dim_date(JULY, "2026-01-02", "2026-01-01")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Calendar(time_zone="Mars/Olympus"), "time_zone"),
        (lambda: Calendar(fiscal_start_month=13), "fiscal_start_month"),
        (lambda: Calendar(year_end_month=True), "year_end_month"),
        (lambda: Calendar(week_start="Monday"), "Did you mean 'monday'"),
        (lambda: Calendar(week_pattern="4-5-5"), "week_pattern"),
        (lambda: Calendar(year_end_rule="first"), "year_end_rule"),
        (lambda: Calendar(fiscal_named_by="middle"), "fiscal_named_by"),
        (lambda: Calendar(year_end_weekday="sat"), "year_end_weekday"),
        (lambda: Window("MTD", "to_date", grain="month"), "cannot become a column"),
        (lambda: Window("payload", "t12m"), "is taken"),
        (lambda: Window("w", "until"), "kind"),
        (lambda: Window("w", "to_date"), "needs 'grain'"),
        (lambda: Window("w", "to_date", grain="decade"), "grain"),
        (lambda: Window("w", "trailing"), "needs 'days'"),
        (lambda: Window("w", "trailing", days=0), "days = 0"),
        (lambda: Window("w", "trailing", days=2.5), "days = 2.5"),
        (lambda: Window("w", "trailing", days=7, fiscal=True), "'fiscal' has no meaning"),
        (lambda: Window("w", "t12m", days=7), "'days' has no meaning"),
        (lambda: Window("w", "range", start=dt.date(2026, 1, 1)), "needs 'end'"),
        (lambda: Window("w", "range", start=dt.date(2026, 1, 2), end=dt.date(2026, 1, 1)), "after its end"),
        (
            lambda: Window("w", "range", start=pd.Timestamp("2026-01-02"), end=dt.date(2026, 2, 1)),
            "is no date",
        ),
        (lambda: Comparison("dp"), "is taken"),
        (lambda: Comparison("c", "prior_decade"), "kind"),
    ],
)
def test_what_cannot_be_says_so_with_a_remedy(make: object, message: str) -> None:
    with pytest.raises(DefinitionError, match=message) as caught:
        make()
    assert caught.value.remedy
    assert caught.value.where


def test_weeks_of_years_of_months_are_numbered_from_the_one_that_holds_the_first_day() -> None:
    table = dim_date(JULY, "2024-12-29", "2026-01-05").set_index("date_key")
    calendar = {"2024-12-29": 52, "2024-12-30": 53, "2024-12-31": 53, "2025-01-01": 1, "2025-01-05": 1}
    calendar |= {"2025-01-06": 2, "2025-06-30": 27, "2025-12-28": 52, "2025-12-29": 53, "2025-12-31": 53}
    calendar |= {"2026-01-01": 1, "2026-01-04": 1, "2026-01-05": 2}
    assert {day: table.loc[day, "week"] for day in calendar} == calendar
    fiscal = {"2025-06-29": 52, "2025-06-30": 53, "2025-07-01": 1, "2025-07-06": 1, "2025-07-07": 2}
    fiscal |= {"2025-12-31": 27, "2026-01-01": 27, "2026-01-05": 28}
    assert {day: table.loc[day, "fiscal_week"] for day in fiscal} == fiscal
    # Such a fiscal week ends with its year; the week itself goes on.
    assert str(table.loc["2025-06-30", "fiscal_week_last_day"].date()) == "2025-06-30"
    assert str(table.loc["2025-07-01", "fiscal_week_first_day"].date()) == "2025-07-01"
    assert str(table.loc["2025-07-01", "week_first_day"].date()) == "2025-06-30"
    assert str(table.loc["2025-06-30", "week_last_day"].date()) == "2025-07-06"


def test_the_calendar_reaches_from_2015_to_2035() -> None:
    assert (dt.date(2015, 1, 1), dt.date(2035, 12, 31)) == DATE_DIMENSION
    days = dim_date(JULY)["date_key"].dt.date
    assert (days.min(), days.max()) == DATE_DIMENSION


def test_every_part_of_a_day() -> None:
    sunday = dim_date(JULY, "2025-08-17", "2025-08-17").iloc[0]
    numbers = {
        "year": 2025, "quarter": 3, "month": 8, "week": 33, "day_of_month": 17, "day_of_year": 229,
        "day_of_week": 7, "is_weekend": True, "iso_year": 2025, "iso_week": 33, "fiscal_year": 2026,
        "fiscal_quarter": 1, "fiscal_month": 2, "fiscal_week": 7,
    }  # fmt: skip
    assert {name: sunday[name] for name in numbers} == numbers
    days = {
        "year_first_day": "2025-01-01", "year_last_day": "2025-12-31", "quarter_first_day": "2025-07-01",
        "quarter_last_day": "2025-09-30", "month_first_day": "2025-08-01", "month_last_day": "2025-08-31",
        "week_first_day": "2025-08-11", "week_last_day": "2025-08-17", "iso_year_first_day": "2024-12-30",
        "iso_year_last_day": "2025-12-28", "iso_week_first_day": "2025-08-11",
        "iso_week_last_day": "2025-08-17", "fiscal_year_first_day": "2025-07-01",
        "fiscal_year_last_day": "2026-06-30", "fiscal_quarter_first_day": "2025-07-01",
        "fiscal_quarter_last_day": "2025-09-30", "fiscal_month_first_day": "2025-08-01",
        "fiscal_month_last_day": "2025-08-31", "fiscal_week_first_day": "2025-08-11",
        "fiscal_week_last_day": "2025-08-17", "prior_year_date": "2024-08-17",
        "prior_year_weekday_date": "2024-08-18",
    }  # fmt: skip
    assert {name: str(sunday[name].date()) for name in days} == days
    assert set(sunday.index) == {"date_key", *numbers, *days}
    friday = dim_date(JULY, "2025-08-15", "2025-08-16")
    assert friday["is_weekend"].tolist() == [False, True]
    assert str(friday["date_key"].dtype) == "datetime64[us]"


def test_limits_are_part_of_what_can_be() -> None:
    day = dt.date(2026, 8, 15)
    once = Window("tasting", "range", start=day, end=day)
    assert row("2026-08-20", once) == "2026-08-15–2026-08-15 | 2025-08-15–2025-08-15"
    assert row("2026-08-15", Window("today", "trailing", days=1)).startswith("2026-08-15–2026-08-15")
    assert Window("ever", "trailing", days=36_600).days == 36_600
    with pytest.raises(DefinitionError, match="days = 36601"):
        Window("longer", "trailing", days=36_601)
    assert [Calendar(fiscal_start_month=month, year_end_month=month).name for month in (1, 12)] == [
        "calendar"
    ] * 2
    for month in (0, 13):
        with pytest.raises(DefinitionError, match="is no month"):
            Calendar(year_end_month=month)
    with pytest.raises(DefinitionError, match="days = True"):
        Window("one", "trailing", days=True)
    assert len(dim_date(JULY, "2026-08-15", "2026-08-15")) == 1
