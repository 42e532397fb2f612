"""The winery's SQL against answers worked out by hand: one test a rule, one a trap."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from kpi_lib.catalogue import load_catalogue
from tests.winery_mart import CAVE, DAY, ENTITY_IDS, MAIN, NOON, ONLINE, Mart, build_mart, hand_made, local

CATALOGUE = load_catalogue("winery")
HOUR, NEXT = dt.timedelta(hours=1), DAY + dt.timedelta(days=1)
REVENUE_BY_LINE = {
    "tasting_room_wine": "tasting_room_wine_revenue",
    "club": "wine_club_orders_revenue",
    "web": "ecomm_revenue",
    "phone": "phone_revenue",
    "event_fee": "event_fees_orders_revenue",
    "event_wine": "event_wine_revenue",
}
EVENT_FEE = {"event_fee_or_wine": "Event Fee", "event_revenue_realization_date": DAY}
EVENT_WINE = {"event_fee_or_wine": "Event Wine", "event_revenue_realization_date": DAY}


@pytest.fixture
def mart() -> Any:
    """Build a mart from hand-made rows: ``mart(stg_order=[…], first_day=…)``."""

    def build(*, first_day: dt.date = DAY, last_day: dt.date = DAY, loads: Any = None, **rows: Any) -> Mart:
        return build_mart(hand_made(CATALOGUE, **rows), first_day=first_day, last_day=last_day, loads=loads)

    return build


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


LINES: list[tuple[dict[str, Any], str]] = [
    ({}, "tasting_room_wine"),
    ({"channel": "Club"}, "club"),
    ({"channel": "Web"}, "web"),
    ({"channel": "Inbound"}, "phone"),
    ({"tasting_lounge": True}, "lounge"),
    ({"tasting_lounge": True, "channel": "Web"}, "lounge"),
    ({"external_order_vendor": "Tock"}, "tock"),
    ({"external_order_vendor": "Tock", "tasting_lounge": True}, "tock"),
    ({"external_order_vendor": "Other"}, "tasting_room_wine"),
    (EVENT_FEE, "event_fee"),
    ({**EVENT_FEE, "external_order_vendor": "Tock", "tasting_lounge": True, "channel": "Web"}, "event_fee"),
    (EVENT_WINE, "event_wine"),
    ({**EVENT_WINE, "external_order_vendor": "Tock"}, "event_wine"),
    ({"status": "voided"}, "voided"),
    ({**EVENT_FEE, "status": "voided", "external_order_vendor": "Tock"}, "voided"),
    ({"channel": "Fax"}, "unknown_channel"),
    ({"event_specific_sale": True}, "tasting_room_wine"),
]


def test_each_order_falls_in_the_first_line_that_matches(mart: Any) -> None:
    built = mart(stg_order=[{**columns, "order_id": number} for number, (columns, _) in enumerate(LINES)])
    assert built.lines["order_id"].tolist() == list(range(len(LINES)))
    for (columns, line), found in zip(LINES, built.lines["line"], strict=True):
        assert found == line, columns
    orders = Counter(line for _, line in LINES)
    for line, column in REVENUE_BY_LINE.items():
        assert built.value(column) == 100 * orders[line], column
    assert built.value("total_daily_revenue") == 100 * sum(orders[line] for line in REVENUE_BY_LINE)


def test_lines_that_are_no_revenue_are_counted(mart: Any) -> None:
    built = mart(
        stg_order=[{"status": "voided"}, {"external_order_vendor": "Tock"}, {"tasting_lounge": True}, {}],
    )
    assert [
        built.value(f"{name}_orders") for name in ("voided", "tock", "lounge", "tasting_room", "total")
    ] == [1] * 5
    assert [built.value(f"{name}_amount") for name in ("voided", "tock", "lounge")] == [100] * 3


def test_source_and_order_line_reconcile_with_nothing_left_over(mart: Any) -> None:
    orders = [
        {}, {"channel": "Club"}, {"channel": "Fax"}, {"status": "voided"}, {"external_order_vendor": "Tock"},
        {"tasting_lounge": True}, {**EVENT_FEE, "location": None},
        {"status": "refunded", "refunded_at": NOON, "refund_amount": Decimal("12.34")},
    ]  # fmt: skip
    lines = mart(stg_order=orders).lines
    assert (lines["effect"] == "sale").sum() == len(orders)
    assert lines["order_id"].nunique() == len(orders)
    assert lines.loc[lines["effect"] == "sale", "amount"].sum() == 100 * len(orders)
    assert lines.loc[lines["effect"] == "refund", "amount"].tolist() == [-12.34]
    assert lines["entity_id"].notna().all()


def test_a_refund_is_negative_on_its_own_day_in_the_line_of_its_order(mart: Any) -> None:
    refund = {"status": "refunded", "refunded_at": NOON + 24 * HOUR, "refund_amount": Decimal("40.10")}
    built = mart(
        stg_order=[{"channel": "Web", "shipping": Decimal(15), "tax": Decimal(8), **refund}], last_day=NEXT
    )
    assert [built.value("ecomm_revenue", day) for day in (DAY, NEXT)] == [100, -40.10]
    # A refund returns money of the subtotal only, and is no second order.
    assert [built.value("shipping_revenue", day) for day in (DAY, NEXT)] == [15, 0]
    assert [built.value("web_tax_amount", day) for day in (DAY, NEXT)] == [8, 0]
    assert [built.value("web_orders", day) for day in (DAY, NEXT)] == [1, 0]
    assert [built.value("web_refund_amount", day) for day in (DAY, NEXT)] == [0, 40.10]
    assert built.value("ecomm_revenue", NEXT, "ONLINE") == -40.10


def test_a_refund_at_a_tasting_room_goes_to_its_location_and_month(mart: Any) -> None:
    last, first = dt.date(2024, 3, 31), dt.date(2024, 4, 1)
    refund = {"status": "refunded", "refunded_at": at("2024-04-01 07:30"), "refund_amount": Decimal(100)}
    built = mart(
        stg_order=[{"paid_at": at("2024-03-31 20:00"), "location": CAVE, **refund}],
        first_day=last,
        last_day=first,
    )
    # 07:30 UTC is 00:30 in California: already April.
    assert built.value("tasting_room_wine_revenue", last, "CAVE_TASTING_ROOM") == 100
    assert built.value("tasting_room_wine_revenue", first, "CAVE_TASTING_ROOM") == -100
    # The order was made, whatever became of it.
    assert built.value("tasting_room_orders", last, "CAVE_TASTING_ROOM") == 1


def test_an_event_refund_counts_on_its_day_even_before_the_event(mart: Any) -> None:
    order = {**EVENT_FEE, "event_revenue_realization_date": NEXT}
    refund = {"status": "refunded", "refunded_at": NOON + HOUR, "refund_amount": Decimal(30)}
    built = mart(stg_order=[{**order, **refund}], last_day=NEXT)
    assert [built.value("event_fees_orders_revenue", day) for day in (DAY, NEXT)] == [-30, 100]


def test_a_voided_order_stays_out_even_if_it_was_refunded(mart: Any) -> None:
    built = mart(stg_order=[{"status": "voided", "refunded_at": NOON, "refund_amount": Decimal(5)}])
    assert built.value("total_daily_revenue") == 0
    assert built.lines["line"].tolist() == ["voided", "voided"]


@pytest.mark.parametrize(
    ("event", "column"), [(EVENT_FEE, "event_fees_orders_revenue"), (EVENT_WINE, "event_wine_revenue")]
)
def test_an_event_order_counts_on_its_realization_date(mart: Any, event: dict[str, Any], column: str) -> None:
    built = mart(
        stg_order=[{**event, "event_revenue_realization_date": NEXT, "shipping": Decimal(9)}],
        stg_order_item=[{"order_id": 1, "quantity": 12}],
        last_day=NEXT,
    )
    assert [built.value(column, day) for day in (DAY, NEXT)] == [0, 100]
    assert [built.value("shipping_revenue", day) for day in (DAY, NEXT)] == [0, 9]
    assert [built.value("total_9l_sold", day) for day in (DAY, NEXT)] == [0, 1]


def test_a_future_event_is_not_counted_yet(mart: Any) -> None:
    built = mart(stg_order=[{**EVENT_FEE, "event_revenue_realization_date": NEXT}])
    assert built.value("total_daily_revenue") == 0
    assert built.lines.empty


def test_an_event_without_a_date_counts_when_paid_and_says_so(mart: Any) -> None:
    built = mart(stg_order=[{**EVENT_FEE, "event_revenue_realization_date": None}])
    assert built.value("event_fees_orders_revenue") == 100
    assert built.lines["date_basis"].tolist() == ["realization_missing"]


def test_a_realization_date_means_nothing_for_an_ordinary_order(mart: Any) -> None:
    built = mart(stg_order=[{"event_revenue_realization_date": NEXT}], last_day=NEXT)
    assert [built.value("tasting_room_wine_revenue", day) for day in (DAY, NEXT)] == [100, 0]


MOMENTS = [
    ("2024-03-06 07:30", "2024-03-05"),  # 23:30 in winter
    ("2024-03-06 08:00", "2024-03-06"),  # midnight in winter
    ("2024-07-02 06:30", "2024-07-01"),  # 23:30 in summer
    ("2024-07-02 07:30", "2024-07-02"),  # 00:30 in summer, still the day before by the winter offset
    ("2024-03-10 09:59", "2024-03-10"),  # 01:59, the last minute of winter time
    ("2024-03-10 10:00", "2024-03-10"),  # 03:00, the first of summer time
    ("2024-03-11 06:59", "2024-03-10"),  # 23:59 of the day of 23 hours
    ("2024-03-11 07:00", "2024-03-11"),
    ("2024-11-03 08:30", "2024-11-03"),  # 01:30 for the first time
    ("2024-11-03 09:30", "2024-11-03"),  # 01:30 again
    ("2024-11-04 07:30", "2024-11-03"),  # 23:30 of the day of 25 hours
    ("2024-11-04 08:00", "2024-11-04"),
    ("2024-03-01 07:30", "2024-02-29"),  # 23:30 on a leap day
    ("2025-01-01 07:59", "2024-12-31"),
]


def test_the_business_date_is_the_local_date(mart: Any) -> None:
    paid = [at(moment) for moment, _ in MOMENTS]
    # order_date is a trap here: paid_at decides.
    built = mart(
        stg_order=[{"paid_at": moment, "order_date": dt.date(2024, 6, 1)} for moment in paid],
        stg_club_membership=[{"customer_id": 1, "signup_at": moment, "cancel_at": moment} for moment in paid],
        first_day=dt.date(2024, 2, 27),
        last_day=dt.date(2025, 1, 2),
    )
    assert built.lines["date_key"].dt.strftime("%Y-%m-%d").tolist() == [local for _, local in MOMENTS]
    whole = built.wide[built.wide["entity_id"] == 0].set_index("date_key")
    days = Counter(pd.Timestamp(local) for _, local in MOMENTS)
    for column in ("tasting_room_orders", "new_member_acquisition", "member_attrition"):
        assert whole[column][whole[column] != 0].to_dict() == days, column


def test_shipping_counts_for_every_order_that_is_not_voided(mart: Any) -> None:
    paid = {"shipping": Decimal(10)}
    orders = [
        {**paid, "channel": "Web"},
        {**paid, "channel": "Club"},
        {**paid, "tasting_lounge": True},
        {**paid, "external_order_vendor": "Tock"},
        {**paid, **EVENT_WINE},
        {**paid, "status": "voided"},
    ]
    assert mart(stg_order=orders).value("shipping_revenue") == 50


def test_nine_litre_cases_count_wine_volume_of_orders_that_are_not_voided(mart: Any) -> None:
    products = [
        {"product_id": 1, "bottle_ml": 750},
        {"product_id": 2, "bottle_ml": 1500, "type": "White Wine"},
        {"product_id": 3, "bottle_ml": None, "type": "Merchandise"},
        {"product_id": 4, "bottle_ml": 375, "type": "Dessert Wine"},
    ]
    items = [
        {"order_id": 1, "line_no": 1, "product_id": 1, "quantity": 6},
        {"order_id": 1, "line_no": 2, "product_id": 2, "quantity": 3},
        {"order_id": 1, "line_no": 3, "product_id": 3, "quantity": 5, "item_type": "Merchandise"},
        {"order_id": 2, "line_no": 1, "product_id": 4, "quantity": 4},
        {"order_id": 3, "line_no": 1, "product_id": 1, "quantity": 100},
    ]
    built = mart(
        stg_order=[
            {"refunded_at": NOON, "refund_amount": Decimal(100)},
            {"tasting_lounge": True},
            {"status": "voided"},
        ],
        stg_order_item=items,
        stg_product=products,
    )
    assert built.value("wine_ml") == 6 * 750 + 3 * 1500 + 4 * 375
    assert built.value("total_9l_sold") == (6 * 750 + 3 * 1500 + 4 * 375) / 9000
    assert {name: built.value(f"bottles_{name}") for name in ("sold", "red", "white", "other")} == {
        "sold": 13, "red": 6, "white": 3, "other": 4,
    }  # fmt: skip
    assert built.value("merchandise_units") == 5


def test_several_lines_do_not_multiply_their_order(mart: Any) -> None:
    items = [{"order_id": 1, "line_no": number, "quantity": 1} for number in (1, 2, 3)]
    refund = {"refunded_at": NOON, "refund_amount": Decimal(1)}
    built = mart(
        stg_order=[{"customer_id": 1, **refund}], stg_order_item=items, dim_customer=[{"customer_id": 1}]
    )
    assert built.value("tasting_room_wine_revenue") == 99
    assert built.value("tasting_room_orders") == 1
    assert built.value("tasting_room_units") == 3


@pytest.mark.parametrize("status", ["cancelled", "no_show"])
def test_reservations_that_did_not_come_count_nowhere(mart: Any, status: str) -> None:
    built = mart(stg_tock_reservation=[{}, {"status": status, "party_size": 5, "final_total": Decimal(999)}])
    counted = ("total_reservations", "total_visitors", "tasting_room_guests", "tasting_room_fees_revenue")
    assert [built.value(column) for column in counted] == [1, 2, 2, 70]
    assert built.value(f"{status}_reservations" if status == "no_show" else "cancelled_reservations") == 1


@pytest.mark.parametrize("status", ["booked", "seated", "finished"])
def test_other_reservations_count(mart: Any, status: str) -> None:
    assert mart(stg_tock_reservation=[{"status": status}]).value("total_visitors") == 2


def test_reservations_go_to_the_line_of_their_experience(mart: Any) -> None:
    built = mart(
        stg_tock_reservation=[
            {"party_size": 3},
            {"experience_name": "Pickup", "party_size": 1, "final_total": Decimal(10)},
            {"experience_name": "Dinner", "party_size": 4, "final_total": Decimal(500)},
            {"experience_name": "Unheard of", "party_size": 2, "final_total": Decimal(7)},
        ],
    )
    fees = ("tasting_room_fees_revenue", "wine_club_fees_revenue", "event_fees_reservations_revenue")
    assert [built.value(column) for column in fees] == [70, 10, 500]
    assert built.value("unattributed_fees_amount") == 7
    assert [built.value(column) for column in ("tasting_room_guests", "event_guests", "club_guests")] == [
        3,
        4,
        1,
    ]
    assert (built.value("total_reservations"), built.value("total_visitors")) == (4, 10)
    assert built.value("avg_party_size") == 2.5
    assert built.value("total_daily_revenue") == 580


def test_a_late_reservation_stays_on_its_local_day(mart: Any) -> None:
    built = mart(stg_tock_reservation=[{"reservation_datetime": local(2024, 3, 5, 23, 45)}], last_day=NEXT)
    assert [built.value("total_reservations", day) for day in (DAY, NEXT)] == [1, 0]


def test_ratios_are_in_points_and_null_without_guests(mart: Any) -> None:
    built = mart(
        stg_order=[{}, {}, {"location": CAVE}],
        stg_tock_reservation=[{"party_size": 8, "final_total": Decimal(300)}],
        stg_club_membership=[{"customer_id": 1}],
    )
    assert built.value("tasting_room_orders_per_guest_pct") == pytest.approx(37.5)
    assert built.value("tasting_room_orders_per_guest_pct", entity="MAIN_TASTING_ROOM") == pytest.approx(25)
    assert built.value("avg_tasting_fee_per_guest") == 37.5
    # Signups over guests, not the other way round.
    assert built.value("club_conversion_per_taster_pct") == pytest.approx(12.5)
    for column in ("tasting_room_orders_per_guest_pct", "avg_tasting_fee_per_guest", "avg_party_size"):
        assert built.value(column, entity="CAVE_TASTING_ROOM") is None
    assert built.value("tasting_room_orders", entity="CAVE_TASTING_ROOM") == 1


def test_the_membership_stock_counts_from_before_the_first_day(mart: Any) -> None:
    members = [
        {"customer_id": 1, "signup_at": at("2015-01-01 20:00")},
        {"customer_id": 2, "signup_at": at("2015-01-01 20:00"), "cancel_at": at("2016-01-01 20:00")},
        {"customer_id": 3, "signup_at": at("2020-01-01 20:00"), "cancel_at": NOON},
        {"customer_id": 4, "signup_at": NOON, "location": ONLINE},
        {"customer_id": 5, "signup_at": NOON + 24 * HOUR},
        {"customer_id": 6, "signup_at": NOON + 24 * HOUR, "cancel_at": NOON + 25 * HOUR},
        {"customer_id": 7, "signup_at": NOON + 48 * HOUR},
    ]
    built = mart(stg_club_membership=members, last_day=NEXT)
    stock, net = "total_active_club_membership", "club_net_gain_loss"
    assert [built.value(stock, day) for day in (DAY, NEXT)] == [2, 3]
    assert [built.value(net, day) for day in (DAY, NEXT)] == [0, 1]
    assert [built.value("new_member_acquisition", day) for day in (DAY, NEXT)] == [1, 2]
    assert [built.value("member_attrition", day) for day in (DAY, NEXT)] == [1, 1]
    assert [built.value(stock, NEXT, entity) for entity in ("MAIN_TASTING_ROOM", "ONLINE")] == [2, 1]


def test_remote_orders_go_online_whatever_their_location_says(mart: Any) -> None:
    orders = [{"channel": "Web", "location": CAVE}, {"channel": "Club", "location": None}]
    built = mart(stg_order=[*orders, {"channel": "Inbound", "location": MAIN}])
    assert built.value("total_orders", entity="ONLINE") == 3
    assert built.value("total_orders", entity="UNASSIGNED") == 0


def test_what_matches_no_rule_is_unassigned_and_still_in_the_whole(mart: Any) -> None:
    built = mart(
        stg_order=[{"location": "Farmers Market"}, {"location": None}, {}],
        stg_tock_reservation=[{"location": "Farmers Market"}],
        stg_club_membership=[{"customer_id": 1, "location": None}],
    )
    assert built.value("tasting_room_wine_revenue", entity="UNASSIGNED") == 200
    assert built.value("total_visitors", entity="UNASSIGNED") == 2
    assert built.value("total_active_club_membership", entity="UNASSIGNED") == 1
    assert built.value("tasting_room_wine_revenue") == 300


def test_a_day_without_transactions_is_zero_and_a_ratio_null(mart: Any) -> None:
    built = mart()
    for kpi in CATALOGUE.kpis:
        assert built.value(kpi.code) == (None if kpi.kind == "ratio" else 0), kpi.code


TOTALS = "tasting_room_total_revenue wine_club_total_revenue event_fees_total_revenue total_daily_revenue"
ORDERS = "tasting_room_wine_revenue ecomm_revenue shipping_revenue web_orders web_tip_amount new_customers"
UNITS = "total_9l_sold bottles_sold bottles_red web_units"
VISITS = "total_reservations tasting_room_guests tasting_room_fees_revenue cancelled_reservations"
CLUB = "total_active_club_membership new_member_acquisition member_attrition club_net_gain_loss"
#: What is missing on a day that a source does not cover; everything else keeps its zero.
NEEDS = {
    "stg_order": f"{ORDERS} {UNITS} {TOTALS}".split(),
    "stg_order_item": UNITS.split(),
    "stg_tock_reservation": f"{VISITS} {TOTALS} new_guests".split(),
    "stg_tock_guest": ["new_guests"],
    "stg_club_membership": CLUB.split(),
}


@pytest.mark.parametrize("source", NEEDS)
def test_a_day_that_a_source_does_not_cover_is_missing_not_zero(mart: Any, source: str) -> None:
    days = [DAY + dt.timedelta(days=number) for number in range(3)]
    built = mart(first_day=days[0], last_day=days[2], loads={source: (days[1], days[1])})
    for column in {name for names in NEEDS.values() for name in names}:
        gap = None if column in NEEDS[source] else 0
        assert [built.value(column, day) for day in days] == [gap, 0, gap], column


def test_a_source_without_a_load_record_is_missing_on_every_day(mart: Any) -> None:
    built = mart(stg_order=[{}], loads={"stg_order": None})
    assert built.value("tasting_room_wine_revenue") is None
    assert built.value("total_reservations") == 0


def test_every_day_and_entity_has_one_row(mart: Any) -> None:
    last = DAY + dt.timedelta(days=9)
    wide = mart(last_day=last).wide
    assert len(wide) == 10 * len(ENTITY_IDS)
    assert not wide.duplicated(["date_key", "entity_id"]).any()
    assert set(wide["entity_id"]) == set(ENTITY_IDS.values())


def test_the_mart_is_wide_and_has_every_column_the_catalogue_needs(mart: Any) -> None:
    built = mart()
    assert len(built.types) >= 60
    for kpi in CATALOGUE.kpis:
        for column in (kpi.code, kpi.column, kpi.numerator, kpi.denominator):
            assert column is None or column in built.types, column
    assert {built.types[kpi.code] for kpi in CATALOGUE.kpis if kpi.group == "revenue"} == {"NUMERIC"}
    parts = built.wide.iloc[0]
    assert (parts["fiscal_year"], parts["fiscal_month"], parts["iso_week"]) == (2024, 9, 10)


def test_customers_are_new_on_the_day_of_their_first_order(mart: Any) -> None:
    customers = [
        {"customer_id": 1, "first_order_date": DAY},
        {"customer_id": 2, "first_order_date": dt.date(2020, 1, 1)},
        {"customer_id": 3, "first_order_date": None},
    ]
    orders = [
        {"customer_id": 1}, {"customer_id": 1, "location": CAVE}, {"customer_id": 2}, {"customer_id": 3}, {},
        {"customer_id": 99}, {"customer_id": 2, "tasting_lounge": True},
    ]  # fmt: skip
    built = mart(stg_order=orders, dim_customer=customers)
    # One new customer who bought at two places is one; unknown ones are neither new nor returning.
    assert (built.value("new_customers"), built.value("returning_customers")) == (1, 1)
    assert built.value("new_customers", entity="CAVE_TASTING_ROOM") == 1
    assert built.value("average_order_value") == 100


def test_a_refund_does_not_change_the_average_order_value(mart: Any) -> None:
    built = mart(stg_order=[{}, {"subtotal": Decimal(50), "refunded_at": NOON, "refund_amount": Decimal(50)}])
    assert built.value("average_order_value") == 75


def test_cents_add_up_exactly(mart: Any) -> None:
    built = mart(
        stg_order=[{"subtotal": Decimal("0.10")}] * 3 + [{"subtotal": Decimal("0.20"), "channel": "Web"}]
    )
    assert built.value("total_daily_revenue") == 0.5
    assert built.value("tasting_room_wine_revenue", entity="MAIN_TASTING_ROOM") == 0.3


def test_building_a_part_gives_the_same_days_as_building_the_whole() -> None:
    days = [DAY + dt.timedelta(days=number) for number in range(6)]
    noons = [NOON + dt.timedelta(days=number) for number in range(6)]
    refund = {"refunded_at": noons[2], "refund_amount": Decimal(7)}
    rows = hand_made(
        CATALOGUE,
        stg_order=[{"paid_at": noon, **refund} for noon in noons],
        stg_club_membership=[{"customer_id": 1, "signup_at": noon} for noon in noons],
    )
    loads = dict.fromkeys(rows, (days[0], days[-1]))
    whole = build_mart(rows, first_day=days[0], last_day=days[-1], loads=loads).wide
    part = build_mart(rows, first_day=days[3], last_day=days[4], loads=loads).wide
    kept = whole[whole["date_key"].between(pd.Timestamp(days[3]), pd.Timestamp(days[4]))].reset_index(
        drop=True
    )
    pd.testing.assert_frame_equal(part, kept)


def test_a_new_location_is_a_row_and_a_region_adds_up() -> None:
    entities = list(CATALOGUE.entities)
    region = entities[1].model_copy(update={"id": 20, "code": "VALLEY", "rule": None})
    barn = entities[1].model_copy(update={"id": 21, "code": "BARN", "rule": "Barn", "parent": "VALLEY"})
    cave = entities[2].model_copy(update={"parent": "VALLEY"})
    changed = CATALOGUE.model_copy(update={"entities": (*entities[:2], cave, *entities[3:], region, barn)})
    rows = hand_made(CATALOGUE, stg_order=[{"location": "Barn"}, {"location": CAVE}, {"location": MAIN}])
    wide = build_mart(rows, catalogue=changed).wide.set_index("entity_id")["tasting_room_wine_revenue"]
    assert wide.to_dict() == {0: 300, 1: 100, 2: 100, 3: 0, 9: 0, 20: 200, 21: 100}
