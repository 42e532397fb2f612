"""What a caller may ask of a roll-up, and in which forms it is given."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from kpi_lib.compute import cube, dashboard, dashboard_from_facts, rollup, rollup_blocks, rollup_wide
from kpi_lib.errors import DefinitionError, UsageError
from kpi_lib.frames import ROLLUP_COLUMNS, ROLLUPS
from kpi_lib.periods import iso_day
from tests.oracle.cases import catalogue, kpi, random_case

SUM = kpi(1, "sum", format="currency", decimals=2)


def facts(values: dict[str, float]) -> pd.DataFrame:
    """Return facts of one series from ``{"first:last": value}``."""
    parts = []
    for days, value in values.items():
        first, _, last = days.partition(":")
        dates = pd.date_range(first, last or first)
        parts.append(pd.DataFrame({"date_key": dates, "kpi_id": 1, "entity_id": 0, "value": value}))
    return pd.concat(parts, ignore_index=True)


def test_the_long_frame_keeps_its_contract() -> None:
    case = random_case(3, dt.date(2024, 1, 1), 40, 0.1)
    made = rollup(case.frame, catalogue(), events=case.events_frame)
    ROLLUPS.check(made)
    assert tuple(made.columns) == ROLLUP_COLUMNS
    assert made["missing_days"].dtype == np.int64
    assert made["reason"].dtype == "str"
    assert len(made) == 40 * len(case.facts) * 4


def test_an_empty_frame_gives_an_empty_result() -> None:
    empty = facts({"2025-01-01": 1.0}).iloc[:0]
    for frame in (empty, empty.astype(object)):
        made = (
            rollup(frame, catalogue(), "2025-01-01", windows=["mtd"])
            if frame is empty
            else rollup(frame, catalogue())
        )
        assert list(made.columns) == list(ROLLUP_COLUMNS)
        assert len(made) == 0
        table = dashboard_from_facts(frame, catalogue())
        pd.testing.assert_frame_equal(
            dashboard(rollup(frame, catalogue()), catalogue())[["payload"]], table[["payload"]]
        )


def test_every_form_of_as_of_is_read() -> None:
    frame, known = facts({"2025-01-01:2025-01-05": 1.0}), catalogue(kpis=(SUM,))
    day = pd.Timestamp("2025-01-03")
    for one in (
        "2025-01-03",
        day,
        day.date(),
        np.datetime64("2025-01-03"),
        ["2025-01-03"],
        [day, "2025-01-03"],
    ):
        assert rollup(frame, known, one, ["mtd"])["as_of_date"].tolist() == [day]
    assert len(rollup(frame, known, ("2025-01-02", "2025-01-04"), ["mtd"])) == 3
    assert len(rollup(frame, known, pd.date_range("2025-01-02", "2025-01-03"), ["mtd"])) == 2
    assert len(rollup(frame, known, None, ["mtd"])) == 5


@pytest.mark.parametrize(
    "as_of",
    [
        "tomorrow",
        20250103,
        "2025-01-03 10:00",
        "20250103",
        "2025-W01-5",
        "2025-1-3",
        "2025-01",
        "2025-02-30",
        "Jan 3, 2025",
        ("2025-01-04", "2025-01-03"),
        ("a", "b", "c"),
        [None],
        3.5,
        True,
    ],
)
def test_an_as_of_that_is_no_date_is_told(as_of: object) -> None:
    with pytest.raises(UsageError, match="as_of"):
        rollup(facts({"2025-01-01": 1.0}), catalogue(kpis=(SUM,)), as_of)


@pytest.mark.parametrize("written", ["20250103", "2025-W01-5", "2025-1-3", "3 Jan 2025", "2025-02-29", ""])
def test_a_date_is_written_in_one_form(written: str) -> None:
    assert iso_day("2024-02-29") == dt.date(2024, 2, 29)
    with pytest.raises(ValueError, match=r"YYYY-MM-DD|day is out of range"):
        iso_day(written)


def test_an_unknown_entity_or_kpi_says_that_ids_and_codes_both_work() -> None:
    known = catalogue()
    assert known.entity(1) is known.entity("NORTH")
    with pytest.raises(
        DefinitionError, match=r"(?s)Did you mean 'NORTH'.*A code or an id will do, e\.g\. 'ALL' or 0"
    ):
        known.entity("NORHT")
    with pytest.raises(DefinitionError, match=r"(?s)no KPI '99'.*'sum_1' or 1"):
        known.kpi(99)


def test_unknown_windows_comparisons_and_missing_catalogues_are_told() -> None:
    frame, known = facts({"2025-01-01": 1.0}), catalogue(kpis=(SUM,))
    with pytest.raises(DefinitionError, match="Did you mean 'fytd'"):
        rollup(frame, known, windows=["fydt"])
    with pytest.raises(DefinitionError, match="no comparison 'last_year'"):
        rollup(frame, known, comparisons=["last_year"])
    with pytest.raises(DefinitionError, match="two windows"):
        rollup(frame, known, windows=["mtd", "mtd"])
    with pytest.raises(UsageError, match="catalogue"):
        rollup(frame)
    with pytest.raises(UsageError, match="No window"):
        rollup(frame, known, windows=[])
    with pytest.raises(UsageError, match="is no pair"):
        rollup(frame, known, loaded="2025-01-01")
    with pytest.raises(UsageError, match="belong to the cube"):
        rollup(cube(frame, known), loaded=("2025-01-01", "2025-01-02"))


def test_blocks_of_series_give_the_same_numbers() -> None:
    case = random_case(5, dt.date(2024, 1, 1), 60, 0.1)
    known = catalogue()
    whole = rollup_wide(case.frame, known, events=case.events_frame)
    blocks = list(rollup_blocks(case.frame, known, events=case.events_frame, series=7))
    assert np.concatenate([block.kpi_id for block in blocks]).tolist() == whole.kpi_id.tolist()
    for name, window in whole.windows.items():
        side = np.hstack([block.windows[name].current.value for block in blocks])
        np.testing.assert_array_equal(side, window.current.value)
        codes = np.hstack([block.windows[name].compare("prior_year").delta_codes for block in blocks])
        np.testing.assert_array_equal(codes, window.compare("prior_year").delta_codes)


def test_blocks_without_events_and_events_without_facts() -> None:
    frame = facts({"2025-01-01:2025-01-03": 1.0})
    known = catalogue(kpis=(SUM, kpi(10, "distinct")))
    (block,) = rollup_blocks(frame, known)
    assert block.windows["mtd"].current.value.tolist() == [[1.0], [2.0], [3.0]]
    two = [frame, frame.assign(entity_id=1)]
    assert [item.entity_id.tolist() for item in rollup_blocks(two, known)] == [[0], [1]]
    events = pd.DataFrame({"date_key": frame["date_key"], "kpi_id": 10, "entity_id": 0, "member_id": "a"})
    with pytest.raises(UsageError, match="kpi_id 10 has events but no facts"):
        list(rollup_blocks(frame, known, events=events))
    with pytest.raises(UsageError, match="series = 0"):
        list(rollup_blocks(frame, known, series=0))


def test_a_cube_serves_many_roll_ups() -> None:
    case = random_case(6, dt.date(2024, 1, 1), 60, 0.1)
    known = catalogue()
    ready = cube(case.frame, known, events=case.events_frame)
    pd.testing.assert_frame_equal(rollup(ready), rollup(case.frame, known, events=case.events_frame))
