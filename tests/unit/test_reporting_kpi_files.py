"""The CSV files of daily KPIs: the same figures, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from kpi_lib.reporting.exported import Exported, load_exported
from kpi_lib.reporting.kpi_files import write_kpi_files
from tests.reporting_sample import AS_OF, FakeReader, facts, on, sample, winery


class Wh(FakeReader):
    """The fake warehouse with nothing checked."""

    def checks(self, runs: int = 30) -> object:
        return facts().iloc[:0]


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def item() -> Exported:
    catalogue = winery().model_copy(update={"entities": (winery().entity("ALL"),)})
    values = facts().copy()
    values.loc[on(values, "phone_revenue", dt.date(2026, 11, 19)), "value"] = None
    report = sample(change=lambda frame: values)
    wh = Wh(values, catalogue)
    return load_exported(wh, AS_OF, "", report=replace(report, catalogue=catalogue), board=None)  # type: ignore[arg-type]


def test_the_files_hold_the_figures_and_a_gap_is_empty(item: Exported, tmp_path: Path) -> None:
    links = write_kpi_files(tmp_path, item)
    assert [link.href for link in links] == ["downloads/winery-figures.csv", "downloads/winery-daily.csv"]
    files = sorted(path.name for path in (tmp_path / "downloads").iterdir())
    assert len(files) == 2 + len(winery().kpis) and "winery-kpi-total-visitors.csv" in files
    own = {row["date"]: row for row in rows(tmp_path / "downloads/winery-kpi-phone-revenue.csv")}
    assert own["2026-11-19"]["value"] == "" and float(own["2026-11-20"]["value"]) > 0
    ratio = rows(tmp_path / "downloads/winery-kpi-avg-party-size.csv")[0]
    assert list(ratio) == ["date", "value", "numerator", "denominator"]
    daily = rows(tmp_path / "downloads/winery-daily.csv")
    assert list(daily[-1]) == ["date", *(kpi.code for kpi in winery().kpis)]
    assert daily[-1]["phone_revenue"] == own["2026-11-20"]["value"] and daily[-2]["phone_revenue"] == ""
    figures = {(row["kpi"], row["window"]): row for row in rows(tmp_path / "downloads/winery-figures.csv")}
    gap = figures["phone_revenue", "mtd"]
    assert (gap["reason"], gap["missing_days"], gap["delta"]) == ("partial", "1", "")
    whole = figures["total_visitors", "mtd"]
    assert float(whole["value"]) - float(whole["prior"]) == pytest.approx(float(whole["delta"]))


def test_a_domain_without_kpis_has_none(tmp_path: Path) -> None:
    assert write_kpi_files(tmp_path, Exported(winery(), AS_OF, AS_OF, "")) == ()
    assert not (tmp_path / "downloads").exists()
