"""Entities made of entities made of entities: sums, ratios, gaps, and people counted once."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from kpi_lib.catalogue.models import Catalogue, Entity, Kpi
from kpi_lib.compute import rollup, with_parents
from kpi_lib.compute.distinct import ancestors, daily_counts
from kpi_lib.errors import FrameError, UsageError
from tests.oracle.cases import catalogue, kpi

SUM, RATIO, DISTINCT = kpi(1, "sum"), kpi(4, "ratio", scale=100), kpi(10, "distinct")
ENTITIES = (
    Entity(id=0, code="ALL", name="All", type="all"),
    Entity(id=1, code="COAST", name="Coast", type="region", parent="ALL"),
    Entity(id=2, code="HILL", name="Hill", type="region", parent="ALL"),
    Entity(id=3, code="PIER", name="Pier", type="stall", parent="COAST"),
    Entity(id=4, code="QUAY", name="Quay", type="stall", parent="COAST", opened=dt.date(2025, 5, 2)),
    Entity(id=5, code="PEAK", name="Peak", type="stall", parent="HILL", closed=dt.date(2025, 5, 2)),
    Entity(id=6, code="WEB", name="Web", type="channel", parent="HILL"),
)
DAYS = pd.date_range("2025-05-01", "2025-05-03")


def known(*kpis: Kpi) -> Catalogue:
    return catalogue(kpis=kpis or (SUM,), entities=ENTITIES)


def facts(values: dict[int, list[float | None]], number: int = 1) -> pd.DataFrame:
    """Return the facts of the three days by entity; ``nan`` is a missing day, None is no row."""
    rows = [
        (day, number, entity, value)
        for entity, series in values.items()
        for day, value in zip(DAYS, series, strict=True)
        if value is not None
    ]
    return pd.DataFrame(rows, columns=["date_key", "kpi_id", "entity_id", "value"])


def daily(frame: pd.DataFrame, entity: int, number: int = 1) -> dict[int, float]:
    chosen = frame[(frame["entity_id"] == entity) & (frame["kpi_id"] == number)]
    return {row.date_key.day: row.value for row in chosen.itertuples()}


def test_each_level_is_made_of_the_one_below() -> None:
    leaves = facts({3: [1.0, 2.0, 3.0], 4: [None, 10.0, 20.0], 5: [100.0, 200.0, None]})
    whole = with_parents(leaves, known())
    assert daily(whole, 1) == {1: 1.0, 2: 12.0, 3: 23.0}
    assert daily(whole, 2) == {1: 100.0, 2: 200.0}
    assert daily(whole, 0) == {1: 101.0, 2: 212.0, 3: pytest.approx(np.nan, nan_ok=True)}
    # On the third day the hill is open, but nothing on it is: what it brought is not known.
    assert list(whole.columns) == ["date_key", "kpi_id", "entity_id", "value", "numerator", "denominator"]
    assert whole.index.tolist() == list(range(len(whole)))
    keys = ["date_key", "kpi_id", "entity_id"]
    assert whole[keys].equals(whole[keys].sort_values(keys, ignore_index=True))


def test_two_types_of_children_are_never_added() -> None:
    leaves = facts({5: [1.0, 2.0, None], 6: [50.0, 50.0, 50.0]})
    assert daily(with_parents(leaves, known()), 2) == {1: 1.0, 2: 2.0}


def test_a_missing_day_of_a_child_is_missing_above_and_nowhere_else() -> None:
    leaves = facts({3: [1.0, np.nan, 3.0], 4: [None, 10.0, 20.0]})
    made = daily(with_parents(leaves, known()), 1)
    assert made[1] == 1.0
    assert np.isnan(made[2])
    assert made[3] == 23.0


def test_a_kpi_that_is_younger_than_its_entity_has_no_row_before() -> None:
    young = kpi(1, "sum", since=dt.date(2025, 5, 3))
    leaves = facts({3: [None, None, 3.0], 4: [None, None, 4.0]})
    extra = pd.concat([facts({3: [1.0, 1.0, 1.0]}, 2), facts({6: [None, 9.0, None]})])
    whole = with_parents(pd.concat([leaves, extra]), known(young, kpi(2, "sum")))
    assert daily(whole, 1) == {3: 7.0}
    assert daily(whole, 1, 2) == {1: 1.0, 2: 1.0, 3: 1.0}


def test_facts_of_its_own_are_left_alone() -> None:
    leaves = facts({1: [5.0, 5.0, 5.0], 3: [1.0, 1.0, 1.0]})
    whole = with_parents(leaves, known())
    assert daily(whole, 1) == {1: 5.0, 2: 5.0, 3: 5.0}
    assert daily(whole, 0) == {1: 5.0, 2: 5.0, 3: 5.0}


def test_a_ratio_above_is_the_ratio_of_sums() -> None:
    frame = facts({3: [0.0, 0.0, 0.0], 4: [None, 0.0, 0.0]}, 4)
    frame["numerator"] = [1.0, 2.0, 3.0, 4.0, 0.0]
    frame["denominator"] = [4.0, 4.0, 0.0, 12.0, 0.0]
    made = daily(with_parents(frame, known(RATIO)), 1, 4)
    assert made[1] == 25.0
    assert made[2] == 37.5
    assert np.isnan(made[3])


EVENTS = pd.DataFrame(
    [
        ("2025-05-01", 3, "a"),
        ("2025-05-02", 3, "a"),
        ("2025-05-02", 4, "a"),
        ("2025-05-02", 4, "b"),
        ("2025-05-02", 5, "b"),
        ("2025-05-03", 1, "c"),
    ],
    columns=["date_key", "entity_id", "member_id"],
).assign(kpi_id=10, date_key=lambda frame: pd.to_datetime(frame["date_key"]))


def test_an_event_counts_for_the_entities_above_its_own_and_no_others() -> None:
    assert ancestors(known())[4] == (1, 0)
    leaves = facts({3: [1.0, 1.0, 0.0], 4: [None, 2.0, 0.0], 5: [0.0, 1.0, None]}, 10)
    whole = with_parents(leaves, known(DISTINCT), EVENTS)
    assert daily(whole, 1, 10) == {1: 1.0, 2: 2.0, 3: 1.0}
    assert daily(whole, 2, 10) == {1: 0.0, 2: 1.0}
    assert [daily(whole, 0, 10)[day] for day in (1, 2)] == [1.0, 2.0]
    rows = rollup(whole, known(DISTINCT), "2025-05-03", ["mtd"], events=EVENTS).set_index("entity_id")
    assert rows["value"].to_dict() == {0: 2.0, 1: 3.0, 2: 1.0, 3: 1.0, 4: 2.0, 5: 1.0}
    with pytest.raises(UsageError, match="'distinct_10' is a distinct count"):
        with_parents(leaves, known(DISTINCT))


def test_a_missing_day_of_a_distinct_count_is_missing_above() -> None:
    leaves = facts({3: [1.0, np.nan, 0.0], 4: [None, 2.0, 0.0]}, 10)
    made = daily(with_parents(leaves, known(DISTINCT), EVENTS), 1, 10)
    assert made[1] == 1.0
    assert np.isnan(made[2])


def test_the_days_of_a_distinct_count_are_counted_for_every_entity_that_has_facts() -> None:
    other = facts({0: [1.0, 1.0, 1.0], 5: [1.0, 1.0, None]})
    made = daily_counts(EVENTS, other, known(SUM, DISTINCT), DAYS.to_numpy().astype("datetime64[D]"))
    assert daily(made, 0, 10) == {1: 1.0, 2: 2.0, 3: 1.0}
    assert daily(made, 1, 10) == {1: 1.0, 2: 2.0, 3: 1.0}
    assert daily(made, 2, 10) == {1: 0.0, 2: 1.0, 3: 0.0}
    assert daily(made, 3, 10) == {1: 1.0, 2: 1.0, 3: 0.0}
    assert daily(made, 4, 10) == {2: 2.0, 3: 0.0}  # open from the second day on
    assert daily(made, 5, 10) == {1: 0.0, 2: 1.0}  # closed after it
    assert daily(made, 6, 10) == {}
    assert made[["numerator", "denominator"]].isna().all(axis=None)
    # A count that the mart already has by day is not made twice.
    have = pd.concat([other, facts({0: [9.0, 9.0, 9.0]}, 10)])
    assert daily_counts(EVENTS, have, known(SUM, DISTINCT), DAYS.to_numpy().astype("M8[D]")).empty


def test_facts_that_break_their_contract_have_no_parents() -> None:
    with pytest.raises(FrameError, match="share a key"):
        with_parents(pd.concat([facts({3: [1.0, 1.0, 1.0]})] * 2), known())


def test_entities_in_a_circle_end_somewhere() -> None:
    circle = (
        Entity(id=1, code="A", name="A", type="x", parent="B"),
        Entity(id=2, code="B", name="B", type="x", parent="A"),
    )
    assert ancestors(catalogue(entities=circle)) == {1: (2,), 2: (1,)}


def test_four_levels_are_made_from_the_lowest_up_in_whatever_order_they_are_named() -> None:
    chain = ("ALL", None), ("COUNTRY", "ALL"), ("TOWN", "COUNTRY"), ("SHOP", "TOWN")
    entities = tuple(
        Entity(id=number, code=code, name=code, type=code.lower(), parent=parent)
        for number, (code, parent) in enumerate(chain)
    )
    for order in (entities, entities[::-1], (entities[1], entities[3], entities[0], entities[2])):
        whole = with_parents(facts({3: [1.0, 2.0, 3.0]}), catalogue(kpis=(SUM,), entities=order))
        for entity in range(4):
            assert daily(whole, entity) == {1: 1.0, 2: 2.0, 3: 3.0}
