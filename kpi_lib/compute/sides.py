"""One side of every window: what is in a span of days, for all series at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from kpi_lib.compute import reasons
from kpi_lib.compute.cube import Cube
from kpi_lib.compute.presence import SpanDays, blocks
from kpi_lib.compute.reasons import Codes
from kpi_lib.compute.sums import Floats
from kpi_lib.periods.calendars import Days

Bools = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int32]
# Rows are worked through in blocks that stay in the processor's cache.
BLOCK = 1 << 18


@dataclass(frozen=True)
class Side:
    """One side of a window: the value, or what it is compared with; arrays are ``(as-of dates, series)``.

    Parameters
    ----------
    start, end
        First and last day per as-of date; NaT where there is no span.
    value
        NaN where there is none.
    pattern_codes, pattern_missing, of_series
        Reasons and missing days per pattern of presence, and the pattern of each series.
    ratio
        Which series are ratios.
    """

    start: Days
    end: Days
    value: Floats
    pattern_codes: Codes
    pattern_missing: Counts
    of_series: npt.NDArray[np.intp]
    ratio: Bools

    @property
    def missing(self) -> Counts:
        """Days of the span that are active but not there (for a stock: how old the value is)."""
        return self._spread(self.pattern_missing)

    @cached_property
    def codes(self) -> Codes:
        """Reason codes, by position in :data:`kpi_lib.compute.reasons.REASONS`."""
        codes = self._spread(self.pattern_codes)
        for place in np.flatnonzero(self.ratio):
            column = codes[:, place]
            column[np.isnan(self.value[:, place]) & (column <= reasons.PARTIAL)] = reasons.ZERO_DENOMINATOR
        return codes

    def _spread(self, per_pattern: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if per_pattern.shape[1] == 1:
            # Nearly all rows are 0, which costs nothing to write into fresh zeros.
            spread = np.zeros((len(per_pattern), len(self.of_series)), per_pattern.dtype)
            rows = np.flatnonzero(per_pattern)
            spread[rows] = per_pattern[rows]
            return spread
        return per_pattern.take(self.of_series, axis=1)


def make_side(ready: Cube, start: Days, end: Days, not_started: Bools, prior: bool) -> Side:
    """Return the values, reasons and missing days of spans.

    Parameters
    ----------
    ready
        The facts.
    start, end
        First and last day of each span; NaT where there is none.
    not_started
        Spans that are not there because their window has not begun.
    prior
        Whether a span before the first loaded day has no history.
    """
    nowhere = np.isnat(start)
    absent = np.where(nowhere, np.uint8(reasons.NO_COUNTERPART), np.uint8(reasons.OK))
    absent[not_started] = reasons.NOT_STARTED
    spans = SpanDays(
        np.where(nowhere, 0, (start - ready.first_day).astype(np.int64)),
        np.where(nowhere, -1, (end - ready.first_day).astype(np.int64)),
        absent,
    )
    verdict = ready.presence.judge_all(spans, prior=prior)
    of_series = ready.presence.of_series
    value = np.empty((len(start), len(ready.kpi_id)))
    for rows in blocks(*value.shape, BLOCK):
        part = spans.rows(rows)
        for group in ready.groups:
            group.write(part, value[rows])
        _blank(value[rows], verdict.empty[rows], of_series)
    return Side(start, end, value, verdict.codes, verdict.missing, of_series, ready.ratio)


def _blank(block: Floats, empty: Bools, of_series: npt.NDArray[np.intp]) -> None:
    rows = np.flatnonzero(empty.any(axis=1))
    if len(rows) and empty.shape[1] == 1:
        block[rows] = np.nan
    elif len(rows):
        part = block[rows]
        part[empty[rows].take(of_series, axis=1)] = np.nan
        block[rows] = part
