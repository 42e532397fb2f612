"""Charts: what they draw, what they leave out, what they say about themselves."""

from __future__ import annotations

import datetime as dt
import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from kpi_lib.errors import UsageError
from kpi_lib.reporting import charts, drawing, series
from kpi_lib.reporting.display import chart
from kpi_lib.reporting.plotting import Frame, Label, nice_ticks, spread
from kpi_lib.reporting.theme import tokens
from tests.reporting_sample import AS_OF, on, sample, sample_empty, winery

TOTAL = "total_daily_revenue"
KINDS = sorted(charts.KINDS)


def lose(code: str, *days: dt.date) -> Any:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[on(frame, code, *days), ["value", "numerator", "denominator"]] = None
        return frame

    return change


def lines(spec: dict[str, Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for point in spec["datasets"]["lines"]:
        found.setdefault(point["n"], []).append(point["y"])
    return found


@pytest.fixture
def counted() -> Iterator[list[dict[str, Any]]]:
    """Count what is drawn instead of drawing it."""
    asked: list[dict[str, Any]] = []

    def converter(spec: dict[str, Any]) -> str:
        asked.append(spec)
        return '<svg viewBox="0 0 10 10"><g/></svg>'

    charts.set_converter(converter)
    yield asked
    charts.set_converter(None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("code", [TOTAL, "club_conversion_per_taster_pct", "total_active_club_membership"])
def test_every_chart_is_valid_vega_lite(kind: str, code: str) -> None:
    import altair

    sketch = charts.sketch(sample(), kind, winery().kpi(code))
    for spec in (sketch.wide, sketch.narrow, sketch.printed):
        if spec is not None:
            altair.LayerChart.validate(spec)


def test_the_month_is_drawn_against_last_year_with_its_open_part_dashed() -> None:
    data = sample()
    sketch = charts.sketch(data, "cumulative", data.kpi())
    drawn = lines(sketch.wide)
    figure = data.row(TOTAL, "mtd")
    assert [len(drawn[number]) for number in sorted(drawn)] == [30, 2, 20]
    assert drawn[2][-1] == pytest.approx(figure.value)
    assert drawn[0][19] == pytest.approx(figure.prior)
    dashed = [point["d"] for point in sketch.wide["datasets"]["lines"] if point["n"] == 1]
    assert dashed == [(3, 4), (3, 4)]
    assert sketch.caption == "November is open: 20 of 30 days."
    assert "To 20 Nov: $112,507, $107,149 in 2025." in sketch.description


def test_a_line_of_sums_starts_its_axis_at_zero_and_a_stock_need_not() -> None:
    data = sample()
    zero = charts.sketch(data, "cumulative", data.kpi()).wide["layer"][0]["encoding"]["y"]
    stock = charts.sketch(data, "trend", winery().kpi("total_active_club_membership")).wide
    assert zero["scale"]["domain"][0] == 0
    assert stock["layer"][0]["encoding"]["y"]["scale"]["domain"][0] > 0


def test_a_missing_day_ends_the_running_total_and_the_pace() -> None:
    data = sample(change=lose(TOTAL, dt.date(2026, 11, 12)))
    drawn = lines(charts.sketch(data, "cumulative", data.kpi()).wide)
    assert [value is None for value in drawn[1]] == [False] * 11 + [True] * 9
    assert charts.pace(data, data.kpi()) is None
    caption = charts.sketch(data, "cumulative", data.kpi()).caption
    assert caption == "November is open: 20 of 30 days. The line ends where data is missing: 12 Nov."
    trend = charts.sketch(data, "trend", data.kpi()).wide["datasets"]
    assert [label["text"] for label in trend["above"]] == ["to Nov 2026"]
    assert [label["text"] for label in trend["end"]] == ["to Nov 2024", "to Nov 2025"]


@pytest.mark.parametrize(
    ("as_of", "known"),
    [
        (dt.date(2026, 11, 6), False),
        (dt.date(2026, 11, 7), True),
        (dt.date(2026, 11, 29), True),
        (dt.date(2026, 11, 30), False),
        (dt.date(2024, 2, 29), False),
        (dt.date(2024, 2, 27), True),
        (dt.date(2024, 2, 28), False),
    ],
)
def test_a_pace_needs_some_days_and_an_open_month(as_of: dt.date, known: bool) -> None:
    data = sample(as_of)
    assert (charts.pace(data, data.kpi()) is not None) == known


def test_a_pace_carries_the_change_so_far_over_to_last_years_month() -> None:
    data = sample()
    figure, days = data.row(TOTAL, "mtd"), data.days(TOTAL)["value"]
    month = days["2025-11-01":"2025-11-30"].sum()
    assert charts.pace(data, data.kpi()) == pytest.approx(month * figure.value / figure.prior)


def test_no_pace_where_months_differ_wildly_or_sums_make_no_sense() -> None:
    def triple(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[on(frame, TOTAL) & (frame["date_key"] > "2026-10-31"), "value"] *= 3
        return frame

    data = sample(change=triple)
    assert charts.pace(data, data.kpi()) is None
    assert charts.pace(data, winery().kpi("avg_party_size")) is None


@pytest.mark.parametrize("as_of", [dt.date(2024, 2, 29), dt.date(2025, 1, 1), dt.date(2026, 12, 31)])
@pytest.mark.parametrize("kind", KINDS)
def test_leap_days_first_and_last_days(as_of: dt.date, kind: str) -> None:
    data = sample(as_of)
    sketch = charts.sketch(data, kind, data.kpi())
    assert sketch.description.startswith("Total Daily Revenue")
    assert "nan" not in sketch.description.lower()


def test_the_trend_has_three_years_and_leaves_out_what_is_not_whole() -> None:
    data = sample(first=dt.date(2024, 6, 10))
    sketch = charts.sketch(data, "trend", data.kpi())
    drawn = lines(sketch.wide)
    assert [len(drawn[number]) for number in sorted(drawn)] == [12, 12, 11, 2]
    assert [value is None for value in drawn[0]] == [True] * 7 + [False] * 5
    assert sketch.caption == (
        "November 2026 is open, 20 of 30 days. 7 months without full data or without a value left out."
    )
    assert "Highest whole month" in sketch.description


def test_one_whole_month_is_neither_highest_nor_lowest() -> None:
    data = sample(dt.date(2023, 2, 1), first=dt.date(2023, 1, 1))
    words = charts.sketch(data, "trend", data.kpi()).description
    assert "Highest" not in words
    assert "The only whole month is January 2023 with $" in words

    def nothing(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[on(frame, TOTAL), "value"] = 0.0
        return frame

    data = sample(dt.date(2023, 3, 5), change=nothing)
    assert charts.sketch(data, "trend", data.kpi()).description.endswith("Each of the 2 whole months has $0.")


def test_the_month_says_in_words_that_days_are_missing() -> None:
    data = sample(dt.date(2022, 11, 21), first=dt.date(2022, 11, 21))
    value = data.row(TOTAL, "mtd").value
    assert value is not None
    words = charts.sketch(data, "cumulative", data.kpi()).description
    assert f"To 21 Nov: ${value:,.0f} (20 of 21 days missing)." in words


def test_the_shades_tell_days_with_nothing_from_the_others() -> None:
    def rare(frame: pd.DataFrame) -> pd.DataFrame:
        rows = on(frame, "event_guests")
        days = frame.loc[rows, "date_key"].dt
        frame.loc[rows, "value"] = (days.day % 9 * 10.0).where(days.day_of_week > 3, 0.0)
        return frame

    kpi = winery().kpi("event_guests")
    sketch = charts.sketch(sample(change=rare), "heat", kpi)
    assert "The shades change at 0, 20, 40 and 60." in sketch.caption
    assert {cell["shade"] for cell in sketch.wide["datasets"]["readings"]} == {0, 1, 2, 3, 4}

    def one_size(frame: pd.DataFrame) -> pd.DataFrame:
        rows = on(frame, "event_guests")
        frame.loc[rows, "value"] = (frame.loc[rows, "date_key"].dt.day == 1) * 40.0
        return frame

    sketch = charts.sketch(sample(change=one_size), "heat", kpi)
    assert "The pale squares are 0." in sketch.caption
    assert "change at" not in sketch.caption


def test_months_and_weeks_add_up_as_the_kpi_allows() -> None:
    data = sample()
    month = slice("2026-10-01", "2026-10-31")
    for code in (TOTAL, "avg_party_size", "total_active_club_membership"):
        kpi, days = winery().kpi(code), data.days(code)
        value = series.months(kpi, days, AS_OF, 2)["value"].iloc[0]
        rows = days[month]
        expected = {"sum": rows["value"].sum(), "last": rows["value"].iloc[-1]}.get(kpi.kind)
        if kpi.kind == "ratio":
            expected = rows["numerator"].sum() / rows["denominator"].sum()
        assert value == pytest.approx(expected)
    weeks = series.weeks(data.kpi(), data.days(TOTAL), AS_OF)
    assert weeks[-1] == pytest.approx(data.days(TOTAL)["value"].iloc[-7:].sum())


def test_a_week_with_a_missing_day_is_a_gap() -> None:
    data = sample(change=lose(TOTAL, dt.date(2026, 11, 18)))
    weeks = series.weeks(data.kpi(), data.days(TOTAL), AS_OF)
    assert weeks[-1] is None
    assert None not in weeks[:-1]


def test_the_calendar_has_a_square_for_every_day_and_outlines_the_missing() -> None:
    gap = dt.date(2026, 11, 18)
    data = sample(change=lose(TOTAL, gap))
    sketch = charts.sketch(data, "heat", data.kpi())
    days = sketch.wide["datasets"]["readings"]
    assert len(days) == 52 * 7 + 5
    gaps = [day for day in days if day["shade"] < 0]
    assert [(day["week"], day["weekday"], day["t"]) for day in gaps] == [
        (52, 2, ["Wed 18 Nov 2026", "no data"])
    ]
    assert {day["shade"] for day in days} == {-1, 0, 1, 2, 3, 4}
    assert "1 empty square: no data." in sketch.caption


@pytest.mark.parametrize("kind", KINDS)
def test_a_kpi_without_any_data_draws_an_empty_chart(kind: str) -> None:
    data = sample_empty()
    sketch = charts.sketch(data, kind, data.kpi())
    assert "None" not in sketch.description
    assert drawing.to_svg(sketch.wide).startswith("<svg")


@pytest.mark.parametrize("kind", KINDS)
def test_a_drawing_is_well_formed_named_and_free_of_inline_style(kind: str) -> None:
    piece = chart(sample(), kind, TOTAL)
    drawings = re.findall(r"<svg.*?</svg>", piece.html, re.DOTALL)
    assert len(drawings) == 2
    for svg in (*drawings, piece.svg):
        root = ET.fromstring(svg)  # noqa: S314
        assert root.get("role") == "img"
        assert (root.get("aria-label") or "").startswith("Total Daily Revenue")
        assert "style" not in svg
        assert not re.search(r"\.\d{3}", svg)
    assert 'class="wide"' in drawings[0]
    assert 'class="narrow"' in drawings[1]


def test_colours_follow_the_scheme_on_a_page_and_stand_alone_in_a_file() -> None:
    piece = chart(sample(), "cumulative", TOTAL)
    bare = re.sub(r"var\(--[a-z0-9]+,#[0-9a-f]{6}\)", "", piece.html)
    assert f"var(--acc,{tokens()['acc']})" in piece.html
    assert not re.search(r"#[0-9a-fA-F]{6}", bare)
    assert "var(" not in piece.svg
    assert 'font-family="Inter"' in piece.svg


def test_the_description_is_escaped() -> None:
    svg = drawing.inline('<svg viewBox="0 0 1 1"><g/></svg>', 'a "b" <c> & d', "wide")
    assert ET.fromstring(svg).get("aria-label") == 'a "b" <c> & d'  # noqa: S314


def test_someone_else_can_draw(counted: list[dict[str, Any]]) -> None:
    chart(sample(), "cumulative")
    chart(sample(), "trend")
    assert [spec["width"] + spec["padding"]["left"] + spec["padding"]["right"] for spec in counted] == [
        560, 358, 1132, 358, 660,
    ]  # fmt: skip


def test_an_unknown_chart_is_named() -> None:
    with pytest.raises(UsageError, match="trend"):
        chart(sample(), "trends")


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 560_000, (0, 200_000, 400_000, 600_000)),
        (-30, 40, (-40, -20, 0, 20, 40)),
        (5, 5, (4, 6, 8, 10)),
        (0, 0, (0, 0.25, 0.5, 0.75, 1)),
    ],
)
def test_ticks_are_round_and_enclose_the_values(low: float, high: float, ticks: tuple[float, ...]) -> None:
    found = nice_ticks(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert found == pytest.approx(ticks)


def test_labels_at_the_same_height_move_apart() -> None:
    kpi = winery().kpi(TOTAL)
    frame = Frame(560, 238, (0, 100), 0, 100, kpi, "USD", (0, 1), ())
    moved = spread([Label(1, 50, "a"), Label(1, 50, "b"), Label(1, 52, "c")], frame)
    heights = sorted(label.y for label in moved)
    assert all(b - a >= 7.4 for a, b in itertools.pairwise(heights))
