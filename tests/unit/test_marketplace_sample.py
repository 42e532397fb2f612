"""The sample: the same every time, of the declared types, with its story in it."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pandas as pd
import pytest

from kpi_lib.domains.marketplace.sample import Sample, make
from kpi_lib.errors import UsageError
from kpi_lib.warehouse import load_sources, write_sources
from tests.marketplace_bench import Bench, marketplace_catalogue

UNTIL = dt.date(2026, 11, 20)


@pytest.fixture(scope="module")
def sample() -> Sample:
    return make(UNTIL)


def test_the_same_arguments_give_the_same_sample(sample: Sample) -> None:
    again, other = make(UNTIL), make(UNTIL, seed=8)
    for name, frame in sample.frames.items():
        pd.testing.assert_frame_equal(frame, again.frames[name])
    assert again.planted == sample.planted
    assert other.planted["net_revenue"] != sample.planted["net_revenue"]


def test_the_landing_files_can_be_written_and_loaded(sample: Sample, tmp_path: Path) -> None:
    catalogue = marketplace_catalogue(tmp_path)
    write_sources(sample.frames, catalogue, tmp_path / "landing", sample.manifest)
    (tmp_path / "bench").mkdir()
    with Bench(tmp_path / "bench") as bench:
        loads = load_sources(bench.warehouse, catalogue, tmp_path / "landing")
        assert dict(zip(loads["source"], loads["row_count"], strict=True)) == {
            name: len(frame) for name, frame in sample.frames.items()
        }
    assert sample.manifest["sample"] is True
    assert {source.name for source in catalogue.sources} == set(sample.frames)


@pytest.mark.parametrize("until", ["2024-02-29", "2026-01-01", "2026-03-31", "2027-12-31"])
@pytest.mark.parametrize("years", [3, 5])
def test_it_ends_on_any_day(until: str, years: int) -> None:
    day = dt.date.fromisoformat(until)
    made = make(day, years=years)
    first = pd.Timestamp(day.year - years + 1, 1, 1)
    assert made.frames["invoice"]["transaction_date"].min() >= first
    counted = made.frames["invoice"][~made.frames["invoice"]["_fivetran_deleted"]]
    assert (counted["transaction_date"] > pd.Timestamp(day)).sum() == 3  # dated ahead
    assert made.manifest["sources"]["deal"]["complete_through"] == until


def test_the_story_is_in_it(sample: Sample) -> None:
    planted, frames = sample.planted, sample.frames
    assert len(frames["customer"]) == 60
    assert all(planted["deals"][key] for key in ("open", "late", "without_owner"))
    assert all(planted["contracts"][key] for key in ("overspent", "spent", "untouched"))
    assert all(amount > 0 for amount in planted["unknown"].values())
    revenue, roles = planted["net_revenue"], planted["roles"]
    for number in roles["flat"]:
        assert len({revenue[number][year] for year in range(2022, 2026)}) == 1
    for number in roles["reactivated"]:
        assert revenue[number][2024] > 0 == revenue[number][2025] < revenue[number][2026]
    assert all(revenue[number][2026] < 0 < revenue[number][2025] for number in roles["refunded"])
    assert all(revenue[number][2026] < 0 == revenue[number][2025] for number in roles["credited"])
    assert all(revenue[number][year] > 0 for number in roles["surviving"] for year in range(2022, 2027))
    assert not set(roles["merged"]) & set(revenue)
    months = (
        frames["organizer_recap"]["submitted_at"].dt.tz_convert("America/Los_Angeles").dt.strftime("%Y-%m")
    )
    assert "2026-09" not in set(months)
    assert {"2026-08", "2026-10"} <= set(months)


def test_lines_add_up_to_their_documents(sample: Sample) -> None:
    lines = sample.frames["invoice_line"].dropna(subset="sales_item_account_id")
    sums = lines.groupby("invoice_id")["amount"].sum().astype("float64")
    totals = sample.frames["invoice"].set_index("id")["total_amount"].astype("float64")
    assert (sums - totals).abs().max() < 0.005


def test_names_are_of_companies_and_desks(sample: Sample) -> None:
    names = sample.frames["customer"]["company_name"].dropna()
    assert names.is_unique
    assert all(re.fullmatch(r"[A-Z][a-z]+ [A-Z][A-Za-z. -]+", name) for name in names)
    assert set(sample.frames["owner"]["first_name"]) == {"Sales Desk"}


@pytest.mark.parametrize("arguments", [{"years": 2}, {"years": 11}, {"scale": 0}])
def test_what_it_cannot_make_is_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        make(UNTIL, **arguments)
