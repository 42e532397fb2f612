"""The 27 KPIs of every day and entity, worked out row by row in plain Python, against the SQL."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from kpi_lib.catalogue import load_catalogue
from kpi_lib.domains.winery import sample
from tests.winery_mart import ENTITY_IDS, Mart, build_mart, of_frames

CATALOGUE = load_catalogue("winery")
ZONE = ZoneInfo("America/Los_Angeles")
UNTIL = dt.date(2025, 1, 15)
FIRST = dt.date(2023, 1, 16)
PLACES = {"Main Tasting Room": 1, "Cave Tasting Room": 2, "Online": 3}
Sums = defaultdict[tuple[dt.date, int], defaultdict[str, Decimal]]


@pytest.fixture(scope="module")
def made() -> sample.Sample:
    return sample.make(UNTIL, seed=11, years=2)


@pytest.fixture(scope="module")
def mart(made: sample.Sample) -> Mart:
    return build_mart(of_frames(CATALOGUE, made.frames), first_day=FIRST, last_day=UNTIL)


@pytest.fixture(scope="module")
def expected(made: sample.Sample) -> dict[tuple[dt.date, int], dict[str, float | None]]:
    return {key: kpis(values) for key, values in add_up(made.frames).items()}


def records(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    clean = frame.astype(object).where(frame.notna(), None)
    for row in clean.itertuples(index=False):
        yield row._asdict()


def local(moment: pd.Timestamp) -> dt.date:
    return moment.to_pydatetime().astimezone(ZONE).date()


def line_of(order: dict[str, Any]) -> str:
    if order["status"] == "voided":
        return "voided"
    if order["event_fee_or_wine"] is not None:
        return {"Event Fee": "k9", "Event Wine": "k12"}[order["event_fee_or_wine"]]
    if order["external_order_vendor"] == "Tock":
        return "tock"
    if order["tasting_lounge"]:
        return "lounge"
    return {"POS": "k1", "Club": "k4", "Web": "k7", "Inbound": "k8"}[order["channel"]]


def entity_of(place: str | None, channel: str = "POS") -> int:
    return PLACES.get("Online" if channel != "POS" else place or "", 9)


def add_up(frames: dict[str, pd.DataFrame]) -> Sums:
    """Return the sums of every day and entity, dense, the whole included."""
    sums: Sums = defaultdict(lambda: defaultdict(Decimal))

    def add(day: dt.date, entity: int, name: str, amount: Decimal | int) -> None:
        for key in ((day, entity), (day, 0)):
            if FIRST <= day <= UNTIL:
                sums[key][name] += amount

    volume = bottle_volume(frames)
    for order in records(frames["stg_order"]):
        line = line_of(order)
        if line == "voided":
            continue
        entity = entity_of(order["location"], order["channel"])
        event = order["event_revenue_realization_date"]
        day = local(order["paid_at"]) if event is None else event.date()
        add(day, entity, line, order["subtotal"])
        add(day, entity, f"{line} orders", 1)
        add(day, entity, "k13", order["shipping"])
        add(day, entity, "ml", volume.get(order["order_id"], 0))
        if order["refunded_at"] is not None:
            add(local(order["refunded_at"]), entity, line, -order["refund_amount"])
    attribution = dict(frames["dim_experience"].itertuples(index=False))
    for visit in records(frames["stg_tock_reservation"]):
        if visit["status"] in ("cancelled", "no_show"):
            continue
        day, entity = visit["reservation_datetime"].date(), entity_of(visit["location"])
        kind = attribution[visit["experience_name"]]
        add(day, entity, {"Tasting Room": "k2", "Club": "k5", "Event": "k10"}[kind], visit["final_total"])
        add(day, entity, "k15", 1)
        add(day, entity, "k16", visit["party_size"])
        add(day, entity, f"{kind} guests", visit["party_size"])
    add_members(sums, frames["stg_club_membership"], add)
    return sums


def bottle_volume(frames: dict[str, pd.DataFrame]) -> dict[int, int]:
    size = {row["product_id"]: row["bottle_ml"] for row in records(frames["stg_product"])}
    volume: dict[int, int] = defaultdict(int)
    for item in records(frames["stg_order_item"]):
        if item["item_type"] == "Wine":
            volume[item["order_id"]] += item["quantity"] * size[item["product_id"]]
    return volume


def add_members(sums: Sums, members: pd.DataFrame, add: Any) -> None:
    spells = []
    for member in records(members):
        entity, joined = entity_of(member["location"]), local(member["signup_at"])
        left = local(member["cancel_at"]) if member["cancel_at"] is not None else dt.date.max
        spells.append((entity, joined, left))
        add(joined, entity, "k24", 1)
        add(left, entity, "k25", 1)
    # The stock by its definition, not by adding up changes: who has joined by a day and not left by its end.
    days = (UNTIL - FIRST).days + 1
    for number in range(days):
        day = FIRST + dt.timedelta(days=number)
        for entity in (*PLACES.values(), 9):
            _ = sums[day, entity], sums[day, 0]
    for entity, joined, left in spells:
        day = max(joined, FIRST)
        while day < left and day <= UNTIL:
            sums[day, entity]["k23"] += 1
            sums[day, 0]["k23"] += 1
            day += dt.timedelta(days=1)


def kpis(s: defaultdict[str, Decimal]) -> dict[str, float | None]:
    """Return the 27 KPIs by their id."""
    guests = s["Tasting Room guests"]

    def ratio(above: Decimal, below: Decimal, scale: int = 1) -> float | None:
        return float(scale * above) / float(below) if below else None

    found: dict[int, Decimal | float | None] = {
        number: s[f"k{number}"] for number in (1, 2, 4, 5, 7, 8, 9, 10, 12, 13, 15, 16, 23, 24, 25)
    }
    found[3] = s["k1"] + s["k2"]
    found[6] = s["k4"] + s["k5"]
    found[11] = s["k9"] + s["k10"]
    found[14] = found[3] + found[6] + s["k7"] + s["k8"] + found[11] + s["k12"] + s["k13"]
    found[17] = ratio(s["k16"], s["k15"])
    found[18], found[19] = guests, s["Event guests"]
    found[20] = ratio(s["k2"], guests)
    found[21] = ratio(s["k1 orders"], guests, 100)
    found[22] = float(s["ml"]) / 9000
    found[26] = s["k24"] - s["k25"]
    found[27] = ratio(s["k24"], guests, 100)
    codes = {kpi.id: kpi.code for kpi in CATALOGUE.kpis}
    return {codes[number]: None if value is None else float(value) for number, value in found.items()}


def test_the_oracle_knows_all_kpis(expected: dict[Any, dict[str, float | None]]) -> None:
    assert all(values.keys() == {kpi.code for kpi in CATALOGUE.kpis} for values in expected.values())


def test_every_kpi_of_every_day_and_entity_is_right(mart: Mart, expected: dict[Any, dict[str, Any]]) -> None:
    rows = {(row["date_key"].date(), row["entity_id"]): row for row in records(mart.wide)}
    assert rows.keys() == expected.keys()
    assert len(rows) == 731 * len(ENTITY_IDS)
    wrong = [
        (key, code, rows[key][code], value)
        for key, values in expected.items()
        for code, value in values.items()
        if not same(rows[key][code], value)
    ]
    assert wrong[:5] == []


def same(found: float | None, value: float | None) -> bool:
    if found is None or value is None:
        return found is value
    return math.isclose(found, value, rel_tol=1e-12, abs_tol=1e-9)


def test_planted_orders_are_on_their_day_and_line(mart: Mart, made: sample.Sample) -> None:
    lines = mart.lines[mart.lines["effect"] == "sale"].set_index("order_id")
    edges = made.planted["edges"]
    assert {edge["name"].split("_")[0] for edge in edges} == {"month", "leap", "spring", "autumn"}
    for edge in edges:
        line = lines.loc[edge["order_id"]]
        assert line["date_key"].date() == edge["local_date"], edge
        assert line["line"] == edge["line"], edge
        assert line["amount"] == edge["subtotal_cents"] / 100, edge


def test_planted_refunds_are_negative_on_their_day(mart: Mart, made: sample.Sample) -> None:
    refunds = mart.lines[mart.lines["effect"] == "refund"].set_index("order_id")
    assert set(made.planted["refunds"]) == {"full", "partial", "across_months"}
    for refund in made.planted["refunds"].values():
        line = refunds.loc[refund["order_id"]]
        assert (line["date_key"].date(), line["amount"]) == (refund["refunded"], -refund["cents"] / 100)


def test_the_closed_week_is_zero_and_not_missing(mart: Mart, made: sample.Sample) -> None:
    first, last = (pd.Timestamp(day) for day in made.planted["closed_week"])
    week = mart.wide[mart.wide["date_key"].between(first, last)]
    assert len(week) == 7 * len(ENTITY_IDS)
    for kpi in CATALOGUE.kpis:
        if kpi.kind == "sum":
            assert (week[kpi.code] == 0).all(), kpi.code
    stock = week[week["entity_id"] == 0]["total_active_club_membership"]
    assert stock.nunique() == 1
    assert stock.iloc[0] > 2000


def test_future_events_are_paid_but_not_counted(mart: Mart, made: sample.Sample) -> None:
    orders = made.frames["stg_order"]
    future = orders[
        (orders["event_revenue_realization_date"] > pd.Timestamp(UNTIL)) & (orders["status"] != "voided")
    ]
    assert len(future) == made.planted["future_events"]["orders"] > 0
    sales = mart.lines[mart.lines["effect"] == "sale"]
    assert not sales["order_id"].isin(future["order_id"]).any()
    # Everything else that was paid is in exactly one line.
    beyond = orders["event_revenue_realization_date"] > pd.Timestamp(UNTIL)
    assert sorted(sales["order_id"]) == sorted(orders.loc[~beyond, "order_id"])


def test_unassigned_sales_are_few_and_named(mart: Mart, made: sample.Sample) -> None:
    found = mart.lines[mart.lines["entity_id"] == 9]
    assert (found["effect"] == "sale").sum() == made.planted["unassigned"]["orders"]
