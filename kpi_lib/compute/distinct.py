"""Exact distinct counts over any span, from events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.compute.grid import read_days, read_ids
from kpi_lib.compute.kinds import Placed
from kpi_lib.compute.presence import SpanDays
from kpi_lib.compute.sums import Floats, Places
from kpi_lib.compute.unpivot import active_days
from kpi_lib.errors import FrameError
from kpi_lib.frames import FACT_KEYS, FACT_VALUES
from kpi_lib.periods.calendars import Days

Ints = npt.NDArray[np.int64]
EVENT_COLUMNS = ("date_key", "kpi_id", "entity_id", "member_id")


@dataclass(frozen=True)
class Events:
    """Who was seen when: one row per day, KPI, entity and member, the entity's descendants included."""

    day: Days
    kpi_id: Ints
    entity_id: Ints
    member: Ints

    @classmethod
    def read(cls, events: pd.DataFrame, catalogue: Catalogue) -> Events:
        """Check a frame of events, and give each event to its entity and all entities above it.

        Raises
        ------
        FrameError
            For missing columns, wrong types, unknown ids, a KPI that is not distinct, a missing member.
        """
        missing = [name for name in EVENT_COLUMNS if name not in events.columns]
        if missing:
            raise FrameError(f"column {', '.join(map(repr, missing))} is missing.", where="events")
        known = [kpi.id for kpi in catalogue.kpis if kpi.kind == "distinct"]
        kpi_id = read_ids(events, "kpi_id", known, "events of distinct KPIs")
        entity_id = read_ids(events, "entity_id", (entity.id for entity in catalogue.entities), "events")
        day = read_days(events, "date_key", "events")
        nobody = events["member_id"].isna().to_numpy()
        if nobody.any():
            row = events.index[nobody][0]
            raise FrameError("column 'member_id' lacks a member.", where=f"events, row {row}")
        member = pd.factorize(events["member_id"])[0].astype(np.int64)
        parts = [np.arange(len(day))]
        owners = [entity_id]
        for entity, above in ancestors(catalogue).items():
            rows = np.flatnonzero(entity_id == entity)
            for ancestor in above:
                parts.append(rows)
                owners.append(np.full(len(rows), ancestor, np.int64))
        rows = np.concatenate(parts)
        frame = pd.DataFrame(
            {
                "day": day[rows].astype("datetime64[s]"),
                "kpi_id": kpi_id[rows],
                "entity_id": np.concatenate(owners),
                "member": member[rows],
            }
        ).drop_duplicates()
        return cls(
            frame["day"].to_numpy().astype("datetime64[D]"),
            frame["kpi_id"].to_numpy(),
            frame["entity_id"].to_numpy(),
            frame["member"].to_numpy(),
        )


def daily_counts(events: pd.DataFrame, facts: pd.DataFrame, catalogue: Catalogue, days: Days) -> pd.DataFrame:
    """Return the daily facts of the distinct counts that have none: how many members each day saw.

    Parameters
    ----------
    events
        ``date_key, kpi_id, entity_id, member_id``; never changed.
    facts
        The facts of the other KPIs: every entity that has some is counted, on days without events as 0.
    catalogue
        Says which KPIs are distinct, and who belongs to whom.
    days
        The loaded days.

    Returns
    -------
    pandas.DataFrame
        The columns of ``fact_kpi_daily``, sorted.
    """
    seen = Events.read(events, catalogue)
    have = set(facts["kpi_id"].unique().tolist())
    kpis = [kpi for kpi in catalogue.kpis if kpi.kind == "distinct" and kpi.id not in have]
    kpis.sort(key=lambda kpi: kpi.id)
    entities = np.union1d(facts["entity_id"].to_numpy(np.int64), seen.entity_id)
    rows = np.nonzero(active_days(days, kpis, entities, catalogue))
    ids = np.array([kpi.id for kpi in kpis], dtype=np.int64)
    made = pd.DataFrame(
        {
            "date_key": days[rows[0]].astype("datetime64[us]"),
            "kpi_id": ids[rows[1]],
            "entity_id": entities[rows[2]],
        },
        columns=list(FACT_KEYS),
    )
    counted = pd.DataFrame(
        {
            "date_key": seen.day.astype("datetime64[us]"),
            "kpi_id": seen.kpi_id,
            "entity_id": seen.entity_id,
        }
    ).value_counts()
    found = counted.reindex(pd.MultiIndex.from_frame(made), fill_value=0).to_numpy(np.float64)
    return (
        made.assign(value=found)
        .reindex(columns=[*FACT_KEYS, *FACT_VALUES])
        .astype(dict.fromkeys(FACT_VALUES, np.float64))
    )


def ancestors(catalogue: Catalogue) -> dict[int, tuple[int, ...]]:
    """Return the ids of the entities above each entity, nearest first."""
    by_code = {entity.code: entity for entity in catalogue.entities}
    found: dict[int, tuple[int, ...]] = {}
    for entity in catalogue.entities:
        above: list[int] = []
        parent = by_code.get(entity.parent or "")
        while parent is not None and parent.id not in above and parent.id != entity.id:
            above.append(parent.id)
            parent = by_code.get(parent.parent or "")
        found[entity.id] = tuple(above)
    return found


@dataclass(frozen=True)
class DistinctGroup(Placed):
    """Distinct members: an event counts in a span when its member was not seen earlier in it.

    Parameters
    ----------
    places
        Columns of these series.
    day, before, series
        Per event, ordered by day: its day number, the day its member was seen before (-1: never), its series.
    """

    places: Places
    day: Ints
    before: Ints
    series: Ints

    @classmethod
    def order(cls, places: Places, day: Ints, series: Ints, member: Ints) -> DistinctGroup:
        """Order events and find for each one when its member was seen before."""
        by_member = np.lexsort((day, member, series))
        day, series, member = day[by_member], series[by_member], member[by_member]
        before = np.full(len(day), -1, np.int64)
        again = (series[1:] == series[:-1]) & (member[1:] == member[:-1])
        before[1:][again] = day[:-1][again]
        by_day = np.argsort(day, kind="stable")
        return cls(places, day[by_day], before[by_day], series[by_day])

    def values(self, spans: SpanDays) -> Floats:
        """Return the distinct counts."""
        width = len(self.places)
        pairs, inverse = np.unique(
            np.column_stack([np.maximum(spans.start, 0), spans.end]), axis=0, return_inverse=True
        )
        low = np.searchsorted(self.day, pairs[:, 0], side="left")
        high = np.searchsorted(self.day, pairs[:, 1], side="right")
        counts = np.zeros((len(pairs), width))
        for row, (start, first, until) in enumerate(zip(pairs[:, 0], low, high, strict=True)):
            if until > first:
                new = self.before[first:until] < start
                counts[row] = np.bincount(self.series[first:until][new], minlength=width)
        return counts[inverse.ravel()]
