"""Published figures that changed, for the tests of the page of restatements."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.catalogue.scorecard import Scorecard, load_scorecard
from tests.reporting_sample import winery

FIRST, NEWEST = (pd.Timestamp(f"2026-11-{day}T08:10:00Z") for day in (14, 21))


def restated_row(**changes: Any) -> dict[str, Any]:
    return {
        "published_at": NEWEST,
        "run_id": "20261121T080000Z",
        "as_of_date": pd.Timestamp("2026-11-19"),
        "kpi_code": "total_daily_revenue",
        "entity_code": "ALL",
        "window": "mtd",
        "comparison": None,
        "measure": "value",
        "old": 412_380.0,
        "new": 413_620.5,
        "difference": 1_240.5,
        "old_reason": None,
        "new_reason": None,
        "cause": "late_data",
        **changes,
    }


@dataclass
class RestatedWh:
    """A warehouse that answers the page's questions."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    moments: tuple[pd.Timestamp, ...] = (FIRST, NEWEST)
    catalogue: Catalogue = field(default_factory=winery)
    history: pd.DataFrame = field(default_factory=pd.DataFrame)
    asked: list[Any] = field(default_factory=list)

    @property
    def definitions(self) -> Scorecard:
        return load_scorecard(self.catalogue.folder)

    def as_of(self) -> dt.date:
        return dt.date(2026, 11, 20)

    def publications(self) -> pd.DataFrame:
        return pd.DataFrame({"published_at": list(self.moments)})

    def restatements(self, since: dt.datetime | None = None) -> pd.DataFrame:
        self.asked.append(since)
        return pd.DataFrame(self.rows, columns=list(restated_row()))

    def scorecard_history(self) -> pd.DataFrame:
        return self.history
