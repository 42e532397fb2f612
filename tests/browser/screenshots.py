"""Pictures of the published site for the README: ``make screenshots``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build" / "site"
OUT = ROOT / "docs" / "screenshots"
#: File name: page, width, height, colour scheme.
PICTURES = {
    "home": ("index.html", 1240, 1180, "light"),
    "company": ("marketplace/company_overview.html", 1240, 1080, "light"),
    "data-quality": ("winery/data_quality.html", 1240, 980, "light"),
    "daily": ("winery/daily_dashboard.html", 1240, 1180, "light"),
    "daily-phone": ("winery/daily_dashboard.html", 390, 1000, "dark"),
    "kpi": ("winery/kpi/total_daily_revenue.html", 1240, 1080, "light"),
}


def main() -> None:
    """Write every picture."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None or not SITE.is_dir():
        sys.exit("Chromium and a published site are needed: run `make report` first.")
    OUT.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, (page, width, height, scheme) in PICTURES.items():
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            opened = context.new_page()
            opened.goto((SITE / page).as_uri())
            opened.screenshot(path=OUT / f"{name}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
