"""One figure, one number: page, document, workbook, CSV and API of a published night say the same."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from kpi_lib.catalogue import load_catalogue
from kpi_lib.catalogue.models import Kpi
from kpi_lib.catalogue.scorecard import load_scorecard
from kpi_lib.reporting.format import fixed
from tests.published_numbers import (
    WINDOWS,
    Shown,
    document_rows,
    page_rows,
    shown,
    workbook_rows,
)

from .conftest import UNTIL

WINERY = load_catalogue("winery")
CARD = load_scorecard(load_catalogue("marketplace").folder)
#: How many numbers the four forms must have in common.
LEAST = 200


def api(folder: Path, name: str) -> Any:
    text = (folder / f"build/site/api/v1/{name}.json").read_text()

    def refuse(constant: str) -> float:
        raise AssertionError(f"{name}: {constant}")

    return json.loads(text, parse_constant=refuse)


def agrees(said: Shown, number: float | None) -> bool:
    """Whether what is shown is the number rounded to the digits that are shown."""
    if said.number is None or number is None:
        return said.number is None and number is None
    # The number may itself be rounded to six digits, and stand at the edge of two roundings.
    return abs(said.number - number) <= 0.5 * 10**-said.decimals * (1 + 1e-6) + 1e-4


def change_of(kpi: Kpi, window: dict[str, Any]) -> float | None:
    """Return the change that a page shows: points of a percentage, else percent."""
    if kpi.format == "percent":
        return window["d"]
    return None if window["dp"] is None else window["dp"] * 100


def in_workbook(value: object, kpi: Kpi) -> float | None:
    """Return a cell in the unit of the API; a percent that is stored in points is a fraction there."""
    assert value is None or isinstance(value, int | float)
    return None if value is None else value * (100 if kpi.format == "percent" else 1)


@pytest.fixture(scope="session")
def dashboard(both_once: Path) -> dict[str, dict[str, Any]]:
    rows = api(both_once, "dashboard")["rows"]
    return {row["kpi"]: row for row in rows if row["domain"] == "winery" and row["entity"] == "ALL"}


def compared(
    said: dict[str, Callable[[str, str], tuple[Shown, Shown]]], of: dict[str, dict[str, Any]]
) -> int:
    """Hold values and changes in every form against the API; return how many numbers all forms have."""
    count = 0
    for kpi in WINERY.kpis:
        for window in WINDOWS:
            figure = of[kpi.code][window]
            expected = (figure["v"], change_of(kpi, figure))
            for form, read in said.items():
                for what, found, number in zip(
                    ("value", "change"), read(kpi.title, window), expected, strict=True
                ):
                    assert agrees(found, number), f"{form}: {kpi.code} {window} {what}: {found}, not {number}"
            count += sum(number is not None for number in expected)
    return count


def pairs_of(cells: list[Shown]) -> Callable[[str], tuple[Shown, Shown]]:
    assert len(cells) == 1 + 2 * len(WINDOWS), cells

    def of(window: str) -> tuple[Shown, Shown]:
        place = 1 + 2 * WINDOWS.index(window)
        return cells[place], cells[place + 1]

    return of


def test_two_hundred_numbers_are_the_same_in_page_document_workbook_and_api(
    both_once: Path, dashboard: dict[str, dict[str, Any]]
) -> None:
    titles = [kpi.title for kpi in WINERY.kpis]
    page = page_rows(both_once / "build/site/winery/daily_dashboard.html")
    html = {
        title: pairs_of([shown(cell) for cell in page[title][: 1 + 2 * len(WINDOWS)]]) for title in titles
    }
    document = document_rows(both_once / f"build/pdf/daily_dashboard-{UNTIL}.pdf", titles)
    pdf = {title: pairs_of(document[title]) for title in titles}
    book = workbook_rows(both_once / f"build/site/downloads/kpi-report-{UNTIL}.xlsx", "KPIs")
    cells = {
        (row["Name"], row["Window"]): row
        for row in book
        if row["Entity"] == "ALL" and row["Compared with"] == "prior_year"
    }

    def xlsx(title: str, window: str) -> tuple[Shown, Shown]:
        row, kpi = cells[title, window], next(kpi for kpi in WINERY.kpis if kpi.title == title)
        points = kpi.format == "percent"
        cell = row["Change" if points else "Change %"]
        assert cell is None or isinstance(cell, int | float)
        change = cell if cell is None or points else cell * 100
        value = Shown(in_workbook(row["Value"], kpi), decimals=kpi.decimals)
        return value, Shown(change, decimals=kpi.decimals if points else 4)

    count = compared(
        {
            "page": lambda title, window: html[title](window),
            "document": lambda title, window: pdf[title](window),
            "workbook": xlsx,
        },
        dashboard,
    )
    assert count >= LEAST


def test_the_brief_says_the_same(both_once: Path, dashboard: dict[str, dict[str, Any]]) -> None:
    titles = [kpi.title for kpi in WINERY.kpis]
    rows = document_rows(both_once / f"build/pdf/leadership_brief-{UNTIL}.pdf", titles, "The numbers")
    count = 0
    for kpi in WINERY.kpis:
        found = iter(_of_the_numbers(rows, kpi.title))
        for window in ("mtd", "ytd", "last28"):
            figure = dashboard[kpi.code][window]
            for number in (figure["v"], change_of(kpi, figure)):
                assert agrees(next(found), number), (kpi.code, window)
                count += number is not None
    assert count >= 140


def _of_the_numbers(rows: dict[str, list[Shown]], title: str) -> list[Shown]:
    cells = rows[title]
    assert len(cells) == 6, (title, cells)
    return cells


def test_the_scorecard_is_the_same_everywhere(both_once: Path) -> None:
    rows = {row["metric_key"]: row for row in api(both_once, "scorecard")["rows"]}
    page = page_rows(both_once / "build/site/marketplace/company_overview.html")
    titles = [CARD.metric(key).label for key in rows]
    documents = [
        document_rows(both_once / f"build/pdf/{name}-{UNTIL}.pdf", titles)
        for name in ("company_overview", "marketplace-leadership_brief")
    ]
    file = both_once / f"build/site/downloads/kpi-report-{UNTIL}.xlsx"
    book = {row["Metric"]: row for row in workbook_rows(file, "Scorecard")}
    assert set(book) == set(rows)
    for key, row in rows.items():
        metric = CARD.metric(key)
        scale = 100 if metric.format == "percent" else 1
        for name, place in (("metric_value", 0), ("prior_value", 1)):
            number = None if row[name] is None else row[name] * scale
            cell = book[key]["Value" if place == 0 else "Prior"]
            assert cell is None if number is None else cell == pytest.approx(row[name], abs=1e-9)
            assert agrees(shown(page[metric.label][place]), number), (key, name)
            for document in documents:
                # A long name is broken over two lines of the printed table.
                if metric.label in document:
                    assert agrees(document[metric.label][place], number), (key, name)
    assert sum(title in documents[0] for title in titles) >= 8


def test_the_csv_is_the_same(both_once: Path, dashboard: dict[str, dict[str, Any]]) -> None:
    downloads = both_once / "build/site/downloads"
    with (downloads / "winery-figures.csv").open(newline="", encoding="utf-8") as stream:
        rows = {
            (row["kpi"], row["window"]): row
            for row in csv.DictReader(stream)
            if row["entity"] == "ALL" and row["comparison"] == "prior_year"
        }
    for code, figures in dashboard.items():
        for window in WINDOWS:
            for column, key in (("value", "v"), ("prior", "p"), ("delta", "d")):
                text, number = rows[code, window][column], figures[window][key]
                assert text == "" if number is None else float(text) == pytest.approx(number, abs=1e-9)


def test_the_daily_values_add_up_to_the_month(both_once: Path, dashboard: dict[str, dict[str, Any]]) -> None:
    for kpi in WINERY.kpis:
        document = api(both_once, f"kpis/{kpi.code}")
        [entry] = document["domains"]
        assert entry["daily"]["last"] == UNTIL.isoformat()
        file = both_once / f"build/site/downloads/winery-kpi-{kpi.code.replace('_', '-')}.csv"
        with file.open(newline="", encoding="utf-8") as stream:
            days = {row["date"]: row["value"] for row in csv.DictReader(stream)}
        recent = entry["daily"]["values"][-UNTIL.day :]
        assert [text and float(text) for text in list(days.values())[-UNTIL.day :]] == [
            "" if value is None else pytest.approx(value, abs=10**-kpi.decimals) for value in recent
        ]
        if kpi.kind == "sum":
            total = sum(value for value in recent if value is not None)
            assert fixed(total, kpi.decimals) == fixed(dashboard[kpi.code]["mtd"]["v"], kpi.decimals)


def files(folder: Path) -> Iterator[tuple[str, str]]:
    for name in ("index", "kpis", "dashboard", "scorecard"):
        yield name, name
    for file in sorted((folder / "build/site/api/v1/kpis").glob("*.json")):
        yield f"kpis/{file.stem}", "kpi"


def test_every_file_of_the_api_is_what_its_published_schema_says(both_once: Path) -> None:
    folder = both_once / "build/site/api/v1"
    seen = set()
    for name, schema in files(both_once):
        described = json.loads((folder / f"schema/{schema}.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(described)
        checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
        jsonschema.Draft202012Validator(described, format_checker=checker).validate(api(both_once, name))
        seen.add(folder / f"{name}.json")
    assert seen == {path for path in folder.rglob("*.json") if path.parent.name != "schema"}
    assert len(seen) == 4 + len(WINERY.kpis)
    for place in api(both_once, "index")["files"].values():
        assert (folder / place.replace("{kpi}", "total_visitors")).is_file()
