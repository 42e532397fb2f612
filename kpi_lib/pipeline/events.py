"""The events of distinct counts: read where the domain says, counted by day, kept for the roll-ups."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from kpi_lib.catalogue import Catalogue
from kpi_lib.compute.changes import event_changes, no_changes
from kpi_lib.compute.distinct import EVENT_COLUMNS
from kpi_lib.errors import DataError, FrameError
from kpi_lib.frames import FACT_KEYS, examples
from kpi_lib.pipeline.dimensions import entity_above
from kpi_lib.warehouse import Warehouse
from kpi_lib.warehouse.rollup import loaded_days
from kpi_lib.warehouse.tables import ENTITY_ABOVE, EVENTS


def events_sql(catalogue: Catalogue) -> str:
    """Return the SELECT of the events of the days from ``@first_day`` to ``@last_day``."""
    return f"""
SELECT DISTINCT date_key, kpi_id, entity_id, CAST(member_id AS STRING) AS member_id
FROM {catalogue.events}
WHERE date_key IS NULL OR date_key BETWEEN @first_day AND @last_day
"""  # noqa: S608


def read_events(
    warehouse: Warehouse, catalogue: Catalogue, loaded: tuple[dt.date, dt.date]
) -> pd.DataFrame | None:
    """Return the events of the loaded days from the domain's model; None for a domain without any.

    Raises
    ------
    DataError
        When an event has no date, KPI, entity or member.
    """
    if not catalogue.events:
        return None
    order = "ORDER BY date_key, kpi_id, entity_id, member_id"
    found = warehouse.query(f"{events_sql(catalogue)}{order}", loaded_days(loaded))
    _require_whole(catalogue, found[found.isna().any(axis=1)])
    return found


def check_events(warehouse: Warehouse, catalogue: Catalogue, loaded: tuple[dt.date, dt.date]) -> None:
    """Look at the events where they lie; only what is wrong with them is read.

    Raises
    ------
    DataError
        When an event has no date, KPI, entity or member.
    FrameError
        When it is of a KPI that is no distinct count, or of an unknown entity.
    """
    distinct = ", ".join(str(kpi.id) for kpi in catalogue.kpis if kpi.kind == "distinct") or "0"
    missing = " OR ".join(f"{name} IS NULL" for name in EVENT_COLUMNS)
    sql = f"""
SELECT * FROM ({events_sql(catalogue)}) AS seen
WHERE {missing} OR kpi_id NOT IN ({distinct}) OR entity_id NOT IN (SELECT entity_id FROM kpi.dim_entity)
"""  # noqa: S608
    found = warehouse.query(sql, loaded_days(loaded))
    _require_whole(catalogue, found[found.isna().any(axis=1)])
    if len(found):
        # Who the events are of is nothing for a message.
        raise FrameError(
            f"{len(found)} events are of a KPI that is no distinct count, or of an unknown entity.",
            where=catalogue.events,
            remedy=f"First: {examples(found.drop(columns='member_id'))}. Mend the model's SQL.",
        )


def _require_whole(catalogue: Catalogue, broken: pd.DataFrame) -> None:
    if len(broken):
        # Who the events are of is nothing for a message.
        shown = examples(broken.drop(columns="member_id"))
        raise DataError(
            f"{len(broken)} events lack a date, a KPI, an entity or a member.",
            where=catalogue.events,
            remedy=f"First: {shown}. Leave them out in the model's SQL, or name them.",
        )


def keep_entities(warehouse: Warehouse, catalogue: Catalogue) -> None:
    """Write which entities each event counts for."""
    warehouse.replace(ENTITY_ABOVE, entity_above(catalogue))


def keep_nothing(warehouse: Warehouse) -> int:
    """Write the empty table of events of a domain that has none."""
    return warehouse.replace(EVENTS, pd.DataFrame(columns=list(EVENT_COLUMNS)))


def keep_events(warehouse: Warehouse, catalogue: Catalogue, events: pd.DataFrame | None) -> int:
    """Write the events, and which entities each one counts for; return the number of events."""
    keep_entities(warehouse, catalogue)
    return keep_nothing(warehouse) if events is None else warehouse.replace(EVENTS, events)


def changed_events(
    warehouse: Warehouse,
    catalogue: Catalogue,
    events: pd.DataFrame | None,
    grown: list[pd.Timestamp],
    through: pd.Timestamp | None,
) -> pd.DataFrame:
    """Return the days and series whose members are not those that the warehouse holds.

    Parameters
    ----------
    warehouse
        Holds the events of the last build.
    catalogue
        The domain's definitions.
    events
        The events of this build.
    grown
        Business dates for which some source has more rows than before.
    through
        The last day of the last build: later days are new, not changed. None when there was none.
    """
    if events is None or through is None or not warehouse.exists(EVENTS):
        return no_changes()
    old = warehouse.query(f"SELECT * FROM {EVENTS}")  # noqa: S608
    return event_changes(old, events[events["date_key"] <= through], catalogue, grown)


def with_event_changes(changes: pd.DataFrame, of_events: pd.DataFrame) -> pd.DataFrame:
    """Return what changed in facts and events together; of a distinct count, the events say why."""
    both = pd.concat([of_events, changes], ignore_index=True).drop_duplicates(list(FACT_KEYS))
    return both.sort_values(list(FACT_KEYS), ignore_index=True)
