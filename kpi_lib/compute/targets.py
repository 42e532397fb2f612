"""What targets say that windows should have reached: the counterpart of the comparison ``target``.

A window is compared with the target of the shortest period that holds the window's whole period: ``mtd`` with
the month's target where there is one, else with its share of the quarter's, else of the year's. How a target
is spread over its period is what :mod:`kpi_lib.catalogue.pace` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kpi_lib.catalogue.models import Kpi, Target
from kpi_lib.catalogue.pace import phased_share
from kpi_lib.catalogue.targets import period_bounds, period_window
from kpi_lib.compute import reasons
from kpi_lib.compute.cube import Cube
from kpi_lib.compute.sides import Side, make_side
from kpi_lib.compute.sums import Floats
from kpi_lib.periods import PRIOR_YEAR, Window, prior_bounds, window_bounds
from kpi_lib.periods.calendars import Days, as_days, bounds, length, number_of


@dataclass(frozen=True)
class _Aim:
    """The targets of one period, each with its KPI and the place of its series."""

    period: str
    first: np.datetime64
    last: np.datetime64
    days: int
    targets: tuple[tuple[Target, Kpi, int], ...]


def target_sides(ready: Cube, as_of: Days, windows: Sequence[Window]) -> list[Side]:
    """Return for each window what the targets of the catalogue expect of it; its days are the window's own.

    Raises
    ------
    DefinitionError
        When the targets cannot be read.
    """
    aims = _aims(ready)
    return [_side(ready, as_of, window, aims) for window in windows]


def _aims(ready: Cube) -> list[_Aim]:
    """Return the targets by period, the longest first: a shorter one is nearer to a window."""
    known = ready.catalogue
    kpis = {kpi.code: kpi for kpi in known.kpis}
    entities = {entity.code: entity.id for entity in known.entities}
    pairs = zip(ready.kpi_id.tolist(), ready.entity_id.tolist(), strict=True)
    places = {pair: place for place, pair in enumerate(pairs)}
    by_period: dict[str, list[tuple[Target, Kpi, int]]] = {}
    for target in known.targets:
        kpi = kpis.get(target.metric)
        place = None if kpi is None else places.get((kpi.id, entities.get(target.entity, -1)))
        if kpi is not None and place is not None:
            by_period.setdefault(target.period, []).append((target, kpi, place))
    made = []
    for period, found in by_period.items():
        first, last = as_days(list(period_bounds(period, known.calendar)))
        total = int((last - first).astype(np.int64)) + 1
        made.append(_Aim(period, first, last, total, tuple(found)))
    # Of two that are as long, the fiscal one ("FY…" sorts last) has the last word.
    return sorted(made, key=lambda aim: (-aim.days, aim.period))


def _side(ready: Cube, as_of: Days, window: Window, aims: list[_Aim]) -> Side:
    start, end = window_bounds(as_of, window, ready.catalogue.calendar)
    first, last = _whole(as_of, window, ready)
    shape = (len(as_of), len(ready.kpi_id))
    value = np.full(shape, np.nan)
    codes = np.full(shape, reasons.NO_TARGET, np.uint8)
    codes[np.isnat(start)] = reasons.NOT_STARTED
    for aim in aims:
        rows = np.flatnonzero((aim.first <= first) & (last <= aim.last))
        if not len(rows):
            continue
        share = _shares(ready, aim, start[rows], end[rows])
        own = (aim.first == first[rows]) & (aim.last == last[rows])
        for target, kpi, place in aim.targets:
            # A part of a period has no part of a distinct count: who comes twice is counted once.
            fit = own if kpi.kind == "distinct" else np.ones(len(rows), bool)
            aimed = target.target * (share[:, place] if kpi.kind == "sum" else np.ones(len(rows)))
            value[rows[fit], place] = aimed[fit]
            codes[rows[fit], place] = reasons.OK
    cents = np.flatnonzero(ready.money)
    value[:, cents] = np.rint(value[:, cents] * 100.0) / 100.0
    each = np.arange(shape[1])
    return Side(start, end, value, codes, np.zeros(shape, np.int32), each, np.zeros(shape[1], bool))


def _whole(as_of: Days, window: Window, ready: Cube) -> tuple[Days, Days]:
    """Return the first and the last day of the period that a window runs through; NaT before it starts."""
    if window.kind == "to_date":
        return bounds(as_of, ready.catalogue.calendar, window.grain or "month", fiscal=window.fiscal)
    first, last = window_bounds(as_of, window, ready.catalogue.calendar)
    if window.kind == "range":
        last = np.where(np.isnat(first), first, np.datetime64(window.end, "D"))
    return first, last


def _shares(ready: Cube, aim: _Aim, start: Days, end: Days) -> Floats:
    """Return which share of a period's target falls on spans inside it, by series, by last year's season."""
    calendar, yard = ready.catalogue.calendar, period_window(aim.period)
    ends = np.concatenate([end, as_days(aim.last)])
    year_first, earlier_end = prior_bounds(ends, yard, PRIOR_YEAR, calendar)
    before = prior_bounds(np.maximum(start - length(1), aim.first), yard, PRIOR_YEAR, calendar)[1]
    earlier_start = np.where(start > aim.first, before + length(1), year_first[:-1])
    starts = np.append(earlier_start, year_first[-1:])
    absent = np.isnat(starts) | np.isnat(earlier_end)
    starts, ends = (np.where(absent, np.datetime64("NaT", "D"), days) for days in (starts, earlier_end))
    season = make_side(ready, starts, ends, np.zeros(len(starts), bool), prior=True)
    sums = np.where(season.codes == reasons.OK, season.value, np.nan)
    days = number_of(end - start) + 1
    return phased_share(days[:, None], aim.days, sums[:-1], sums[-1:])[0]
