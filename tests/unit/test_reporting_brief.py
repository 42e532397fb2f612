"""The sentences of the leadership brief, each rule held against numbers that are known."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from kpi_lib.catalogue import load_catalogue
from kpi_lib.catalogue.pace import pace
from kpi_lib.catalogue.scorecard import load_scorecard
from kpi_lib.catalogue.targets import Target
from kpi_lib.errors import WarehouseError
from kpi_lib.reporting import board_words, charts, forecast, page_words
from kpi_lib.reporting import brief_board_words as company
from kpi_lib.reporting import brief_words as words
from kpi_lib.reporting.board import Board, Standing
from kpi_lib.reporting.brief import checked
from kpi_lib.reporting.brief_daily import DailyBrief
from kpi_lib.reporting.brief_words import Judged, Step
from kpi_lib.reporting.data import ReportData
from kpi_lib.reporting.notes import notes
from kpi_lib.reporting.restated_data import RestatedData, Restatement
from tests.reporting_sample import AS_OF, loads, made, on, sample, winery

TOTAL = "total_daily_revenue"
PARTS = winery().contributions


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def with_parts(value: float, prior: float, **parts: tuple[float | None, float]) -> ReportData:
    """A month whose parts are given; those that are not have not changed."""
    rows = {code: {"value": 1.0, "prior": 1.0} for code in PARTS}
    rows |= {code: {"value": now, "prior": then} for code, (now, then) in parts.items()}
    for code, row in rows.items():
        if row["value"] is None:
            rows[code] = {**row, "reason": "not_loaded"}
    return made(**{TOTAL: {"value": value, "prior": prior}, **rows})


def movers(data: ReportData) -> str:
    return plain(words.movers(data, data.row(TOTAL, "mtd")))


# Who moved the headline


def test_the_largest_gains_come_first_in_a_good_month() -> None:
    data = with_parts(
        1230, 1000, ecomm_revenue=(300, 100), phone_revenue=(150, 100), shipping_revenue=(110, 100),
        event_wine_revenue=(75, 100), wine_club_fees_revenue=(95, 100),
    )  # fmt: skip
    assert movers(data) == (
        "The largest gain is eCommerce with $200 ($300 against $100), then phone with $50.00 and shipping"
        " with $10.00. The largest loss is event wine with $25.00 ($75.00 against $100), then wine club fees"
        " with $5.00."
    )


def test_the_largest_losses_come_first_in_a_bad_month() -> None:
    data = with_parts(900, 1000, ecomm_revenue=(100, 300), phone_revenue=(200, 100))
    assert movers(data) == (
        "The largest loss is eCommerce with $200 ($100 against $300)."
        " The largest gain is phone with $100 ($200 against $100)."
    )


def test_equal_gains_share_their_place() -> None:
    data = with_parts(1020, 1000, ecomm_revenue=(20, 10), phone_revenue=(30, 20), shipping_revenue=(7, 6))
    assert movers(data) == (
        "The largest gains are eCommerce and phone with $10.00 each, then shipping with $1.00."
    )


def test_no_part_is_named_when_nothing_has_changed() -> None:
    assert movers(with_parts(1000, 1000)) == "None of its parts has changed."


def test_a_part_that_cannot_be_compared_is_said() -> None:
    data = with_parts(1010, 1000, ecomm_revenue=(20, 10), phone_revenue=(None, 10))
    assert movers(data) == (
        "The largest gain is eCommerce with $10.00 ($20.00 against $10.00). No change can be given for phone."
    )


@pytest.mark.parametrize(
    "given",
    [
        {"value": 5, "prior": None, "prior_reason": "no_history"},
        {"value": 5, "prior": 4, "reason": "partial", "missing_days": 2},
        {"value": None, "prior": None, "reason": "not_loaded"},
    ],
)
def test_without_a_change_nobody_made_it(given: dict[str, Any]) -> None:
    data = made(**{TOTAL: given}, ecomm_revenue={"value": 20, "prior": 10})
    assert movers(data) == ""


@pytest.mark.parametrize("prior", [0.0, -50.0])
def test_a_change_from_nothing_or_below_still_has_its_parts(prior: float) -> None:
    data = with_parts(100, prior, ecomm_revenue=(150 + prior, 50))
    assert movers(data).startswith(f"The largest {'gain' if 100 + prior > 0 else 'loss'} is eCommerce with $")


def test_the_opening_gives_the_amounts_and_then_the_parts() -> None:
    data = with_parts(1100, 1000, ecomm_revenue=(200, 100))
    assert plain(words.opening(data).plain) == (
        "Total Daily Revenue for 1–20 November is $1,100, against $1,000 in the same 20 days of 2025: $100"
        " more. The largest gain is eCommerce with $100 ($200 against $100)."
    )


def test_told_says_nothing_of_nothing() -> None:
    assert words.told([], 10) == []
    assert words.told([Step("a", 0.0, "$0")], 0) == []


# The targets


def target(period: str, goal: float, direction: str = "up") -> Target:
    return Target(
        domain="winery", metric=TOTAL, entity="ALL", period=period, target=goal, unit="USD",
        direction=direction, green=1.0, amber=0.95,
    )  # fmt: skip


def item(code: str, value: float | None, goal: float, **given: Any) -> Judged:
    kpi = winery().kpi(code)
    period = given.pop("period", "2026-11")
    named = target(period, goal, kpi.direction if kpi.direction != "neutral" else "up")
    options: dict[str, Any] = {"phased": False, "elapsed_days": 20, "total_days": 30, **given}
    return Judged(kpi, kpi.title, pace(named, value, **options))


def against(*items: Judged) -> str:
    runs = words.targets(items, "USD")
    return plain("".join(run if isinstance(run, str) else run.text for run in runs))


def test_targets_that_are_missed_come_first_with_what_was_expected() -> None:
    said = against(
        item("total_visitors", 100, 90),
        item(TOTAL, 500, 900, phased=True),
        item("club_conversion_per_taster_pct", 3.4, 3.5),
    )
    assert said == (
        "Behind target: total daily revenue for Nov 2026, $500 where $600 was expected by now evenly by days"
        " (target $900). Just behind target: conversion per taster % for Nov 2026, 3.4 % where 3.5 % is the"
        " target. On track: visitors for Nov 2026."
    )


def test_a_season_is_named_and_lower_is_better_is_above() -> None:
    said = against(
        item(TOTAL, 500, 1000, phased=True, prior_to_date=80.0, prior_total=100.0, period="2026"),
        item("member_attrition", 50, 40),
    )
    assert said == (
        "Behind target: total daily revenue for 2026, $500 where $800 was expected by now by last year’s"
        " season (target $1,000). Above target: member attrition for Nov 2026, 50 where 40 is the target."
    )


def test_targets_without_a_value_and_none_at_all() -> None:
    assert against(item(TOTAL, None, 900)) == "No value to judge: total daily revenue for Nov 2026."
    assert against() == "No target is set for this day."


def test_many_missed_targets_are_named_at_the_end() -> None:
    codes = ("ecomm_revenue", "phone_revenue", "shipping_revenue", "event_wine_revenue")
    said = against(*(item(code, 10, 100) for code in codes))
    assert said.endswith("shipping for Nov 2026, $10.00 where $100 is the target; event wine for Nov 2026.")


# What is not final


def test_an_open_month_and_a_complete_one() -> None:
    assert words.provisional(sample()) == [
        "November is open, 20 of 30 days; comparisons are with the same days of 2025."
    ]
    assert words.provisional(sample(dt.date(2026, 10, 31))) == []


def test_late_sources_and_gaps_are_said() -> None:
    data = made(
        ecomm_revenue={"value": 5, "prior": 4, "reason": "partial", "missing_days": 1},
        phone_revenue={"value": 5, "prior": 4, "reason": "partial", "missing_days": 1},
    )
    data = replace(data, loads=loads(dt.date(2026, 11, 18)))
    said = words.provisional(data)
    assert said[1] == "1 source ends early, the first on 18 Nov 2026."
    assert said[2] == "eCommerce and phone rest on incomplete days."
    # Everything that was not given has no row, which is the same as not loaded.
    assert said[3].endswith("have no data for the month.")


def test_what_moved_the_wrong_way_is_to_be_watched() -> None:
    data = made(
        total_daily_revenue={"value": 1000, "prior": 1000},
        member_attrition={"value": 39, "prior": 33},
        new_member_acquisition={"value": 40, "prior": 33},
    )
    assert plain(words.watch(data)) == "To watch: member attrition, 39 against 33 (up 18.2 %)."
    assert words.watch(made(total_daily_revenue={"value": 1000, "prior": 1000})) == ""


NEWEST = dt.datetime(2026, 11, 21, 8, tzinfo=dt.UTC)


def change(
    code: str, what: str, day: dt.date, old: float | None, new: float | None, cause: str
) -> Restatement:
    return Restatement(winery().kpi(code), what, day, old, new, "", "", cause, NEWEST)


def restated(publications: int, *changes: Restatement) -> str:
    found = RestatedData(winery(), AS_OF, changes, NEWEST, NEWEST, publications)
    return plain(words.restated(found, TOTAL, "Month to date"))


def test_what_was_restated_is_said_with_old_new_and_cause() -> None:
    day = dt.date(2026, 11, 19)
    phone = change("phone_revenue", "Month to date", day, 1.0, 2.0, "correction")
    said = restated(
        2,
        change(TOTAL, "Month to date", dt.date(2026, 11, 18), 100.0, 110.0, "late_data"),
        change(TOTAL, "Month to date", day, 1000.0, 1240.5, "late_data"),
        change(TOTAL, "Year to date", day, 5.0, 6.0, "late_data"),
        phone,
    )
    assert said == (
        "Restated: Total Daily Revenue as of 19 Nov 2026 was published as $1,000 and is now $1,240"
        " (+$240, late data); 4 published figures of 2 days were changed in all."
    )
    assert restated(2, phone) == (
        "Restated: 1 published figure of 1 day was changed, the headline’s not among them."
    )
    before = replace(phone, published_at=NEWEST - dt.timedelta(days=1))
    assert restated(3, before) == "Nothing published earlier was restated."


def test_a_headline_figure_that_lost_or_gained_its_value_is_restated() -> None:
    day = dt.date(2026, 11, 19)

    def said(old: float | None, new: float | None) -> str:
        return restated(2, change(TOTAL, "Month to date", day, old, new, "correction"))

    start = "Restated: Total Daily Revenue as of 19 Nov 2026 was published "
    end = "; 1 published figure of 1 day was changed in all."
    assert said(1000.0, None) == f"{start}as $1,000 and now has no value (a correction){end}"
    assert said(None, 1000.0) == f"{start}without a value and is now $1,000 (a correction){end}"
    assert "the headline’s not among them" in said(None, None)


def test_without_a_past_nothing_can_be_restated() -> None:
    class NoLedger:
        catalogue = winery()

        def publications(self) -> pd.DataFrame:
            raise WarehouseError("There is no ledger.")

    nothing = words.changes_of(NoLedger(), AS_OF)  # type: ignore[arg-type]
    assert words.restated(nothing, TOTAL, "").startswith("There is no record of publications yet")
    assert restated(1).startswith("This is the first publication")
    assert restated(2) == "Nothing published earlier was restated."


def test_checks_in_a_sentence() -> None:
    def of(*held: bool) -> pd.DataFrame:
        return pd.DataFrame({"success": held, "severity": ["warning", "info", "info"][: len(held)]})

    assert checked(of(True, True)) == "All 2 checks of these data held."
    assert checked(of(True)) == "The one check of these data held."
    assert checked(of(False, True, False)) == (
        "1 of 3 checks of these data held; the others: 1 to be warned of and 1 for information."
    )
    assert checked(pd.DataFrame()) == "Nothing is known about checks of these data."


# Where the month closes


def flat(last: dt.date, **changes: float) -> ReportData:
    """A hundred a day in every year, but in the months that are given by their first day."""

    def level(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[on(frame, TOTAL), "value"] = 100.0
        for month, value in changes.items():
            period = pd.Period(month.removeprefix("m").replace("_", "-"), "M")
            rows = on(frame, TOTAL) & (frame["date_key"].dt.to_period("M") == period)
            frame.loc[rows, "value"] = value
        return frame

    return sample(last, level)


def test_a_steady_year_is_forecast_without_a_miss() -> None:
    data = flat(AS_OF)
    found = forecast.forecast(data, data.kpi())
    assert found is not None
    assert (found.closes, found.tested, found.miss) == (3000.0, 12, pytest.approx(0.0))
    assert found.closes == charts.pace(data, data.kpi())
    assert plain(forecast.sentence(data, data.kpi())) == (
        "If the rest of November stays level with last year, it closes near $3,000; on the 20th of 12 past"
        " months this rule missed by at most 0.0 %, so between $3,000 and $3,000."
    )


def test_a_month_that_broke_off_is_the_measure_of_the_miss() -> None:
    def half(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[on(frame, TOTAL), "value"] = 100.0
        late = (frame["date_key"] > "2026-06-20") & (frame["date_key"] <= "2026-06-30")
        frame.loc[on(frame, TOTAL) & late, "value"] = 130.0
        return frame

    data = sample(change=half)
    found = forecast.forecast(data, data.kpi())
    # June was said to close at 3,000 and closed at 2,000 + 10 × 130.
    assert found is not None and found.miss == pytest.approx(0.10)
    assert "missed by at most 10.0 %, so between $2,700 and $3,300." in plain(
        forecast.sentence(data, data.kpi())
    )


def test_a_rule_that_missed_widely_is_no_figure_to_plan_with() -> None:
    data = flat(AS_OF, m2026_03=190.0)
    assert "at most 0.0 %" in plain(forecast.sentence(data, data.kpi()))
    wild = sample()
    rough = forecast.Forecast(1000.0, 12, 0.4)
    assert (rough.low, rough.high) == (600.0, 1400.0)
    assert forecast.Forecast(1000.0, 3).low is None
    assert "None" not in forecast.sentence(wild, wild.kpi())


@pytest.mark.parametrize(
    ("daily", "condition"),
    [
        (105.5, "If the rest of November stays 5.5 % ahead of last year, it closes near $3,165"),
        (90.0, "If the rest of November stays 10.0 % behind last year, it closes near $2,700"),
        (100.0, "If the rest of November stays level with last year, it closes near $3,000"),
    ],
)
def test_the_forecast_says_on_which_condition_it_rests(daily: float, condition: str) -> None:
    data = flat(AS_OF, m2026_11=daily)
    assert plain(forecast.sentence(data, data.kpi())).startswith(condition)


def test_the_brief_that_gives_a_forecast_has_no_note_that_there_is_none() -> None:
    data = flat(AS_OF)
    assert any(note.plain.startswith("The pace is no forecast") for note in notes(data))
    brief = DailyBrief(data.catalogue, data.loads, pd.DataFrame(), data, "")
    assert "it closes near" in brief.story().plain and "no forecast" not in brief.notes().plain


def test_nothing_is_forecast_too_early_or_when_the_month_is_over() -> None:
    for day in (dt.date(2026, 11, 3), dt.date(2026, 11, 30)):
        data = flat(day)
        assert forecast.sentence(data, data.kpi()) == ""


# The scorecard


class Views:
    """A warehouse with one detail view."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.rows = rows

    def detail(self, view: str) -> pd.DataFrame:
        assert view == company.VIEW
        return self.rows


def board(value: float | None, prior: float | None, *changes: tuple[str, str, float], **net: float) -> Board:
    """The marketplace's revenue with what its customers added to the change; who has net revenue by name."""
    card = load_scorecard(load_catalogue("marketplace").folder)
    rows = pd.DataFrame(
        [
            (2026, status, step, str(number), name, net.get(name, 0.0))
            for number, (name, status, step) in enumerate(changes, start=1)
        ],
        columns=[
            "fiscal_year", "status_to_date", "net_revenue_change_to_date", "qbo_customer_id", "company_name",
            "net_revenue",
        ],
    )  # fmt: skip
    standing = Standing(card.metric("revenue_ytd"), value, prior, dt.date(2025, 11, 20))
    return Board(
        load_catalogue("marketplace"), card, AS_OF, 2026, AS_OF, (standing,),
        reader=Views(rows),  # type: ignore[arg-type]
    )  # fmt: skip


def test_what_became_of_customers_is_told_with_amounts_and_counts() -> None:
    told = board(
        900.0, 1000.0, ("Alder", "churned", -300.0), ("Birch", "churned", -100.0), ("Cedar", "new", 250.0),
        ("Dogwood", "expanded", 50.0),
    )  # fmt: skip
    assert plain(company.opening(told).plain) == (
        "Revenue YTD for 1 January–20 November 2026 is $900, against $1,000 by 20 Nov 2025: $100 less."
        " The largest loss is customers without net revenue with $400 (2 of them). The largest gain is new"
        " customers with $250 (1 of them), then customers that bought more with $50.00."
    )
    assert plain(company.customers(told)) == (
        "Among single customers the largest gain is Cedar with $250 and the largest loss is Alder with $300."
    )


@pytest.mark.parametrize(
    ("net", "said"),
    [
        ({}, ""),
        ({"Alder": -20.0}, " 1 of the customers without net revenue was credited more than invoiced."),
        ({"Alder": -20.0, "Birch": -0.01, "Cedar": -5.0},
         " 2 of the customers without net revenue were credited more than invoiced."),
    ],
)  # fmt: skip
def test_who_was_credited_more_than_invoiced_is_counted(net: dict[str, float], said: str) -> None:
    told = board(600.0, 1000.0, ("Alder", "churned", -300.0), ("Birch", "churned", -100.0),
                 ("Cedar", "adjustment", 0.0), **net)  # fmt: skip
    assert plain(company.opening(told).plain).endswith(
        "The largest loss is customers without net revenue with $400 (2 of them)." + said
    )


def test_rows_that_do_not_add_up_to_the_change_explain_nothing() -> None:
    told = board(900.0, 1000.0, ("Alder", "churned", -99.0))
    assert company.development(told) == [] and company.customers(told) == ""
    assert plain(company.opening(told).plain).endswith(": $100 less.")


def test_a_metric_without_a_value_or_a_past_is_said_as_it_is() -> None:
    assert "has no value" in company.opening(board(None, None)).plain
    alone = plain(company.opening(board(900.0, None)).plain)
    assert alone.endswith("is $900; it has no value a year earlier to compare with.")


def test_an_unchanged_and_a_negative_base() -> None:
    level = plain(company.opening(board(1000.0, 1000.0, ("Alder", "retained", 0.0))).plain)
    assert level.endswith("against $1,000 by 20 Nov 2025. None of its parts has changed.")
    below = plain(company.opening(board(100.0, -200.0, ("Alder", "new", 300.0))).plain)
    assert "against −$200 by 20 Nov 2025: $300 more. The largest gain is new customers with $300" in below


def test_only_gains_name_no_loss() -> None:
    told = board(1100.0, 1000.0, ("Alder", "new", 60.0), ("Birch", "new", 40.0))
    assert "loss" not in company.customers(told)
    assert "loss" not in company.opening(told).plain


def test_the_open_year_is_said() -> None:
    assert company.provisional(board(1.0, 1.0))[0] == "Fiscal 2026 is open, 324 of 365 days."


def test_a_figure_of_what_is_now_reaches_over_no_span() -> None:
    card = load_scorecard(load_catalogue("marketplace").folder)
    keys = ("pipeline_coverage", "pipeline_coverage_remaining_quarter")
    now = tuple(Standing(card.metric(key), 2.0) for key in keys)
    told = board(1.0, 1.0)
    dated, mixed = told, replace(told, standings=(*told.standings, *now))

    def first(found: Board) -> str:
        return board_words.notes(found)[0].plain

    assert first(dated) == "To date: every figure reaches from 1 Jan 2026 to 20 Nov 2026."
    assert first(mixed) == (
        "To date: every figure but pipeline coverage (both ways) reaches from 1 Jan 2026 to 20 Nov 2026."
    )
    assert first(replace(told, standings=now)) == (
        "As of a day: every figure tells how things stand on 20 Nov 2026."
    )
    assert page_words.lede(mixed, "pipeline").plain.startswith("As of 20 November 2026. Pipeline Coverage")
    assert page_words.lede(mixed, "revenue").plain.startswith("1 January–20 November 2026. Revenue")
    both = [card.metric("revenue_ytd"), card.metric("pipeline_coverage")]
    assert board_words.reach(mixed, both) == (
        "1 January–20 November 2026; pipeline coverage as of 20 November 2026."
    )
