"""The night from landing files to a published site, and what must never happen on the way."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import jsonschema
import pandas as pd
import pytest

from kpi_lib.reporting.check import check_site

from .conftest import ROOT, Kpi, edit_source, site_state, without_notice

ONLY = ("--only", "daily_dashboard")


def rows(folder: Path, table: str) -> int:
    with duckdb.connect(str(folder / "data" / "warehouse.duckdb"), read_only=True) as con:
        return int(con.sql(f"select count(*) from {table}").fetchall()[0][0])


def test_a_night_publishes_tables_pages_pdf_and_api(published: Path) -> None:
    site = published / "build" / "site"
    for name in ("index.html", "winery/daily_dashboard.html", "winery/kpi/index.html", "archive/index.html"):
        assert (site / name).is_file(), name
    pdf = published / "build" / "pdf" / "daily_dashboard-2026-11-20.pdf"
    assert pdf.read_bytes().startswith(b"%PDF")
    api = json.loads((site / "api" / "v1" / "dashboard.json").read_text())
    assert "total_daily_revenue" in json.dumps(api)
    days = 730
    assert rows(published, "winery_mart.agg_daily_revenue") == days * 5
    assert rows(published, "winery_kpi.fact_kpi_daily") == days * 5 * 27
    assert rows(published, "winery_kpi.agg_kpi_dashboard") == days * 5 * 27
    assert rows(published, "winery_mart.dim_date") == 7670
    assert rows(published, "winery_kpi.dim_kpi") == 27


def test_the_run_record_tells_every_step(published: Path) -> None:
    (file,) = (published / "build" / "runs").glob("*/run.json")
    record = json.loads(file.read_text())
    steps = [step["name"] for step in record["steps"]]
    assert steps == [
        "extract",
        "marts",
        "facts",
        "roll-ups",
        "gate",
        "ledger",
        "notebooks",
        "render",
        "check",
        "publish",
    ]
    assert {step["status"] for step in record["steps"]} == {"done"}
    assert record["status"] == "published"
    assert (file.parent / "gate-winery.json").is_file()
    assert list((file.parent / "notebooks").rglob("*.ipynb"))


@pytest.mark.slow
def test_the_same_night_again_changes_nothing(published: Path, kpi: Kpi) -> None:
    kpi("nightly", "--renderer", "embedded")
    before = site_state(published)
    again = kpi("nightly", "--renderer", "embedded")
    assert again.code == 0
    assert "Nothing changed" in again.out
    assert "index.html" in again.out
    assert site_state(published) == before


@pytest.mark.slow
def test_an_incremental_build_equals_a_full_one(workspace: Path, kpi: Kpi, landing: Path) -> None:
    """Earlier watermark, late rows and a deletion, refreshed step by step; then everything at once."""

    def complete_through(day: str) -> None:
        manifest = workspace / "data" / "landing" / "winery" / "manifest.json"
        data = json.loads((landing / "manifest.json").read_text())
        for source in data["sources"].values():
            source["complete_through"] = day
        manifest.write_text(json.dumps(data))

    def table() -> pd.DataFrame:
        with duckdb.connect(str(workspace / "data" / "warehouse.duckdb"), read_only=True) as con:
            return con.sql(
                "select * from winery_kpi.agg_kpi_dashboard order by as_of_date, entity_id, kpi_id"
            ).df()

    complete_through("2026-11-20")
    assert kpi("build", "--as-of", "2026-11-10").code == 0
    edit_source(workspace, "stg_order", lambda frame: frame[frame["order_id"].astype(int) % 97 != 0])
    orders = set(pd.read_parquet(workspace / "data/landing/winery/stg_order.parquet")["order_id"])
    edit_source(workspace, "stg_order_item", lambda frame: frame[frame["order_id"].isin(orders)])
    assert kpi("build", "--as-of", "2026-11-15").code == 0
    assert kpi("build").code == 0
    step_by_step = table()
    assert kpi("build", "--full").code == 0
    pd.testing.assert_frame_equal(step_by_step, table())


@pytest.mark.slow
def test_what_changed_since_it_was_published_is_listed_with_its_cause(published: Path, kpi: Kpi) -> None:
    assert kpi("build", "--full").code == 0  # the same values again
    assert json.loads(kpi("restatements", "--format", "json").out) == []
    first = kpi("query", "today", "--kpi", "14", "--format", "json").out
    orders = published / "data" / "landing" / "winery" / "stg_order.parquet"
    whole = orders.read_bytes()
    # A web order of last week, with its lines, that goes and comes back.
    paid = pd.read_parquet(orders)
    web = paid[(paid["channel"] == "Web") & (paid["status"] == "paid")]
    web = web[web["external_order_vendor"].isna() & web["event_fee_or_wine"].isna() & ~web["tasting_lounge"]]
    number = int(web.sort_values("paid_at")["order_id"].iloc[-30])
    day = str(web.set_index("order_id").loc[number, "order_date"])
    edit_source(published, "stg_order", lambda frame: frame[frame["order_id"] != number])
    items = published / "data" / "landing" / "winery" / "stg_order_item.parquet"
    lines = items.read_bytes()
    edit_source(published, "stg_order_item", lambda frame: frame[frame["order_id"] != number])
    assert kpi("build").code == 0
    orders.write_bytes(whole)
    items.write_bytes(lines)
    assert kpi("build").code == 0
    assert kpi("query", "today", "--kpi", "14", "--format", "json").out == first
    told = json.loads(kpi("restatements", "--kpi", "ecomm_revenue", "--as-of", day, "--format", "json").out)
    values = [row for row in told if row["measure"] == "value" and row["window"] == "ytd"]
    assert [row["cause"] for row in values] == ["late_data", "correction"]
    assert values[0]["difference"] == pytest.approx(-values[1]["difference"])
    runs = [row["run_id"] for row in values]
    compared = json.loads(kpi("compare", runs[1], runs[0], "--as-of", day, "--format", "json").out)
    assert {row["cause"] for row in compared} == {"late_data"}
    shown = kpi("restatements", "--rows", "3")
    assert "the first 3 shown" in shown.err
    assert "ecomm_revenue" in kpi("restatements", "--kpi", "ecomm_revenue").out
    wrong = kpi("compare", "2020-01-01", "2020-01-02")
    assert wrong.code == 2
    assert "Nothing had been published by 2020-01-01" in wrong.err


def test_an_older_date_fills_the_archive_and_leaves_the_home_alone(published: Path, kpi: Kpi) -> None:
    site = published / "build" / "site"
    home = (site / "index.html").read_text()
    outcome = kpi("nightly", "--as-of", "2026-11-10", *ONLY)
    assert outcome.code == 0, outcome.err
    assert (site / "archive" / "2026-11-10" / "winery" / "daily_dashboard.html").is_file()
    assert "20 Nov 2026" in (site / "winery" / "daily_dashboard.html").read_text()
    assert json.loads((site / "api/v1/index.json").read_text())["as_of"] == "2026-11-20"
    renewed = (site / "index.html").read_text()
    mark = "<!-- archived days -->"
    assert renewed.split(mark)[0] == home.split(mark)[0]
    assert "archive/2026-11-10/winery/daily_dashboard.html" in renewed.split(mark)[1]
    assert (
        json.loads((published / "data/warehouse.releases/current/release.json").read_text())["domains"][
            "winery"
        ]["as_of"]
        == "2026-11-20"
    )


def test_a_broken_notebook_fails_alone(published: Path, kpi: Kpi) -> None:
    (published / "notebooks").unlink()
    reports = published / "notebooks" / "reports"
    reports.mkdir(parents=True)
    for name in ("daily_dashboard.ipynb", "kpi_detail.ipynb"):
        (reports / name).write_text((ROOT / "notebooks" / "reports" / name).read_text())
    broken = json.loads((reports / "kpi_detail.ipynb").read_text())
    broken["cells"].insert(-1, {**broken["cells"][-1], "source": ["1 / 0"], "id": "broken"})
    (reports / "kpi_detail.ipynb").write_text(json.dumps(broken))
    outcome = kpi("nightly", *ONLY, "--only", "kpi_detail", "--limit", "1", "--force")
    assert outcome.code == 1
    assert "division by zero" in outcome.out
    site = published / "build" / "site"
    assert "20 Nov 2026" in (site / "winery" / "daily_dashboard.html").read_text()
    failed = (site / "winery" / "kpi" / "tasting_room_wine_revenue.html").read_text()
    assert "ZeroDivisionError" in failed or "division by zero" in failed


def set_loads(folder: Path, **values: str) -> None:
    """Change every source's entry in the manifest."""
    file = folder / "data" / "landing" / "winery" / "manifest.json"
    data = json.loads(file.read_text())
    for entry in data["sources"].values():
        entry.update(values)
    file.write_text(json.dumps(data))


def as_of(folder: Path) -> str:
    release = folder / "data" / "warehouse.releases" / "current" / "release.json"
    return str(json.loads(release.read_text())["domains"]["winery"]["as_of"])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"complete_through": "2030-01-01"}, "had not happened yet"),
        ({"complete_through": "2030-01-01", "loaded_at": "2030-01-02T08:00:00Z"}, "by the clock"),
        ({"complete_through": "9999-12-31"}, "outside the calendar"),
        ({"loaded_from": "0001-01-01"}, "outside the calendar"),
    ],
)
def test_a_day_that_has_not_happened_is_never_published(
    published: Path, kpi: Kpi, values: dict[str, str], said: str
) -> None:
    before = site_state(published)
    set_loads(published, **values)
    outcome = kpi("nightly", *ONLY)
    assert outcome.code == 3
    assert said in outcome.err
    assert site_state(published) == before


def test_sources_that_fall_back_stop_the_night(published: Path, kpi: Kpi) -> None:
    before = site_state(published)
    set_loads(published, complete_through="2026-11-15")
    outcome = kpi("nightly")
    assert outcome.code == 3
    assert "already published" in outcome.err
    assert "stg_order" in outcome.err
    assert without_notice(site_state(published)) == without_notice(before)
    assert "The night of" in banners(published)[0]


@pytest.mark.slow
def test_a_night_after_a_failed_one_takes_the_banner_away_and_may_be_told_to_fall_back(
    published: Path, kpi: Kpi
) -> None:
    set_loads(published, complete_through="2026-11-15")
    assert kpi("nightly").code == 3
    assert banners(published)
    forced = kpi("nightly", *ONLY, "--force")
    assert forced.code == 0, forced.err
    assert banners(published) == []
    assert "notice" not in json.loads((published / "build/site/api/v1/index.json").read_text())
    assert as_of(published) == "2026-11-15"
    with duckdb.connect(str(published / "data" / "warehouse.duckdb"), read_only=True) as con:
        newest = con.sql("select max(as_of_date)::varchar from winery_kpi.agg_kpi_dashboard").fetchall()
    assert newest == [("2026-11-15",)]
    assert "15 Nov 2026" in (published / "build" / "site" / "index.html").read_text()


@pytest.mark.slow
def test_an_older_date_never_leaves_pages_that_disagree_with_the_tables(published: Path, kpi: Kpi) -> None:
    """Changed sources and an older date: the newest night runs first."""

    def more(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.copy()
        row = frame.index[
            (frame["order_date"].astype("datetime64[us]") == pd.Timestamp("2026-11-05"))
            & (frame["status"] == "paid")
            & (frame["channel"] == "Web")
        ][0]
        frame.loc[row, "subtotal"] = frame.loc[row, "subtotal"] + 1
        return frame

    edit_source(published, "stg_order", more)
    outcome = kpi("nightly", "--as-of", "2026-11-10", *ONLY)
    assert outcome.code == 0, outcome.err
    asked = json.loads(kpi("query", "payload", "--kpi", "ecomm_revenue", "--format", "json").out)
    shown = json.loads((published / "build" / "site" / "api" / "v1" / "dashboard.json").read_text())
    assert json.loads(asked[0]["payload"])["mtd"]["v"] in [
        row["mtd"]["v"]
        for rows in shown.values()
        if isinstance(rows, list)
        for row in rows
        if row["kpi"] == "ecomm_revenue" and row["entity"] == "ALL"
    ]


@pytest.mark.slow
def test_a_night_does_what_is_left_to_do(published: Path, kpi: Kpi) -> None:
    """After a night of one report the others are made; without links they come back."""
    first = kpi("nightly")
    assert "Nothing changed" not in first.out
    page = published / "build" / "site" / "winery" / "kpi" / "total_visitors.html"
    assert "not been made yet" not in page.read_text()
    shutil.rmtree(published / "build")
    again = kpi("nightly")
    assert "Nothing changed" in again.out
    assert page.is_file()
    assert kpi("status").code == 0


def test_a_user_slip_is_no_failed_night(published: Path, kpi: Kpi) -> None:
    assert kpi("backfill", "--from", "2010-01-01", "--to", "2010-01-02").code == 2
    assert kpi("status").code == 0


def test_a_missing_renderer_is_said_before_the_work(
    published: Path, kpi: Kpi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    outcome = kpi("nightly", "--renderer", "quarto", "--force")
    assert outcome.code == 2
    assert "quarto" in outcome.err.lower()
    assert "extract" not in outcome.err


def test_a_damaged_release_record_is_named(published: Path, kpi: Kpi) -> None:
    (published / "data" / "warehouse.releases" / "current" / "release.json").write_text("{")
    outcome = kpi("status")
    assert outcome.code == 4
    assert "release.json" in outcome.err
    assert "Traceback" not in outcome.err


def start_night(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "kpi_lib.cli", "nightly", *ONLY, "--force", "--log-format", "json"],
        cwd=folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )


@pytest.mark.parametrize(
    "step",
    [
        *(
            pytest.param(step, marks=pytest.mark.slow)
            for step in ("extract", "marts", "facts", "roll-ups", "gate", "notebooks", "render", "check")
        ),
        # Everything is staged and noted, nothing is published.
        "ledger",
        pytest.param("publish", marks=pytest.mark.slow),
    ],
)
def test_a_kill_after_any_step_leaves_the_old_or_the_new_night(published: Path, kpi: Kpi, step: str) -> None:
    before = site_state(published)
    night = start_night(published)
    assert night.stderr is not None
    for line in night.stderr:
        record = json.loads(line)
        if record.get("event") == "step" and record["name"] == step and record["status"] == "done":
            break
    os.killpg(night.pid, signal.SIGKILL)
    night.communicate()
    after = site_state(published)
    if step != "publish":
        assert after == before
    assert (published / "build" / "site" / "index.html").is_file()
    outcome = kpi("nightly", *ONLY, "--force")
    assert outcome.code == 0, outcome.err
    assert not list((published / "data" / "warehouse.releases").glob(".staging-*"))


@pytest.mark.slow
def test_two_nights_at_once_never_mix(published: Path) -> None:
    nights = [start_night(published) for _ in range(2)]
    codes = []
    for night in nights:
        _, err = night.communicate(timeout=200)
        codes.append(night.returncode)
        if night.returncode:
            assert "Another run is under way" in err
    assert sorted(codes) in ([0, 0], [0, 1])
    assert (published / "build" / "site" / "index.html").is_file()


def test_rendering_alone_uses_what_is_published(published: Path, kpi: Kpi) -> None:
    outcome = kpi("render", "--only", "kpi_detail", "--limit", "2")
    assert outcome.code == 0, outcome.err
    pages = published / "build" / "site" / "winery" / "kpi"
    assert {path.name for path in pages.glob("*.html")} >= {"index.html", "tasting_room_wine_revenue.html"}


def test_validating_alone(published: Path, kpi: Kpi) -> None:
    outcome = kpi("validate")
    assert outcome.code == 0, outcome.err
    assert "checks passed" in outcome.err


@pytest.mark.slow
def test_backfill_computes_a_range_again(published: Path, kpi: Kpi) -> None:
    outcome = kpi("backfill", "--from", "2026-10-01", "--to", "2026-10-03")
    assert outcome.code == 0, outcome.err
    runs = sorted((published / "build" / "runs").glob("*/run.json"), key=lambda path: path.stat().st_mtime)
    steps = {step["name"]: step for step in json.loads(runs[-1].read_text())["steps"]}
    assert steps["roll-ups"]["rows"] == {"kpi.agg_kpi_dashboard": 3 * 27 * 5}


def test_queries(published: Path, kpi: Kpi) -> None:
    today = json.loads(kpi("query", "today", "--format", "json").out)
    assert len(today) == 27
    series = kpi(
        "query", "series", "--kpi", "total_daily_revenue", "--since", "2026-11-01", "--format", "csv"
    )
    assert len(series.out.splitlines()) == 21
    payload = json.loads(kpi("query", "payload", "--kpi", "14", "--format", "json").out)
    assert json.loads(payload[0]["payload"])["as_of"] == "2026-11-20"
    assert "Total" in kpi("query", "today").out


def test_status_is_fine_after_a_night(published: Path, kpi: Kpi) -> None:
    outcome = kpi("status", "--format", "json")
    state = json.loads(outcome.out)
    assert state["published"]["domains"]["winery"]["as_of"] == "2026-11-20"
    assert state["age_hours"] < 25


def test_doctor_finds_its_way(published: Path, kpi: Kpi) -> None:
    outcome = kpi("doctor")
    assert outcome.code == 0, outcome.out
    assert "warehouse" in outcome.out


def test_nothing_is_left_lying_about(published: Path) -> None:
    assert {path.name for path in (published / "build").iterdir()} == {
        "site",
        "pdf",
        "private",
        "runs",
        "cache",
        ".lock",
    }
    assert {path.name for path in (published / "data").iterdir()} == {
        "landing",
        "warehouse.duckdb",
        "warehouse.releases",
    }


def banners(folder: Path) -> list[str]:
    pattern = re.compile(r'<div class="banner notice" role="status">(.*?)</div>')
    pages = sorted((folder / "build" / "site").rglob("*.html"))
    return [
        re.sub("<.*?>", "", found[1])
        for page in pages
        if (found := pattern.search(page.read_text())) and "archive/" not in page.as_posix()
    ]


def test_a_failed_gate_publishes_nothing_and_every_page_says_so_until_the_sources_are_sound(
    published: Path, kpi: Kpi
) -> None:
    release = published / "data" / "warehouse.releases" / "current" / "release.json"
    # A whole night of one report would do the same, and take a minute.
    release.write_text(json.dumps({**json.loads(release.read_text()), "partial": False}))
    site = published / "build" / "site"
    before = site_state(published)
    good = (published / "data" / "warehouse.releases" / "current").resolve()
    kept = {path: path.read_bytes() for path in good.rglob("*") if path.is_file()}
    landing = published / "data" / "landing" / "winery" / "stg_tock_reservation.parquet"
    sound = landing.read_bytes()
    edit_source(
        published,
        "stg_tock_reservation",
        lambda frame: frame.assign(party_size=frame["party_size"].where(frame.index != 7, -3)),
    )

    outcome = kpi("nightly")
    assert outcome.code == 3
    assert "party_size" in outcome.err
    assert "stg_tock_reservation" in outcome.err
    assert "Traceback" not in outcome.err
    said = banners(published)
    assert len(said) == len([page for page in site.rglob("*.html") if "archive" not in page.parts])
    assert "The night of" in said[0]
    assert "critical rule" in said[0]
    assert "These are the last good figures, made" in said[0]
    assert str(published) not in said[0]
    assert check_site(site) == []
    index = json.loads((site / "api" / "v1" / "index.json").read_text())
    schema = json.loads((site / "api" / "v1" / "schema" / "index.schema.json").read_text())
    jsonschema.validate(index, schema)
    assert index["notice"]["failures"] == 1
    # All but the words is as it was, and the good release was not touched.
    assert without_notice(site_state(published)) == without_notice(before)
    assert {path: path.read_bytes() for path in good.rglob("*") if path.is_file()} == kept

    landing.unlink()
    assert kpi("nightly").code == 3
    assert "2 nights in a row have failed, the first on" in banners(published)[0]
    releases = [path.name for path in (published / "data" / "warehouse.releases").iterdir()]
    assert sum("-notice-" in name for name in releases) == 1
    status = kpi("status")
    assert status.code == 1
    assert "stale: The last run" in status.out
    # The pages say it even where no run folder does, as after an upgrade.
    shutil.rmtree(published / "build" / "runs")
    status = kpi("status")
    assert status.code == 1 and "last run" not in status.out
    assert "stale: 2 nights in a row failed, last at 2" in status.out
    assert index["notice"]["error"] not in status.out and "stg_tock_reservation" in status.out

    landing.write_bytes(sound)
    again = kpi("nightly")
    assert again.code == 0
    assert "Nothing changed" in again.out
    assert site_state(published) == before
    assert kpi("status").code == 0


def test_a_wrong_call_puts_no_banner(published: Path, kpi: Kpi) -> None:
    before = site_state(published)
    assert kpi("nightly", "--as-of", "2019-01-01").code == 2
    assert site_state(published) == before
