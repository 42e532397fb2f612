"""The sample: the declared columns, the same every time, quick, and with a story in it."""

from __future__ import annotations

import datetime as dt
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kpi_lib.catalogue import load_catalogue
from kpi_lib.domains.winery import sample
from kpi_lib.errors import UsageError
from kpi_lib.warehouse import write_sources

CATALOGUE = load_catalogue("winery")
UNTIL = dt.date(2026, 11, 20)
KINDS = {"INT64": "iI", "STRING": "O", "BOOL": "b", "DATE": "M", "DATETIME": "M", "TIMESTAMP": "M"}
MONEY = ("subtotal", "discount", "tax", "tip", "shipping", "total", "refund_amount")


@pytest.fixture(scope="module")
def made() -> sample.Sample:
    return sample.make(UNTIL)


@pytest.fixture(scope="module")
def orders(made: sample.Sample) -> pd.DataFrame:
    return made.frames["stg_order"]


def cents(column: pd.Series) -> pd.Series:
    return (column.astype("float64") * 100).round().astype("int64")


def local(column: pd.Series) -> pd.Series:
    return column.dt.tz_convert("America/Los_Angeles").dt.tz_localize(None)


def test_every_source_has_its_declared_columns(made: sample.Sample) -> None:
    assert list(made.frames) == [source.name for source in CATALOGUE.sources]
    for source in CATALOGUE.sources:
        frame = made.frames[source.name]
        assert list(frame.columns) == [column.name for column in source.columns], source.name
        assert not frame.duplicated(list(source.key)).any(), source.name
        for column in source.columns:
            values = frame[column.name]
            place = f"{source.name}.{column.name}"
            if column.type == "NUMERIC":
                assert str(values.dtype) == "decimal128(18, 2)[pyarrow]", place
            else:
                assert values.dtype.kind in KINDS[column.type], place
            assert column.nullable or not values.isna().any(), place
            assert not column.values or values.dropna().isin(column.values).all(), place
            assert column.minimum is None or (values.astype("float64") >= column.minimum).all(), place


def test_nothing_is_later_than_the_last_day(made: sample.Sample, orders: pd.DataFrame) -> None:
    end = pd.Timestamp(UNTIL) + pd.Timedelta(1, "D")
    members = made.frames["stg_club_membership"]
    moments = [
        local(orders["paid_at"]), local(orders["refunded_at"]), local(members["signup_at"]),
        local(members["cancel_at"]), made.frames["stg_tock_reservation"]["reservation_datetime"],
    ]  # fmt: skip
    for column in moments:
        assert column.max() < end
        assert column.max() > end - pd.Timedelta(3, "D")
    assert local(orders["paid_at"]).min().date() == dt.date(2022, 11, 21)
    load = {
        "loaded_from": "2022-11-21",
        "complete_through": "2026-11-20",
        "loaded_at": "2026-11-21T11:00:00Z",
    }
    assert made.manifest == {"schema_version": 1, "sample": True, "sources": dict.fromkeys(made.frames, load)}


def test_the_same_arguments_give_the_same_sample(made: sample.Sample) -> None:
    again = sample.make(UNTIL)
    for name, frame in made.frames.items():
        pd.testing.assert_frame_equal(frame, again.frames[name])
    assert again.planted == made.planted
    other = sample.make(UNTIL, seed=8, years=1)
    assert len(other.frames["stg_order"]) != len(sample.make(UNTIL, years=1).frames["stg_order"])


def test_it_is_made_and_written_in_time(tmp_path: Path) -> None:
    started = time.perf_counter()
    made = sample.make(UNTIL)
    files = write_sources(made.frames, CATALOGUE, tmp_path / "winery", made.manifest)
    assert time.perf_counter() - started < 2
    assert [file.name for file in files] == [*(f"{name}.parquet" for name in made.frames), "manifest.json"]
    assert json.loads(files[-1].read_text()) == made.manifest


def test_amounts_fit_together(made: sample.Sample, orders: pd.DataFrame) -> None:
    money = orders[list(MONEY)].apply(cents)
    assert (money >= 0).all(axis=None)
    assert (money["total"] == money[["subtotal", "tax", "tip", "shipping"]].sum(axis=1)).all()
    assert (money["refund_amount"] <= money["subtotal"]).all()
    assert ((money["refund_amount"] > 0) == orders["refunded_at"].notna()).all()
    assert ((orders["status"] == "refunded") == orders["refunded_at"].notna()).all()
    assert (orders["refunded_at"].dropna() > orders["paid_at"][orders["refunded_at"].notna()]).all()
    items = made.frames["stg_order_item"]
    gross = (cents(items["unit_price"]) * items["quantity"]).groupby(items["order_id"]).sum()
    assert (gross.to_numpy() == (money["subtotal"] + money["discount"]).to_numpy()).all()


def test_rows_refer_to_rows_that_exist(made: sample.Sample, orders: pd.DataFrame) -> None:
    frames = made.frames
    assert set(frames["stg_order_item"]["order_id"]) == set(orders["order_id"])
    assert frames["stg_order_item"]["product_id"].isin(frames["stg_product"]["product_id"]).all()
    assert orders["customer_id"].dropna().isin(frames["dim_customer"]["customer_id"]).all()
    reservations = frames["stg_tock_reservation"]
    assert reservations["experience_name"].isin(frames["dim_experience"]["experience"]).all()
    guests = frames["stg_tock_guest"].groupby("reservation_id").size()
    assert (guests.to_numpy() == reservations["party_size"].to_numpy()).all()
    assert (orders["order_date"] == local(orders["paid_at"]).dt.normalize()).all()


def test_everything_that_the_design_asks_for_is_there(made: sample.Sample, orders: pd.DataFrame) -> None:
    event = orders["event_fee_or_wine"].notna()
    realized, paid = orders["event_revenue_realization_date"], local(orders["paid_at"]).dt.normalize()
    assert (realized.notna() == event).all()
    assert ((realized > paid) & event).sum() > 100
    assert (realized > pd.Timestamp(UNTIL)).sum() == made.planted["future_events"]["orders"] + (
        (realized > pd.Timestamp(UNTIL)) & (orders["status"] == "voided")
    ).sum()
    assert (orders["external_order_vendor"] == "Tock").any()
    assert orders["tasting_lounge"].any()
    assert (orders["status"] == "voided").any()
    refunds = orders["status"] == "refunded"
    full = cents(orders["refund_amount"]) == cents(orders["subtotal"])
    assert (refunds & full).any()
    assert (refunds & ~full).any()
    assert (local(orders["refunded_at"]).dt.month != paid.dt.month)[refunds].any()
    statuses = set(made.frames["stg_tock_reservation"]["status"])
    assert {"finished", "cancelled", "no_show"} <= statuses
    assert made.planted["late_orders"]


def test_the_business_has_a_plausible_size(made: sample.Sample, orders: pd.DataFrame) -> None:
    paid = orders[orders["status"] != "voided"]
    visits = made.frames["stg_tock_reservation"]
    visits = visits[~visits["status"].isin(["cancelled", "no_show"])]
    years = 4
    taken = cents(paid["subtotal"]).sum() + cents(paid["shipping"]).sum() + cents(visits["final_total"]).sum()
    assert 3e6 < taken / 100 / years < 5e6
    assert 40 < len(orders) / 1461 < 80
    assert 80 < visits["party_size"].sum() / 1461 < 120
    members = made.frames["stg_club_membership"]
    assert 2500 < members["cancel_at"].isna().sum() < 3100


def test_the_story_can_be_seen(made: sample.Sample, orders: pd.DataFrame) -> None:
    visits = made.frames["stg_tock_reservation"]
    days = visits["reservation_datetime"]
    by_month = visits.groupby(days.dt.month)["party_size"].sum()
    assert by_month[[9, 10]].mean() > 1.5 * by_month[[1, 2]].mean()
    by_weekday = visits.groupby(days.dt.day_of_week)["party_size"].sum()
    assert by_weekday[5] > 2 * by_weekday[1]
    web = orders[(orders["channel"] == "Web") & orders["event_fee_or_wine"].isna()]
    daily = web.groupby("order_date").size()
    anomaly = pd.Timestamp(made.planted["anomaly"]["date"])
    assert daily[anomaly] > 3 * daily[anomaly - pd.Timedelta(28, "D") :].median()
    club = orders[orders["channel"] == "Club"].groupby("order_date").size()
    shipped = club[club > 200].index
    assert {(day.month, day.day) for day in shipped} <= {(m, d) for m in (2, 5, 8, 11) for d in (5, 6, 7, 8)}
    assert len(shipped) >= 32
    change = made.planted["fee_change"]
    estate = visits[visits["experience_name"] == change["experience"]]
    top = (cents(estate["final_total"]) / estate["party_size"]).groupby(
        estate["reservation_datetime"] >= pd.Timestamp(change["date"])
    )
    assert top.max().tolist() == [change["cents_before"], change["cents_after"]]


def test_the_closed_week_has_no_rows(made: sample.Sample, orders: pd.DataFrame) -> None:
    first, last = (pd.Timestamp(day) for day in made.planted["closed_week"])
    assert (last - first).days == 6
    members = made.frames["stg_club_membership"]
    columns = [
        local(orders["paid_at"]), local(orders["refunded_at"]), orders["event_revenue_realization_date"],
        made.frames["stg_tock_reservation"]["reservation_datetime"],
        local(members["signup_at"]), local(members["cancel_at"]),
    ]  # fmt: skip
    for column in columns:
        assert not column.between(first, last + pd.Timedelta(1, "D"), inclusive="left").any()


def test_planted_edges_are_where_they_say(made: sample.Sample, orders: pd.DataFrame) -> None:
    found = orders.set_index("order_id")
    names = [edge["name"] for edge in made.planted["edges"]]
    assert len(set(names)) == len(names)
    for edge in made.planted["edges"]:
        order = found.loc[edge["order_id"]]
        assert order["paid_at"].tz_convert("America/Los_Angeles").date() == edge["local_date"]
        if edge["name"].startswith("month_end_evening"):
            assert order["paid_at"].month != edge["local_date"].month
    again = [edge for edge in made.planted["edges"] if edge["name"].endswith("hour_again")]
    before = [
        edge
        for edge in made.planted["edges"]
        if edge["name"].startswith("autumn") and "before" in edge["name"]
    ]
    assert len(again) == len(before) == 4
    for first, second in zip(before, again, strict=True):
        gap = found.loc[second["order_id"], "paid_at"] - found.loc[first["order_id"], "paid_at"]
        assert gap == pd.Timedelta(1, "h")
    assert any(edge["local_date"] == dt.date(2024, 2, 29) for edge in made.planted["edges"])


@pytest.mark.parametrize("until", ["2020-02-29", "2021-02-28", "2024-03-10", "2025-11-02", "2032-12-31"])
def test_any_last_day_will_do(until: str) -> None:
    last = dt.date.fromisoformat(until)
    made = sample.make(last, years=1)
    orders = made.frames["stg_order"]
    assert local(orders["paid_at"]).max().date() == last
    assert np.diff(orders["paid_at"].astype("int64")).min() >= -3_600_000_000


@pytest.mark.parametrize("years", [0, 16, -1])
def test_a_wrong_number_of_years_is_refused(years: int) -> None:
    with pytest.raises(UsageError, match="1 to 15 years"):
        sample.make(UNTIL, years=years)


def test_an_earlier_evening_knows_less(made: sample.Sample) -> None:
    day = dt.date(2026, 11, 16)
    known = made.known_on(day)
    end = pd.Timestamp("2026-11-17", tz="America/Los_Angeles")
    orders, whole = known.frames["stg_order"], made.frames["stg_order"]
    assert (orders["paid_at"] < end).all()
    assert not (orders["refunded_at"] >= end).any()
    assert ((orders["status"] == "refunded") == orders["refunded_at"].notna()).all()
    assert (cents(orders["refund_amount"])[orders["refunded_at"].isna()] == 0).all()
    late = [key for key, arrival in made.planted["late_orders"].items() if arrival > day]
    missing = whole[(whole["paid_at"] < end) & ~whole["order_id"].isin(orders["order_id"])]
    assert set(missing["order_id"]) <= set(late)
    members = known.frames["stg_club_membership"]
    assert not (members["cancel_at"] >= end).any()
    assert known.manifest["sources"]["stg_order"]["complete_through"] == "2026-11-16"
    for name, frame in known.frames.items():
        assert frame.dtypes.equals(made.frames[name].dtypes), name
    everything = made.known_on(UNTIL)
    for name, frame in everything.frames.items():
        pd.testing.assert_frame_equal(frame, made.frames[name])
    with pytest.raises(UsageError, match="covers 2022-11-21 to 2026-11-20"):
        made.known_on(dt.date(2026, 11, 21))
