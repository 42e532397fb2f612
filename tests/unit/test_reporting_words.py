"""Every sentence by rule, right for every case a month can be in."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pytest

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.reporting import words
from kpi_lib.reporting.contributions import contributions
from kpi_lib.reporting.notes import notes
from kpi_lib.reporting.reasons import changed, dates, in_sentence, why_no_change, why_no_prior, why_no_value
from tests.reporting_sample import AS_OF, loads, made, on, sample, winery

TOTAL = "total_daily_revenue"


def said(as_of: dt.date = AS_OF, code: str = TOTAL, entity: str = "ALL", **given: Any) -> str:
    data = made(as_of, entity, **{code: given})
    return words.headline(data, data.kpi(code)).replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"value": 412_380, "prior": 380_770}, "November is running 8.3 % ahead of last year"),
        ({"value": 380, "prior": 400}, "November is running 5.0 % behind last year"),
        ({"value": 400.1, "prior": 400}, "November is level with last year"),
        ({"value": 400, "prior": 0}, "November stands at $400, after nothing in the same days of last year"),
        ({"value": 400, "prior": -5}, "November stands at $400, against −$5.00 last year"),
        ({"value": -400, "prior": 500}, "November stands at −$400, against $500 last year"),
        (
            {"value": 400, "prior": None, "prior_reason": "no_history"},
            "November stands at $400; there is no earlier year to compare it with",
        ),
        (
            {"value": 400, "prior": 300, "prior_reason": "partial", "prior_missing_days": 2},
            "November stands at $400; last year’s figures are incomplete",
        ),
        (
            {"value": 400, "prior": None, "prior_reason": "no_counterpart"},
            "November stands at $400; last year has no figure to compare it with",
        ),
        (
            {"value": 400, "prior": 300, "reason": "partial", "missing_days": 3},
            "November stands at $400: 3 of 20 days missing",
        ),
        ({"value": None, "reason": "not_loaded"}, "November has no figure yet: no data for these days"),
    ],
)
def test_the_headline_of_an_open_month(given: dict[str, Any], sentence: str) -> None:
    assert said(**{"prior": None, **given}) == sentence


def test_the_headline_of_first_last_and_leap_days() -> None:
    assert said(dt.date(2026, 11, 1), value=12, prior=10) == (
        "November opens 20.0 % ahead of the same day last year"
    )
    assert said(dt.date(2026, 11, 30), value=12, prior=10) == "November closed 20.0 % ahead of last year"
    assert said(dt.date(2028, 2, 29), value=9, prior=10) == "February closed 10.0 % behind last year"
    assert said(dt.date(2026, 11, 30), value=12, prior=0) == (
        "November closed at $12.00, after nothing in the same days of last year"
    )


def test_the_headline_follows_the_kind_of_the_kpi() -> None:
    assert said(code="club_conversion_per_taster_pct", value=3.5, prior=3.1) == (
        "November stands at 3.5 %, 0.4 pp above last year"
    )
    assert said(code="total_active_club_membership", value=2841, prior=2645) == (
        "2,841 on 20 November, 7.4 % above last year"
    )
    assert said(code="member_attrition", value=39, prior=33) == "November is running 18.2 % above last year"
    assert said(code="total_active_club_membership", value=9, prior=8, reason="partial", missing_days=2) == (
        "9 on 20 November: last known value, 2 days old"
    )


def test_the_headline_names_the_entity() -> None:
    assert said(entity="ONLINE", value=12, prior=10).startswith("Online and club: November is running")


@pytest.mark.parametrize(
    ("parts", "ending"),
    [
        ({"ecomm_revenue": (180, 100), "phone_revenue": (30, 10)}, ", led by eCommerce"),
        ({"ecomm_revenue": (145, 100), "phone_revenue": (50, 10)}, ", led by eCommerce and phone"),
        ({"ecomm_revenue": (110, 100), "phone_revenue": (12, 10)}, ""),
        ({"ecomm_revenue": (300, 100), "phone_revenue": (10, 110)}, ", led by eCommerce"),
    ],
)
def test_the_headline_names_who_made_most_of_the_change(
    parts: dict[str, tuple[float, float]], ending: str
) -> None:
    rows = {code: {"value": value, "prior": prior} for code, (value, prior) in parts.items()}
    data = made(total_daily_revenue={"value": 1100, "prior": 1000}, **rows)
    assert words.headline(data, data.kpi()).endswith(f"ahead of last year{ending}")


def test_the_headline_says_who_held_a_bad_month_back() -> None:
    data = made(total_daily_revenue={"value": 900, "prior": 1000}, ecomm_revenue={"value": 10, "prior": 100})
    assert words.headline(data, data.kpi()).endswith("behind last year, held back by eCommerce")


def test_the_lede_gives_dates_amounts_and_who_made_the_difference() -> None:
    data = made(
        total_daily_revenue={"value": 412_380, "prior": 380_770},
        wine_club_orders_revenue={"value": 171_260, "prior": 149_360},
        phone_revenue={"value": 7_090, "prior": 8_040},
        member_attrition={"value": 39, "prior": 33},
    )
    assert words.lede(data, data.kpi()).plain.replace("\u00a0", " ") == (
        "Total Daily Revenue for 1–20 November is $412,380, against $380,770 in the same 20 days of 2025:"
        " $31,610 more, $21,900 of it from wine club orders."
        " To watch: member attrition (up 18.2 %) and phone (down 11.8 %)."
    )


def test_the_lede_says_when_one_part_outdoes_the_whole() -> None:
    data = made(
        total_daily_revenue={"value": 1100, "prior": 1000},
        ecomm_revenue={"value": 400, "prior": 150},
    )
    assert words.lede(data, data.kpi()).plain.endswith(
        ": $100 more. eCommerce alone gained $250; the rest lost $150."
    )


@pytest.mark.parametrize(
    ("as_of", "code", "given", "ending"),
    [
        (AS_OF, TOTAL, {"value": 5, "prior": None, "prior_reason": "no_history"},
         " is $5.00. It has no comparison: no data a year earlier."),
        (AS_OF, TOTAL, {"value": 5, "prior": 4, "reason": "partial", "missing_days": 1},
         " is $5.00 (1 of 20 days missing); it is not compared with an earlier year."),
        (AS_OF, TOTAL, {"value": None, "prior": None, "reason": "not_loaded"},
         "for 1–20 November has no value: no data for these days."),
        (dt.date(2026, 11, 1), TOTAL, {"value": 5, "prior": 4}, "on the same day of 2025: $1.00 more."),
        (dt.date(2026, 2, 28), TOTAL, {"value": 5, "prior": 4}, "in February 2025: $1.00 more."),
        (dt.date(2028, 2, 28), TOTAL, {"value": 5, "prior": 4}, "in the same 28 days of 2027: $1.00 more."),
        (AS_OF, "avg_party_size", {"value": 2.5, "prior": 2.75}, "of 2025: 0.25 lower."),
        (AS_OF, "total_active_club_membership", {"value": 5, "prior": 4}, "on 20 November 2025: 1 more."),
        (AS_OF, "total_visitors", {"value": 4, "prior": 4}, "in the same 20 days of 2025."),
    ],
)  # fmt: skip
def test_the_lede_of_every_case(as_of: dt.date, code: str, given: dict[str, Any], ending: str) -> None:
    data = made(as_of, **{code: given})
    assert words.lede(data, data.kpi(code)).plain.endswith(ending)


def test_reasons_are_words() -> None:
    row = made(phone_revenue={"value": 5, "prior": 4, "prior_reason": "partial", "prior_missing_days": 2})
    figure = row.row("phone_revenue", "mtd")
    assert (why_no_value(figure), why_no_prior(figure)) == ("", "2 of 20 days missing in 2025")
    assert why_no_change(figure) == "2 of 20 days missing in 2025"
    assert not changed(figure).known
    zero = made(phone_revenue={"value": 5, "prior": 0}).row("phone_revenue", "mtd")
    assert why_no_change(zero) == "it was zero over 1–20 Nov 2025; the difference is +$5.00"
    nothing = made().row("phone_revenue", "mtd")
    assert nothing.value is None
    assert why_no_change(nothing) == "no data for these days"
    assert dates(zero) == "1–20 Nov 2026 vs 1–20 Nov 2025"


def test_titles_within_a_sentence() -> None:
    assert in_sentence("Wine Club Orders") == "wine club orders"
    assert in_sentence("eCommerce") == "eCommerce"
    assert in_sentence("9L Cases Sold") == "9L cases sold"
    assert in_sentence("Club Net Gain/Loss") == "club net gain/loss"


def test_contributions_add_up_to_the_change_and_say_what_happened() -> None:
    data = sample()
    parts = contributions(data)
    whole = data.row(TOTAL, "mtd").delta or 0
    assert sum(part.figure.delta or 0 for part in parts) == pytest.approx(whole)
    assert [part.figure.delta for part in parts] == sorted(
        (part.figure.delta or 0 for part in parts), reverse=True
    )
    fees = next(part for part in parts if part.kpi.code == "tasting_room_fees_revenue")
    assert fees.why.startswith("tasting room guests ")
    quiet = contributions(made(phone_revenue={"value": 0, "prior": 0}))
    assert next(part for part in quiet if part.kpi.code == "phone_revenue").why == "nothing in either span"


def plain(data: Any, kpi: str | None = None) -> list[str]:
    return [note.plain.replace("\u00a0", " ") for note in notes(data, data.kpi(kpi) if kpi else None)]


def test_notes_of_an_ordinary_open_month() -> None:
    found = plain(sample())
    assert found[0] == "November is open: 20 of 30 days. Nothing here compares it with a full month."
    assert any(note.startswith("Member Attrition is up") and "lower is better" in note for note in found)
    assert any(note.startswith("Active Club Members: a stock.") for note in found)
    assert not any("missing" in note or "no data" in note for note in found)


def test_notes_of_a_complete_month() -> None:
    assert plain(sample(dt.date(2026, 10, 31)))[0] == (
        "October is complete: it is compared with the whole of October 2025."
    )


def test_the_last_day_but_one_of_a_leap_month_is_compared_with_a_whole_month() -> None:
    assert plain(sample(dt.date(2024, 2, 28)))[0] == (
        "February is open: 28 of 29 days, compared with the whole of February 2023, which had 28."
    )
    assert plain(sample(dt.date(2024, 2, 27)))[0].endswith("Nothing here compares it with a full month.")


def test_a_gap_is_said_of_sums_and_of_stocks_in_words_of_their_own() -> None:
    def late(frame: pd.DataFrame) -> pd.DataFrame:
        for code in ("total_active_club_membership", "new_member_acquisition", "member_attrition"):
            rows = on(frame, code, dt.date(2026, 11, 19), AS_OF)
            frame.loc[rows, ["value", "numerator", "denominator"]] = None
        return frame

    where = "month to date, quarter to date, year to date and last 28 days; no change is given."
    found = [note for note in plain(sample(change=late)) if "no change is given" in note]
    assert f"Active Club Members (†): the last known value is 2 days old in {where}" in found
    assert f"New Members and Member Attrition (†): 2 days missing in {where}" in found


def test_one_gap_is_one_note() -> None:
    gap = dt.date(2026, 11, 12)

    def lose(frame: pd.DataFrame) -> pd.DataFrame:
        rows = frame["date_key"] == pd.Timestamp(gap)
        frame.loc[rows, ["value", "numerator", "denominator"]] = None
        return frame

    found = [note for note in plain(sample(change=lose)) if "missing" in note]
    assert found == [
        "Tasting Room Wine, Tasting Room Fees, Tasting Room Total and 23 more (†): 1 day missing in month to"
        " date, quarter to date, year to date and last 28 days; no change is given."
    ]


def test_notes_say_what_has_no_history_and_which_source_ends_early() -> None:
    data = sample(first=dt.date(2026, 1, 1))
    assert any(
        note.startswith("No comparison for month to date, quarter to date, year to date and last 28 days")
        and note.endswith("of every KPI: the data begins on 1 Jan 2026.")
        for note in plain(data)
    )
    early = sample(dt.date(2026, 11, 20), first=dt.date(2024, 1, 1))
    assert not any("No comparison" in note for note in plain(early))
    late = made(total_daily_revenue={"value": 1, "prior": 1})
    object.__setattr__(late, "loads", loads(dt.date(2026, 11, 18)))
    assert "stg_order ends early: it is complete through 18 Nov 2026 only." in plain(late)


def since(code: str, day: dt.date) -> Catalogue:
    kpis = tuple(kpi.model_copy(update={"since": day}) if kpi.code == code else kpi for kpi in winery().kpis)
    return winery().model_copy(update={"kpis": kpis})


def test_what_is_counted_since_a_day_is_not_blamed_on_the_data() -> None:
    day = dt.date(2026, 10, 5)

    def from_then_on(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[~(on(frame, "avg_party_size") & (frame["date_key"] < pd.Timestamp(day)))]

    data = sample(change=from_then_on, catalogue=since("avg_party_size", day))
    found = [note for note in plain(data) if "No comparison" in note]
    assert len(found) == 1
    assert found[0].endswith("of Average Party Size: it is counted since 5 Oct 2026.")


def test_a_location_that_opened_has_no_earlier_year_by_its_opening() -> None:
    row = {"value": 5, "prior": None, "prior_reason": "no_history"}
    data = made(entity="CAVE_TASTING_ROOM", total_daily_revenue=row)
    opened = data.entity.model_copy(update={"opened": dt.date(2026, 10, 10)})
    object.__setattr__(data, "entity", opened)
    object.__setattr__(data, "loads", loads(since=dt.date(2022, 11, 21)))
    assert any(note.endswith(f": {opened.name} opened on 10 Oct 2026.") for note in plain(data))


def test_each_kpi_has_its_own_first_day() -> None:
    def from_march(frame: pd.DataFrame) -> pd.DataFrame:
        rows = on(frame, "phone_revenue") & (frame["date_key"] < "2026-03-10")
        frame.loc[rows, "value"] = None
        return frame

    found = [note for note in plain(sample(change=from_march)) if "No comparison" in note]
    assert len(found) == 1
    assert found[0].endswith("of Phone: the data begins on 10 Mar 2026.")


def test_notes_say_why_there_is_no_percentage() -> None:
    data = made(
        total_daily_revenue={"value": 9, "prior": 8},
        event_wine_revenue={"value": 3040, "prior": 0},
        club_net_gain_loss={"value": -9, "prior": -13},
    )
    found = plain(data)
    assert "Event Wine: no percentage month to date, because 1–20 Nov 2025 was zero." in found
    assert (
        "Club Net Gain/Loss: no percentage, it was below zero over 1–20 Nov 2025; the difference is +4."
        in found
    )


def test_a_zero_of_one_day_is_not_a_zero_of_the_year() -> None:
    day = dt.date(2026, 7, 1)
    data = made(day, member_attrition={"value": 2, "prior": 0}, club_net_gain_loss={"value": 1, "prior": -2})
    found = plain(data)
    assert "Member Attrition: no percentage month to date, because 1 Jul 2025 was zero." in found
    assert any("it was below zero on 1 Jul 2025;" in note for note in found)
    stock = made(AS_OF, total_active_club_membership={"value": 2, "prior": 0})
    assert why_no_change(stock.row("total_active_club_membership", "mtd")).startswith(
        "it was zero on 20 Nov 2025"
    )


def test_nothing_against_nothing_is_said_of_both() -> None:
    data = made(dt.date(2026, 1, 1), event_guests={"value": 0, "prior": 0})
    assert why_no_change(data.row("event_guests", "mtd")) == "both were zero, now and on 1 Jan 2025"
    assert words.headline(data, data.kpi("event_guests")) == (
        "January stands at 0, as in the same days of last year"
    )


def test_notes_say_what_belongs_to_no_location() -> None:
    data = sample()
    reader = data.reader
    assert reader is not None
    object.__setattr__(data, "reader", _Unassigned(reader))
    assert any(
        note == "$1,125 of Total Daily Revenue month to date belongs to no known location."
        for note in plain(data)
    )


class _Unassigned:
    def __init__(self, reader: Any) -> None:
        self.reader = reader

    def rollups_of(self, kpi: str, as_of: Any = None) -> pd.DataFrame:
        found = self.reader.rollups(as_of=as_of, entity="ALL")
        found = found[found["kpi_id"] == winery().kpi(kpi).id]
        return found.assign(value=found["value"] / 100, entity_id=winery().entity("UNASSIGNED").id)


def test_the_notes_of_one_kpi_are_about_it_alone() -> None:
    found = plain(sample(), "phone_revenue")
    assert not any("Attrition" in note or "stock" in note for note in found)


def test_every_kpi_of_the_catalogue_gets_a_sentence() -> None:
    data = sample()
    for kpi in winery().kpis:
        sentence = words.headline(data, kpi) + words.lede(data, kpi).plain
        assert "None" not in sentence
        assert "nan" not in sentence


def test_a_gap_in_the_month_is_said_and_never_compared() -> None:
    def lose(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[on(frame, TOTAL, dt.date(2026, 11, 3), dt.date(2026, 11, 4)), "value"] = None
        return frame

    data = sample(change=lose)
    assert words.headline(data, data.kpi()).endswith(": 2 of 20 days missing")
    assert "not compared" in words.lede(data, data.kpi()).plain
