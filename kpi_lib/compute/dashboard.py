"""The dashboard table: one row per as-of date, KPI and entity, a set of columns per window, the payload."""

from __future__ import annotations

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
from kpi_lib.compute.payload import payloads
from kpi_lib.compute.reasons import REASONS, codes_of, text_column
from kpi_lib.compute.wide import Wide, rollup_wide
from kpi_lib.errors import FrameError, UsageError
from kpi_lib.frames import ROLLUP_COLUMNS, ROLLUP_KEYS, examples

_SERIES = ("as_of_date", "kpi_id", "entity_id")


def dashboard(rollups: pd.DataFrame, catalogue: Catalogue | str | Path | None = None) -> pd.DataFrame:
    """Turn the long frame of roll-ups into the dashboard table.

    Parameters
    ----------
    rollups
        Columns :data:`kpi_lib.frames.ROLLUP_COLUMNS`, in any order of rows; never changed. Every date and
        series must have the same windows and comparisons.
    catalogue
        A domain's name, a path, or a catalogue: it says to how many decimals the payload is rounded and
        how windows follow one another. Without it, what :func:`kpi_lib.compute.rollup` noted in
        ``rollups.attrs`` says so.

    Returns
    -------
    pandas.DataFrame
        ``as_of_date, kpi_id, entity_id``, the columns ``{window}_…`` of
        :data:`kpi_lib.frames.WINDOW_COLUMNS` for each window, then ``payload``. The prior year (or the
        first comparison, without it) fills them; a further comparison ``c`` adds ``{window}_{c}_…``.

    Raises
    ------
    FrameError
        When columns or rows are missing or repeated.
    UsageError
        When the catalogue is left out and the frame does not carry what it needs of it.
    """
    layout = Layout.of_frame(rollups) if catalogue is None else Layout.of(resolve_catalogue(catalogue))
    if layout is None:
        raise UsageError(
            "dashboard needs the catalogue, which says how numbers are rounded.",
            remedy="Pass a domain's name, a path or a Catalogue; or the frame as rollup returned it.",
        )
    absent = [name for name in ROLLUP_COLUMNS if name not in rollups.columns]
    if absent:
        raise FrameError(f"column {', '.join(map(repr, absent))} is missing.", where="rollups")
    keys, flat = _unstack(rollups, layout)
    return _table(keys, flat, layout)


def dashboard_from_facts(
    facts: pd.DataFrame | Cube,
    catalogue: Catalogue | str | Path | None = None,
    as_of: AsOf = None,
    loaded: Loaded | None = None,
    events: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the dashboard table straight from the facts, without the long frame.

    The arguments are those of :func:`kpi_lib.compute.rollup`; the frame is the one that
    :func:`dashboard` makes of its result, with the catalogue's windows and comparisons.
    """
    known = None if catalogue is None else resolve_catalogue(catalogue)
    wide = rollup_wide(facts, known, as_of, events=events, loaded=loaded)
    return dashboard_of(wide, facts.catalogue if isinstance(facts, Cube) else resolve_catalogue(known or ""))


def dashboard_of(wide: Wide, catalogue: Catalogue) -> pd.DataFrame:
    """Return the dashboard table of a wide roll-up."""
    dates, series = len(wide.as_of), len(wide.kpi_id)
    keys = pd.DataFrame(
        {
            "as_of_date": np.repeat(wide.as_of.astype("datetime64[us]"), series),
            "kpi_id": np.tile(wide.kpi_id, dates),
            "entity_id": np.tile(wide.entity_id, dates),
        }
    )
    return _table(keys, flatten(wide), Layout.of(catalogue))


def _table(keys: pd.DataFrame, windows: dict[str, FlatWindow], layout: Layout) -> pd.DataFrame:
    windows = {name: _ordered(window, layout) for name, window in windows.items()}
    columns: dict[str, Any] = {name: keys[name] for name in _SERIES}
    for name, window in windows.items():
        for number, (comparison, prior) in enumerate(window.priors.items()):
            added = _columns(
                name if number == 0 else f"{name}_{comparison}", window, prior, first=number == 0
            )
            taken = sorted(set(added) & set(columns))
            if taken:
                raise UsageError(
                    f"two windows or comparisons would both fill the column '{taken[0]}'.",
                    remedy="Rename one of them.",
                )
            columns |= added
    dates, date_of_row = np.unique(keys["as_of_date"].to_numpy().astype("datetime64[D]"), return_inverse=True)
    ids, of_row = np.unique(keys["kpi_id"].to_numpy(), return_inverse=True)
    per_kpi = np.array([layout.decimals[int(key)] for key in ids], dtype=np.int64)
    text = payloads(dates, date_of_row, windows, per_kpi[of_row]) if len(keys) else np.empty(0, object)
    columns["payload"] = pd.Series(pd.array(text, dtype=pd.StringDtype("pyarrow", na_value=np.nan)))
    return pd.DataFrame(columns)


def _ordered(window: FlatWindow, layout: Layout) -> FlatWindow:
    priors = {name: window.priors[name] for name in layout.order_comparisons(window.priors)}
    return FlatWindow(window.value, window.codes, window.missing, priors)


def _columns(prefix: str, window: FlatWindow, prior: FlatPrior, *, first: bool) -> dict[str, Any]:
    own = {
        "value": window.value,
        "prior": prior.prior,
        "delta": prior.delta,
        "delta_pct": prior.delta_pct,
        "reason": text_column(window.codes, REASONS),
        "prior_reason": text_column(prior.prior_codes, REASONS),
        "delta_reason": text_column(prior.delta_codes, REASONS),
        "missing_days": window.missing.astype(np.int64),
        "prior_missing_days": prior.prior_missing.astype(np.int64),
    }
    if not first:
        for name in ("value", "reason", "missing_days"):
            del own[name]
    return {f"{prefix}_{name}": column for name, column in own.items()}


def _unstack(rollups: pd.DataFrame, layout: Layout) -> tuple[pd.DataFrame, dict[str, FlatWindow]]:
    """Lay the rows of the long frame side by side by window and comparison."""
    repeated = rollups.duplicated(list(ROLLUP_KEYS), keep=False)
    if repeated.any():
        raise FrameError(
            f"{int(repeated.sum())} rows share a key {ROLLUP_KEYS}.",
            where="rollups",
            remedy=f"First: {examples(rollups[repeated], ROLLUP_KEYS)}.",
        )
    frame = rollups.sort_values(list(ROLLUP_KEYS), ignore_index=True)
    windows = sorted(frame["window"].unique().tolist())
    comparisons = sorted(frame["comparison"].unique().tolist())
    cells = max(len(windows) * len(comparisons), 1)
    rows = len(frame[list(_SERIES)].drop_duplicates())
    if rows * cells != len(frame):
        counts = frame.groupby(list(_SERIES)).size()
        raise FrameError(
            f"{int((counts < cells).sum())} of {rows} dates and series lack a window or a comparison.",
            where="rollups",
            remedy=f"{cells} rows are needed of each; first: "
            f"{examples(counts[counts < cells].rename('rows').reset_index())}.",
        )
    keys = frame.loc[::cells, list(_SERIES)].reset_index(drop=True)
    if len(frame):
        _check_ids(keys, layout)
    flat: dict[str, FlatWindow] = {}
    for place, window in enumerate(windows):
        parts = {
            name: _take(frame, cells, place * len(comparisons) + number)
            for number, name in enumerate(comparisons)
        }
        shared = next(iter(parts.values()))
        flat[window] = FlatWindow(
            shared["value"].to_numpy(float),
            codes_of(shared["reason"]),
            shared["missing_days"].to_numpy(),
            {name: _flat_prior(part) for name, part in parts.items()},
        )
    return keys, {name: flat[name] for name in layout.order_windows(flat)}


def _take(frame: pd.DataFrame, cells: int, cell: int) -> pd.DataFrame:
    return frame.iloc[cell::cells]


def _flat_prior(part: pd.DataFrame) -> FlatPrior:
    numbers: dict[str, npt.NDArray[np.float64]] = {
        name: part[name].to_numpy(float) for name in ("prior", "delta", "delta_pct")
    }
    return FlatPrior(
        **numbers,
        prior_codes=codes_of(part["prior_reason"]),
        delta_codes=codes_of(part["delta_reason"]),
        prior_missing=part["prior_missing_days"].to_numpy(),
    )


def _check_ids(keys: pd.DataFrame, layout: Layout) -> None:
    unknown = sorted(set(keys["kpi_id"].unique().tolist()) - set(layout.decimals))
    if unknown:
        raise FrameError(
            f"kpi_id {', '.join(map(str, unknown[:5]))} is not in the catalogue.", where="rollups"
        )
