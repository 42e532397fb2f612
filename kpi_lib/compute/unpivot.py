"""From the wide daily mart to one row per day, KPI and entity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from kpi_lib.catalogue.models import Catalogue, Kpi
from kpi_lib.compute.arguments import resolve_catalogue
from kpi_lib.compute.grid import read_days, read_ids, read_numbers
from kpi_lib.errors import FrameError, did_you_mean
from kpi_lib.frames import FACT_KEYS, FACT_VALUES, examples

Floats = npt.NDArray[np.float64]
_KEY = ["date_key", "entity_id"]


def unpivot(wide: pd.DataFrame, catalogue: Catalogue | str | Path) -> pd.DataFrame:
    """Turn a wide daily frame into the facts.

    Parameters
    ----------
    wide
        ``date_key, entity_id`` and the columns that the KPIs name, in any order of rows; never changed.
    catalogue
        A domain's name, a path, or a catalogue. A KPI without a ``column`` is read from the one that has its
        code; a distinct count without such a column is left to its events.

    Returns
    -------
    pandas.DataFrame
        The columns of ``fact_kpi_daily``, sorted by day, KPI and entity. Every day between the first and
        the last has a row for every active series; a measure that is not there is null. The value of a
        ratio's day is null when its denominator is 0.

    Raises
    ------
    FrameError
        When the frame breaks its contract, or lacks a column that a KPI names.
    """
    known = resolve_catalogue(catalogue)
    for name in _KEY:
        if name not in wide.columns:
            raise FrameError(f"column '{name}' is missing.", where="wide frame")
    days = read_days(wide, "date_key", "wide frame")
    ids = read_ids(wide, "entity_id", (entity.id for entity in known.entities), "wide frame")
    repeated = wide.duplicated(_KEY, keep=False)
    if repeated.any():
        raise FrameError(
            f"{int(repeated.sum())} rows share a date and an entity.",
            where="wide frame",
            remedy=f"First: {examples(wide[repeated], _KEY)}.",
        )
    entities, entity_of_row = np.unique(ids, return_inverse=True)
    first = days.min() if len(days) else np.datetime64("1970-01-01", "D")
    row = (days - first).astype(np.int64)
    shape = (int(row.max()) + 1 if len(row) else 0, len(entities))
    kpis = [
        kpi
        for kpi in sorted(known.kpis, key=lambda kpi: kpi.id)
        if kpi.kind != "distinct" or (kpi.column or kpi.code) in wide.columns
    ]
    blocks = {name: np.full((shape[0], len(kpis), shape[1]), np.nan) for name in FACT_VALUES}
    for place, kpi in enumerate(kpis):
        for name, values in _measures(wide, kpi).items():
            blocks[name][row, place, entity_of_row] = values
    dates = first + np.arange(shape[0])
    active = active_days(dates, kpis, entities, known)
    grid = np.nonzero(active)
    kpi_ids = np.array([kpi.id for kpi in kpis], dtype=np.int64)
    return pd.DataFrame(
        {
            "date_key": dates[grid[0]].astype("datetime64[us]"),
            "kpi_id": kpi_ids[grid[1]],
            "entity_id": entities[grid[2]].astype(np.int64),
            **{name: block[active] for name, block in blocks.items()},
        },
        columns=[*FACT_KEYS, *FACT_VALUES],
    )


def _measures(wide: pd.DataFrame, kpi: Kpi) -> dict[str, Floats]:
    if kpi.kind != "ratio":
        return {"value": _column(wide, kpi, kpi.column or kpi.code)}
    above = _column(wide, kpi, kpi.numerator or "")
    below = _column(wide, kpi, kpi.denominator or "")
    value = np.full(len(wide), np.nan)
    np.divide(above, below, out=value, where=below != 0.0)
    return {"value": value * kpi.scale, "numerator": above, "denominator": below}


def _column(wide: pd.DataFrame, kpi: Kpi, name: str) -> Floats:
    if name not in wide.columns:
        raise FrameError(
            f"column '{name}', which KPI '{kpi.code}' is read from, is missing.",
            where="wide frame",
            remedy=did_you_mean(name, map(str, wide.columns)),
        )
    return read_numbers(wide, name, "wide frame")


def active_days(
    dates: npt.NDArray[np.datetime64],
    kpis: list[Kpi],
    entities: npt.NDArray[np.int64],
    catalogue: Catalogue,
) -> npt.NDArray[np.bool_]:
    """Return on which dates each KPI of each entity is active, as ``(dates, kpis, entities)``."""
    by_id = {entity.id: entity for entity in catalogue.entities}
    rows = [by_id[int(key)] for key in entities]
    since = np.array([str(kpi.since or "0001-01-01") for kpi in kpis], dtype="datetime64[D]")
    opened = np.array([str(entity.opened or "0001-01-01") for entity in rows], dtype="datetime64[D]")
    closed = np.array([str(entity.closed or "9999-12-31") for entity in rows], dtype="datetime64[D]")
    day = dates[:, None, None]
    return (day >= since[None, :, None]) & (day >= opened) & (day <= closed)
