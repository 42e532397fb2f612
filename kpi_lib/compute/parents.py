"""Entities that are made of others: their daily facts, summed before anything is added up over time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from kpi_lib.catalogue.models import Catalogue, Entity, Kpi
from kpi_lib.compute.arguments import resolve_catalogue
from kpi_lib.compute.distinct import Events
from kpi_lib.compute.grid import read_grid
from kpi_lib.errors import UsageError
from kpi_lib.frames import FACT_KEYS, FACT_VALUES


def with_parents(
    facts: pd.DataFrame, catalogue: Catalogue | str | Path, events: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Add the daily facts of entities that have children but no facts of their own.

    Values, numerators and denominators are summed over the children of one type (each type of leaves
    makes up the whole, so two types are never added); a day on which an active child is missing is
    missing for the parent. Distinct counts are counted again from the events.

    Parameters
    ----------
    facts
        The columns of ``fact_kpi_daily``; never changed.
    catalogue
        A domain's name, a path, or a catalogue.
    events
        Needed when a KPI is a distinct count.

    Returns
    -------
    pandas.DataFrame
        The facts and the added rows, sorted by day, KPI and entity.

    Raises
    ------
    FrameError
        When a frame breaks its contract.
    UsageError
        When events are needed and absent.
    """
    known = resolve_catalogue(catalogue)
    read_grid(facts, known)
    made = facts.reindex(columns=[*FACT_KEYS, *FACT_VALUES])
    seen = None if events is None else Events.read(events, known)
    for parent in _deepest_first(known):
        have = set(made.loc[made["entity_id"] == parent.id, "kpi_id"].tolist())
        rows = [
            added
            for kpi in known.kpis
            if kpi.id not in have
            for added in [_of_children(made, kpi, parent, known, seen)]
            if added is not None
        ]
        if rows:
            made = pd.concat([made, *rows], ignore_index=True)
    return made.sort_values(list(FACT_KEYS), ignore_index=True)


def _deepest_first(catalogue: Catalogue) -> list[Entity]:
    by_code = {entity.code: entity for entity in catalogue.entities}

    def depth(entity: Entity) -> int:
        steps, above = 0, by_code.get(entity.parent or "")
        while above is not None and steps < len(by_code):
            steps, above = steps + 1, by_code.get(above.parent or "")
        return steps

    parents = {entity.parent for entity in catalogue.entities}
    return sorted((item for item in catalogue.entities if item.code in parents), key=depth, reverse=True)


def _of_children(
    facts: pd.DataFrame, kpi: Kpi, parent: Entity, catalogue: Catalogue, events: Events | None
) -> pd.DataFrame | None:
    own = facts[facts["kpi_id"] == kpi.id]
    having = set(own["entity_id"].tolist())
    children = [item for item in catalogue.entities if item.parent == parent.code and item.id in having]
    if not children:
        return None
    children = [item for item in children if item.type == children[0].type]
    days = pd.Index(np.sort(own["date_key"].unique()), name="date_key")
    active = pd.DataFrame({item.id: _active(days, kpi, item) for item in children}, index=days)
    total: dict[str, pd.Series] = {}
    for name in FACT_VALUES:
        table = own.pivot(index="date_key", columns="entity_id", values=name).reindex(index=days)
        table = table.reindex(columns=active.columns).where(active, 0.0)
        total[name] = table.sum(axis=1, min_count=1).where(table.notna().all(axis=1) & active.any(axis=1))
    if kpi.kind == "ratio":
        below = total["denominator"]
        total["value"] = (total["numerator"] / below.where(below != 0.0)) * kpi.scale
    elif kpi.kind == "distinct":
        total["value"] = _seen(days, kpi, parent, events).where(total["value"].notna())
    frame = pd.DataFrame(total).reset_index()
    frame.insert(1, "kpi_id", kpi.id)
    frame.insert(2, "entity_id", parent.id)
    return frame[active.any(axis=1).to_numpy()]


def _active(days: pd.Index, kpi: Kpi, entity: Entity) -> pd.Series:
    first = max((str(day) for day in (kpi.since, entity.opened) if day is not None), default="0001-01-01")
    last = str(entity.closed or "9999-12-31")
    day = days.to_numpy().astype("datetime64[D]")
    inside = (day >= np.datetime64(first, "D")) & (day <= np.datetime64(last, "D"))
    return pd.Series(inside, index=days)


def _seen(days: pd.Index, kpi: Kpi, parent: Entity, events: Events | None) -> pd.Series:
    if events is None:
        raise UsageError(
            f"'{kpi.code}' is a distinct count: it cannot be added up over entities.",
            remedy="Pass events=…, a frame of date_key, kpi_id, entity_id, member_id.",
        )
    rows = (events.kpi_id == kpi.id) & (events.entity_id == parent.id)
    counts = pd.Series(events.day[rows].astype("datetime64[us]")).value_counts()
    return counts.reindex(days, fill_value=0).astype(float)
