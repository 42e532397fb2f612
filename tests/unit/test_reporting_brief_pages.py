"""The brief as a document: whatever the figures are, every part is there and the PDF holds together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from pypdf import PdfReader

from kpi_lib.reporting.brief import load_brief
from kpi_lib.reporting.brief_daily import DailyBrief, load_daily_brief
from kpi_lib.reporting.pdf import write_pdf
from tests.reporting_notebooks import context, executed, result_of, rich
from tests.reporting_sample import AS_OF, FakeReader, facts, on, winery

PARTS = (
    "opening", "story", "cards", "difference", "numbers",
    "targets", "trend", "notes", "status", "definitions",
)  # fmt: skip
Change = Callable[[pd.DataFrame], pd.DataFrame]
HOSTILE = (
    "<script>alert(1)</script>",
    "a | b $x$ #y *z* _q_ `c` [d](e)",
    "=cmd()",
    "W" * 200,
    "@name \\ {x}",
)


class Wh(FakeReader):
    """The fake warehouse with a ledger and checks."""

    def publications(self) -> pd.DataFrame:
        return pd.DataFrame({"run_id": ["run0"], "published_at": [pd.Timestamp("2026-11-21T08:00Z")]})

    def restatements(self, since: dt.datetime | None = None) -> pd.DataFrame:
        return pd.DataFrame()

    def checks(self, runs: int = 30) -> pd.DataFrame:
        row = {"table_name": "t", "severity": "warning", "success": False, "expected": "#a", "observed": "$b"}
        return pd.DataFrame([row])


def same(frame: pd.DataFrame) -> pd.DataFrame:
    return frame


def nothing(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(value=None, numerator=None, denominator=None).astype({"value": float})


def huge(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[on(frame, "total_daily_revenue"), "value"] = -9_999_999_999.99
    frame.loc[on(frame, "total_visitors"), "value"] = 0.0001
    return frame


def brief(change: Change = same, first: dt.date = dt.date(2023, 1, 1), last: dt.date = AS_OF) -> DailyBrief:
    found = load_brief(Wh(change(facts(first, last).copy()), winery()))  # type: ignore[arg-type]
    assert isinstance(found, DailyBrief)
    return found


def printed(found: DailyBrief, folder: Path) -> PdfReader:
    outputs = [rich(text_markdown=getattr(found, part)().markdown, text_html="<p></p>") for part in PARTS]
    result = result_of(executed(folder / "brief.ipynb", *outputs), "winery/leadership_brief.html", "Brief")
    return PdfReader(write_pdf([result], folder / "brief.pdf", context(), "Leadership brief"))


@pytest.mark.parametrize(
    ("change", "first", "last"),
    [
        (same, dt.date(2023, 1, 1), AS_OF),
        (same, AS_OF, AS_OF),
        (nothing, dt.date(2024, 1, 1), AS_OF),
        (huge, dt.date(2024, 1, 1), AS_OF),
        (same, dt.date(2023, 1, 1), dt.date(2026, 10, 31)),
    ],
    ids=["ordinary", "one day old", "all null", "huge and tiny", "complete month"],
)
def test_every_part_is_there_whatever_the_figures(
    change: Change, first: dt.date, last: dt.date, tmp_path: Path
) -> None:
    found = brief(change, first, last)
    reader = printed(found, tmp_path)
    assert 2 <= len(reader.pages) <= 4
    text = " ".join(page.extract_text() for page in reader.pages)
    for heading in (
        "The numbers",
        "To know before you quote a number",
        "The data behind it",
        "What the figures mean",
    ):
        assert heading in text
    assert "nan" not in text.lower().replace("finan", "") and "None" not in text.replace(
        "None of its parts", ""
    )
    assert "0 of 1 checks of these data held; the others: 1 to be warned of." in " ".join(text.split())


def test_names_are_only_ever_text(tmp_path: Path) -> None:
    kpis = [
        kpi.model_copy(update={"short": name, "definition": name})
        for kpi, name in zip(winery().kpis, HOSTILE, strict=False)
    ]
    catalogue = winery().model_copy(
        update={"kpis": (*kpis, *winery().kpis[len(kpis) :]), "title": HOSTILE[1], "cards": ()}
    )
    found = load_daily_brief(Wh(facts(), catalogue), None)  # type: ignore[arg-type]
    text = " ".join(" ".join(page.extract_text() for page in printed(found, tmp_path).pages).split())
    for name in (*HOSTILE[:3], HOSTILE[4]):
        assert name in text
    for part in PARTS:
        html = getattr(found, part)().html
        assert "<script>" not in html


def test_a_domain_without_parts_or_cards_has_a_brief_too(tmp_path: Path) -> None:
    catalogue = winery().model_copy(update={"contributions": (), "cards": (), "headline": ""})
    found = load_daily_brief(Wh(facts(), catalogue), None)  # type: ignore[arg-type]
    assert found.difference().markdown == ""
    assert len(printed(found, tmp_path).pages) >= 2


def test_it_says_in_a_notebook_what_it_is() -> None:
    assert "Larkspur Ridge, leadership brief" in brief()._repr_html_()
