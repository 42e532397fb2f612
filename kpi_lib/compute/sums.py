"""Sums over spans of days that are exact, whatever history lies before the span.

Daily values are carried as whole numbers in float64 (cents, counts), whose running totals
stay below 2**53, so that the difference of two totals is the exact sum. Values that are not
whole are split into two such parts whose units are powers of two; the two exact differences
are added once, so the sum is the correctly rounded one, and zero days sum to exactly 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from kpi_lib.errors import FrameError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp]
_EXACT = 2.0**53
# Money arrives as float64 sums of cents, with noise far below a hundredth of a cent.
_MONEY_NOISE = 1e-4
_MINOR_UNITS = 100.0
_BLOCK = 1 << 17


@dataclass(frozen=True)
class ExactSums:
    """Running totals of some series.

    Parameters
    ----------
    high
        ``(days + 1, series)``, whole numbers.
    unit
        What each series' total is divided by: 100 for cents, 1, or a power of two.
    low, low_unit
        The finer part of those series in ``split`` that are not whole.
    split
        Positions of the series that have a finer part.
    """

    high: Floats
    unit: Floats
    split: Places
    low: Floats
    low_unit: Floats

    @classmethod
    def total(cls, matrix: Floats, places: Places, there: Bools, money: Bools, names: list[str]) -> ExactSums:
        """Total some columns of a matrix ``(days, series)`` where they are ``there``; ``money`` in cents."""
        days, width = len(matrix), len(places)
        scale = np.where(money, _MINOR_UNITS, 1.0)
        noise = np.where(money, _MONEY_NOISE, 0.0)
        high = np.empty((days + 1, width))
        high[0] = 0.0
        uneven = np.zeros(width, bool)
        gaps = not there.all()
        step = max(1, _BLOCK // max(width, 1))
        with np.errstate(over="ignore", invalid="ignore"):
            for first in range(0, days, step):
                until = min(first + step, days)
                block = matrix[first:until].take(places, axis=1)
                block *= scale
                if gaps:
                    np.copyto(block, 0.0, where=~there[first:until].take(places, axis=1))
                whole = np.rint(block)
                block -= whole
                uneven |= (np.abs(block, out=block) > noise).any(axis=0)
                whole[0] += high[first]
                total = np.cumsum(whole, axis=0, out=high[first + 1 : until + 1])
                uneven |= ~(np.maximum(total.max(axis=0), -total.min(axis=0)) < _EXACT)
        split = np.flatnonzero(uneven)
        low = np.zeros((days + 1, len(split)))
        low_unit = np.ones(len(split))
        for fine_place, series in enumerate(split):
            place = places[series]
            column = np.where(there[:, place], matrix[:, place], 0.0)
            coarse, scale[series], fine, low_unit[fine_place] = _split(column, names[place])
            np.cumsum(coarse, out=high[1:, series])
            np.cumsum(fine, out=low[1:, fine_place])
        return cls(high, scale, split, low, low_unit)

    def between(self, first: Ints, until: Ints) -> Floats:
        """Return the sums from ``first`` up to but without ``until``, as ``(spans, series)``."""
        totals = np.empty((len(first), len(self.unit)))
        self.write(first, until, totals, self._runs)
        return totals

    @cached_property
    def _runs(self) -> tuple[Run, ...]:
        return runs_of(np.arange(len(self.unit)), self.unit)

    def write(self, first: Ints, until: Ints, out: Floats, runs: Sequence[Run]) -> None:
        """Write the sums of :meth:`between` into the columns of ``out`` that the runs name."""
        after, before = _rows(self.high, until), _rows(self.high, first)
        for run in runs:
            target = out[:, run.columns]
            np.subtract(after[:, run.series], before[:, run.series], out=target)
            if run.unit != 1.0:
                target /= run.unit
        if len(self.split):
            fine = (self.low.take(until, axis=0) - self.low.take(first, axis=0)) / self.low_unit
            for run in runs:
                inside = (self.split >= run.series.start) & (self.split < run.series.stop)
                if inside.any():
                    out[:, self.split[inside] + (run.columns.start - run.series.start)] += fine[:, inside]


@dataclass(frozen=True)
class Run:
    """Neighbouring series that go to neighbouring columns and share a unit."""

    columns: slice
    series: slice
    unit: float


def runs_of(places: Places, unit: Floats) -> tuple[Run, ...]:
    """Return the runs in which series go to their ``places``, ascending."""
    if not len(places):
        return ()
    breaks = np.flatnonzero((np.diff(places) != 1) | (np.diff(unit) != 0.0)) + 1
    starts, stops = np.append(0, breaks), np.append(breaks, len(places))
    return tuple(
        Run(slice(int(places[a]), int(places[b - 1]) + 1), slice(int(a), int(b)), float(unit[a]))
        for a, b in zip(starts, stops, strict=True)
    )


def _rows(table: Floats, index: Ints) -> Floats:
    """Return rows of a table, as a view where they lie together."""
    first, last = int(index[0]), int(index[-1])
    if last - first == len(index) - 1 and bool((np.diff(index) == 1).all()):
        return table[first : last + 1]
    if first == last and bool((index == first).all()):
        return table[first : first + 1]
    return table.take(index, axis=0)


def _split(values: Floats, name: str) -> tuple[Floats, float, Floats, float]:
    """Return values as whole multiples of a coarse unit plus whole multiples of a fine one."""
    with np.errstate(over="ignore"):
        size = float(np.abs(values).sum())
    if not math.isfinite(size):
        raise FrameError(f"the values of {name} are too large to add up.", where="facts")
    # Scales stay finite for tiny values; 2**37 between the parts keeps the fine totals of a century exact.
    exponent = min(52 - math.frexp(size)[1], 900)
    scale = math.ldexp(1.0, exponent)
    coarse = np.rint(values * scale)
    fine_scale = math.ldexp(1.0, min(exponent + 37, 1000))
    fine = np.rint((values - coarse / scale) * fine_scale)
    return coarse, scale, fine, fine_scale
