"""Roll-ups in blocks of series, for facts that are too many for one go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.compute.arguments import AsOf, Loaded
from kpi_lib.compute.grid import read_days
from kpi_lib.compute.wide import Wide, rollup_wide
from kpi_lib.errors import UsageError
from kpi_lib.periods import Comparison, Window


def rollup_blocks(
    facts: pd.DataFrame | Iterable[pd.DataFrame],
    catalogue: Catalogue | str | Path,
    as_of: AsOf = None,
    windows: Iterable[str | Window] | None = None,
    comparisons: Iterable[str | Comparison] | None = None,
    events: pd.DataFrame | None = None,
    loaded: Loaded | None = None,
    *,
    series: int = 500,
) -> Iterator[Wide]:
    """Roll facts up block by block of series, so that memory holds one block at a time.

    Parameters
    ----------
    facts
        A frame, or an iterable of frames that each hold whole series.
    catalogue, as_of, windows, comparisons, events, loaded
        As for :func:`rollup_wide`. With several frames and no ``as_of``, each block has its own dates.
    series
        Series per block, when one frame is given.

    Yields
    ------
    Wide
        The same numbers as :func:`rollup_wide` has for these series.
    """
    if series < 1:
        raise UsageError(f"series = {series} cannot be.", remedy="Use a whole number from 1 on.")
    windows = None if windows is None else tuple(windows)
    comparisons = None if comparisons is None else tuple(comparisons)
    if isinstance(facts, pd.DataFrame):
        if as_of is None and len(facts):
            as_of = list(np.unique(read_days(facts, "date_key", "facts")))
        _check_events_have_facts(facts, events)
        facts = _blocks(facts, series)
    for block in facts:
        seen = None if events is None else events[events["kpi_id"].isin(block["kpi_id"].unique())]
        yield rollup_wide(block, catalogue, as_of, windows, comparisons, seen, loaded)


def _check_events_have_facts(facts: pd.DataFrame, events: pd.DataFrame | None) -> None:
    unseen = set() if events is None else set(events["kpi_id"]) - set(facts["kpi_id"])
    if unseen:
        raise UsageError(
            f"kpi_id {', '.join(map(str, sorted(unseen)))} has events but no facts.",
            remedy="Block by block, the series are those of the facts: give it its daily rows.",
        )


def _blocks(facts: pd.DataFrame, series: int) -> Iterator[pd.DataFrame]:
    pair = facts.groupby(["kpi_id", "entity_id"], sort=True).ngroup().to_numpy()
    for first in range(0, int(pair.max(initial=-1)) + 1, series):
        yield facts[(pair >= first) & (pair < first + series)]
