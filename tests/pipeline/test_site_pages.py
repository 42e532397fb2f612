"""The pages that explain the figures, made by real nights: checks, restatements, locations, definitions."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from kpi_lib.catalogue import load_catalogue
from kpi_lib.reporting.check import check_site

from .conftest import ROOT, Kpi, edit_source

pytestmark = pytest.mark.slow

EXPLAIN = ("--only", "data_quality", "--only", "restatements")


def text_of(page: Path) -> str:
    """The words of a page, one space between them."""
    body = page.read_text()
    main = body[body.index("<main") : body.index("</main>")]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main)).replace("\xa0", " ")


def table(folder: Path, sql: str) -> pd.DataFrame:
    with duckdb.connect(str(folder / "data" / "warehouse.duckdb"), read_only=True) as con:
        return con.sql(sql).to_arrow_table().to_pandas()


def test_every_location_has_a_page_with_its_own_numbers(published: Path, kpi: Kpi) -> None:
    outcome = kpi("nightly", "--renderer", "embedded", "--force", "--only", "entity")
    assert outcome.code == 0, outcome.out + outcome.err
    site = published / "build" / "site"
    places = [entity for entity in load_catalogue("winery").entities if entity.id != 0]
    listed = text_of(site / "winery" / "entity" / "index.html")
    for place in places:
        found = table(
            published,
            "select mtd_value from winery_kpi.agg_kpi_dashboard where as_of_date = '2026-11-20'"
            f" and kpi_id = 14 and entity_id = {place.id}",
        )
        shown = text_of(site / "winery" / "entity" / f"{place.code.lower()}.html")
        assert shown.strip().startswith(f"{place.name}: November")
        (value,) = found["mtd_value"]
        whole, cents = f"${value:,.2f}".rsplit(".", 1)
        assert f"{whole} .{cents}" in shown
        assert place.name in listed and (not value or f"{whole} .{cents}" in listed)
    assert not (site / "winery" / "entity" / "all.html").exists()
    daily = (site / "winery" / "daily_dashboard.html").read_text()
    assert 'href="entity/online.html"' in daily and 'aria-label="Reports"' in daily
    assert check_site(site) == []


def test_the_page_of_the_checks_is_that_of_this_night(published: Path, kpi: Kpi) -> None:
    outcome = kpi("nightly", "--renderer", "embedded", "--force", *EXPLAIN)
    assert outcome.code == 0, outcome.out + outcome.err
    shown = text_of(published / "build/site/winery/data_quality.html")
    checks = table(published, "select * from winery_ops.dq_results")
    newest = checks[checks["run_id"] == checks["run_id"].max()]
    assert checks["run_id"].nunique() == 2 and newest["success"].all()
    assert f"All {len(newest)} checks passed" in shown
    for said in newest["expected"]:
        assert re.sub(r"\s+", " ", said).split("<")[0].split("&")[0].split("'")[0] in shown
    for name, count in table(published, "select source, row_count from winery_raw.source_load").values:
        assert f"{name} ✓ up to date 20 Nov 2026" in shown and f"{count:,}" in shown
    facts = table(published, "select count(*) as n from winery_kpi.fact_kpi_daily")["n"].iloc[0]
    assert f"kpi.fact_kpi_daily daily facts {facts:,}" in shown


def test_a_night_that_did_not_pass_is_seen_on_the_next_page(published: Path, kpi: Kpi) -> None:
    landing = published / "data" / "landing" / "winery" / "stg_order.parquet"
    shutil.copyfile(landing, published / "kept.parquet")

    def twice(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(currency=["EUR", *frame["currency"].iloc[1:]])

    edit_source(published, "stg_order", twice)
    assert kpi("nightly", "--renderer", "embedded", *EXPLAIN).code == 3
    assert table(published, "select distinct success from winery_ops.dq_results")["success"].all()
    shutil.copyfile(published / "kept.parquet", landing)
    outcome = kpi("nightly", "--renderer", "embedded", "--force", *EXPLAIN)
    assert outcome.code == 0, outcome.out + outcome.err
    page = published / "build/site/winery/data_quality.html"
    states = re.findall(r'<li class="(\w+)" title="[^"]*passed', page.read_text())
    assert states == ["good", "bad", "good"]
    assert "Of the last 3 runs 1 did not pass and published nothing" in text_of(page)
    assert "held in 2 of 3 runs" in text_of(page)


def test_a_change_of_published_figures_is_on_the_page_with_its_cause(published: Path, kpi: Kpi) -> None:
    page = published / "build/site/winery/restatements.html"
    outcome = kpi("nightly", "--renderer", "embedded", "--force", *EXPLAIN)
    assert outcome.code == 0, outcome.out + outcome.err
    assert "Nothing that was published has changed since" in text_of(page)
    before = table(
        published,
        "select mtd_value from winery_kpi.agg_kpi_dashboard where as_of_date = '2026-11-20'"
        " and kpi_id = 14 and entity_id = 0",
    )["mtd_value"].iloc[0]

    orders = pd.read_parquet(published / "data/landing/winery/stg_order.parquet")
    web = orders[(orders["channel"] == "Web") & (orders["status"] == "paid")]
    web = web[web["external_order_vendor"].isna() & web["event_fee_or_wine"].isna() & ~web["tasting_lounge"]]
    gone = web.sort_values("paid_at").iloc[-30]
    days = (pd.Timestamp("2026-11-20") - pd.Timestamp(gone["order_date"])).days
    assert pd.Timestamp(gone["order_date"]).month == 11 and days > 1
    for name in ("stg_order", "stg_order_item"):
        edit_source(published, name, lambda frame: frame[frame["order_id"] != gone["order_id"]])
    outcome = kpi("nightly", "--renderer", "embedded", *EXPLAIN)
    assert outcome.code == 0, outcome.out + outcome.err
    after = table(
        published,
        "select mtd_value from winery_kpi.agg_kpi_dashboard where as_of_date = '2026-11-20'"
        " and kpi_id = 14 and entity_id = 0",
    )["mtd_value"].iloc[0]
    assert after < before
    shown = text_of(page)
    assert "changed with the newest publication" in shown and "Corrections" in shown
    old, new, less = (f"{value:,.2f}".rsplit(".", 1) for value in (before, after, before - after))
    assert (
        f"Total Daily Revenue Month to date 20 Nov 2026 and {days} earlier reports ${old[0]} .{old[1]}"
        f" ${new[0]} .{new[1]} −${less[0]} .{less[1]}" in shown
    )


@pytest.mark.parametrize("name", ["winery", "marketplace"])
def test_the_generic_pages_are_in_every_shipped_domain(name: str) -> None:
    catalogue = load_catalogue(name)
    named = {report.name: report for report in catalogue.reports}
    for report in ("data_quality", "restatements"):
        assert named[report].nav and (ROOT / "notebooks/reports" / named[report].notebook).is_file()
