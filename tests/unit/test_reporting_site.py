"""Home, the index of KPIs, the archive: links that resolve from wherever they stand."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from kpi_lib.catalogue import load_catalogue
from kpi_lib.reporting.archive import refresh_home
from kpi_lib.reporting.check import check_site
from kpi_lib.reporting.context import GateSummary, LateSource, NavItem, SiteContext
from kpi_lib.reporting.html import page_html, write_pages, write_text
from kpi_lib.reporting.site import (
    DomainHome,
    Section,
    kpi_sections,
    rebase,
    write_archive,
    write_home,
    write_kpi_index,
)
from tests.reporting_notebooks import context, executed, result_of, rich

CARDS = (
    '<ul class="cards"><li><a class="card" href="kpi/visitors.html"><div class="cv">2,204</div></a></li></ul>'
)


def small_site(tmp_path: Path, as_of: dt.date = dt.date(2026, 11, 20)) -> Path:
    site = tmp_path / "site"
    body = '<h1>November</h1><a href="kpi/visitors.html">Visitors</a> <a href="#top" id="top">up</a>'
    path = executed(tmp_path / "n.ipynb", rich(text_html=body))
    run = context(as_of=as_of, watermark=as_of)
    results = [
        result_of(path),
        result_of(
            executed(tmp_path / "k.ipynb", rich(text_html="<h1>V</h1>")),
            "winery/kpi/visitors.html",
            "Visitors",
        ),
    ]
    write_pages(results, site, run)
    index = page_html("", title="KPIs", page="winery/kpi/index.html", context=run)
    write_text(site / "winery/kpi/index.html", index)
    return site


def home(**changes: object) -> DomainHome:
    values: dict[str, object] = {
        "domain": "winery",
        "title": "Larkspur Ridge",
        "as_of": dt.date(2026, 11, 20),
        "headline": "November is 8.3 % ahead & <well>",
        "lede": "Revenue is <b>$412,380</b>.",
        "cards": CARDS,
        "sections": (Section("Reports", (NavItem("Daily KPIs", "winery/daily.html"),)),),
        "downloads": (NavItem("Dashboard as JSON", "api/v1/dashboard.json"),),
        "base": "winery/index.html",
    }
    return DomainHome(**{**values, **changes})  # type: ignore[arg-type]


def test_home_answers_what_against_what_and_whether_to_trust_it(tmp_path: Path) -> None:
    site = small_site(tmp_path)
    write_text(site / "api/v1/dashboard.json", "{}")
    write_archive(site, context(), ["winery/daily.html"])
    text = write_home(site, context(), [home()]).read_text()
    assert "<h1>November is 8.3 % ahead &amp; &lt;well&gt;</h1>" in text
    assert '<p class="lede">Revenue is <b>$412,380</b>.</p>' in text
    assert "As of <b>Fri 20 Nov 2026</b>" in text and "✓ sources complete · 148 of 148 checks passed" in text
    assert 'href="winery/kpi/visitors.html"' in text and 'href="winery/daily.html"' in text
    assert 'href="archive/2026-11-20/winery/daily.html"' in text
    assert check_site(site) == []


def test_two_domains_each_with_its_own_headline_and_state(tmp_path: Path) -> None:
    text = write_home(
        tmp_path, context(), [home(), home(domain="market", title="Market", error="The gate <failed>.")]
    ).read_text()
    assert text.count('<p class="lede">') == 2
    assert "<h1>Complete through Fri 20 Nov 2026, and checked</h1>" in text
    assert text.count('<p class="headline">November is 8.3 % ahead &amp; &lt;well&gt;</p>') == 2
    assert "last good figures, as of 20 Nov 2026: The gate &lt;failed&gt;." in text


def noted() -> SiteContext:
    """A run whose checks noticed something."""
    return context(
        gate=GateSummary(147, 148, 1, notes=("mart.order_line: 3 lines <without> a product.",)),
        late=(LateSource("stg_club", dt.date(2026, 11, 18)),),
    )


def test_what_the_checks_noticed_is_on_the_home_page_and_reachable_from_every_page(tmp_path: Path) -> None:
    run = noted()
    body = executed(tmp_path / "n.ipynb", rich(text_html="<h1>November</h1>"))
    write_pages([result_of(body)], tmp_path / "site", run)
    text = write_home(tmp_path / "site", run, [home(cards="", downloads=())]).read_text()
    assert "What the checks noticed</h2>" in text
    assert "<li><samp>mart.order_line: 3 lines &lt;without&gt; a product.</samp></li>" in text
    assert "<li><samp>stg_club is complete through 18 Nov 2026 only.</samp></li>" in text
    page = (tmp_path / "site/winery/daily.html").read_text()
    assert '<a class="checks" href="../index.html#checks">147 of 148 checks passed, 1 warning</a>' in page
    write_archive(tmp_path / "site", run, ["winery/daily.html"])
    kept = (tmp_path / "site/archive/2026-11-20/winery/daily.html").read_text()
    assert "147 of 148 checks passed, 1 warning" in kept and "#checks" not in kept
    write_text(tmp_path / "site/winery/kpi/index.html", page_html("", title="K", page="a/b/c", context=run))
    assert check_site(tmp_path / "site") == []


def test_a_page_of_an_earlier_night_still_leads_to_the_checks(tmp_path: Path) -> None:
    site = small_site(tmp_path)
    write_text(site / "winery/old.html", page_html("", title="Old", page="winery/old.html", context=noted()))
    text = write_home(site, context(), [home(downloads=())]).read_text()
    assert "What the checks noticed" not in text
    assert check_site(site) == []


def test_a_page_made_later_for_an_older_day_says_when_it_was_made(tmp_path: Path) -> None:
    small_site(tmp_path)
    write_home(tmp_path / "site", context(), [home(downloads=())])
    day = dt.date(2026, 7, 1)
    late = context(as_of=day, watermark=day)
    index = write_archive(tmp_path / "site", late, ["winery/daily.html"]).read_text()
    assert "<title>Archive · Larkspur Ridge</title>" in index
    assert "As of" not in index and "data-as-of" not in index and "as they were published" not in index
    kept = (tmp_path / "site/archive/2026-07-01/winery/daily.html").read_text()
    assert (
        "Archived page for 1 Jul 2026, made Sat 21 Nov 2026, 00:04 PST from the sources of that time." in kept
    )


def test_a_day_that_is_added_later_gets_into_the_home_page_and_nothing_else_changes(tmp_path: Path) -> None:
    site = small_site(tmp_path)
    refresh_home(site, context())
    assert not (site / "index.html").exists()
    before = write_home(site, context(), [home(downloads=())]).read_text()
    assert "archive/2026-07-01" not in before
    late = context(as_of=dt.date(2026, 7, 1), run_id="another")
    write_archive(site, late, ["winery/daily.html"])
    refresh_home(site, late)
    after = (site / "index.html").read_text()
    assert '<a href="archive/2026-07-01/winery/daily.html">Wed 1 Jul 2026: Daily KPIs</a>' in after
    assert "another" not in after and "As of <b>Fri 20 Nov 2026</b>" in after
    refresh_home(site, late)
    assert (site / "index.html").read_text() == after
    assert check_site(site) == []


def test_two_domains_that_name_alike_are_told_apart_at_home_and_in_the_archive(tmp_path: Path) -> None:
    body = executed(tmp_path / "n.ipynb", rich(text_html="<h1>November</h1>"))
    run = context(domains=(("winery", "Larkspur Ridge"), ("cellar", "Larkspur Ridge")), nav=())
    pages = ["winery/daily.html", "cellar/daily.html"]
    write_pages([result_of(body, page) for page in pages], tmp_path, run)
    index = write_archive(tmp_path, run, pages).read_text()
    assert ">Daily KPIs, Larkspur Ridge (winery)</a>" in index
    homes = [
        home(cards="", sections=(), downloads=()),
        home(domain="cellar", cards="", sections=(), downloads=()),
    ]
    text = write_home(tmp_path, run, homes).read_text()
    assert ">Larkspur Ridge (winery)</h2>" in text and ">Larkspur Ridge (cellar)</h2>" in text
    assert check_site(tmp_path) == []


def test_the_archive_keeps_pages_that_stand_alone(tmp_path: Path) -> None:
    site = small_site(tmp_path, dt.date(2026, 11, 19))
    early = context(as_of=dt.date(2026, 11, 19))
    write_archive(site, early, ["winery/daily.html"])
    small_site(tmp_path)
    write_home(site, context(), [home(downloads=())])
    index = write_archive(site, context(), ["winery/daily.html"]).read_text()
    assert index.index("20 Nov 2026</h2>") < index.index("19 Nov 2026</h2>")
    kept = (site / "archive/2026-11-19/winery/daily.html").read_text()
    assert "Fri 20 Nov" not in kept and "Archived page for 19 Nov 2026" in kept
    assert 'href="../../../assets/site.css"' in kept and 'href="../../../winery/kpi/visitors.html"' in kept
    assert 'href="#top"' in kept and 'aria-current="page"' not in kept
    assert " data-stale-after-hours" not in kept
    assert check_site(site) == []


def test_an_archived_page_may_outlive_what_it_links_to(tmp_path: Path) -> None:
    site = small_site(tmp_path)
    write_archive(site, context(), ["winery/daily.html"])
    write_home(site, context(), [home(cards="", downloads=())])
    (site / "winery/kpi/visitors.html").unlink()
    problems = check_site(site)
    assert problems == ["winery/daily.html: 'kpi/visitors.html' does not exist."]


def test_the_index_of_kpis_defines_each(tmp_path: Path) -> None:
    catalogue = load_catalogue("winery")
    text = write_kpi_index(tmp_path, context(), catalogue).read_text()
    assert all(f'<a href="{kpi.code}.html">' in text for kpi in catalogue.kpis)
    assert text.count("<dt>") == len(catalogue.kpis) == 27
    assert sum(len(section.links) for section in kpi_sections(catalogue)) == 27


@pytest.mark.parametrize(
    ("link", "moved"),
    [
        ("kpi/x.html#a", "../../../winery/kpi/x.html#a"),
        ("../assets/site.css", "../../../assets/site.css"),
        ("#here", "#here"),
        ("", ""),
        ("data:,", "data:,"),
        ("https://example.org/", "https://example.org/"),
    ],
)
def test_links_are_moved_with_their_page(link: str, moved: str) -> None:
    page, place = "winery/daily.html", "archive/2026-11-20/winery/daily.html"
    assert rebase(f'<a href="{link}">', page, place) == f'<a href="{moved}">'


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "Complete through Fri 20 Nov 2026, and checked"),
        ({"late": (LateSource("stg_club", dt.date(2026, 11, 18)),)}, "with one thing to know"),
        ({"gate": GateSummary(146, 148, 2, notes=("a", "b"))}, "with 2 things to know"),
        ({"watermark": dt.date(2026, 11, 19)}, "the sources are complete only through 19 Nov 2026"),
        ({"watermark": None}, "Read with care"),
        ({"gate": GateSummary(147, 148, 0, 1)}, "Not to be trusted as it is"),
        ({"banner": "The figures of X are not of this night."}, "Not all figures are of this night"),
    ],
)
def test_the_verdict_over_all_figures(changes: dict[str, object], verdict: str) -> None:
    assert verdict in context(**changes).verdict


def test_a_site_of_several_domains_has_two_rows_of_links() -> None:
    nav = (
        NavItem("Daily", "winery/daily.html"),
        NavItem("Data quality", "winery/data_quality.html"),
        NavItem("Company", "market/company.html"),
        NavItem("Archive", "archive/index.html"),
    )
    run = context(domains=(("winery", "Larkspur Ridge"), ("market", "Fernway Market")), nav=nav)
    page = page_html("", title="Daily", page="winery/daily.html", context=run)
    assert '<a href="daily.html" aria-current="true">Larkspur Ridge</a>' in page
    assert '<a href="../market/company.html">Fernway Market</a>' in page
    inner = page[page.index('<nav class="pages" aria-label="Pages of Larkspur Ridge">') :]
    inner = inner[: inner.index("</nav>")]
    assert '<a href="daily.html" aria-current="page">Daily</a>' in inner and "Company" not in inner
    assert '<a class="checks" href="data_quality.html">148 of 148 checks passed</a>' in page
    home_page = page_html("", title="Home", page="index.html", context=run)
    assert '<nav class="pages"' not in home_page and ">Archive</a>" in home_page


def test_a_domain_s_page_shows_its_own_checks_and_home_those_of_all() -> None:
    run = context(
        gate=GateSummary(260, 263, 3),
        domains=(("winery", "Larkspur Ridge"), ("market", "Fernway Market")),
        gates=(("winery", GateSummary(173, 173)), ("market", GateSummary(87, 90, 3))),
    )
    said = {
        page: page_html("", title="T", page=page, context=run)
        for page in ("winery/daily.html", "market/company.html", "index.html")
    }
    assert "173 of 173 checks passed" in said["winery/daily.html"] and "260" not in said["winery/daily.html"]
    assert "87 of 90 checks passed, 3 warnings" in said["market/company.html"]
    assert "260 of 263 checks passed, 3 warnings" in said["index.html"]
