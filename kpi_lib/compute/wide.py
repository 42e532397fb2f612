"""The roll-up itself: dense arrays of as-of dates × series for every window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.compute import reasons
from kpi_lib.compute.arguments import (
    AsOf,
    Loaded,
    resolve_as_of,
    resolve_comparisons,
    resolve_windows,
)
from kpi_lib.compute.cube import Cube, cube
from kpi_lib.compute.reasons import Codes
from kpi_lib.compute.sides import BLOCK, Bools, Side, make_side
from kpi_lib.compute.sums import Floats
from kpi_lib.compute.targets import target_sides
from kpi_lib.errors import UsageError
from kpi_lib.periods import Comparison, Window, prior_bounds, window_bounds
from kpi_lib.periods.calendars import Days, Ints


@dataclass(frozen=True)
class Compared:
    """A window's counterpart and what follows from it."""

    prior: Side
    delta: Floats
    delta_pct: Floats
    delta_codes: Codes


@dataclass(frozen=True)
class WideWindow:
    """One window: its value and its counterparts by comparison name."""

    name: str
    current: Side
    priors: dict[str, Side]
    money: Bools

    def compare(self, comparison: str) -> Compared:
        """Return delta, relative delta and the reason why one of them is not there."""
        prior = self.priors[comparison]
        codes = np.where(self.current.codes == reasons.OK, prior.codes, self.current.codes)
        whole = codes == reasons.OK
        with np.errstate(over="ignore"):
            delta = np.where(whole, self.current.value - prior.value, np.nan)
        cents = np.flatnonzero(self.money)
        if len(cents):
            # The difference of two amounts of money is money: no binary crumbs.
            delta[:, cents] = np.rint(delta[:, cents] * 100.0) / 100.0
        codes[whole & (prior.value == 0.0)] = reasons.ZERO_BASE
        codes[whole & (prior.value < 0.0)] = reasons.NEGATIVE_BASE
        with np.errstate(over="ignore"):
            pct = np.divide(delta, prior.value, out=np.full_like(delta, np.nan), where=codes == reasons.OK)
        pct[np.isinf(pct)] = np.nan
        return Compared(prior, delta, pct, codes)


@dataclass(frozen=True)
class Wide:
    """Roll-ups as arrays of ``(as-of dates, series)``.

    Parameters
    ----------
    as_of
        As-of dates, ascending.
    kpi_id, entity_id
        Of each series, ascending by both.
    windows
        By name, in the order asked for.
    comparisons
        Names, in the order asked for.
    """

    as_of: Days
    kpi_id: Ints
    entity_id: Ints
    windows: dict[str, WideWindow]
    comparisons: tuple[str, ...]


def rollup_wide(
    facts: pd.DataFrame | Cube,
    catalogue: Catalogue | str | Path | None = None,
    as_of: AsOf = None,
    windows: Iterable[str | Window] | None = None,
    comparisons: Iterable[str | Comparison] | None = None,
    events: pd.DataFrame | None = None,
    loaded: Loaded | None = None,
) -> Wide:
    """Roll facts up into arrays, the light form of :func:`kpi_lib.compute.rollup`.

    Parameters
    ----------
    facts
        A frame of ``fact_kpi_daily``, or a :class:`~kpi_lib.compute.cube.Cube` made from one.
    catalogue
        A domain's name, a path, or a catalogue; a cube brings its own.
    as_of
        A date, an ISO string, a list, a ``(start, end)`` pair, or None for every date of the facts.
    windows, comparisons
        Names or definitions; None means the catalogue's.
    events
        Needed when a KPI is a distinct count.
    loaded
        First and last loaded day; None means the days of the facts.

    Raises
    ------
    FrameError, UsageError, DefinitionError
        As :func:`~kpi_lib.compute.cube.cube` does, and for unknown windows, comparisons or dates.
    """
    if isinstance(facts, Cube):
        if events is not None or loaded is not None:
            raise UsageError("events and loaded belong to the cube.", remedy="Pass them to cube(…).")
        ready = facts
    elif catalogue is None:
        raise UsageError("rollup needs the catalogue.", remedy="Pass a domain's name, a path or a Catalogue.")
    else:
        ready = cube(facts, catalogue, events, loaded)
    return _roll(
        ready,
        resolve_as_of(as_of, ready.dates),
        resolve_windows(windows, ready.catalogue),
        resolve_comparisons(comparisons, ready.catalogue),
    )


def _roll(ready: Cube, as_of: Days, windows: Sequence[Window], comparisons: Sequence[Comparison]) -> Wide:
    calendar = ready.catalogue.calendar
    dated = [item for item in comparisons if item.kind != "target"]
    sides: dict[tuple[str, str], tuple[Days, Days, Bools, bool]] = {}
    for window in windows:
        start, end = window_bounds(as_of, window, calendar)
        sides[window.name, ""] = start, end, np.isnat(start), False
        for comparison in dated:
            bounds = prior_bounds(as_of, window, comparison, calendar)
            sides[window.name, comparison.name] = *bounds, np.isnat(start), True
    cells = len(as_of) * len(ready.kpi_id)
    if cells < BLOCK:
        made = {key: make_side(ready, *spans) for key, spans in sides.items()}
    else:
        # NumPy lets go of the interpreter lock, so two sides are worked out at once.
        with ThreadPoolExecutor(max_workers=2) as pool:
            made = dict(
                zip(sides, pool.map(lambda spans: make_side(ready, *spans), sides.values()), strict=True)
            )
    for comparison in comparisons:
        if comparison.kind == "target":
            for window, side in zip(windows, target_sides(ready, as_of, windows), strict=True):
                made[window.name, comparison.name] = side
    rolled = {
        window.name: WideWindow(
            window.name,
            made[window.name, ""],
            {item.name: made[window.name, item.name] for item in comparisons},
            ready.money,
        )
        for window in windows
    }
    return Wide(as_of, ready.kpi_id, ready.entity_id, rolled, tuple(item.name for item in comparisons))
