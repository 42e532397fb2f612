"""How each kind of KPI becomes a value over a span of days.

A group holds the series of one kind; ``write`` takes spans as day numbers and fills in
``(spans, series)``. What is not there is masked by the caller, who knows the reasons.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from kpi_lib.compute.presence import Presence, SpanDays
from kpi_lib.compute.sums import ExactSums, Floats, Places, Run, runs_of

Bools = npt.NDArray[np.bool_]


class Group(Protocol):
    """The series of one kind: their places among all series, and their values over spans."""

    @property
    def places(self) -> Places:
        """Columns of these series, ascending."""

    def write(self, spans: SpanDays, out: Floats) -> None:
        """Write the values into their columns of ``out``, ``(spans, all series)``."""


class Placed(ABC):
    """Writes the values of a group run by run: neighbouring columns are copied together."""

    places: Places

    @abstractmethod
    def values(self, spans: SpanDays) -> Floats:
        """Return ``(spans, series)``."""

    def write(self, spans: SpanDays, out: Floats) -> None:
        """Write the values into their columns of ``out``, ``(spans, all series)``."""
        values = self.values(spans)
        for run in self.runs:
            out[:, run.columns] = values[:, run.series]

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """Which neighbouring series go to which neighbouring columns."""
        return runs_of(self.places, np.ones(len(self.places)))


def _edges(spans: SpanDays, days: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return spans as row numbers of running totals, kept inside the grid."""
    return np.clip(spans.start, 0, days), np.clip(spans.end + 1, 0, days)


@dataclass(frozen=True)
class SumGroup:
    """Sums over days."""

    places: Places
    sums: ExactSums

    def write(self, spans: SpanDays, out: Floats) -> None:
        """Write the sums into their columns of ``out``."""
        first, until = _edges(spans, len(self.sums.high) - 1)
        self.sums.write(first, until, out, self.runs)

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """Which neighbouring series with the same unit go to which neighbouring columns."""
        return runs_of(self.places, self.sums.unit)


@dataclass(frozen=True)
class RatioGroup(Placed):
    """Sum of numerators ÷ sum of denominators × scale; NaN where the denominators sum to zero."""

    places: Places
    numerator: ExactSums
    denominator: ExactSums
    scale: Floats

    def values(self, spans: SpanDays) -> Floats:
        """Return the ratios."""
        edges = _edges(spans, len(self.numerator.high) - 1)
        below = self.denominator.between(*edges)
        below[below == 0.0] = np.nan
        ratio = self.numerator.between(*edges)
        ratio /= below
        ratio *= self.scale
        return ratio


@dataclass(frozen=True)
class AverageGroup(Placed):
    """Sum of the days that are there ÷ their number."""

    places: Places
    sums: ExactSums
    presence: Presence

    def values(self, spans: SpanDays) -> Floats:
        """Return the averages."""
        first, until = _edges(spans, len(self.sums.high) - 1)
        counts = self.presence.counts
        number = (counts[until] - counts[first])[:, self.presence.of_series[self.places]]
        return self.sums.between(first, until) / np.where(number == 0, np.nan, number)


@dataclass(frozen=True)
class LastGroup(Placed):
    """The value of the last day that is there."""

    places: Places
    filled: Floats

    @classmethod
    def fill(cls, places: Places, values: Floats, there: Bools) -> LastGroup:
        """Carry the last value that is there forward over the days after it."""
        row = np.where(there, np.arange(len(values))[:, None], 0)
        return cls(places, np.take_along_axis(values, np.maximum.accumulate(row, axis=0), axis=0))

    def values(self, spans: SpanDays) -> Floats:
        """Return the last known values."""
        return self.filled[np.clip(spans.end, 0, len(self.filled) - 1)]


@dataclass(frozen=True)
class ExtremeGroup(Placed):
    """The smallest or largest daily value.

    ``levels[k][d]`` is the extreme of the ``2**k`` days from ``d`` on, so any span is covered by two.
    """

    places: Places
    levels: tuple[Floats, ...]
    pick: Callable[[Floats, Floats], Floats]

    @classmethod
    def build(cls, places: Places, values: Floats, there: Bools, *, largest: bool) -> ExtremeGroup:
        """Prepare the extremes of all spans whose length is a power of two."""
        pick: Callable[[Floats, Floats], Floats] = np.maximum if largest else np.minimum
        levels = [np.where(there, values, -np.inf if largest else np.inf)]
        while 2 ** len(levels) <= len(values):
            half = 2 ** (len(levels) - 1)
            levels.append(pick(levels[-1][:-half], levels[-1][half:]))
        return cls(places, tuple(levels), pick)

    def values(self, spans: SpanDays) -> Floats:
        """Return the extremes."""
        first, until = _edges(spans, len(self.levels[0]))
        out = np.full((len(first), len(self.places)), np.nan)
        length = until - first
        level = np.frexp(np.maximum(length, 1))[1] - 1
        for power in np.unique(level[length > 0]):
            rows = np.flatnonzero((level == power) & (length > 0))
            table = self.levels[power]
            out[rows] = self.pick(table[first[rows]], table[until[rows] - 2**power])
        return out
