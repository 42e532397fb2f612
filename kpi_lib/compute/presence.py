"""Which days of which series are there: the reasons and missing days of every span.

Series that share their active days and their missing days share a pattern; most domains
have a handful, so this is worked out per pattern and spread over the series at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kpi_lib.compute import reasons
from kpi_lib.compute.reasons import Codes

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int32]
#: Day numbers for "since ever" and "for good".
EVER_SINCE, FOR_GOOD = -(10**8), 10**8
_BLOCK = 1 << 16


def blocks(rows: int, width: int, cells: int) -> Iterator[slice]:
    """Yield slices of rows that hold about ``cells`` values each, so that the work on them stays in cache."""
    if width:
        step = max(1, cells // width)
        yield from (slice(first, min(first + step, rows)) for first in range(0, rows, step))


@dataclass(frozen=True)
class SpanDays:
    """The spans of one side of one window, one per as-of date, as day numbers from the grid's first day.

    ``absent`` holds the reason code of spans that are not there, 0 for the others.
    """

    start: Ints
    end: Ints
    absent: Codes

    def rows(self, rows: slice) -> SpanDays:
        """Return some of the spans."""
        return SpanDays(self.start[rows], self.end[rows], self.absent[rows])


@dataclass(frozen=True)
class Verdict:
    """Reason codes and missing days, ``(spans, patterns)``; ``empty`` where there can be no value."""

    codes: Codes
    missing: Counts
    empty: Bools


@dataclass(frozen=True)
class Presence:
    """Patterns of days that are there.

    Parameters
    ----------
    of_series
        Pattern of each series.
    active_from, active_to
        First and last active day number of each pattern.
    stock
        Whether only the last day of a span counts.
    counts
        ``(days + 1, patterns)``: days there before each day.
    first
        First day there of each pattern; ``FOR_GOOD`` when there is none.
    latest
        ``(days, patterns)``: the latest day there up to each day; ``EVER_SINCE`` when there is none.
    """

    of_series: npt.NDArray[np.intp]
    active_from: Ints
    active_to: Ints
    stock: Bools
    counts: Counts
    first: Ints
    latest: Counts | None

    @classmethod
    def find(cls, there: Bools, active_from: Ints, active_to: Ints, stock: Bools) -> Presence:
        """Group the columns of ``there`` ``(days, series)`` by what decides their reasons."""
        days = there.shape[0]
        index, of_series = _alike(there, np.column_stack([active_from, active_to, stock.astype(np.int64)]))
        chosen = there[:, index]
        counts = np.zeros((days + 1, len(index)), np.int32)
        np.cumsum(chosen, axis=0, out=counts[1:])
        some = chosen.any(axis=0) if days else np.zeros(len(index), bool)
        latest = None
        if stock[index].any():
            number = np.where(chosen, np.arange(days, dtype=np.int32)[:, None], np.int32(EVER_SINCE))
            latest = np.maximum.accumulate(number, axis=0)
        return cls(
            of_series=of_series,
            active_from=active_from[index],
            active_to=active_to[index],
            stock=stock[index],
            counts=counts,
            first=np.where(some, chosen.argmax(axis=0) if days else 0, FOR_GOOD).astype(np.int64),
            latest=latest,
        )

    def judge_all(self, spans: SpanDays, *, prior: bool) -> Verdict:
        """Return what :meth:`judge` does, worked out in blocks of spans."""
        shape = (len(spans.start), len(self.first))
        made = Verdict(np.empty(shape, np.uint8), np.empty(shape, np.int32), np.empty(shape, bool))
        for rows in blocks(*shape, _BLOCK):
            part = self.judge(spans.rows(rows), prior=prior)
            made.codes[rows], made.missing[rows], made.empty[rows] = part.codes, part.missing, part.empty
        return made

    def judge(self, spans: SpanDays, *, prior: bool) -> Verdict:
        """Return the reasons and missing days of spans; ``prior`` adds ``no_history``."""
        days = self.counts.shape[0] - 1
        start, end = spans.start[:, None], spans.end[:, None]
        active = np.minimum(end, self.active_to) - np.maximum(start, self.active_from) + 1
        np.maximum(active, 0, out=active)
        there = self.counts[np.clip(spans.end + 1, 0, days)] - self.counts[np.clip(spans.start, 0, days)]
        missing = active - there
        empty = there == 0
        if self.latest is not None:
            missing = np.where(self.stock & ~empty, self._days_back(spans), missing)
        codes = np.where(missing > 0, np.uint8(reasons.PARTIAL), np.uint8(reasons.OK))
        codes[empty] = reasons.NOT_LOADED
        if prior:
            early = np.where(self.stock, end, start) < self.first
            codes[early] = reasons.NO_HISTORY
            empty |= early
        gone = spans.absent > 0
        if gone.any():
            codes[gone] = spans.absent[gone, None]
            missing[gone] = 0
            empty[gone] = True
        return Verdict(codes, missing.astype(np.int32), empty)

    def last_active(self, spans: SpanDays) -> Ints:
        """Return the last active day of each span and pattern."""
        return np.minimum(spans.end[:, None], self.active_to)

    def _days_back(self, spans: SpanDays) -> Ints:
        assert self.latest is not None  # noqa: S101 - only asked for when there is a stock
        last = self.last_active(spans)
        row = np.clip(last, 0, self.latest.shape[0] - 1)
        known = np.take_along_axis(self.latest, row, axis=0).astype(np.int64)
        back: Ints = np.maximum(last - known, 0)
        return back


def _alike(there: Bools, traits: Ints) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return one series of each kind of column and traits, and for each series its kind."""
    if len(traits) and (there == there[:, :1]).all() and (traits == traits[0]).all():
        return np.zeros(1, np.intp), np.zeros(len(traits), np.intp)
    if not len(traits):
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    key = np.hstack([traits.view(np.uint8), np.packbits(there, axis=0).T])
    rows = np.ascontiguousarray(key).view(f"V{key.shape[1]}").ravel()
    _, index, of_series = np.unique(rows, return_index=True, return_inverse=True)
    return index, of_series
