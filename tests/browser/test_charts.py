"""Charts in Chromium: drawn again under the policy, same words, reached by mouse and keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kpi_lib.reporting import charts
from kpi_lib.reporting.display import chart
from kpi_lib.reporting.html import page_html, write_assets, write_text
from tests.browser.conftest import Visit
from tests.browser.test_pages import axe_problems
from tests.reporting_notebooks import context
from tests.reporting_sample import sample

KINDS = sorted({**charts.KINDS, **charts.PARTED})
ZONES = ("America/Los_Angeles", "Pacific/Auckland")


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with every chart of a KPI, in a site of its own."""
    root = tmp_path_factory.mktemp("charts")
    body = "".join(chart(sample(), kind).html for kind in KINDS)
    write_assets(root)
    page = page_html(body, title="Charts", page="winery/charts.html", context=context(nav=()))
    assert len(page) < 400_000
    write_text(root / "index.html", page_html("", title="Home", page="index.html", context=context(nav=())))
    return write_text(root / "winery/charts.html", page)


@pytest.fixture(params=[(zone, width) for zone in ZONES for width in (390, 1440)], ids=str)
def visit(browser: Any, request: pytest.FixtureRequest) -> Iterator[Visit]:
    zone, width = request.param
    opened = Visit(browser, width, timezone_id=zone)
    yield opened
    opened.close()


def scripts(page: Any) -> list[str]:
    return page.evaluate("[...document.scripts].map(script => script.src.split('/').pop())")


def wake(page: Any, number: int, across: float = 0.7) -> Any:
    stage = page.locator(".stage").nth(number)
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    stage.hover(position={"x": box["width"] * across, "y": box["height"] * 0.5})
    page.wait_for_function("stage => stage.classList.contains('drawn')", arg=stage.element_handle())
    return stage


def words_of(stage: Any, drawing: str) -> list[str]:
    return stage.evaluate(
        """(stage, drawing) => [...stage.querySelectorAll(drawing)]
          .filter(svg => getComputedStyle(svg).display !== 'none')
          .flatMap(svg => [...svg.querySelectorAll('text')].map(text => text.textContent))
          .filter(text => text).sort()""",
        drawing,
    )


def test_vega_draws_the_same_words_and_marks_under_the_policy(visit: Visit, page_file: Path) -> None:
    page = visit.open(page_file)
    assert page.locator(".stage").count() == len(KINDS)
    assert "vega.js" not in scripts(page)
    for number, _ in enumerate(KINDS):
        stage = wake(page, number)
        still, live = words_of(stage, ":scope > svg"), words_of(stage, ".live svg")
        assert still and still == live
        hits = stage.locator(".live_hits_marks > path").count()
        assert hits == int(stage.locator(".reader").get_attribute("aria-valuemax")) > 1
    assert scripts(page).count("vega.js") == 1
    assert visit.complaints == []
    assert axe_problems(page) == []


def test_dates_are_the_same_in_every_time_zone(visit: Visit, page_file: Path) -> None:
    page = visit.open(page_file)
    readings = {}
    for number, kind in enumerate(KINDS):
        stage = wake(page, number)
        reader = stage.locator(".reader")
        reader.focus()
        page.keyboard.press("End")
        readings[kind] = reader.get_attribute("aria-valuetext")
    data = sample()
    assert readings["heat"].startswith("Fri 20 Nov 2026, $")
    assert readings["cumulative"].startswith("1–30 Nov, 2025: $")
    assert readings["trend"].startswith("November, Nov 2026: $") and "20 of 30 days" in readings["trend"]
    assert readings["bridge"].startswith("Change, +$")
    last = page.locator(".stage").nth(KINDS.index("heat")).locator(".tip").text_content()
    assert f"{data.as_of.year}" in last


def test_a_pointer_shows_a_value_and_leaves_nothing_behind(browser: Any, page_file: Path) -> None:
    visit = Visit(browser)
    page = visit.open(page_file)
    stage = wake(page, KINDS.index("trend"), 0.5)
    tip = stage.locator(".tip")
    tip.wait_for(state="visible")
    assert "2026: $" in tip.inner_text() and "2024: $" in tip.inner_text()
    box, frame = tip.bounding_box(), stage.bounding_box()
    assert frame["x"] <= box["x"] and box["x"] + box["width"] <= frame["x"] + frame["width"]
    page.mouse.move(1, 1)
    tip.wait_for(state="hidden")
    visit.close()


def test_the_keyboard_reads_a_chart(browser: Any, page_file: Path) -> None:
    visit = Visit(browser)
    page = visit.open(page_file)
    stage = page.locator(".stage").nth(KINDS.index("heat"))
    reader = stage.locator(".reader")
    for _ in range(40):
        page.keyboard.press("Tab")
        if reader.evaluate("element => element === document.activeElement"):
            break
    page.wait_for_function("stage => stage.classList.contains('drawn')", arg=stage.element_handle())
    stage.locator(".tip").wait_for(state="visible")
    assert reader.get_attribute("aria-valuetext").startswith("Fri 20 Nov 2026")
    page.keyboard.press("ArrowLeft")
    assert reader.get_attribute("aria-valuetext").startswith("Thu 19 Nov 2026")
    page.keyboard.press("PageUp")
    assert reader.get_attribute("aria-valuetext").startswith("Thu 12 Nov 2026")
    page.keyboard.press("Home")
    assert reader.get_attribute("aria-valuenow") == "1"
    page.keyboard.press("Escape")
    assert stage.locator(".tip").is_hidden()
    visit.close()


def test_paper_and_a_browser_without_scripts_have_the_static_drawing(browser: Any, page_file: Path) -> None:
    visit = Visit(browser)
    page = visit.open(page_file)
    stage = wake(page, 0)
    page.emulate_media(media="print")
    drawing = stage.locator(":scope > svg.wide")
    assert drawing.evaluate("svg => getComputedStyle(svg).opacity") == "1"
    assert stage.locator(".live").is_hidden() and stage.locator(".reader").is_hidden()
    visit.close()

    quiet = Visit(browser, java_script_enabled=False)
    quiet.page.goto(page_file.absolute().as_uri())
    assert quiet.page.locator(".stage > svg.wide").count() == len(KINDS)
    assert quiet.page.locator(".live, .reader, .tip").count() == 0
    quiet.close()


def test_colours_follow_the_scheme(browser: Any, page_file: Path) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        visit = Visit(browser, scheme=scheme)
        page = visit.open(page_file)
        wake(page, KINDS.index("bridge"))
        colours[scheme] = page.locator(".live svg .mark-rect path").first.evaluate(
            "bar => getComputedStyle(bar).fill"
        )
        visit.close()
    assert colours["light"] != colours["dark"]
