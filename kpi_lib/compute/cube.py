"""Facts made ready: totals, presence and kinds of every series, for any number of roll-ups."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from kpi_lib.catalogue.models import Catalogue, Kpi
from kpi_lib.compute.arguments import Loaded, resolve_catalogue, resolve_loaded
from kpi_lib.compute.distinct import DistinctGroup, Events
from kpi_lib.compute.grid import Grid, read_grid
from kpi_lib.compute.kinds import AverageGroup, ExtremeGroup, Group, LastGroup, RatioGroup, SumGroup
from kpi_lib.compute.presence import EVER_SINCE, FOR_GOOD, Presence
from kpi_lib.compute.sums import ExactSums, Floats, Places
from kpi_lib.errors import UsageError
from kpi_lib.periods.calendars import Days

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cube:
    """Facts in memory, ready to be rolled up over any windows and dates.

    Parameters
    ----------
    catalogue
        The definitions they belong to.
    first_day
        Day 0 of all day numbers.
    dates
        The distinct dates of the facts.
    kpi_id, entity_id
        Of each series; series ascend by both.
    presence
        Which days are there.
    groups
        The series by kind.
    money
        Series whose values are whole cents, so that their differences are too.
    ratio
        Series that are ratios.
    """

    catalogue: Catalogue
    first_day: np.datetime64
    dates: Days
    kpi_id: Ints
    entity_id: Ints
    presence: Presence
    groups: tuple[Group, ...]
    money: Bools
    ratio: Bools


def cube(
    facts: pd.DataFrame,
    catalogue: Catalogue | str | Path,
    events: pd.DataFrame | None = None,
    loaded: Loaded | None = None,
) -> Cube:
    """Make facts ready for roll-ups; worth keeping when several are asked of the same facts.

    Parameters
    ----------
    facts
        The columns of ``fact_kpi_daily``, in any order of rows; never changed. ``numerator`` and
        ``denominator`` may be left out when no KPI is a ratio.
    catalogue
        A domain's name, a path, or a catalogue.
    events
        ``date_key, kpi_id, entity_id, member_id``: needed when a KPI is a distinct count.
    loaded
        First and last loaded day; what lies outside counts as missing. None means that every day of the
        facts is loaded. Within it, a series is loaded from its first day with a measure on.

    Raises
    ------
    FrameError
        When a frame breaks its contract.
    UsageError
        When ``loaded`` is no pair of dates, or events are needed and absent.
    """
    known = resolve_catalogue(catalogue)
    grid = read_grid(facts, known)
    seen = None if events is None else Events.read(events, known)
    limits = resolve_loaded(loaded)
    if seen is not None:
        grid = _with_event_series(grid, seen, limits, known)
    return _Builder(grid, known, seen, limits).build()


class _Builder:
    def __init__(
        self,
        grid: Grid,
        catalogue: Catalogue,
        events: Events | None,
        loaded: tuple[np.datetime64, np.datetime64] | None,
    ) -> None:
        self.grid, self.catalogue, self.events = grid, catalogue, events
        by_id = {kpi.id: kpi for kpi in catalogue.kpis}
        self.ids, first = np.unique(grid.kpi_id, return_index=True)
        self.edges = np.append(first, len(grid.kpi_id))
        self.kpis: list[Kpi] = [by_id[int(key)] for key in self.ids]
        self.kind = self._spread([kpi.kind for kpi in self.kpis], "U8")
        self.currency = self._spread([kpi.format == "currency" for kpi in self.kpis], bool)
        self.active_from, self.active_to = self._active()
        self.there = self._there(loaded)

    def _spread(self, per_kpi: list[object], dtype: npt.DTypeLike) -> npt.NDArray[np.generic]:
        """Return something known per KPI for every series."""
        return np.repeat(np.array(per_kpi, dtype=dtype), np.diff(self.edges))

    def _active(self) -> tuple[Ints, Ints]:
        day0 = self.grid.first_day

        def number(day: object, default: int) -> int:
            return default if day is None else int((np.datetime64(str(day), "D") - day0).astype(np.int64))

        since = self._spread([number(kpi.since, EVER_SINCE) for kpi in self.kpis], np.int64)
        opened = {entity.id: number(entity.opened, EVER_SINCE) for entity in self.catalogue.entities}
        closed = {entity.id: number(entity.closed, FOR_GOOD) for entity in self.catalogue.entities}
        entities, of_series = np.unique(self.grid.entity_id, return_inverse=True)
        first = np.array([opened[int(key)] for key in entities], np.int64)
        last = np.array([closed[int(key)] for key in entities], np.int64)
        return np.maximum(since.astype(np.int64), first[of_series]), last[of_series]

    def _there(self, loaded: tuple[np.datetime64, np.datetime64] | None) -> Bools:
        grid = self.grid
        there: Bools = ~np.isnan(grid.value)
        ratio = np.flatnonzero(self.kind == "ratio")
        if len(ratio) and grid.numerator is not None and grid.denominator is not None:
            there[:, ratio] = ~(np.isnan(grid.numerator[:, ratio]) | np.isnan(grid.denominator[:, ratio]))
        day = np.arange(len(there))[:, None]
        if (self.active_from > 0).any():
            there &= day >= self.active_from
        if (self.active_to < len(there) - 1).any():
            there &= day <= self.active_to
        if loaded is not None:
            first, last = ((day - grid.first_day).astype(np.int64) for day in loaded)
            there[: max(first, 0)] = False
            there[max(last + 1, 0) :] = False
        return there

    def build(self) -> Cube:
        grid = self.grid
        presence = Presence.find(self.there, self.active_from, self.active_to, self.kind == "last")
        names = [f"kpi_id {k}, entity_id {e}" for k, e in zip(grid.kpi_id, grid.entity_id, strict=True)]
        groups: list[Group] = []
        money = np.zeros(len(self.kind), bool)
        for kind in np.unique(self.kind):
            places = np.flatnonzero(self.kind == kind)
            group = self._group(str(kind), places, presence, names)
            groups.append(group)
            money[places] = self._in_cents(group, places)
        return Cube(
            self.catalogue,
            grid.first_day,
            grid.dates,
            grid.kpi_id,
            grid.entity_id,
            presence,
            tuple(groups),
            money,
            self.kind == "ratio",
        )

    def _group(self, kind: str, places: Places, presence: Presence, names: list[str]) -> Group:
        value, there = self.grid.value, self.there[:, places]
        currency = self.currency[places].astype(bool)
        if kind == "ratio":
            return self._ratio(places, currency, names)
        if kind == "distinct":
            return self._distinct(places)
        if kind == "last":
            return LastGroup.fill(places, value[:, places], there)
        if kind in ("min", "max"):
            return ExtremeGroup.build(places, value[:, places], there, largest=kind == "max")
        sums = ExactSums.total(value, places, self.there, currency, names)
        return SumGroup(places, sums) if kind == "sum" else AverageGroup(places, sums, presence)

    def _ratio(self, places: Places, currency: Bools, names: list[str]) -> RatioGroup:
        above, below = self.grid.numerator, self.grid.denominator
        assert above is not None and below is not None  # noqa: S101 - held by read_grid
        scale = self._spread([kpi.scale for kpi in self.kpis], float)[places]
        return RatioGroup(
            places,
            ExactSums.total(above, places, self.there, currency, names),
            ExactSums.total(below, places, self.there, np.zeros(len(places), bool), names),
            scale.astype(np.float64),
        )

    def _distinct(self, places: Places) -> DistinctGroup:
        if self.events is None:
            codes = ", ".join(kpi.code for kpi in self.kpis if kpi.kind == "distinct")
            raise UsageError(
                f"distinct counts ({codes}) are counted from events, not from daily values.",
                remedy="Pass events=…, a frame of date_key, kpi_id, entity_id, member_id.",
            )
        grid, events = self.grid, self.events
        wanted = pd.MultiIndex.from_arrays([grid.kpi_id[places], grid.entity_id[places]])
        series = wanted.get_indexer(pd.MultiIndex.from_arrays([events.kpi_id, events.entity_id]))
        day = (events.day - grid.first_day).astype(np.int64)
        inside = (series >= 0) & (day >= 0) & (day < len(grid.value))
        inside[inside] = self.there[day[inside], places[series[inside]]]
        return DistinctGroup.order(
            places, day[inside], series[inside].astype(np.int64), events.member[inside]
        )

    def _in_cents(self, group: Group, places: Places) -> Bools:
        currency = self.currency[places].astype(bool)
        if isinstance(group, SumGroup):
            currency[group.sums.split] = False
            return currency
        if not isinstance(group, LastGroup | ExtremeGroup) or not currency.any():
            return np.zeros(len(places), bool)
        values = np.where(self.there[:, places], self.grid.value[:, places], 0.0) * 100.0
        return currency & (np.abs(values - np.rint(values)) < 1e-4).all(axis=0)


def _with_event_series(
    grid: Grid, events: Events, loaded: tuple[np.datetime64, np.datetime64] | None, catalogue: Catalogue
) -> Grid:
    """Add the series of distinct KPIs that have events but no facts: each loaded day of theirs is there."""
    distinct = {kpi.id for kpi in catalogue.kpis if kpi.kind == "distinct"}
    without = distinct - set(grid.kpi_id.tolist())
    rows = np.isin(events.kpi_id, list(without))
    if not rows.any():
        return grid
    if not len(grid.dates):
        first, last = loaded or (events.day[rows].min(), events.day[rows].max())
        dates = np.arange(first, last + np.timedelta64(1, "D"))
        empty = np.empty((len(dates), 0))
        grid = replace(grid, first_day=first, dates=dates, value=empty, numerator=None, denominator=None)
    series = np.unique(np.column_stack([events.kpi_id[rows], events.entity_id[rows]]), axis=0)
    kpi_id = np.concatenate([grid.kpi_id, series[:, 0]])
    entity_id = np.concatenate([grid.entity_id, series[:, 1]])
    order = np.lexsort((entity_id, kpi_id))

    def widen(matrix: Floats | None) -> Floats | None:
        if matrix is None:
            return None
        return np.hstack([matrix, np.zeros((len(matrix), len(series)))])[:, order]

    value = widen(grid.value)
    assert value is not None  # noqa: S101 - only the other two may be left out
    return Grid(
        grid.first_day,
        grid.dates,
        kpi_id[order],
        entity_id[order],
        value,
        widen(grid.numerator),
        widen(grid.denominator),
    )
