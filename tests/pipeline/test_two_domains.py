"""Two companies in one night: both published, one failing alone, nothing of persons where the team reads."""

from __future__ import annotations

import csv
import json
import shutil
import stat
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pandas as pd
import pytest

from kpi_lib.catalogue import load_catalogue
from kpi_lib.catalogue.scorecard import scorecard_of
from kpi_lib.operations.release import Releases
from kpi_lib.reporting.check import check_site

from .conftest import BOTH, Kpi, site_state

pytestmark = pytest.mark.slow

#: One winery page is enough here; every marketplace page is made.
ONLY = ("--only", "daily_dashboard")


def table(folder: Path, sql: str) -> pd.DataFrame:
    with duckdb.connect(str(folder / "data" / "warehouse.duckdb"), read_only=True) as con:
        return con.sql(sql).to_arrow_table().to_pandas()


def break_marketplace(folder: Path) -> None:
    file = folder / "data" / "landing" / "marketplace" / "offer.parquet"
    frame = pd.read_parquet(file, dtype_backend="pyarrow")
    frame.loc[0, "status"] = "maybe"
    frame.to_parquet(file, index=False)


def test_both_domains_are_published(both_once: Path) -> None:
    site = both_once / "build" / "site"
    home = (site / "index.html").read_text()
    assert "Larkspur Ridge" in home and "Fernway Market" in home
    for report in load_catalogue("marketplace").reports:
        if report.foreach is None and report.html:
            assert (site / "marketplace" / f"{report.name}.html").is_file(), report.name
    assert (both_once / "build" / "pdf" / "company_overview-2026-11-20.pdf").read_bytes()[:4] == b"%PDF"
    assert check_site(site) == []
    rows = table(both_once, "select * from marketplace_kpi.dashboard_kpis")
    assert len(rows) == 16 and rows["fiscal_year"].eq(2026).all()
    history = table(both_once, "select * from marketplace_kpi.dashboard_kpis_history")
    assert len(history) == 16 and "as_of_date" in history


def test_every_card_links_to_its_page_and_shows_its_status(both_once: Path) -> None:
    page = (both_once / "build/site/marketplace/company_overview.html").read_text()
    for name in ("revenue", "retention", "pipeline", "customers"):
        assert f'class="card" href="{name}.html"' in page
    for badge in ("badge green", "badge amber", "badge red"):
        assert badge in page
    for icon, word in (("✓", "On track"), ("△", "Just behind"), ("✗", "Behind")):
        assert f'<span aria-hidden="true">{icon}</span> {word}' in page
    assert "by last year’s season" in page
    assert "badge" in (both_once / "build/site/winery/daily_dashboard.html").read_text()


def test_the_page_s_rows_are_the_csv_s_and_add_up_to_the_card(both_once: Path) -> None:
    site = both_once / "build" / "site"
    value = table(
        both_once,
        "select metric_value from marketplace_kpi.dashboard_kpis where metric_key = 'revenue_ytd'",
    )["metric_value"].iloc[0]
    with (site / "downloads" / "marketplace-revenue-by-account.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert sum(float(row["net_revenue"]) for row in rows) == pytest.approx(value)
    page = (site / "marketplace" / "revenue.html").read_text()
    assert page.count("<tr>") >= len(rows)
    assert 'table class="detail" data-sortable' in page and "assets/sort.js" in page
    assert "downloads/marketplace-revenue-by-account.csv" in page


def test_no_page_of_the_team_names_a_person(both_once: Path) -> None:
    card = scorecard_of(load_catalogue("marketplace"))
    assert card is not None
    names = {owner.person_name for owner in card.owners}
    site = both_once / "build" / "site"
    for file in site.rglob("*"):
        if file.suffix in (".html", ".json", ".csv"):
            text = file.read_text()
            assert not [name for name in names if f" {name}" in text or f'"{name}"' in text], file
    book = openpyxl.load_workbook(next(site.glob("downloads/*.xlsx")), read_only=True)
    cells = {str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row}
    book.close()
    assert len(cells) > 1000
    assert not [text for text in cells if any(name in text.split() for name in names) or "person_" in text]
    rows = json.loads((site / "api" / "v1" / "scorecard.json").read_text())["rows"]
    assert len(rows) == 9 and {row["department"] for row in rows} == {"company"}
    assert all(not row["metric_key"].startswith("person_") for row in rows)


def test_each_person_has_a_folder_of_their_own(both_once: Path) -> None:
    private = both_once / "build" / "private"
    folders = sorted(path for path in private.iterdir() if path.is_dir())
    assert [path.name for path in folders] == [
        "andy-cooper", "char-short", "claire", "deuce", "ian-hong", "jack", "victoria",
    ]  # fmt: skip
    for folder in (private.resolve(), *folders):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(next((both_once / "build/runs").glob("*/notebooks/private")).stat().st_mode) == 0o700
    for folder in folders:
        assert check_site(folder) == []
        assert list((folder / "downloads").glob("person-2026-11-20.pdf"))
    victoria = (private / "victoria" / "index.html").read_text()
    assert "Time to Fulfill" in victoria and "Andy Cooper" not in victoria


def test_a_failing_domain_keeps_its_last_good_pages_and_the_other_goes_on(both: Path, kpi: Kpi) -> None:
    tables = table(both, "select * from marketplace_kpi.dashboard_kpis")
    overview = (both / "build/site/marketplace/company_overview.html").read_text()
    break_marketplace(both)
    outcome = kpi("nightly", "--renderer", "embedded", *ONLY)
    assert outcome.code == 3, outcome.out + outcome.err
    assert "offer" in outcome.out and "maybe" in outcome.out
    site = both / "build" / "site"
    kept = (site / "marketplace" / "company_overview.html").read_text()
    assert "These are the last good figures, as of 20 Nov 2026. Newer ones could not be published: " in kept
    assert kept.replace(kept[kept.index('<div class="banner kept"') : kept.index("<main")], "") == overview
    home = (site / "index.html").read_text()
    assert "Fernway Market are not of this night" in home and "These are the last good figures" in home
    assert "last good figures" not in (site / "winery" / "daily_dashboard.html").read_text()
    assert check_site(site) == []
    assert (both / "build" / "private" / "jack" / "index.html").is_file()
    assert has_the_documents_of_the_marketplace(both)
    pd.testing.assert_frame_equal(tables, table(both, "select * from marketplace_kpi.dashboard_kpis"))
    again = kpi("nightly", "--renderer", "embedded", "--force", *ONLY)
    assert again.code == 3
    assert (site / "marketplace" / "company_overview.html").read_text().count('class="banner kept"') == 1
    # What the gate found in rows is for the operator; readers hear which rule.
    assert "maybe" not in (site / "index.html").read_text()
    drawn = kpi("render", "--renderer", "embedded", *ONLY)
    assert drawn.code == 3 and "marketplace" in drawn.out
    assert (site / "marketplace" / "company_overview.html").read_text().count('class="banner kept"') == 1
    assert "Fernway Market are not of this night" in (site / "index.html").read_text()
    stale = kpi("status")
    assert stale.code == 1 and "stale: marketplace:" in stale.out


def test_a_domain_that_missed_new_code_is_built_anew(both: Path, kpi: Kpi) -> None:
    """Its old dates were computed by the old code, whatever the other domain's were."""
    break_marketplace(both)
    with (both / "kpi.toml").open("a") as settings:
        settings.write("\n# A change of the settings is a change of the code.\n")
    assert kpi("nightly", "--renderer", "embedded", *ONLY).code == 3
    held = Releases(both / "data" / "warehouse.duckdb", both / "build", "local").record() or {}
    codes = {name: record["code_version"] for name, record in held["domains"].items()}
    assert codes["winery"] == held["code_version"] != codes["marketplace"]


def test_a_banner_stays_until_its_own_domain_is_good(both: Path, kpi: Kpi) -> None:
    break_marketplace(both)
    assert kpi("nightly", "--renderer", "embedded", "--domain", "marketplace").code == 3
    page = both / "build/site/marketplace/company_overview.html"
    assert "banner" in page.read_text() and "offer" in page.read_text()
    assert kpi("nightly", "--renderer", "embedded", "--domain", "winery", "--force", *ONLY).code == 0
    assert "offer" in page.read_text()


def has_the_documents_of_the_marketplace(folder: Path) -> bool:
    home = (folder / "build/site/index.html").read_text()
    names = [f"{name}-2026-11-20.pdf" for name in ("company_overview", "marketplace-leadership_brief")]
    return all((folder / "build/pdf" / name).is_file() and f"downloads/{name}" in home for name in names)


def test_a_domain_that_never_was_good_stops_nobody(both: Path, kpi: Kpi) -> None:
    for name in ("build", "data/warehouse.releases", "data/warehouse.duckdb"):
        path = both / name
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    break_marketplace(both)
    outcome = kpi("nightly", "--renderer", "embedded", *ONLY)
    assert outcome.code == 3, outcome.out + outcome.err
    home = (both / "build/site/index.html").read_text()
    assert "There are no figures yet" in home
    assert "marketplace/company_overview.html" not in home


def test_one_domain_asked_for_leaves_the_other_s_pages(both: Path, kpi: Kpi) -> None:
    before = (both / "build/site/marketplace/revenue.html").read_bytes()
    outcome = kpi("nightly", "--renderer", "embedded", "--domain", "winery", "--force", *ONLY)
    assert outcome.code == 0, outcome.out + outcome.err
    assert (both / "build/site/marketplace/revenue.html").read_bytes() == before
    assert "Fernway Market" in (both / "build/site/index.html").read_text()
    assert (both / "build/private/jack/index.html").is_file()
    assert has_the_documents_of_the_marketplace(both)


def test_tables_alone_end_with_the_code_of_the_domain_that_failed(both: Path, kpi: Kpi) -> None:
    break_marketplace(both)
    for command in (("build",), ("backfill", "--from", "2026-11-19", "--to", "2026-11-20")):
        outcome = kpi(*command)
        assert outcome.code == 3, outcome.out + outcome.err
        assert "winery: as of 2026-11-20" in outcome.out and "failed: marketplace: " in outcome.out


def test_a_refused_metric_keeps_the_old_table(both: Path, kpi: Kpi) -> None:
    from kpi_lib.catalogue.settings import SHIPPED_DOMAINS

    before = table(both, "select * from marketplace_kpi.dashboard_kpis")
    shutil.copytree(SHIPPED_DOMAINS / "marketplace", both / "mine" / "marketplace")
    (both / "kpi.toml").write_text('domain_folders = ["mine"]\n' + BOTH)
    sql = both / "mine" / "marketplace" / "sql" / "metrics" / "customer_count.sql"
    sql.write_text("SELECT CAST(fiscal_year AS FLOAT64) AS metric_value FROM kpi.customer_development")
    outcome = kpi("nightly", "--renderer", "embedded", *ONLY)
    assert outcome.code == 2, outcome.out + outcome.err
    assert "customer_count" in outcome.out and "it gave" in outcome.out
    pd.testing.assert_frame_equal(before, table(both, "select * from marketplace_kpi.dashboard_kpis"))


@pytest.mark.parametrize("text", ["", '{"schema_version": 1, "targets": [', "[]", '{"schema_version": 2}'])
def test_a_broken_targets_file_stops_the_night_before_it_begins(both: Path, kpi: Kpi, text: str) -> None:
    before = site_state(both)
    (both / "targets.json").write_text(text)
    for args in (("nightly", "--force"), ("targets", "list"), ("check",)):
        outcome = kpi(*args)
        assert outcome.code == 2, (args, outcome.out, outcome.err)
        assert "targets.json" in outcome.err + outcome.out and "Traceback" not in outcome.err
    assert site_state(both) == before


def test_the_command_line_sets_a_target_and_remembers(both: Path, kpi: Kpi) -> None:
    assert kpi("targets", "set", "nrr", "FY2026", "0.8", "--who", "Desk").code == 0
    assert kpi("targets", "set", "nrr", "FY2026", "none", "--who", "Desk").code == 0
    changes = json.loads(kpi("targets", "history", "--json").out)
    assert [(item["who"], item["metric"]) for item in changes] == [("Desk", "nrr")] * 2
    assert changes[0]["new"]["target"] == 0.8 and changes[1]["new"] is None
    for args, said in (
        (("nrrr", "FY2026", "1"), "Did you mean 'nrr'"),
        (("nrr", "FY2026", "105"), "a percent is a fraction here"),
        (("nrr", "2026-11", "1"), "fiscal year"),
        (("nrr", "FY2026", "much"), "is no number"),
        (("total_visitors", "2026-13", "5"), "is no period"),
        (("total_visitors", "2026-12", "5", "--entity", "NOWHERE"), "NOWHERE"),
        (("total_visitors", "2026-12", "5", "--direction", "down"), "direction"),
    ):
        before = (both / "targets.json").read_bytes()
        outcome = kpi("targets", "set", *args)
        assert outcome.code == 2 and said in outcome.err, (args, outcome.err)
        assert (both / "targets.json").read_bytes() == before


def test_a_domain_without_kpis_says_so(both: Path, kpi: Kpi) -> None:
    for pattern in ("today", "payload"):
        outcome = kpi("query", pattern, "--domain", "marketplace")
        assert outcome.code == 2 and "has no daily KPIs" in outcome.err


def test_an_older_day_leaves_the_newest_scorecard_alone(both: Path, kpi: Kpi) -> None:
    before = table(both, "select * from marketplace_kpi.dashboard_kpis")
    outcome = kpi("nightly", "--renderer", "embedded", "--as-of", "2026-10-31", "--only", "company_overview")
    assert outcome.code == 0, outcome.out + outcome.err
    site = both / "build" / "site"
    assert (site / "archive/2026-10-31/marketplace/company_overview.html").is_file()
    assert "20 Nov 2026" in (site / "marketplace" / "company_overview.html").read_text()
    after = table(both, "select * from marketplace_kpi.dashboard_kpis")
    assert dict(zip(after["metric_key"], after["metric_value"], strict=True)) == dict(
        zip(before["metric_key"], before["metric_value"], strict=True)
    )
    history = table(both, "select distinct as_of_date from marketplace_kpi.dashboard_kpis_history")
    assert len(history) == 2


def complete_through(folder: Path, domain: str, day: str) -> None:
    """Say that a domain's sources reach only so far; their rows of later days are not counted then."""
    file = folder / "data" / "landing" / domain / "manifest.json"
    manifest = json.loads(file.read_text())
    for source in manifest["sources"].values():
        source["complete_through"] = day
    file.write_text(json.dumps(manifest))


def published_dates(folder: Path) -> dict[str, str]:
    record = release(folder)
    return {name: item["as_of"] for name, item in record["domains"].items()}


def release(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "data/warehouse.releases/current/release.json").read_text())
    return found


def state_of(folder: Path) -> str:
    return str(table(folder, "select as_of_date from marketplace_kpi.dashboard_kpis_state").iloc[0, 0])[:10]


OVERVIEW = "marketplace/company_overview.html"
DAILY = "winery/daily_dashboard.html"
PAGES = (*ONLY, "--only", "company_overview", "--renderer", "embedded")


def test_an_older_date_of_one_domain_is_the_newest_of_another(both: Path, kpi: Kpi) -> None:
    """The winery stands at the 20th, the marketplace was late and reaches the 10th; the 15th is asked for."""
    complete_through(both, "marketplace", "2026-11-10")
    assert kpi("nightly", "--force", *PAGES).code == 0
    assert published_dates(both) == {"winery": "2026-11-20", "marketplace": "2026-11-10"}
    complete_through(both, "marketplace", "2026-11-20")
    site = both / "build" / "site"
    daily = (site / DAILY).read_bytes()
    outcome = kpi("nightly", "--as-of", "2026-11-15", *PAGES)
    assert outcome.code == 0, outcome.out + outcome.err
    assert published_dates(both) == {"winery": "2026-11-20", "marketplace": "2026-11-15"}
    assert (site / DAILY).read_bytes() == daily
    assert "15 Nov 2026" in (site / OVERVIEW).read_text()
    for page in (DAILY, OVERVIEW):
        assert "15 Nov 2026" in (site / "archive" / "2026-11-15" / page).read_text()
    assert (site / "archive" / "2026-11-20" / DAILY).is_file()
    assert (
        not (site / "archive" / "2026-11-20" / OVERVIEW).exists()
        or "20 Nov 2026" in (site / "archive" / "2026-11-20" / OVERVIEW).read_text()
    )
    assert state_of(both) == "2026-11-15"
    home = (site / "index.html").read_text()
    assert "Sun 15 Nov 2026" in home and "archive/2026-11-15/winery/daily_dashboard.html" in home
    assert check_site(site) == []
    kept = json.loads((site / "api/v1/dashboard.json").read_text())
    assert "2026-11-20" in json.dumps(kept)


def test_an_older_date_of_both_leaves_both_published(both: Path, kpi: Kpi) -> None:
    site = both / "build" / "site"
    pages = {page: (site / page).read_bytes() for page in (DAILY, OVERVIEW)}
    listed = (site / "archive" / "index.html").read_text()
    outcome = kpi("nightly", "--as-of", "2026-11-15", *PAGES)
    assert outcome.code == 0, outcome.out + outcome.err
    assert published_dates(both) == {"winery": "2026-11-20", "marketplace": "2026-11-20"}
    assert pages == {page: (site / page).read_bytes() for page in pages}
    assert state_of(both) == "2026-11-20"
    for page in (DAILY, OVERVIEW):
        place = f"archive/2026-11-15/{page}"
        assert (site / place).is_file()
        assert place in (site / "index.html").read_text(), "the home page lists the day"
    renewed = (site / "archive" / "index.html").read_text()
    assert "15 Nov 2026" in renewed and "15 Nov 2026" not in listed


def test_one_domain_goes_on_while_the_other_s_past_is_asked_for(both: Path, kpi: Kpi) -> None:
    """Kept days of a domain whose pages are not made stay in the archive, also those of the same date."""
    outcome = kpi("nightly", "--domain", "marketplace", "--as-of", "2026-10-31", "--renderer", "embedded")
    assert outcome.code == 0, outcome.out + outcome.err
    site = both / "build" / "site"
    assert published_dates(both) == {"winery": "2026-11-20", "marketplace": "2026-11-20"}
    assert (site / "archive" / "2026-11-20" / DAILY).is_file()
    edit = both / "data" / "landing" / "marketplace" / "listing.parquet"
    frame = pd.read_parquet(edit, dtype_backend="pyarrow")
    frame.iloc[:-1].to_parquet(edit, index=False)
    outcome = kpi("nightly", "--domain", "marketplace", "--renderer", "embedded")
    assert outcome.code == 0, outcome.out + outcome.err
    for day, page in (("2026-11-20", DAILY), ("2026-11-20", OVERVIEW), ("2026-10-31", OVERVIEW)):
        assert (site / "archive" / day / page).is_file(), (day, page)
    assert (site / DAILY).is_file() and check_site(site) == []


def test_taken_back_days_are_not_restored(both: Path, kpi: Kpi) -> None:
    complete_through(both, "marketplace", "2026-11-10")
    refused = kpi("nightly", *PAGES)
    assert refused.code == 3 and "already published" in refused.out
    outcome = kpi("nightly", "--force", *PAGES)
    assert outcome.code == 0, outcome.out + outcome.err
    assert published_dates(both)["marketplace"] == "2026-11-10" == state_of(both)
    assert "10 Nov 2026" in (both / "build/site" / OVERVIEW).read_text()


def test_a_backfill_is_history_and_the_newest_stays(both: Path, kpi: Kpi) -> None:
    newest = table(both, "select metric_key, metric_value from marketplace_kpi.dashboard_kpis")
    asked = ("backfill", "--domain", "marketplace", "--from", "2026-09-28", "--to", "2026-10-02")
    outcome = kpi(*asked)
    assert outcome.code == 0, outcome.out + outcome.err
    sql = "select * exclude (updated_at) from marketplace_kpi.dashboard_kpis_history order by all"
    once = table(both, sql)
    days = set(once["as_of_date"].astype("datetime64[s]").dt.strftime("%Y-%m-%d"))
    assert days == {"2026-09-28", "2026-09-29", "2026-09-30", "2026-10-01", "2026-10-02", "2026-11-20"}
    assert kpi(*asked).code == 0
    pd.testing.assert_frame_equal(once, table(both, sql))
    after = table(both, "select metric_key, metric_value from marketplace_kpi.dashboard_kpis")
    pd.testing.assert_frame_equal(newest, after)
    beyond = kpi("backfill", "--domain", "marketplace", "--from", "2021-12-30", "--to", "2022-01-02")
    assert beyond.code == 2 and "goes beyond the data" in beyond.err
