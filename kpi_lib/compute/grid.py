"""From a frame of facts to a dense grid: days down, series across."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api import types as pdt

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.errors import FrameError
from kpi_lib.frames import FACT_KEYS, FACT_VALUES, examples
from kpi_lib.periods.calendars import Days

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
# A hundred and ten years: more is a mistyped date, and would ask for the memory of all days between.
_MOST_DAYS = 40_000


@dataclass(frozen=True)
class Grid:
    """Facts as matrices of days × series; what is not there is NaN.

    Parameters
    ----------
    first_day
        Day of row 0.
    dates
        The distinct dates of the frame, ascending.
    kpi_id, entity_id
        Of each column; columns ascend by both.
    value, numerator, denominator
        ``(days, series)``; the last two are None when the frame leaves them out.
    """

    first_day: np.datetime64
    dates: Days
    kpi_id: Ints
    entity_id: Ints
    value: Floats
    numerator: Floats | None
    denominator: Floats | None


def read_grid(facts: pd.DataFrame, catalogue: Catalogue) -> Grid:
    """Check a frame of facts and lay it out as a grid, without changing it.

    Raises
    ------
    FrameError
        For missing columns, wrong types, unknown or repeated keys, infinite values, timed dates: with the
        rows that break the contract.
    """
    missing = [name for name in (*FACT_KEYS, "value") if name not in facts.columns]
    if missing:
        raise FrameError(
            f"column {', '.join(map(repr, missing))} is missing.",
            where="facts",
            remedy=f"It has: {', '.join(map(str, facts.columns))}.",
        )
    days = read_days(facts, "date_key", "facts")
    kpi_id, entity_id = read_whole(facts, "kpi_id", "facts"), read_whole(facts, "entity_id", "facts")
    columns = [read_numbers(facts, name, "facts") for name in FACT_VALUES if name in facts.columns]
    names = [name for name in FACT_VALUES if name in facts.columns]
    if not len(days):
        nothing = np.empty((0, 0))
        empty = np.empty(0, np.int64)
        return Grid(np.datetime64("1970-01-01", "D"), days, empty, empty, nothing, nothing, nothing)
    span = int((days.max() - days.min()).astype(np.int64)) + 1
    if span > _MOST_DAYS:
        order = np.argsort(days)[[0, -1]]
        raise FrameError(
            f"the dates span {span} days.",
            where="facts",
            remedy=f"Mend the outliers: {examples(facts.iloc[order], FACT_KEYS)}.",
        )
    shaped = _reshape(days, kpi_id, entity_id, columns) or _scatter(facts, days, kpi_id, entity_id, columns)
    _check_known(facts, "kpi_id", shaped.kpi_id, (kpi.id for kpi in catalogue.kpis), "facts")
    _check_known(facts, "entity_id", shaped.entity_id, (item.id for item in catalogue.entities), "facts")
    _check_ratios(shaped.kpi_id, names, catalogue)
    by_name = dict(zip(names, shaped.matrices, strict=True))
    return Grid(
        days.min(),
        shaped.dates,
        shaped.kpi_id,
        shaped.entity_id,
        by_name["value"],
        by_name.get("numerator"),
        by_name.get("denominator"),
    )


@dataclass(frozen=True)
class _Shaped:
    dates: Days
    kpi_id: Ints
    entity_id: Ints
    matrices: list[Floats]


def _reshape(days: Days, kpi_id: Ints, entity_id: Ints, columns: list[Floats]) -> _Shaped | None:
    """Take the columns as they lie when the frame is dense and ordered by day, KPI, entity."""
    first = days[0]
    count = int((days[-1] - first).astype(np.int64)) + 1
    if count < 1 or len(days) % count:
        return None
    width = len(days) // count
    kpis, entities = kpi_id[:width], entity_id[:width]
    step = (np.diff(kpis) > 0) | ((np.diff(kpis) == 0) & (np.diff(entities) > 0))
    dense = (
        step.all()
        and bool((days.reshape(count, width) == (first + np.arange(count))[:, None]).all())
        and bool((kpi_id.reshape(count, width) == kpis).all())
        and bool((entity_id.reshape(count, width) == entities).all())
    )
    if not dense:
        return None
    dates = first + np.arange(count)
    return _Shaped(dates, kpis, entities, [column.reshape(count, width) for column in columns])


def _scatter(
    facts: pd.DataFrame, days: Days, kpi_id: Ints, entity_id: Ints, columns: list[Floats]
) -> _Shaped:
    kpi_code, kpis = pd.factorize(kpi_id, sort=True)
    entity_code, entities = pd.factorize(entity_id, sort=True)
    pair, pairs = pd.factorize(kpi_code * len(entities) + entity_code, sort=True)
    row = (days - days.min()).astype(np.int64)
    shape = (int(row.max()) + 1, len(pairs))
    place = row * shape[1] + pair
    taken = np.zeros(shape, dtype=bool)
    taken.ravel()[place] = True
    if int(taken.sum()) < len(days):
        repeated = facts.duplicated(list(FACT_KEYS), keep=False)
        raise FrameError(
            f"{int(repeated.sum())} rows share a key {FACT_KEYS}.",
            where="facts",
            remedy=f"First: {examples(facts[repeated], FACT_KEYS)}.",
        )
    matrices = []
    for column in columns:
        matrix = np.full(shape, np.nan)
        matrix.ravel()[place] = column
        matrices.append(matrix)
    dates = days.min() + np.flatnonzero(taken.any(axis=1))
    return _Shaped(dates, kpis[pairs // len(entities)], entities[pairs % len(entities)], matrices)


def _check_ratios(kpi_id: Ints, names: list[str], catalogue: Catalogue) -> None:
    absent = [name for name in ("numerator", "denominator") if name not in names]
    if not absent:
        return
    present = set(pd.unique(kpi_id).tolist())
    ratios = [kpi.code for kpi in catalogue.kpis if kpi.kind == "ratio" and kpi.id in present]
    if ratios:
        raise FrameError(
            f"column {', '.join(map(repr, absent))} is missing, but '{ratios[0]}' is a ratio.",
            where="facts",
            remedy="A ratio is built from its numerator and denominator; its daily value is not enough.",
        )


def _rows(frame: pd.DataFrame, wrong: npt.NDArray[np.bool_], column: str) -> str:
    shown = frame.loc[wrong, [column]].head(3)
    rows = ", ".join(f"row {label}: {value!s}" for label, value in shown[column].items())
    return f"{rows}{', …' if int(wrong.sum()) > 3 else ''}"


def read_days(frame: pd.DataFrame, name: str, where: str) -> Days:
    """Return a column of dates as ``datetime64[D]``; anything but whole, zoneless dates is an error."""
    column = frame[name]
    if column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) in ("date", "datetime"):
        column = pd.to_datetime(column)
    if not pdt.is_datetime64_dtype(column):
        if not len(column):
            return np.empty(0, "datetime64[D]")
        raise FrameError(
            f"column '{name}' holds {_types(column)}, not dates.",
            where=where,
            remedy="Use datetime64 at midnight, without a time zone (pd.to_datetime).",
        )
    raw = column.to_numpy()
    # Facts lie by day, so looking once at each run of equal dates spares looking at every row.
    starts = np.flatnonzero(np.append(True, raw[1:] != raw[:-1])[: len(raw)])
    heads = raw[starts]
    days = heads.astype("datetime64[D]")
    if np.isnat(heads).any():
        rows = _rows(frame, np.isnat(raw), name)
        raise FrameError(f"column '{name}' lacks a date: {rows}.", where=where)
    if (days != heads).any():
        rows = _rows(frame, raw.astype("datetime64[D]") != raw, name)
        raise FrameError(
            f"column '{name}' holds a time of day: {rows}.",
            where=where,
            remedy="Reduce it to the local business date first.",
        )
    return np.repeat(days, np.diff(starts, append=len(raw)))


def read_ids(frame: pd.DataFrame, name: str, known: Iterable[int], where: str) -> Ints:
    """Return a column of whole-number ids that the catalogue knows."""
    ids = read_whole(frame, name, where)
    _check_known(frame, name, ids, known, where)
    return ids


def read_whole(frame: pd.DataFrame, name: str, where: str) -> Ints:
    """Return a column of whole numbers, none of them null."""
    column = frame[name]
    if not pdt.is_integer_dtype(column):
        if not len(column):
            return np.empty(0, np.int64)
        raise FrameError(f"column '{name}' holds {_types(column)}, not whole numbers.", where=where)
    if column.hasnans:
        raise FrameError(
            f"column '{name}' lacks an id: {_rows(frame, column.isna().to_numpy(), name)}.", where=where
        )
    return column.to_numpy(dtype=np.int64)


def _check_known(frame: pd.DataFrame, name: str, ids: Ints, known: Iterable[int], where: str) -> None:
    unknown = sorted(set(pd.unique(ids).tolist()) - set(known))
    if unknown:
        wrong = frame[name].isin(unknown).to_numpy()
        raise FrameError(
            f"{name} {', '.join(map(str, unknown[:5]))} is not in the catalogue: "
            f"{_rows(frame, wrong, name)}.",
            where=where,
            remedy="Add it to the definitions, or drop its rows.",
        )


def read_numbers(frame: pd.DataFrame, name: str, where: str) -> Floats:
    """Return a numeric column as float64, null as NaN; infinite values are an error."""
    column = frame[name]
    if not pdt.is_numeric_dtype(column) or pdt.is_bool_dtype(column) or pdt.is_complex_dtype(column):
        if not column.notna().any():
            return np.full(len(column), np.nan)
        raise FrameError(
            f"column '{name}' holds {_types(column)}, not numbers.", where=where, remedy="Use float64."
        )
    numbers: Floats = column.to_numpy(dtype=np.float64, na_value=np.nan)
    infinite = np.isinf(numbers)
    if infinite.any():
        raise FrameError(
            f"column '{name}' holds infinity: {_rows(frame, infinite, name)}.",
            where=where,
            remedy="A value that is not known is null.",
        )
    return numbers


def _types(column: pd.Series) -> str:
    if column.dtype != object:
        return str(column.dtype)
    kinds: list[Any] = sorted({type(value).__name__ for value in column.head(10_000)})
    return f"mixed types ({', '.join(kinds)})" if len(kinds) > 1 else str(kinds[0])
