"""What a caller may write for a catalogue, as-of dates, windows, comparisons and a loaded range."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.errors import DefinitionError, UsageError, did_you_mean
from kpi_lib.periods import (
    PRIOR_YEAR,
    STANDARD_COMPARISONS,
    STANDARD_WINDOWS,
    TARGET,
    Comparison,
    Window,
    iso_day,
)
from kpi_lib.periods.calendars import Days

#: A date, an ISO string, a list of them, a ``(start, end)`` pair, or None for every date of the facts.
AsOf = Any
Loaded = tuple[dt.date | str, dt.date | str]
Named = TypeVar("Named", Window, Comparison)


def resolve_catalogue(catalogue: Catalogue | str | Path) -> Catalogue:
    """Return the catalogue, loading it when its name or path is given."""
    if isinstance(catalogue, Catalogue):
        return catalogue
    from kpi_lib.catalogue import load_catalogue

    return load_catalogue(catalogue)


def resolve_day(value: Any, what: str = "as_of") -> np.datetime64:
    """Return one date as ``datetime64[D]``; a time of day or nonsense raises :class:`UsageError`."""
    remedy = "Write a date such as '2026-11-20'."
    if isinstance(value, bool | int | float):
        raise UsageError(f"{what} = {value!r} is no date.", remedy=remedy)
    try:
        moment = pd.Timestamp(iso_day(value) if isinstance(value, str) else value)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{what} = {value!r} is no date.", remedy=remedy) from error
    if pd.isna(moment):
        raise UsageError(f"{what} is missing.", remedy=remedy)
    if moment.tzinfo is not None or moment != moment.normalize():
        raise UsageError(
            f"{what} = {value!r} carries a time of day or a zone.",
            remedy="Reduce it to the local business date first.",
        )
    return np.datetime64(moment.date(), "D")


def resolve_as_of(as_of: AsOf, dates: Days) -> Days:
    """Return the as-of dates, ascending and unique.

    Parameters
    ----------
    as_of
        What the caller wrote.
    dates
        The dates of the facts, taken when ``as_of`` is None.
    """
    if as_of is None:
        return np.unique(dates)
    if isinstance(as_of, tuple):
        if len(as_of) != 2:
            raise UsageError(
                f"as_of is a tuple of {len(as_of)}.", remedy="A pair is (start, end); use a list for dates."
            )
        first, last = (resolve_day(value) for value in as_of)
        if last < first:
            raise UsageError(f"as_of ends on {last}, before it starts on {first}.", remedy="Swap them.")
        return np.arange(first, last + np.timedelta64(1, "D"))
    if isinstance(as_of, str | dt.date | np.datetime64):
        return np.array([resolve_day(as_of)])
    if not isinstance(as_of, Iterable):
        raise UsageError(f"as_of = {as_of!r} is no date.", remedy="Write a date, a list or a pair.")
    return np.unique(np.array([resolve_day(value) for value in as_of], dtype="datetime64[D]"))


def resolve_windows(windows: Iterable[str | Window] | None, catalogue: Catalogue) -> tuple[Window, ...]:
    """Return the windows; None means the catalogue's."""
    known = {**STANDARD_WINDOWS, **{window.name: window for window in catalogue.windows}}
    chosen = catalogue.windows if windows is None else windows
    return _resolve(chosen, known, Window, "window")


def resolve_comparisons(
    comparisons: Iterable[str | Comparison] | None, catalogue: Catalogue
) -> tuple[Comparison, ...]:
    """Return the comparisons; None means the catalogue's, or the prior year where it names none."""
    known = {
        **STANDARD_COMPARISONS,
        TARGET.name: TARGET,
        **{item.name: item for item in catalogue.comparisons},
    }
    chosen = (catalogue.comparisons or (PRIOR_YEAR,)) if comparisons is None else comparisons
    return _resolve(chosen, known, Comparison, "comparison")


def _resolve(
    items: Iterable[str | Named] | str, known: dict[str, Named], kind: type[Named], what: str
) -> tuple[Named, ...]:
    listed: Sequence[str | Named] = [items] if isinstance(items, str | kind) else list(items)
    found: list[Named] = []
    for item in listed:
        if isinstance(item, str):
            if item not in known:
                raise DefinitionError(f"There is no {what} '{item}'.", remedy=did_you_mean(item, known))
            found.append(known[item])
        elif isinstance(item, kind):
            found.append(item)
        else:
            raise UsageError(f"{item!r} is no {what}.", remedy=f"Give its name or a {kind.__name__}.")
    if not found:
        raise UsageError(f"No {what} is asked for.", remedy="Leave the argument out for the domain's own.")
    names = [item.name for item in found]
    for name in names:
        if names.count(name) > 1:
            raise DefinitionError(f"two {what}s are called '{name}'.", remedy="Rename one of them.")
    return tuple(found)


def resolve_loaded(loaded: Loaded | None) -> tuple[np.datetime64, np.datetime64] | None:
    """Return the first and last loaded day, or None when the facts decide."""
    if loaded is None:
        return None
    if not isinstance(loaded, tuple | list) or len(loaded) != 2:
        raise UsageError(f"loaded = {loaded!r} is no pair.", remedy="Give (first day, last day).")
    first, last = (resolve_day(value, "loaded") for value in loaded)
    if last < first:
        raise UsageError(f"loaded ends on {last}, before it starts on {first}.", remedy="Swap them.")
    return first, last
