"""A small domain with a KPI of every kind, and random facts for it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from kpi_lib.catalogue.models import Catalogue, Entity, Kpi
from kpi_lib.periods import PRIOR_YEAR, STANDARD_WINDOWS, Calendar, Comparison, Window
from tests.oracle import plain, plain_rollup

SEED_WINDOWS = tuple(STANDARD_WINDOWS[name] for name in ("mtd", "qtd", "ytd", "last28"))


def kpi(number: int, kind: str, **more: object) -> Kpi:
    """Return a KPI with the least it needs."""
    given = {"code": f"{kind}_{number}", "name": f"KPI {number}", "group": "all", "definition": "For tests."}
    if kind == "ratio":
        given |= {"numerator": "above", "denominator": "below"}
    return Kpi.model_validate({"id": number, "kind": kind, **given, **more})


KPIS = (
    kpi(1, "sum", format="currency", decimals=2),
    kpi(2, "sum"),
    kpi(3, "sum", decimals=1),
    kpi(4, "ratio", format="percent", unit="points", decimals=1, scale=100),
    kpi(5, "ratio", format="currency", decimals=2),
    kpi(6, "last"),
    kpi(7, "average", decimals=2),
    kpi(8, "min", format="currency", decimals=2),
    kpi(9, "max"),
    kpi(10, "distinct"),
    kpi(11, "sum", format="currency", decimals=2, since=dt.date(2024, 2, 15)),
    kpi(12, "last", format="currency", decimals=2),
)
ENTITIES = (
    Entity(id=0, code="ALL", name="All", type="all"),
    Entity(id=1, code="NORTH", name="North", type="location", parent="ALL"),
    Entity(id=2, code="SOUTH", name="South", type="location", parent="ALL", opened=dt.date(2024, 3, 10)),
    Entity(id=3, code="EAST", name="East", type="location", parent="ALL", closed=dt.date(2024, 9, 5)),
)


def catalogue(
    kpis: tuple[Kpi, ...] = KPIS,
    windows: tuple[Window, ...] = SEED_WINDOWS,
    comparisons: tuple[Comparison, ...] = (PRIOR_YEAR,),
    calendar: Calendar | None = None,
    entities: tuple[Entity, ...] = ENTITIES,
) -> Catalogue:
    """Return a catalogue of these definitions."""
    return Catalogue(
        domain="trial",
        title="Trial",
        folder=Path(),
        calendar=calendar or Calendar(),
        kpis=kpis,
        groups=(),
        entities=entities,
        windows=windows,
        comparisons=comparisons,
    )


@dataclass(frozen=True)
class Case:
    """Random facts as a frame and, for the oracle, as plain dictionaries."""

    frame: pd.DataFrame
    facts: plain_rollup.Facts
    events_frame: pd.DataFrame
    events: plain_rollup.Events = field(default_factory=list)


def random_case(
    seed: int, first: dt.date, days: int, gaps: float, kpis: tuple[Kpi, ...] = KPIS, zeros: float = 0.2
) -> Case:
    """Return random facts: shuffled and missing rows, nulls, late starts, zero and negative days."""
    rng = np.random.default_rng(seed)
    dates = plain.days_of(first, first + dt.timedelta(days=days - 1))
    facts: plain_rollup.Facts = {}
    events: plain_rollup.Events = []
    rows = []
    for item in kpis:
        for entity in ENTITIES:
            starts = int(rng.integers(0, days)) if rng.random() < 0.3 else 0
            series = facts[item.id, entity.id] = {}
            for place, day in enumerate(dates):
                if rng.random() < gaps / 2 or place < starts:
                    continue
                cell = _cell(rng, item, zeros, gaps)
                series[day] = cell
                rows.append((day, item.id, entity.id, *cell))
            if not series:
                del facts[item.id, entity.id]
            if item.kind == "distinct" and entity.id:
                for day in dates:
                    for member in rng.integers(0, 12, rng.integers(0, 4)).tolist():
                        events.append((day, item.id, entity.id, f"m{member}"))
    columns = ["date_key", "kpi_id", "entity_id", "value", "numerator", "denominator"]
    frame = pd.DataFrame(rows, columns=columns).sample(frac=1.0, random_state=seed)
    frame["date_key"] = pd.to_datetime(frame["date_key"])
    for column in ("value", "numerator", "denominator"):
        frame[column] = frame[column].astype(float)
    seen = pd.DataFrame(events, columns=["date_key", "kpi_id", "entity_id", "member_id"])
    seen["date_key"] = pd.to_datetime(seen["date_key"])
    return Case(frame, facts, seen, events)


def _cell(
    rng: np.random.Generator, item: Kpi, zeros: float, gaps: float
) -> tuple[float | None, float | None, float | None]:
    def number(money: bool) -> float | None:
        if rng.random() < gaps / 2:
            return None
        if rng.random() < zeros:
            return 0.0
        if money:
            return int(rng.integers(-30_000, 90_000)) / 100
        if item.decimals and item.kind != "ratio":
            return float(rng.normal(0.4, 1.0)) / 3
        return float(rng.integers(-3, 12))

    money = item.format == "currency"
    if item.kind != "ratio":
        return number(money), None, None
    return None, number(money), number(False)
