"""A small domain published again and again into a warehouse in memory, for tests of refresh and ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pandas as pd

from kpi_lib.catalogue import Catalogue
from kpi_lib.compute.changes import fact_changes
from kpi_lib.pipeline.build import Span, roll_up
from kpi_lib.pipeline.dimensions import dim_entity, dim_kpi
from kpi_lib.pipeline.kpi_tables import InMemory, changed_from, differing_facts
from kpi_lib.warehouse import DuckDBWarehouse, Reader
from kpi_lib.warehouse.ledger import Publication, write_ledger
from kpi_lib.warehouse.ledger_tables import FACT_CHANGE
from kpi_lib.warehouse.tables import FACTS, physical_layers

MORNING = dt.datetime(2025, 6, 1, 9, 0, tzinfo=dt.UTC)


@dataclass
class Published:
    """A warehouse in memory, and the nights that were published into it."""

    warehouse: DuckDBWarehouse
    catalogue: Catalogue
    nights: int = 0
    causes: list[str] = field(default_factory=list)

    def refresh(
        self,
        facts: pd.DataFrame,
        *,
        until: dt.date | None = None,
        full: bool = False,
        last_days: int = 1,
        catalogue: Catalogue | None = None,
    ) -> tuple[pd.DataFrame, dt.date | None]:
        """Bring facts and dashboard up to date as a night does; return what differed, and since when."""
        self.catalogue = catalogue or self.catalogue
        days = facts["date_key"]
        last = until or days.max().date()
        span = Span(days.min().date(), last, last, last)
        facts = facts[days <= pd.Timestamp(last)]
        self.warehouse.replace("kpi.dim_kpi", dim_kpi(self.catalogue))
        self.warehouse.replace("kpi.dim_entity", dim_entity(self.catalogue))
        differing = differing_facts(self.warehouse, facts)
        self.warehouse.replace(FACTS, facts)
        loaded = (span.first_day, span.last_day)
        tables = InMemory(self.warehouse, self.catalogue, loaded, facts, first_change=changed_from(differing))
        _, cause, since = roll_up(
            self.warehouse, self.catalogue, tables, span, full=full, last_days=last_days
        )
        self.causes.append(cause)
        return differing, since

    def night(
        self, facts: pd.DataFrame, *, grown: Iterable[str] = (), code: str = "c1", **more: object
    ) -> int:
        """Refresh and write the ledger; return the number of rows that it took."""
        differing, since = self.refresh(facts, **more)  # type: ignore[arg-type]
        changes = fact_changes(differing, self.catalogue, [pd.Timestamp(day) for day in grown])
        self.nights += 1
        publication = Publication(
            f"run{self.nights}",
            MORNING + dt.timedelta(days=self.nights - 1),
            facts["date_key"].max().date(),
            code,
            since,
        )
        self.warehouse.replace(FACT_CHANGE, changes)
        return write_ledger(self.warehouse, self.catalogue, publication)

    @property
    def reader(self) -> Reader:
        """What a user would have after ``kpi.connect()``."""
        return Reader(self.warehouse, self.catalogue, self.warehouse.path)


@contextmanager
def published(catalogue: Catalogue) -> Iterator[Published]:
    """Give a warehouse in which nothing has been published yet."""
    with DuckDBWarehouse.open(":memory:", physical_layers(catalogue)) as warehouse:
        yield Published(warehouse, catalogue)
