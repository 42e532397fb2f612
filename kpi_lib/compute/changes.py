"""Which facts changed since they were last published, and whether more rows explain it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.compute.distinct import EVENT_COLUMNS, ancestors
from kpi_lib.frames import FACT_KEYS, FACT_VALUES

_DAY = pd.Timedelta(days=1)


def differing_rows(
    old: pd.DataFrame, new: pd.DataFrame, columns: Sequence[str] = (*FACT_KEYS, *FACT_VALUES)
) -> pd.DataFrame:
    """Return the rows, of ``fact_kpi_daily`` by default, that are not the same in both frames.

    Returns
    -------
    pandas.DataFrame
        The columns and ``is_new``: a changed row is there twice, as it was and as it is.
    """
    columns = list(columns)
    both = pd.concat([old[columns].assign(is_new=False), new[columns].assign(is_new=True)], ignore_index=True)
    return both[~both.duplicated(columns, keep=False)].reset_index(drop=True)


def fact_changes(
    differing: pd.DataFrame, catalogue: Catalogue, grown: Iterable[pd.Timestamp]
) -> pd.DataFrame:
    """Say of each changed fact whether more rows in the sources explain it.

    A change is late when the measure was missing and is now there, or when a source has more rows for its
    business date than before. A stock carries a late row on to every later day, so a run of changed days
    that begins with a late one is late as a whole. Every other change is a correction.

    Parameters
    ----------
    differing
        What :func:`differing_rows` returns.
    catalogue
        Tells stocks from flows.
    grown
        Business dates for which some source has more rows than when it was last published.

    Returns
    -------
    pandas.DataFrame
        ``date_key, kpi_id, entity_id, is_late``, sorted; one row a changed fact.
    """
    keys = list(FACT_KEYS)
    ratios = [kpi.id for kpi in catalogue.kpis if kpi.kind == "ratio"]
    sides = differing["numerator"].notna() & differing["denominator"].notna()
    measured = differing["value"].notna().mask(differing["kpi_id"].isin(ratios), sides)
    flags = differing[keys].assign(was=measured & ~differing["is_new"], now=measured & differing["is_new"])
    changes = flags.groupby(keys, as_index=False)[["was", "now"]].any().sort_values(keys, ignore_index=True)
    appeared = changes["now"] & ~changes["was"]
    late = appeared | changes["date_key"].isin(list(grown))
    stocks = changes["kpi_id"].isin([kpi.id for kpi in catalogue.kpis if kpi.kind == "last"])
    late = late.where(~stocks, _run_begins_late(changes.assign(late=late)))
    return changes[keys].assign(is_late=late.astype(bool))


def event_changes(
    old: pd.DataFrame, new: pd.DataFrame, catalogue: Catalogue, grown: Iterable[pd.Timestamp]
) -> pd.DataFrame:
    """Say on which days somebody was counted who was not before, or no longer.

    The members of a day can change while their number stays, so the daily facts alone do not tell. A change
    is late when nobody went, or when a source has more rows for that day than before.

    Parameters
    ----------
    old, new
        Events: ``date_key, kpi_id, entity_id, member_id``.
    catalogue
        Tells which entities an event belongs to.
    grown
        Business dates for which some source has more rows than when it was last published.

    Returns
    -------
    pandas.DataFrame
        What :func:`fact_changes` returns, for the entities of the events and those above them.
    """
    differing = differing_rows(old, new, EVENT_COLUMNS)
    if differing.empty:
        return no_changes()
    own = [(entity, above) for entity, more in ancestors(catalogue).items() for above in (entity, *more)]
    above = pd.DataFrame(own, columns=["entity_id", "above_id"])
    spread = differing.merge(above, on="entity_id").drop(columns="entity_id")
    keys = list(FACT_KEYS)
    spread = spread.rename(columns={"above_id": "entity_id"})
    cells = spread.groupby(keys)["is_new"].all().rename("is_late").reset_index()
    cells["is_late"] |= cells["date_key"].isin(list(grown))
    return cells


def no_changes() -> pd.DataFrame:
    """Return what :func:`fact_changes` returns when nothing changed."""
    empty = pd.DataFrame(columns=[*FACT_KEYS, "is_late"])
    return empty.astype({"date_key": "datetime64[us]", "kpi_id": int, "entity_id": int, "is_late": bool})


def _run_begins_late(changes: pd.DataFrame) -> pd.Series:
    """Return for each change whether the run of neighbouring days that it is part of begins late."""
    ordered = changes.sort_values(["kpi_id", "entity_id", "date_key"])
    gap = ordered.groupby(["kpi_id", "entity_id"])["date_key"].diff() != _DAY
    return ordered["late"].groupby(gap.cumsum()).transform("first").reindex(changes.index)
