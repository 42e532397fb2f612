"""The facts and the dashboard of a domain: computed in memory, or where the tables lie.

On the embedded warehouse everything is computed in memory. In BigQuery facts and what changed in them are
worked out by SQL; the roll-ups in memory from the days that they need, or by SQL too
(``docs/adr/0013-the-warehouse-computes.md``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import pandas as pd

from kpi_lib import periods
from kpi_lib.catalogue import Catalogue
from kpi_lib.compute import dashboard_from_facts, unpivot
from kpi_lib.compute.changes import differing_rows, fact_changes, no_changes
from kpi_lib.compute.distinct import daily_counts
from kpi_lib.frames import FACT_KEYS
from kpi_lib.frames import FACTS as FACTS_FRAME
from kpi_lib.pipeline import events
from kpi_lib.warehouse import Warehouse
from kpi_lib.warehouse.dashboard import dashboard_sql
from kpi_lib.warehouse.fact_changes import SEEN, changes_sql
from kpi_lib.warehouse.facts import NEEDED_EVENTS, NEEDED_FACTS, check_mart, facts_sql
from kpi_lib.warehouse.ledger_tables import FACT_CHANGE
from kpi_lib.warehouse.rollup import SERIES_DAY, load_spans, loaded_days, series_day_sql
from kpi_lib.warehouse.tables import DASHBOARD, EVENTS, FACTS

Days = tuple[dt.date, dt.date]


class KpiTables(Protocol):
    """Makes the facts, then the dashboard, of one build."""

    def make_facts(self, grown: Sequence[pd.Timestamp]) -> dict[str, int]:
        """Write facts, events and, in ``ops.fact_change``, what changed in them; return the rows of each.

        ``grown`` are the business dates for which some source has more rows than when it was last published.
        """
        ...

    def changed_from(self) -> pd.Timestamp | None:
        """Return the first business date whose facts or events changed."""
        ...

    def make_dashboard(self, dates: pd.DatetimeIndex, *, whole: bool) -> int:
        """Compute these as-of dates, in place of the whole table or of their rows; return the rows."""
        ...


@dataclass
class InMemory:
    """Facts and roll-ups of NumPy arrays: the tables are read and written whole.

    Parameters
    ----------
    warehouse, catalogue
        The domain's tables, open for writing, and its definitions.
    loaded
        First and last day that is loaded.
    """

    warehouse: Warehouse
    catalogue: Catalogue
    loaded: Days
    facts: pd.DataFrame | None = None
    seen: pd.DataFrame | None = None
    first_change: pd.Timestamp | None = None

    def make_facts(self, grown: Sequence[pd.Timestamp]) -> dict[str, int]:
        """Write facts, events and changes from frames."""
        warehouse, catalogue = self.warehouse, self.catalogue
        days = pd.date_range(*self.loaded, freq="D", unit="us")
        self.seen = events.read_events(warehouse, catalogue, self.loaded)
        self.facts = facts_of(warehouse, catalogue, self.seen, days)
        differing = differing_facts(warehouse, self.facts)
        moved = events.changed_events(warehouse, catalogue, self.seen, list(grown), _built_through(warehouse))
        changes = events.with_event_changes(fact_changes(differing, catalogue, grown), moved)
        self.first_change = changed_from(changes)
        rows = {FACTS: warehouse.replace(FACTS, self.facts)}
        rows[EVENTS] = events.keep_events(warehouse, catalogue, self.seen)
        warehouse.replace(FACT_CHANGE, changes)
        return rows

    def changed_from(self) -> pd.Timestamp | None:
        """Return the first date of the changes."""
        return self.first_change

    def make_dashboard(self, dates: pd.DatetimeIndex, *, whole: bool) -> int:
        """Compute the dates from the facts at hand."""
        assert self.facts is not None  # noqa: S101 - the dashboard is made of the facts
        frame = dashboard_from_facts(
            self.facts, self.catalogue, as_of=list(dates), loaded=self.loaded, events=self.seen
        )
        return write_dashboard(self.warehouse, frame, whole=whole)


@dataclass(frozen=True)
class InWarehouse:
    """Facts by SQL; the roll-ups by SQL, or in memory from the days that their windows and comparisons need.

    Parameters
    ----------
    warehouse, catalogue, loaded
        As of :class:`InMemory`.
    rollups
        Where the roll-ups are computed.
    cells
        How many values and comparisons one query makes.
    """

    warehouse: Warehouse
    catalogue: Catalogue
    loaded: Days
    rollups: Literal["memory", "warehouse"] = "warehouse"
    cells: int = 20_000_000

    @property
    def _params(self) -> dict[str, object]:
        return loaded_days(self.loaded)

    def make_facts(self, grown: Sequence[pd.Timestamp]) -> dict[str, int]:
        """Write facts, events and changes from queries over the mart, the events and what is published."""
        warehouse, catalogue = self.warehouse, self.catalogue
        columns = check_mart(warehouse, catalogue)
        seen = None
        if catalogue.events:
            events.check_events(warehouse, catalogue, self.loaded)
            seen = events.events_sql(catalogue)
        events.keep_entities(warehouse, catalogue)
        self._note_changes(facts_sql(catalogue, columns, SEEN), seen, grown)
        rows = {EVENTS: self._make_events(seen)}
        return {FACTS: warehouse.build(FACTS, facts_sql(catalogue, columns), self._params), **rows}

    def _note_changes(self, facts: str, seen: str | None, grown: Sequence[pd.Timestamp]) -> None:
        if not self.warehouse.exists(FACTS):
            self.warehouse.replace(FACT_CHANGE, no_changes())
            return
        sql = changes_sql(facts, seen, grown, compare_events=self.warehouse.exists(EVENTS))
        self.warehouse.build(FACT_CHANGE, sql, self._params)

    def _make_events(self, seen: str | None) -> int:
        if seen is None:
            return events.keep_nothing(self.warehouse)
        return self.warehouse.build(EVENTS, seen, self._params)

    def changed_from(self) -> pd.Timestamp | None:
        """Ask for the first date of the changes."""
        found = self.warehouse.query(f"SELECT MIN(date_key) AS first_day FROM {FACT_CHANGE}")  # noqa: S608
        first: pd.Timestamp = found["first_day"].iloc[0]
        return None if pd.isna(first) else first

    def make_dashboard(self, dates: pd.DatetimeIndex, *, whole: bool) -> int:
        """Compute the dates, where the profile says."""
        if not len(dates):
            return 0
        if self.rollups == "memory":
            facts, seen = self.needed(dates)
            frame = dashboard_from_facts(
                facts, self.catalogue, as_of=list(dates), loaded=self.loaded, events=seen
            )
            return write_dashboard(self.warehouse, frame, whole=whole)
        self.warehouse.build(SERIES_DAY, series_day_sql(), self._params)
        sql, rows = dashboard_sql(self.catalogue), 0
        for number, block in enumerate(self._blocks(dates)):
            load_spans(self.warehouse, self.catalogue, block.to_numpy())
            if not whole:
                rows += self.warehouse.build_days(DASHBOARD, sql, "as_of_date")
            elif number:
                rows += self.warehouse.insert(DASHBOARD, sql)
            else:
                rows += self.warehouse.build(DASHBOARD, sql)
        self.warehouse.drop(SERIES_DAY)
        return rows

    def _blocks(self, dates: pd.DatetimeIndex) -> Iterator[pd.DatetimeIndex]:
        """Yield the dates in parts that one query can hold, however many series there are."""
        catalogue = self.catalogue
        series = len(catalogue.kpis) * len(catalogue.entities)
        cells = series * len(catalogue.windows) * len(catalogue.comparisons)
        step = max(1, self.cells // cells)
        for first in range(0, len(dates), step):
            yield dates[first : first + step]

    def needed(self, dates: pd.DatetimeIndex) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """Return the facts and events that the roll-ups of these as-of dates read.

        Beside the days of windows and comparisons these are the first day on which each series is there
        (whether a comparison has a history depends on it), and the day on which it is furthest from whole
        cents (how money is added up depends on it).
        """
        catalogue = self.catalogue
        spans = periods.spans(
            dates.to_numpy().astype("datetime64[D]"),
            catalogue.windows,
            catalogue.comparisons,
            catalogue.calendar,
        )
        starts, ends = spans[["start_date", "prior_start"]].min(), spans[["end_date", "prior_end"]].max()
        # Where no window has begun no day is needed.
        params = {**self._params, "from_day": starts.min(), "to_day": ends.max()}
        if pd.isna(params["from_day"]):
            params |= {"from_day": dates[0], "to_day": dates[0]}
        facts = self.warehouse.query(NEEDED_FACTS, params)
        seen = self.warehouse.query(NEEDED_EVENTS, params) if catalogue.events else None
        return facts, seen


def write_dashboard(warehouse: Warehouse, frame: pd.DataFrame, *, whole: bool) -> int:
    """Write computed as-of dates in place of the whole table, or of their own rows."""
    if whole:
        return warehouse.replace(DASHBOARD, frame)
    return warehouse.replace_days(DASHBOARD, frame, "as_of_date")


def facts_of(
    warehouse: Warehouse, catalogue: Catalogue, seen: pd.DataFrame | None, days: pd.DatetimeIndex
) -> pd.DataFrame:
    """Return the checked, ordered ``fact_kpi_daily`` frame of the wide mart, and of the events by day."""
    wide = warehouse.query(f"SELECT * FROM {catalogue.mart} ORDER BY date_key, entity_id")  # noqa: S608
    facts = unpivot(wide, catalogue)
    if seen is not None:
        counted = daily_counts(seen, facts, catalogue, days.to_numpy().astype("datetime64[D]"))
        facts = pd.concat([facts, counted]).sort_values(list(FACT_KEYS), ignore_index=True)
    return FACTS_FRAME.check(facts)


def differing_facts(warehouse: Warehouse, facts: pd.DataFrame) -> pd.DataFrame:
    """Return the facts that are not as the warehouse holds them; days after those it holds are left out."""
    if not warehouse.exists(FACTS):
        return differing_rows(facts.head(0), facts.head(0))
    old = warehouse.query(f"SELECT * FROM {FACTS}")  # noqa: S608
    # Days beyond the old table are new as-of dates, not changes to old ones.
    return differing_rows(old, facts[facts["date_key"] <= old["date_key"].max()])


def changed_from(changes: pd.DataFrame) -> pd.Timestamp | None:
    """Return the first business date whose facts or events changed."""
    return None if changes.empty else changes["date_key"].min()


def _built_through(warehouse: Warehouse) -> pd.Timestamp | None:
    if not warehouse.exists(FACTS):
        return None
    newest: pd.Timestamp = warehouse.query(f"SELECT MAX(date_key) AS d FROM {FACTS}")["d"].iloc[0]  # noqa: S608
    return newest
