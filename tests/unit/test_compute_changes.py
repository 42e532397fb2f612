"""Which days changed, whether late rows explain it, and what has to be computed again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kpi_lib.catalogue.models import Entity
from kpi_lib.compute.changes import differing_rows, event_changes, fact_changes, no_changes
from kpi_lib.compute.refresh import dates_to_refresh
from tests.oracle.cases import catalogue, kpi

ENTITIES = (
    Entity(id=0, code="ALL", name="All", type="all"),
    Entity(id=1, code="COAST", name="Coast", type="region", parent="ALL"),
    Entity(id=2, code="PIER", name="Pier", type="stall", parent="COAST"),
    Entity(id=3, code="HILL", name="Hill", type="region", parent="ALL"),
)
KNOWN = catalogue(
    kpis=(kpi(1, "sum"), kpi(4, "ratio"), kpi(6, "last"), kpi(10, "distinct")), entities=ENTITIES
)


def facts(
    *cells: tuple[int, int, float | None] | tuple[int, int, float | None, float | None],
) -> pd.DataFrame:
    """Return facts from ``(day of May, KPI, value)`` or ``(day, KPI, numerator, denominator)``."""
    rows = []
    for day, number, *measures in cells:
        value, above, below = (measures[0], None, None) if len(measures) == 1 else (None, *measures)
        rows.append((pd.Timestamp(2025, 5, day), number, 0, value, above, below))
    columns = ["date_key", "kpi_id", "entity_id", "value", "numerator", "denominator"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[3:], float))


def told(old: pd.DataFrame, new: pd.DataFrame, grown: tuple[int, ...] = ()) -> list[tuple[int, int, str]]:
    days = [pd.Timestamp(2025, 5, day) for day in grown]
    made = fact_changes(differing_rows(old, new), KNOWN, days)
    assert made.index.tolist() == list(range(len(made)))
    return [
        (row.date_key.day, row.kpi_id, "late" if row.is_late else "corrected") for row in made.itertuples()
    ]


def old_columns() -> list[str]:
    return list(facts((1, 1, 5.0)).columns)


def test_rows_that_are_the_same_do_not_differ() -> None:
    old = facts((1, 1, 5.0), (2, 1, None), (3, 4, 1.0, None))
    differing = differing_rows(old, old.sample(frac=1.0, random_state=1))
    assert differing.empty
    assert differing["is_new"].dtype == bool
    made = fact_changes(differing, KNOWN, [])
    pd.testing.assert_frame_equal(made, no_changes(), check_dtype=False, check_index_type=False)


def test_a_changed_row_is_there_as_it_was_and_as_it_is() -> None:
    differing = differing_rows(facts((1, 1, 5.0), (2, 1, 7.0)), facts((1, 1, 6.0), (2, 1, 7.0), (3, 1, 8.0)))
    assert list(differing.columns) == [*old_columns(), "is_new"]
    assert differing[["value", "is_new"]].values.tolist() == [[5.0, False], [6.0, True], [8.0, True]]
    assert differing.index.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        (facts((1, 1, 5.0)), facts((1, 1, 6.0)), "corrected"),
        (facts((1, 1, None)), facts((1, 1, 6.0)), "late"),
        (facts(), facts((1, 1, 6.0)), "late"),
        (facts((1, 1, 5.0)), facts((1, 1, None)), "corrected"),
        (facts((1, 1, 5.0)), facts(), "corrected"),
        (facts((1, 4, None, None)), facts((1, 4, 1.0, 2.0)), "late"),
        (facts((1, 4, 1.0, None)), facts((1, 4, 1.0, 2.0)), "late"),
        (facts((1, 4, None, 2.0)), facts((1, 4, 1.0, 2.0)), "late"),
        (facts((1, 4, 1.0, 2.0)), facts((1, 4, 1.0, 3.0)), "corrected"),
        (facts((1, 4, 1.0, 2.0)), facts((1, 4, 1.0, None)), "corrected"),
        (facts((1, 4, None, None)), facts((1, 4, 1.0, None)), "corrected"),
    ],
)
def test_a_change_is_late_when_the_measure_was_not_there_before(
    old: pd.DataFrame, new: pd.DataFrame, verdict: str
) -> None:
    assert told(old, new) == [(1, old["kpi_id"].iloc[0] if len(old) else 1, verdict)]


def test_a_change_is_late_on_a_day_that_has_more_rows() -> None:
    old, new = facts((1, 1, 5.0), (2, 1, 5.0)), facts((1, 1, 6.0), (2, 1, 6.0))
    assert told(old, new, grown=(2, 3)) == [(1, 1, "corrected"), (2, 1, "late")]


def test_a_stock_carries_a_late_row_on_as_far_as_the_days_hang_together() -> None:
    days = (1, 2, 3, 5, 6)
    old = facts(*[(day, number, 5.0) for number in (1, 6) for day in days])
    new = facts(*[(day, number, 6.0) for number in (1, 6) for day in days])
    found = told(old, new, grown=(2, 5))
    assert [verdict for day, number, verdict in found if number == 6] == [
        "corrected", "corrected", "corrected", "late", "late",
    ]  # fmt: skip
    assert [verdict for day, number, verdict in found if number == 1] == [
        "corrected", "late", "corrected", "late", "corrected",
    ]  # fmt: skip
    assert [(day, number) for day, number, _ in found] == [(day, number) for day in days for number in (1, 6)]


def seen(*rows: tuple[int, int, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["day", "entity_id", "member_id"])
    dates = pd.to_datetime([f"2025-05-{day:02d}" for day in frame["day"]])
    return frame.assign(date_key=dates, kpi_id=10).drop(columns="day")


def moved(old: pd.DataFrame, new: pd.DataFrame, grown: tuple[int, ...] = ()) -> list[tuple[int, int, bool]]:
    made = event_changes(old, new, KNOWN, [pd.Timestamp(2025, 5, day) for day in grown])
    assert list(made.columns) == list(no_changes().columns)
    return [(row.date_key.day, row.entity_id, row.is_late) for row in made.itertuples()]


def test_a_member_in_place_of_another_is_a_correction_for_all_entities_above() -> None:
    old, new = seen((1, 2, "a"), (2, 3, "b")), seen((1, 2, "x"), (2, 3, "b"))
    assert moved(old, new) == [(1, 0, False), (1, 1, False), (1, 2, False)]
    assert moved(old, new, grown=(1,)) == [(1, 0, True), (1, 1, True), (1, 2, True)]
    assert moved(old, old) == []


def test_members_that_only_came_are_late() -> None:
    old, new = seen((1, 2, "a")), seen((1, 2, "a"), (1, 3, "c"))
    assert moved(old, new) == [(1, 0, True), (1, 3, True)]
    # One came at the pier and one went: the pier's day is corrected, and so is what it is part of.
    both = seen((1, 2, "b"), (1, 3, "c"))
    assert moved(old, both) == [(1, 0, False), (1, 1, False), (1, 2, False), (1, 3, True)]


SPINE = pd.date_range("2025-05-01", "2025-05-10")


@pytest.mark.parametrize(
    ("held", "changed_from", "last_days", "wanted"),
    [
        (SPINE, None, 0, []),
        (SPINE, None, 1, [10]),
        (SPINE, None, 3, [8, 9, 10]),
        (SPINE[:8], None, 0, [9, 10]),
        (SPINE[:8], None, 1, [9, 10]),
        (SPINE.delete(3), None, 1, [4, 10]),
        (SPINE, "2025-05-07", 0, [7, 8, 9, 10]),
        (SPINE, "2025-05-07", 1, [7, 8, 9, 10]),
        (SPINE.delete(0), "2025-05-10", 1, [1, 10]),
        (SPINE, "2025-04-01", 0, list(range(1, 11))),
        (SPINE, "2025-06-01", 0, []),
        (SPINE[:0], None, 0, list(range(1, 11))),
    ],
)
def test_what_is_computed_again(
    held: pd.DatetimeIndex, changed_from: str | None, last_days: int, wanted: list[int]
) -> None:
    since = None if changed_from is None else pd.Timestamp(changed_from)
    assert np.asarray(dates_to_refresh(SPINE, held, since, last_days).day).tolist() == wanted
