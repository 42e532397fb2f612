"""Every page in Chromium, offline: no complaint, nothing for axe to find, nothing wider than the screen."""

from __future__ import annotations

import datetime as dt
import importlib.util
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from kpi_lib.catalogue import load_catalogue
from kpi_lib.reporting.check import check_site
from kpi_lib.reporting.context import NavItem
from kpi_lib.reporting.definitions_page import write_definitions
from kpi_lib.reporting.display import headline, quality, restatements, table
from kpi_lib.reporting.entity_index import write_entity_index
from kpi_lib.reporting.html import write_assets, write_pages, write_text
from kpi_lib.reporting.notice import FailedNight
from kpi_lib.reporting.site import DomainHome, kpi_sections, write_archive, write_home, write_kpi_index
from tests.browser.conftest import Visit, needed
from tests.quality_sample import QualityWh
from tests.reporting_many import many
from tests.reporting_notebooks import SVG, context, executed, result_of, rich
from tests.restated_sample import RestatedWh, restated_row

WIDTHS = (390, 834, 1440)
SCHEMES = ("light", "dark")
PUBLISHED = Path(os.environ.get("KPI_SITE", "build/site"))
NAV = (
    NavItem("Daily", "winery/daily.html"),
    NavItem("KPIs", "winery/kpi/index.html"),
    NavItem("Archive", "archive/index.html"),
)
TABLE = (
    '<section class="group" aria-labelledby="g"><h2 id="g">Revenue</h2>'
    '<div class="scroll" tabindex="0" role="region" aria-label="Revenue, every window">'
    '<table><thead><tr><th scope="col">KPI</th>'
    + '<th scope="col" class="num">1–20 Nov</th>' * 14
    + '</tr></thead><tbody><tr><th scope="row"><a href="kpi/total_visitors.html">Visitors</a></th>'
    + '<td class="num">$412,380</td>' * 14
    + "</tr></tbody></table></div></section>"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small site with every kind of page this package makes."""
    folder = tmp_path_factory.mktemp("site")
    notebook = executed(
        folder / "n.ipynb",
        rich(text_html='<h1>November is ahead</h1><p class="lede">By <b>8.3 %</b>.</p>'),
        rich(svg=SVG),
        rich(text_html=TABLE),
        rich(text_plain="plain " * 60),
        rich(text_markdown="*words* and `code`"),
    )
    catalogue = load_catalogue("winery")
    root = folder / "root"
    run = context(nav=NAV, banner="One source is late.")
    details = [
        result_of(
            executed(folder / f"{kpi.code}.ipynb", rich(text_html=f"<p>{kpi.code}</p>")),
            f"winery/kpi/{kpi.code}.html",
            kpi.title,
        )
        for kpi in catalogue.kpis
    ]
    pages = [result_of(notebook), *details]
    write_pages(pages, root, run)
    write_kpi_index(root, run, catalogue)
    write_archive(root, run, ["winery/daily.html"])
    home = DomainHome(
        "winery",
        "Larkspur Ridge",
        run.as_of,
        "November is ahead",
        "By <b>8.3 %</b>.",
        sections=kpi_sections(catalogue),
    )
    write_home(root, run, [home])
    assert check_site(root) == []
    return root


@pytest.fixture(params=[(width, scheme) for width in WIDTHS for scheme in SCHEMES], ids=str)
def visit(browser: Any, request: pytest.FixtureRequest) -> Iterator[Visit]:
    opened = Visit(browser, *request.param)
    yield opened
    opened.close()


def axe_problems(page: Any) -> list[str]:
    if importlib.util.find_spec("axe_playwright_python") is None:
        needed("axe is not installed: pip install 'kpi-lib[browser]'")
    from axe_playwright_python.sync_playwright import Axe

    # Its preload fetches the style sheet by script, which our policy forbids.
    found = Axe().run(page, options={"preload": False}).response["violations"]
    return [f"{rule['id']}: {node['html'][:120]}" for rule in found for node in rule["nodes"]]


def look(visit: Visit, root: Path, names: list[str], checked: Collection[str] | None = None) -> list[str]:
    """Open pages and return everything that is wrong with them; axe looks at those ``checked``, or all."""
    problems = []
    for name in names:
        page = visit.open(root / name)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        problems += [f"{name}: {complaint}" for complaint in visit.complaints]
        if checked is None or name in checked:
            problems += [f"{name}: axe {problem}" for problem in axe_problems(page)]
        problems += [f"{name}: {wide} px wider than the screen"] if wide > 0 else []
        visit.complaints.clear()
    return problems


def test_every_kind_of_page_at_every_width_in_both_schemes(visit: Visit, site: Path) -> None:
    names = [
        "index.html",
        "winery/daily.html",
        "winery/kpi/index.html",
        "winery/kpi/total_visitors.html",
        "archive/index.html",
        "archive/2026-11-20/winery/daily.html",
    ]
    assert look(visit, site, names) == []


@pytest.mark.timeout(1800)
def test_the_published_site(visit: Visit) -> None:
    if not (PUBLISHED / "index.html").is_file():
        pytest.skip(f"nothing is published in {PUBLISHED}; `make report` does it")
    root = PUBLISHED.resolve()
    pages = sorted(path.relative_to(root).as_posix() for path in root.glob("**/*.html"))
    many = [
        name for name in pages if ("/kpi/" in name or "/entity/" in name) and not name.endswith("index.html")
    ]
    details = [name for kind in ("/kpi/", "/entity/") for name in [page for page in many if kind in page][:3]]
    single = [name for name in pages if name not in many]
    # A page of the archive is one of the others with a line above it: of those, axe sees one. What it has
    # to say of the width between, it says of every kind of page in the small site.
    archived = [name for name in single if name.startswith("archive/2")]
    checked = {*single, *details} - {*archived[1:]} if visit.width != 834 else set()
    assert look(visit, root, [*single, *details], checked) == []


def test_fonts_style_and_script_load_from_disk_under_the_policy(browser: Any, site: Path) -> None:
    visit = Visit(browser)
    page = visit.open(site / "winery/kpi/total_visitors.html")
    assert "Inter" in page.evaluate("getComputedStyle(document.body).fontFamily")
    assert page.evaluate("document.fonts.check('15px Inter')")
    loaded = page.evaluate("[...document.fonts].filter(f => f.status == 'loaded').map(f => f.family)")
    assert "Inter" in loaded
    visit.close()


def test_nothing_inline_runs(browser: Any, site: Path, tmp_path: Path) -> None:
    text = (site / "winery/daily.html").read_text()
    evil = (
        "<script>document.title='ran'</script>"
        "<img src='x' alt='' onerror=\"document.title='ran'\">"
        "<script src='https://example.org/x.js'></script>"
    )
    page_file = write_text(site / "winery/evil.html", text.replace("</main>", evil + "</main>"))
    visit = Visit(browser)
    page = visit.open(page_file)
    assert page.title() != "ran"
    assert sum("Content Security Policy" in complaint for complaint in visit.complaints) >= 3
    visit.close()
    page_file.unlink()


@pytest.mark.parametrize(("age_hours", "stale"), [(1, False), (24.9, False), (26, True), (100, True)])
def test_a_page_knows_its_own_age(browser: Any, site: Path, age_hours: float, stale: bool) -> None:
    visit = Visit(browser, timezone_id="Pacific/Auckland")
    built = context().built_at
    visit.page.clock.install(time=built + dt.timedelta(hours=age_hours))
    page = visit.open(site / "winery/daily.html")
    banner = page.locator("#age")
    assert banner.is_visible() is stale
    if stale:
        words = {26: "26 hours", 100: "4 days"}[int(age_hours)]
        assert words in banner.inner_text() and "as of Fri 20 Nov 2026" in banner.inner_text()
    else:
        page.clock.fast_forward("27:00:00")
        assert banner.is_visible()
    visit.close()


@pytest.mark.parametrize(("hours", "age"), [(0.5, ""), (9, " (9 hours ago)"), (80, " (3 days ago)")])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_after_a_failed_night_one_banner_says_why_and_how_old(
    browser: Any, site: Path, hours: float, age: str, scheme: str
) -> None:
    built = context().built_at
    night = FailedNight(
        error="1 critical rule of 173 failed as of 2026-11-21: party_size <b> is never negative.",
        at=built + dt.timedelta(hours=24),
        since=built + dt.timedelta(hours=24),
        failures=1,
        made=built,
        time_zone="America/Los_Angeles",
    )
    marked = night.on_page((site / "winery/daily.html").read_text())
    assert night.on_page(marked) == marked
    file = write_text(site / "winery/marked.html", marked)
    visit = Visit(browser, width=390, scheme=scheme)
    visit.page.clock.install(time=built + dt.timedelta(hours=hours))
    page = visit.open(file)
    assert not page.locator("#age").is_visible()
    text = page.locator(".banner.notice").inner_text()
    assert "failed: 1 critical rule of 173 failed as of 2026-11-21: party_size <b> is never negative." in text
    assert text.endswith(f"PST{age}.")
    assert axe_problems(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert visit.complaints == []
    visit.close()
    file.unlink()


def test_an_archived_page_says_what_it_is_and_not_how_old(browser: Any, site: Path) -> None:
    visit = Visit(browser)
    visit.page.clock.install(time=context().built_at + dt.timedelta(days=300))
    page = visit.open(site / "archive/2026-11-20/winery/daily.html")
    assert not page.locator("#age").is_visible()
    page.get_by_role("link", name="See the newest.").click()
    page.wait_for_load_state("networkidle")
    assert page.url.endswith("/winery/daily.html") and "archive" not in page.url
    visit.close()


def test_the_keyboard_reaches_everything(browser: Any, site: Path) -> None:
    visit = Visit(browser)
    page = visit.open(site / "winery/daily.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator(".skip").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    seen = []
    for _ in range(40):
        name = page.evaluate("document.activeElement.outerHTML.slice(0, 60)")
        if name in seen or page.evaluate("document.activeElement === document.body"):
            break
        seen.append(name)
        page.keyboard.press("Tab")
    assert any('class="scroll"' in name for name in seen)
    assert any("kpi/total_visitors.html" in name for name in seen)
    visit.close()


def test_a_list_of_locations_is_narrowed_down_by_typing(browser: Any, tmp_path: Path) -> None:
    run = context(nav=(NavItem("Locations", "winery/entity/index.html"),))
    write_entity_index(tmp_path, run, many(200))
    write_assets(tmp_path)
    visit = Visit(browser, 390)
    page = visit.open(tmp_path / "winery/entity/index.html")
    shown = page.locator("tbody tr:not(.total):visible")
    assert shown.count() == 199
    page.get_by_label("Show only names with").fill("PLACE 15")
    assert shown.count() == 11 and page.locator("#filter-count").inner_text() == "11 of 200 shown"
    page.get_by_role("button", name="Location").click()
    assert shown.first.inner_text().startswith("Place 15")
    page.get_by_label("Show only names with").fill("nowhere")
    assert shown.count() == 0
    page.get_by_label("Show only names with").fill("")
    assert shown.count() == 199 and page.locator("#filter-count").inner_text() == ""
    assert axe_problems(page) == [] and visit.complaints == []
    visit.close()


def test_quality_and_restatements_at_every_width_in_both_schemes(visit: Visit, tmp_path: Path) -> None:
    pages = {
        "data_quality": (quality(QualityWh()), ("nights", "failures", "freshness", "expectations", "rows")),
        "restatements": (
            restatements(RestatedWh([restated_row(), restated_row(cause="correction")])),
            ("changes",),
        ),
    }
    run = context(nav=tuple(NavItem(name, f"winery/{name}.html") for name in pages))
    results = []
    for name, (page, kinds) in pages.items():
        outputs = [headline(page), *(table(page, kind) for kind in kinds)]
        path = executed(tmp_path / f"{name}.ipynb", *(rich(text_html=item.html) for item in outputs))
        results.append(result_of(path, f"winery/{name}.html", name))
    write_pages(results, tmp_path / "site", run)
    write_definitions(tmp_path / "site", run, load_catalogue("winery"))
    names = [*(f"winery/{name}.html" for name in pages), "winery/definitions.html"]
    assert look(visit, tmp_path / "site", names) == []
