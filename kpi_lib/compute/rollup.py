"""The long form of roll-ups: one row per as-of date, KPI, entity, window and comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.compute.arguments import AsOf, Loaded, resolve_catalogue
from kpi_lib.compute.cube import Cube
from kpi_lib.compute.flat import FlatPrior, FlatWindow, flatten
from kpi_lib.compute.layout import Layout
from kpi_lib.compute.reasons import REASONS, text_column
from kpi_lib.compute.wide import Wide, rollup_wide
from kpi_lib.frames import ROLLUP_COLUMNS
from kpi_lib.periods import Comparison, Window


def rollup(
    facts: pd.DataFrame | Cube,
    catalogue: Catalogue | str | Path | None = None,
    as_of: AsOf = None,
    windows: Iterable[str | Window] | None = None,
    comparisons: Iterable[str | Comparison] | None = None,
    events: pd.DataFrame | None = None,
    loaded: Loaded | None = None,
) -> pd.DataFrame:
    """Roll facts up over windows, and compare them.

    Parameters
    ----------
    facts
        The columns of ``fact_kpi_daily``, in any order of rows; never changed. ``numerator`` and
        ``denominator`` may be left out when no KPI is a ratio. Or a cube made from them.
    catalogue
        A domain's name, a path, or a catalogue.
    as_of
        A date, an ISO string, a list, a ``(start, end)`` pair, or None for every date of the facts. Dates
        outside the facts are allowed: what is not loaded is missing.
    windows, comparisons
        Names or definitions; None means the catalogue's. The comparison ``target`` puts into ``prior`` what
        the catalogue's targets expect of the window's own days (reason ``no_target`` where none holds them).
    events
        ``date_key, kpi_id, entity_id, member_id``: needed when a KPI is a distinct count.
    loaded
        First and last loaded day; None means the days of the facts.

    Returns
    -------
    pandas.DataFrame
        Columns :data:`kpi_lib.frames.ROLLUP_COLUMNS`, sorted by the first five. A missing value is null.
        Its ``attrs`` carry what :func:`kpi_lib.compute.dashboard` needs of the catalogue.

    Raises
    ------
    FrameError
        When a frame breaks its contract.
    UsageError
        When a date cannot be read, or events are needed and absent.
    DefinitionError
        When a window or a comparison is unknown.
    """
    known = None if catalogue is None else resolve_catalogue(catalogue)
    made = long_frame(rollup_wide(facts, known, as_of, windows, comparisons, events, loaded))
    definitions = facts.catalogue if isinstance(facts, Cube) else known
    return made if definitions is None else Layout.of(definitions).attach(made)


def long_frame(wide: Wide) -> pd.DataFrame:
    """Return a wide roll-up as the long frame."""
    flat = flatten(wide)
    windows, comparisons = tuple(sorted(wide.windows)), tuple(sorted(wide.comparisons))
    dates, series = len(wide.as_of), len(wide.kpi_id)
    cells = [(flat[window], flat[window].priors[item]) for window in windows for item in comparisons]
    shape = (dates, series, len(windows), len(comparisons))

    def spread(values: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
        where = [1, 1, 1, 1]
        where[axis] = -1
        return np.broadcast_to(values.reshape(where), shape).ravel()

    def stack(pick: Callable[[FlatWindow, FlatPrior], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        return np.stack([pick(window, prior) for window, prior in cells], axis=-1).ravel()

    def span(pick: str) -> npt.NDArray[Any]:
        per_date = [
            getattr(side, pick.removeprefix("prior_"))
            for window in windows
            for item in comparisons
            for side in (
                wide.windows[window].priors[item]
                if pick.startswith("prior_")
                else wide.windows[window].current,
            )
        ]
        table = np.stack(per_date, axis=-1).astype("datetime64[us]").reshape(dates, 1, *shape[2:])
        return np.broadcast_to(table, shape).ravel()

    columns: dict[str, Any] = {
        "as_of_date": spread(wide.as_of.astype("datetime64[us]"), 0),
        "kpi_id": spread(wide.kpi_id, 1),
        "entity_id": spread(wide.entity_id, 1),
        "window": text_column(spread(np.arange(len(windows)), 2), windows),
        "comparison": text_column(spread(np.arange(len(comparisons)), 3), comparisons),
        "start_date": span("start"),
        "end_date": span("end"),
        "prior_start": span("prior_start"),
        "prior_end": span("prior_end"),
        "value": stack(lambda window, _: window.value),
        "prior": stack(lambda _, prior: prior.prior),
        "delta": stack(lambda _, prior: prior.delta),
        "delta_pct": stack(lambda _, prior: prior.delta_pct),
        "missing_days": stack(lambda window, _: window.missing).astype(np.int64),
        "prior_missing_days": stack(lambda _, prior: prior.prior_missing).astype(np.int64),
        "reason": text_column(stack(lambda window, _: window.codes), REASONS),
        "prior_reason": text_column(stack(lambda _, prior: prior.prior_codes), REASONS),
        "delta_reason": text_column(stack(lambda _, prior: prior.delta_codes), REASONS),
    }
    return pd.DataFrame(columns, columns=list(ROLLUP_COLUMNS))
