"""A user's own domain of hostile names and extreme values, through a real night: pages whole and correct."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest

from kpi_lib.reporting.check import check_site
from tests import stress_domain

from .conftest import ROOT, call

SETTINGS = """
domains = ["stress"]
domain_folders = ["mine"]
[site]
title = "Stress & <b>Co</b>"
"""
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stressed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stress") / "project"
    folder.mkdir()
    (folder / "kpi.toml").write_text(SETTINGS)
    for name in ("notebooks", "expectations", "reports"):
        (folder / name).symlink_to(ROOT / name)
    stress_domain.write_domain(folder / "mine", folder / "data" / "landing")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert call("targets", "set", "big", "2025", "10", "--domain", "stress").code == 0
        outcome = call("nightly", "--renderer", "embedded", "--limit", "12")
        assert outcome.code == 0, outcome.out + outcome.err
    return folder


def words(page: Path) -> str:
    body = page.read_text()
    main = body[body.index("<main") : body.index("</main>")]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", main))).replace("\xa0", " ")


def test_every_page_holds_together(stressed: Path) -> None:
    site = stressed / "build" / "site"
    assert check_site(site, ("None", "nan")) == []
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    kpis = {f"stress/kpi/{code}.html" for code, *_ in stress_domain.KPIS}
    assert kpis | {f"stress/entity/p{number:03d}.html" for number in range(1, 201)} <= pages
    assert (stressed / "build/pdf/daily_dashboard-2026-11-20.pdf").read_bytes().startswith(b"%PDF")


def test_no_name_becomes_markup(stressed: Path) -> None:
    for page in (stressed / "build" / "site").rglob("*.html"):
        text = page.read_text()
        assert "<script>alert" not in text and "<i>First" not in text and "<b>Co</b>" not in text, page
        assert "&amp;lt;" not in text and "&lt;b&gt;Co" in text, page


def test_every_name_is_shown_whole(stressed: Path) -> None:
    site = stressed / "build" / "site" / "stress"
    daily, places = words(site / "daily_dashboard.html"), words(site / "entity" / "index.html")
    for name in (item[1] for item in stress_domain.KPIS):
        assert re.sub(r"\s+", " ", name).strip() in daily, name
    for name in stress_domain.place_names(200):
        assert re.sub(r"\s+", " ", name).strip() in places, name


def test_extreme_values_are_exact(stressed: Path) -> None:
    daily = words(stressed / "build/site/stress/daily_dashboard.html")
    rest = sum(round(0.01 * (place + 1), 2) for place in range(1, 200))
    assert f"${10_000_000_000 + rest:,.2f}" in daily
    assert "0.0001" in daily and "0.0020" in daily
    below = sum(-1 * (place + 1) * (1 + 375 % 7) for place in range(200))
    assert f"−${-below:,.2f}" in daily
    api = json.loads((stressed / "build/site/api/v1/dashboard.json").read_text())
    assert "NaN" not in json.dumps(api)


def test_missing_is_a_dash_with_a_reason_and_a_day_old_is_partial(stressed: Path) -> None:
    site = stressed / "build/site/stress"
    assert "no data for month to date, quarter to date, year to date and last 28 days" in words(
        site / "daily_dashboard.html"
    )
    young = words(site / "kpi" / "young.html")
    assert "1,400" in young and "19 of 20 days missing" in young
    unknown = words(site / "kpi" / "unknown.html")
    assert "November has no figure yet: no data for these days" in unknown


def test_a_target_of_another_year_judges_nothing(stressed: Path) -> None:
    home = (stressed / "build/site/index.html").read_text()
    assert "badge" not in home and "On track" not in home
