"""Gaps that the definitions allow pass the winery's gate with right values; holes and strays do not."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kpi_lib.catalogue import Catalogue, load_catalogue
from kpi_lib.domains.winery.sample import Sample
from kpi_lib.quality.derived import derive
from tests.winery_gate import AS_OF, BuiltWinery, built_winery, failed

ZONE = "America/Los_Angeles"
CAVE = "Cave Tasting Room"
Edit = Callable[[Sample], Sample]


def edited(sample: Sample, loads: Mapping[str, Mapping[str, str]], **frames: pd.DataFrame) -> Sample:
    manifest = copy.deepcopy(sample.manifest)
    for source, values in loads.items():
        manifest["sources"][source].update(values)
    return replace(sample, frames={**sample.frames, **frames}, manifest=manifest)


def local_days(instants: pd.Series[Any]) -> pd.Series[Any]:
    return pd.to_datetime(instants, utc=True).dt.tz_convert(ZONE).dt.tz_localize(None).dt.normalize()


def with_kpi(code: str, since: dt.date) -> Catalogue:
    winery = load_catalogue("winery")
    kpis = tuple(kpi.model_copy(update={"since": since}) if kpi.code == code else kpi for kpi in winery.kpis)
    return winery.model_copy(update={"kpis": kpis})


def with_cave(**life: dt.date) -> Catalogue:
    winery = load_catalogue("winery")
    entities = tuple(item.model_copy(update=life) if item.name == CAVE else item for item in winery.entities)
    return winery.model_copy(update={"entities": entities})


def with_optional(source: str) -> Catalogue:
    winery = load_catalogue("winery")
    sources = tuple(
        item.model_copy(update={"required": False}) if item.name == source else item
        for item in winery.sources
    )
    return winery.model_copy(update={"sources": sources})


def shown(built: BuiltWinery, kpi: str, window: str, entity: int = 0) -> tuple[Any, Any, Any]:
    """Return the value, reason and missing days that the dashboard has."""
    row = built.warehouse.query(
        f"SELECT {window}_value AS v, {window}_reason AS r, {window}_missing_days AS n "
        f"FROM kpi.agg_kpi_dashboard WHERE kpi_id = {built.catalogue.kpi(kpi).id} AND entity_id = {entity}"
    ).iloc[0]
    return (None if pd.isna(row["v"]) else float(row["v"]), None if pd.isna(row["r"]) else row["r"], row["n"])


def counted(sample: Sample, first: str, last: str = str(AS_OF)) -> pd.DataFrame:
    visits = sample.frames["stg_tock_reservation"]
    days = pd.to_datetime(visits["reservation_datetime"]).dt.normalize()
    return visits[days.between(first, last) & ~visits["status"].isin(["cancelled", "no_show"])]


def later_reservations(sample: Sample) -> Sample:
    visits = sample.frames["stg_tock_reservation"]
    kept = visits[pd.to_datetime(visits["reservation_datetime"]) >= "2026-03-10"]
    return edited(sample, {"stg_tock_reservation": {"loaded_from": "2026-03-10"}}, stg_tock_reservation=kept)


def test_a_source_loaded_from_a_later_day(tmp_path: Path) -> None:
    kept: list[Sample] = []

    def edit(sample: Sample) -> Sample:
        kept.append(later_reservations(sample))
        return kept[0]

    with built_winery(tmp_path, edit=edit) as built:
        gate = built.gate()
        assert {name: item.severity for name, item in failed(gate).items()} == {
            # Of the guests, no other day was taken away.
            "stg_tock_guest.reservation_exists": "warning",
        }
        visits = counted(kept[0], "2026-03-10")
        assert shown(built, "total_reservations", "ytd") == (len(visits), "partial", 68)
        assert shown(built, "total_reservations", "mtd") == (
            len(counted(kept[0], "2026-10-01")), None, 0,
        )  # fmt: skip
        party = visits["party_size"].sum() / len(visits)
        assert shown(built, "avg_party_size", "ytd") == (pytest.approx(party), "partial", 68)
        assert shown(built, "ecomm_revenue", "ytd")[1:] == (None, 0)
        for statement, names in {
            # A hole inside the loaded range, and numbers where nothing is loaded.
            "UPDATE mart.agg_daily_revenue SET ecomm_revenue = NULL WHERE date_key = DATE '2026-02-03'": {
                "agg_daily_revenue.nothing_missing", "fact_kpi_daily.mart_is_fact",
            },
            "UPDATE mart.agg_daily_revenue SET total_visitors = 0 WHERE date_key = DATE '2026-02-03'": {
                "agg_daily_revenue.nothing_invented", "fact_kpi_daily.mart_is_fact",
            },
            "UPDATE kpi.fact_kpi_daily SET numerator = NULL WHERE kpi_id = 21 "
            "AND date_key = DATE '2026-02-03'": {
                "fact_kpi_daily.whole_ratios", "fact_kpi_daily.mart_is_fact",
            },
            "UPDATE kpi.fact_kpi_daily SET denominator = NULL WHERE kpi_id = 21 "
            "AND date_key = DATE '2026-05-03'": {
                "fact_kpi_daily.whole_ratios", "fact_kpi_daily.mart_is_fact",
            },
            "DELETE FROM kpi.fact_kpi_daily WHERE kpi_id = 7 AND entity_id = 3 "
            "AND date_key = DATE '2026-02-03'": {"fact_kpi_daily.every_active_series"},
        }.items():  # fmt: skip
            with built.damaged(statement):
                gate = built.gate_of("agg_daily_revenue", "fact_kpi_daily", reconciled=True)
                assert names <= {f"{item.table}.{item.name}" for item in gate.failures("critical")}


def test_a_source_that_may_be_late_and_is(tmp_path: Path) -> None:
    kept: list[pd.DataFrame] = []

    def edit(sample: Sample) -> Sample:
        members = sample.frames["stg_club_membership"]
        members = members[local_days(members["signup_at"]) <= "2026-10-04"].copy()
        members.loc[local_days(members["cancel_at"]) > "2026-10-04", "cancel_at"] = pd.NaT
        kept.append(members)
        late = {"stg_club_membership": {"complete_through": "2026-10-04"}}
        return edited(sample, late, stg_club_membership=members)

    with built_winery(tmp_path, with_optional("stg_club_membership"), edit) as built:
        gate = built.gate()
        assert gate.passed
        assert set(failed(gate)) == {"source_load.covers_as_of", "agg_kpi_dashboard.recent_windows_whole"}
        joined, gone = local_days(kept[0]["signup_at"]), local_days(kept[0]["cancel_at"])
        fresh = int((joined >= "2026-10-01").sum())
        assert fresh > 0
        assert shown(built, "new_member_acquisition", "mtd") == (fresh, "partial", 2)
        assert shown(built, "total_active_club_membership", "mtd") == (int(gone.isna().sum()), "partial", 2)
        assert shown(built, "total_daily_revenue", "mtd")[1:] == (None, 0)
        day = "date_key = DATE '2026-10-06' AND entity_id = 0"
        with built.damaged(f"UPDATE mart.agg_daily_revenue SET member_attrition = 0 WHERE {day}"):
            assert "agg_daily_revenue.nothing_invented" in failed(built.gate_of("agg_daily_revenue"))
        with built.damaged("UPDATE raw.source_load SET complete_through = DATE '2026-10-05'"):
            found = failed(built.gate_of("source_load", reconciled=True))[
                "source_load.required_sources_cover_as_of"
            ]
        assert found.severity == "critical"
        assert "stg_club_membership" not in {row["source"] for row in found.failing}


@pytest.mark.slow
def test_a_source_that_may_be_absent_and_is(tmp_path: Path) -> None:
    def edit(sample: Sample) -> Sample:
        frames = {name: frame for name, frame in sample.frames.items() if name != "stg_club_membership"}
        manifest = copy.deepcopy(sample.manifest)
        del manifest["sources"]["stg_club_membership"]
        return replace(sample, frames=frames, manifest=manifest)

    with built_winery(tmp_path, with_optional("stg_club_membership"), edit) as built:
        gate = built.gate()
        assert gate.passed, failed(gate)
        assert shown(built, "new_member_acquisition", "mtd")[:2] == (None, "not_loaded")
        assert shown(built, "ecomm_revenue", "mtd")[1:] == (None, 0)


def without_cave_before(first: str) -> Edit:
    def edit(sample: Sample) -> Sample:
        frames = sample.frames
        orders, visits, members = (
            frames[name] for name in ("stg_order", "stg_tock_reservation", "stg_club_membership")
        )
        orders = orders[~((orders["location"] == CAVE) & (local_days(orders["paid_at"]) < first))]
        early = pd.to_datetime(visits["reservation_datetime"]) < first
        visits = visits[~((visits["location"] == CAVE) & early)]
        items, guests = frames["stg_order_item"], frames["stg_tock_guest"]
        return edited(
            sample,
            {},
            stg_order=orders,
            stg_order_item=items[items["order_id"].isin(orders["order_id"])],
            stg_tock_reservation=visits,
            stg_tock_guest=guests[guests["reservation_id"].isin(visits["reservation_id"])],
            stg_club_membership=members[members["location"] != CAVE],
        )

    return edit


@pytest.mark.slow
def test_a_place_that_opened_in_the_middle(tmp_path: Path) -> None:
    kept: list[Sample] = []

    def edit(sample: Sample) -> Sample:
        kept.append(without_cave_before("2026-09-10")(sample))
        return kept[0]

    with built_winery(tmp_path, with_cave(opened=dt.date(2026, 9, 10)), edit) as built:
        gate = built.gate()
        assert gate.passed, failed(gate)
        visits = counted(kept[0], "2026-09-10")
        guests = visits.loc[visits["location"] == CAVE, "party_size"].sum()
        assert guests > 0
        # Whole: the place was not there before.
        assert shown(built, "total_visitors", "ytd", entity=2) == (guests, None, 0)
        assert shown(built, "total_visitors", "ytd") == (
            counted(kept[0], "2026-01-01")["party_size"].sum(), None, 0,
        )  # fmt: skip
        with built.damaged(
            "DELETE FROM kpi.fact_kpi_daily WHERE entity_id = 2 AND kpi_id = 7 "
            "AND date_key = DATE '2026-09-10'"
        ):
            found = failed(built.gate_of("fact_kpi_daily", reconciled=True))
        assert found["fact_kpi_daily.every_active_series"].failing[0]["fact"] == "missing"


@pytest.mark.parametrize(
    "life",
    [
        {"opened": dt.date(2026, 9, 10)},
        pytest.param({"closed": dt.date(2026, 9, 10)}, marks=pytest.mark.slow),
    ],
)
def test_business_outside_the_days_of_a_place_is_said_as_such(
    tmp_path: Path, life: dict[str, dt.date]
) -> None:
    with built_winery(tmp_path, with_cave(**life)) as built:
        found = failed(built.gate())
    # The whole holds what no part does, which is the same fact from the other side.
    assert list(found) == [
        "agg_daily_revenue.nothing_outside_opened_and_closed", "fact_kpi_daily.location_parts_of_all",
    ]  # fmt: skip
    outside = found["agg_daily_revenue.nothing_outside_opened_and_closed"]
    assert outside.severity == "critical"
    assert "entities.csv" in outside.remedy and "Rebuild" not in outside.remedy
    (name, day), *_ = life.items()
    assert outside.failing[0]["entity_id"] == 2
    assert outside.failing[0][name] == str(day)


@pytest.mark.parametrize(
    "code",
    [
        "avg_party_size",
        pytest.param("phone_revenue", marks=pytest.mark.slow),
        pytest.param("total_active_club_membership", marks=pytest.mark.slow),
    ],
)
def test_a_kpi_that_began_lately(tmp_path: Path, code: str) -> None:
    catalogue = with_kpi(code, dt.date(2026, 10, 5))
    kept: list[Sample] = []

    def keep(sample: Sample) -> Sample:
        kept.append(sample)
        return sample

    with built_winery(tmp_path, catalogue, keep) as built:
        gate = built.gate()
        assert gate.passed and not failed(gate)
        value, reason, missing = shown(built, code, "ytd")
        assert (reason, missing) == (None, 0)
        if code == "avg_party_size":
            visits = counted(kept[0], "2026-10-05")
            assert value == pytest.approx(visits["party_size"].sum() / len(visits))
        with built.damaged(
            f"DELETE FROM kpi.fact_kpi_daily WHERE kpi_id = {catalogue.kpi(code).id} "
            "AND entity_id = 1 AND date_key = DATE '2026-10-05'"
        ):
            assert "fact_kpi_daily.every_active_series" in failed(
                built.gate_of("fact_kpi_daily", reconciled=True)
            )


def test_an_identity_holds_from_its_youngest_kpi_on() -> None:
    by_name = {item.name: item for item in derive(with_kpi("phone_revenue", dt.date(2026, 8, 20)), AS_OF)}
    assert "DATE '2026-08-20'" in by_name["identity_total_daily_revenue_by_day"].sql
    by_window = by_name["identity_total_daily_revenue_by_window"].sql
    assert "'mtd'" in by_window and "'last28'" in by_window
    assert "'ytd'" not in by_window and "'prior'" not in by_window
    assert "DATE '2026-08-20'" not in by_name["identity_tasting_room_total_revenue_by_day"].sql
    tomorrow = derive(with_kpi("phone_revenue", AS_OF + dt.timedelta(days=1)), AS_OF)
    assert "identity_total_daily_revenue_by_window" not in {item.name for item in tomorrow}
