"""Column names and frame contracts: what a frame must look like when it leaves a room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from pandas.api import types as pdt

from kpi_lib.errors import FrameError

DATE = "date_key"
FACT_KEYS = ("date_key", "kpi_id", "entity_id")
FACT_VALUES = ("value", "numerator", "denominator")
ROLLUP_KEYS = ("as_of_date", "kpi_id", "entity_id", "window", "comparison")
ROLLUP_COLUMNS = (
    *ROLLUP_KEYS,
    "start_date",
    "end_date",
    "prior_start",
    "prior_end",
    "value",
    "prior",
    "delta",
    "delta_pct",
    "missing_days",
    "prior_missing_days",
    "reason",
    "prior_reason",
    "delta_reason",
)
#: The key under which a long frame carries, in ``attrs``, what its dashboard needs to know.
LAYOUT = "kpi_lib.layout"
#: Per window in ``agg_kpi_dashboard``, each behind ``{window}_``.
WINDOW_COLUMNS = (
    "value",
    "prior",
    "delta",
    "delta_pct",
    "reason",
    "prior_reason",
    "delta_reason",
    "missing_days",
    "prior_missing_days",
)


@dataclass(frozen=True)
class Contract:
    """What a frame promises.

    Parameters
    ----------
    name
        The frame's name, for messages.
    dates, integers, numbers, texts
        Columns by kind. Dates are ``datetime64`` at midnight without a zone.
    key
        Columns that identify a row.
    ordered
        Whether rows must be sorted by the key.
    """

    name: str
    dates: tuple[str, ...] = ()
    integers: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    ordered: bool = False

    def check(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the frame, or raise :class:`FrameError` that names the first rows that break it."""
        wanted = (*self.dates, *self.integers, *self.numbers, *self.texts)
        missing = [name for name in wanted if name not in frame.columns]
        if missing:
            raise FrameError(
                f"column {', '.join(map(repr, missing))} is missing.",
                where=self.name,
                remedy=f"It has: {', '.join(map(str, frame.columns))}.",
            )
        for name in self.dates:
            self._check_date(frame[name])
        for name in self.integers:
            if not pdt.is_integer_dtype(frame[name]):
                raise FrameError(
                    f"column '{name}' holds {frame[name].dtype}, not whole numbers.", where=self.name
                )
        for name in self.numbers:
            if not pdt.is_numeric_dtype(frame[name]) or pdt.is_bool_dtype(frame[name]):
                raise FrameError(f"column '{name}' holds {frame[name].dtype}, not numbers.", where=self.name)
        if self.key:
            self._check_key(frame, list(self.key))
        return frame

    def _check_date(self, column: pd.Series) -> None:
        if not pdt.is_datetime64_dtype(column):
            raise FrameError(
                f"column '{column.name}' holds {column.dtype}, not dates.",
                where=self.name,
                remedy="Use datetime64 at midnight, without a time zone.",
            )
        timed = column[(column.dt.normalize() != column) & column.notna()]
        if len(timed):
            raise FrameError(
                f"column '{column.name}' holds a time of day: {timed.iloc[0]}.",
                where=f"{self.name}, row {timed.index[0]}",
                remedy="Reduce it to the local business date first.",
            )

    def _check_key(self, frame: pd.DataFrame, key: list[str]) -> None:
        repeated = frame.duplicated(key, keep=False)
        if repeated.any():
            raise FrameError(
                f"{int(repeated.sum())} rows share a key {tuple(key)}.",
                where=self.name,
                remedy=f"First: {examples(frame.loc[repeated, key])}.",
            )
        if self.ordered and not pd.MultiIndex.from_frame(frame[key]).is_monotonic_increasing:
            raise FrameError(f"rows are not sorted by {tuple(key)}.", where=self.name)


def examples(frame: pd.DataFrame, columns: Sequence[str] | None = None, limit: int = 3) -> str:
    """Return the first rows as short text for a message."""
    shown = frame if columns is None else frame[list(columns)]
    rows = shown.head(limit).astype(str).to_dict("records")
    return "; ".join(", ".join(f"{key}={value}" for key, value in row.items()) for row in rows)


FACTS = Contract(
    "fact_kpi_daily",
    dates=("date_key",),
    integers=("kpi_id", "entity_id"),
    numbers=FACT_VALUES,
    key=FACT_KEYS,
    ordered=True,
)
ROLLUPS = Contract(
    "rollups",
    dates=("as_of_date",),
    integers=("kpi_id", "entity_id"),
    numbers=("value", "prior", "delta", "delta_pct"),
    key=ROLLUP_KEYS,
    ordered=True,
)
