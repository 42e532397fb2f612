"""Reports made by hand or from a few formulas, for the tests of what readers see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from kpi_lib.catalogue import load_catalogue
from kpi_lib.catalogue.load import SHIPPED_DOMAINS
from kpi_lib.catalogue.models import Catalogue
from kpi_lib.compute import rollup
from kpi_lib.frames import ROLLUP_COLUMNS
from kpi_lib.periods import PRIOR_YEAR, spans
from kpi_lib.reporting.data import ReportData, load_report

AS_OF = dt.date(2026, 11, 20)
SHARES = {"ALL": 1.0, "MAIN_TASTING_ROOM": 0.5, "CAVE_TASTING_ROOM": 0.3, "ONLINE": 0.2, "UNASSIGNED": 0}
SCALE = {"wine_club_orders_revenue": 900, "tasting_room_wine_revenue": 5200, "total_9l_sold": 42}


@cache
def winery() -> Catalogue:
    return load_catalogue(SHIPPED_DOMAINS / "winery")


@cache
def facts(first: dt.date = dt.date(2023, 1, 1), last: dt.date = AS_OF) -> pd.DataFrame:
    """Daily values by formula; identities hold, a growth of five percent a year, ratios from their sides."""
    catalogue, days = winery(), pd.date_range(first, last)
    growth = 1.05 ** (days.year.to_numpy() - 2023)
    wave = np.round(
        100 + 40 * np.sin(days.day_of_year.to_numpy() / 58) + 20 * (days.day_of_week.to_numpy() > 3)
    )
    values: dict[str, np.ndarray] = {"tasting_room_orders": np.round(wave * 0.37)}
    for kpi in catalogue.kpis:
        if kpi.kind != "ratio" and not kpi.terms:
            base = wave * growth * SCALE.get(kpi.code, 10 + kpi.id) / 100
            values[kpi.code] = np.round(base, 2 if kpi.format == "currency" else 0)
    for _ in range(2):
        for kpi in catalogue.kpis:
            if kpi.terms and all(code in values for code in kpi.terms):
                values[kpi.code] = sum(values[code] * factor for code, factor in kpi.terms.items())
    frames = []
    for kpi in catalogue.kpis:
        above, below = values.get(kpi.numerator or ""), values.get(kpi.denominator or "")
        value = values[kpi.code] if above is None or below is None else above / below * kpi.scale
        frames.append(
            pd.DataFrame(
                {
                    "date_key": days,
                    "kpi_id": kpi.id,
                    "entity_id": 0,
                    "value": value,
                    "numerator": np.nan if above is None else above,
                    "denominator": np.nan if below is None else below,
                }
            )
        )
    return pd.concat(frames).sort_values(["date_key", "kpi_id"], ignore_index=True)


@dataclass
class FakeReader:
    """A warehouse with one entity; the others have a share of it, and nothing is unassigned."""

    daily_values: pd.DataFrame
    catalogue: Catalogue

    def as_of(self) -> dt.date:
        return self.daily_values["date_key"].max().date()

    def watermark(self) -> dt.date:
        return self.as_of()

    def targets(self) -> tuple[()]:
        return ()

    def rollups(self, as_of: Any = None, entity: str = "ALL") -> pd.DataFrame:
        found = rollup(self.daily_values, self.catalogue, as_of=as_of or self.as_of())
        sums = ["value", "prior", "delta"]
        found[sums] = found[sums] * SHARES[entity]
        return found if SHARES[entity] else found.iloc[:0]

    def rollups_of(self, kpi: str, as_of: Any = None) -> pd.DataFrame:
        chosen = self.catalogue.kpi(kpi).id
        frames = [
            found[found["kpi_id"] == chosen].assign(entity_id=self.catalogue.entity(entity).id)
            for entity in SHARES
            if len(found := self.rollups(as_of, entity))
        ]
        return pd.concat(frames, ignore_index=True)

    def daily(
        self, entity: str = "ALL", kpi: str | None = None, since: Any = None, until: Any = None
    ) -> pd.DataFrame:
        days = self.daily_values["date_key"]
        shown = self.daily_values[(days >= pd.Timestamp(since)) & (days <= pd.Timestamp(until))]
        if kpi is not None:
            shown = shown[shown["kpi_id"] == self.catalogue.kpi(kpi).id]
        parts = dict.fromkeys(["value", "numerator", "denominator"], SHARES[entity])
        return shown.assign(**{name: shown[name].astype(float) * share for name, share in parts.items()})

    def loads(self) -> pd.DataFrame:
        return loads(self.as_of(), self.daily_values["date_key"].min().date())


def loads(through: dt.date = AS_OF, since: dt.date = dt.date(2023, 1, 1)) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "source": ["stg_order"],
            "loaded_from": [pd.Timestamp(since)],
            "complete_through": [pd.Timestamp(through)],
            "loaded_at": [pd.Timestamp("2026-11-21T08:00:00Z")],
            "row_count": [1],
        }
    )


def sample(
    last: dt.date = AS_OF,
    change: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame,
    catalogue: Catalogue | None = None,
    first: dt.date = dt.date(2023, 1, 1),
) -> ReportData:
    """A report over the formulas' values, after a change to them."""
    return load_report(FakeReader(change(facts(first, last).copy()), catalogue or winery()))


def on(frame: pd.DataFrame, code: str, *days: dt.date) -> pd.Series:
    """Which rows are of this KPI, on these days where any are given."""
    rows = frame["kpi_id"] == winery().kpi(code).id
    return rows & frame["date_key"].isin(pd.to_datetime(list(days))) if days else rows


def made(as_of: dt.date = AS_OF, entity: str = "ALL", **rows: dict[str, Any]) -> ReportData:
    """A report that holds only the month to date of a few KPIs, given by hand.

    Deltas follow from value and prior; the reasons are as given.
    """
    catalogue = winery()
    window = catalogue.window("mtd")
    place = spans([as_of], [window], [PRIOR_YEAR], catalogue.calendar).iloc[0]
    lines = []
    for code, given in rows.items():
        line: dict[str, Any] = dict.fromkeys(ROLLUP_COLUMNS)
        line |= {key: place[key] for key in ("start_date", "end_date", "prior_start", "prior_end")}
        line |= {"as_of_date": pd.Timestamp(as_of), "kpi_id": catalogue.kpi(code).id, "entity_id": 0}
        line |= {"window": "mtd", "comparison": "prior_year", "missing_days": 0, "prior_missing_days": 0}
        line |= given
        value, prior, why = line["value"], line["prior"], line["reason"] or line["prior_reason"]
        if value is not None and prior is not None and not why:
            line["delta"] = value - prior
            base = "zero_base" if prior == 0 else "negative_base" if prior < 0 else None
            line["delta_reason"] = base
            line["delta_pct"] = None if base else line["delta"] / prior
        line["delta_reason"] = line["delta_reason"] or why
        lines.append(line)
    data = sample_empty()
    return replace(
        data,
        as_of=as_of,
        watermark=as_of,
        entity=catalogue.entity(entity),
        rollups=pd.DataFrame(lines, columns=list(ROLLUP_COLUMNS)),
        loads=loads(as_of),
    )


def sample_empty() -> ReportData:
    """A report without a figure."""
    return ReportData(
        catalogue=winery(),
        as_of=AS_OF,
        entity=winery().entity("ALL"),
        rollups=pd.DataFrame(columns=list(ROLLUP_COLUMNS)),
        daily=facts().iloc[:0],
        loads=loads(),
        watermark=AS_OF,
    )
