"""The law of refreshing: whatever came late, went or was corrected, the tables equal a full build."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kpi_lib.catalogue.models import Entity
from kpi_lib.compute import dashboard
from kpi_lib.periods import PRIOR_YEAR, STANDARD_COMPARISONS, STANDARD_WINDOWS
from kpi_lib.warehouse.tables import DASHBOARD, FACTS
from tests.ledger_case import Published, published
from tests.oracle.cases import catalogue, kpi

FIRST, DAYS = dt.date(2024, 1, 20), 60
KNOWN = catalogue(
    kpis=(
        kpi(1, "sum", format="currency", decimals=2),
        kpi(3, "sum", decimals=2),
        kpi(4, "ratio", format="percent", unit="points", decimals=1, scale=100),
        kpi(6, "last"),
    ),
    windows=(STANDARD_WINDOWS["mtd"], STANDARD_WINDOWS["last7"], STANDARD_WINDOWS["last28"]),
    comparisons=(PRIOR_YEAR, STANDARD_COMPARISONS["prior_period"]),
    entities=(
        Entity(id=0, code="ALL", name="All", type="all"),
        Entity(id=1, code="NORTH", name="North", type="location", parent="ALL", opened=dt.date(2024, 2, 3)),
    ),
)
NUMBERS = [kpi.id for kpi in KNOWN.kpis]


@dataclass(frozen=True)
class Night:
    """What has happened to the sources since the night before, and what is refreshed."""

    day: int
    series: tuple[int, int]
    kind: str
    amount: int
    until: int
    last_days: int
    full: bool


nights = st.builds(
    Night,
    day=st.integers(0, DAYS - 1),
    series=st.tuples(st.sampled_from(NUMBERS), st.sampled_from([0, 1])),
    kind=st.sampled_from(["late", "correction", "deletion", "whole day", "nothing"]),
    amount=st.integers(-500, 500),
    # Mostly forwards, now and then back: a source may turn out to be less complete than it said.
    until=st.integers(DAYS // 2, DAYS - 1),
    last_days=st.sampled_from([0, 1, 3]),
    full=st.sampled_from([False, False, False, True]),
)
histories = st.lists(nights, min_size=1, max_size=5)


def first_facts(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    keys = pd.MultiIndex.from_product(
        [pd.date_range(FIRST, periods=DAYS, unit="us"), NUMBERS, [0, 1]],
        names=["date_key", "kpi_id", "entity_id"],
    )
    frame = keys.to_frame(index=False)
    frame = frame[(frame["entity_id"] == 0) | (frame["date_key"] >= "2024-02-03")].reset_index(drop=True)
    ratio = frame["kpi_id"] == 4
    gap = rng.random(len(frame)) < 0.15
    amount = pd.Series(rng.integers(-200, 900, len(frame)) / np.where(frame["kpi_id"] == 3, 7.0, 100.0))
    below = pd.Series(rng.integers(0, 4, len(frame)).astype(float)).where(ratio).mask(gap)
    above = amount.where(ratio).mask(gap)
    value = amount.where(~ratio, above / below.where(below != 0) * 100).mask(gap)
    return frame.assign(value=value, numerator=above, denominator=below)


def changed(facts: pd.DataFrame, night: Night) -> pd.DataFrame:
    """Return the facts after what has happened; never the frame itself."""
    day = pd.Timestamp(FIRST) + pd.Timedelta(days=night.day)
    rows = (facts["date_key"] == day) & (facts["kpi_id"] == night.series[0])
    rows &= facts["entity_id"] == night.series[1]
    if night.kind == "whole day":
        rows = facts["date_key"] == day
    if night.kind == "deletion" or night.kind == "whole day":
        return facts.assign(
            **{name: facts[name].mask(rows) for name in ("value", "numerator", "denominator")}
        )
    if night.kind == "late":
        rows &= facts["value"].isna()
    amount = night.amount / 100
    if night.kind == "nothing" or not rows.any():
        return facts.copy()
    ratio = rows & (facts["kpi_id"] == 4)
    return facts.assign(
        value=facts["value"].mask(rows, amount * 100),
        numerator=facts["numerator"].mask(ratio, amount),
        denominator=facts["denominator"].mask(ratio, 1.0),
    )


def table(house: Published, name: str) -> pd.DataFrame:
    keys = "as_of_date" if name == DASHBOARD else "date_key"
    return house.warehouse.query(f"SELECT * FROM {name} ORDER BY {keys}, kpi_id, entity_id")


def hold(seed: int, history: list[Night]) -> None:
    facts = first_facts(seed)
    with published(KNOWN) as house, published(KNOWN) as fresh:
        house.night(facts, until=FIRST + dt.timedelta(days=DAYS // 2))
        for night in history:
            facts = changed(facts, night)
            before = facts.copy(deep=True)
            until = FIRST + dt.timedelta(days=night.until)
            house.night(facts, until=until, full=night.full, last_days=night.last_days)
            pd.testing.assert_frame_equal(facts, before)
        fresh.refresh(facts, until=until, full=True)
        for name in (FACTS, DASHBOARD):
            pd.testing.assert_frame_equal(table(house, name), table(fresh, name), check_exact=True)
        # The same refresh twice changes nothing, and the ledger ends with what the table says.
        assert house.night(facts, until=until, last_days=3) == 0
        pd.testing.assert_frame_equal(table(house, DASHBOARD), table(fresh, DASHBOARD), check_exact=True)
        last = dashboard(house.reader.as_published(until, entity=None))
        shown = table(fresh, DASHBOARD)
        pd.testing.assert_frame_equal(
            last,
            shown[shown["as_of_date"] == pd.Timestamp(until)].reset_index(drop=True),
            check_exact=True,
            check_dtype=False,
        )


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**6), histories)
def test_refreshes_end_where_a_full_build_ends(seed: int, history: list[Night]) -> None:
    hold(seed, history)


@pytest.mark.slow
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**6), histories)
def test_many_refreshes_end_where_a_full_build_ends(seed: int, history: list[Night]) -> None:
    hold(seed, history)
