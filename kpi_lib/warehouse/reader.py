"""Reading what is published: what notebooks and the command line ask a warehouse."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import pandas as pd

from kpi_lib import periods
from kpi_lib.catalogue import (
    BigQueryProfile,
    Catalogue,
    Settings,
    load_catalogue,
    load_settings,
)
from kpi_lib.errors import UsageError, WarehouseError
from kpi_lib.frames import ROLLUP_COLUMNS, ROLLUP_KEYS, WINDOW_COLUMNS
from kpi_lib.warehouse import queries
from kpi_lib.warehouse.days import Day, read_day, read_range
from kpi_lib.warehouse.duck import DuckDBWarehouse
from kpi_lib.warehouse.history import History
from kpi_lib.warehouse.protocol import Warehouse
from kpi_lib.warehouse.quality_questions import QualityQuestions
from kpi_lib.warehouse.scorecard import ScorecardQuestions, targets_file
from kpi_lib.warehouse.tables import (
    DASHBOARD,
    FACTS,
    SCORECARD_STATE,
    SOURCE_LOAD,
    comparison_names,
    dashboard_column,
    physical_layers,
)

_ANY_KPI = (0, 2**62)


def connect(
    profile: str | None = None,
    domain: str | None = None,
    path: Path | str | None = None,
    settings: Settings | None = None,
) -> Reader:
    """Open the published warehouse of a domain for reading.

    Parameters
    ----------
    profile
        A profile of ``kpi.toml``; empty or None for its default.
    domain
        A domain's name; empty or None for the first of ``kpi.toml``.
    path
        A warehouse file in place of the profile's.
    settings
        Settings that have been read already.

    Returns
    -------
    Reader
        A context manager.

    Raises
    ------
    WarehouseError
        When nothing has been published yet, or the file cannot be opened.
    """
    if settings is None and not (path and domain):
        settings = load_settings()
    if settings is None:
        catalogue, file = load_catalogue(str(domain)), Path(str(path))
    else:
        chosen = settings.profile(profile or None)
        catalogue = load_catalogue(settings.domain_folder(domain or settings.domains[0]))
        if isinstance(chosen, BigQueryProfile) and not path:
            # Only here: the client takes half a second to import.
            from kpi_lib.warehouse.bigquery.open import open_published

            place = Path(chosen.project) / chosen.dataset("kpi", catalogue.domain)
            return Reader(
                open_published(chosen, profile or settings.default_profile, catalogue),
                catalogue,
                place,
                targets_file(settings),
            )
        file = Path(str(path or getattr(chosen, "path", "")))
    warehouse = DuckDBWarehouse.open(file, physical_layers(catalogue), read_only=True)
    return Reader(warehouse, catalogue, file, targets_file(settings))


class Reader(History, QualityQuestions, ScorecardQuestions):
    """The questions that reports, notebooks and the command line ask; read-only.

    Parameters
    ----------
    warehouse
        Open; it is closed with the reader.
    catalogue
        The domain's definitions.
    path
        Where the warehouse lies.
    targets
        Where the targets lie; None for none.
    """

    def __init__(
        self, warehouse: Warehouse, catalogue: Catalogue, path: Path, targets: Path | None = None
    ) -> None:
        self._warehouse = warehouse
        self._targets = targets
        self.catalogue = catalogue
        self.path = path

    def close(self) -> None:
        """Close the connection."""
        self._warehouse.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def query(self, sql: str, params: Mapping[str, object] | None = None) -> pd.DataFrame:
        """Return the rows of one GoogleSQL query over logical tables, e.g. ``kpi.fact_kpi_daily``."""
        return self._warehouse.query(sql, params)

    def as_of(self) -> dt.date:
        """Return the newest as-of date that is published."""
        return self._bounds[1] if self.catalogue.kpis else self.scorecard_as_of()

    def today(self, as_of: Day = None, entity: str | int = "ALL") -> pd.DataFrame:
        """Return the dashboard of a day: one row a KPI, each window's columns side by side.

        Raises
        ------
        UsageError
            When nothing is published for that day; the message says which days there are.
        DefinitionError
            When there is no such entity.
        """
        return self._of_day(queries.TODAY, as_of, entity)

    def payload(self, as_of: Day = None, entity: str | int = "ALL") -> pd.DataFrame:
        """Return one row a KPI with its JSON ``payload``; raises as :meth:`today` does."""
        return self._of_day(queries.PAYLOAD, as_of, entity)

    def series(
        self, kpi: str | int, since: Day = None, until: Day = None, entity: str | int = "ALL"
    ) -> pd.DataFrame:
        """Return one KPI's dashboard rows over as-of dates, oldest first.

        Parameters
        ----------
        kpi
            Code or id.
        since, until
            First and last as-of date, inclusive; None for no limit.
        entity
            Code or id.
        """
        self._require_kpis()
        first, last = read_range(since, until)
        params = {
            "kpi_id": self.catalogue.kpi(kpi).id,
            "entity_id": self.catalogue.entity(entity).id,
            "since": first,
            "until": last,
        }
        self._require_published()
        return self.query(queries.SERIES, params)

    def rollups(self, as_of: Day = None, entity: str | int = "ALL") -> pd.DataFrame:
        """Return a day's roll-ups in the long form of :func:`kpi_lib.rollup`; raises as :meth:`today` does.

        An entity that has no figures on that day gives an empty frame.
        """
        return self._long(self._of_day(queries.WIDE, as_of, entity))

    def rollups_of(self, kpi: str | int, as_of: Day = None) -> pd.DataFrame:
        """Return a day's roll-ups of one KPI for every entity, in the form of :meth:`rollups`."""
        self._require_kpis()
        self._require_published()
        day = read_day(as_of, "as_of") or self.as_of()
        wide = self.query(queries.WIDE_OF_KPI, {"as_of": day, "kpi_id": self.catalogue.kpi(kpi).id})
        if wide.empty:
            self._require_day(day)
        return self._long(wide)

    def _long(self, wide: pd.DataFrame) -> pd.DataFrame:
        """Return the dashboard's rows in the long form, with the days of each window."""
        long = self._melt(wide)
        spans = periods.spans(
            wide["as_of_date"].unique(),
            self.catalogue.windows,
            self.catalogue.comparisons,
            self.catalogue.calendar,
        )
        dated = long.merge(
            spans.drop(columns=["state", "prior_state"]),
            on=["as_of_date", "window", "comparison"],
            how="left",
            validate="many_to_one",
        )
        return dated.sort_values(list(ROLLUP_KEYS), ignore_index=True)[list(ROLLUP_COLUMNS)]

    def _melt(self, wide: pd.DataFrame) -> pd.DataFrame:
        """Return the dashboard's columns below one another, one block a window and comparison."""
        keys = ["as_of_date", "kpi_id", "entity_id"]
        first, *others = comparison_names(self.catalogue)
        blocks = []
        for window in self.catalogue.windows:
            for comparison in (first, *others):
                columns = [dashboard_column(window.name, comparison, name, first) for name in WINDOW_COLUMNS]
                absent = [name for name in columns if name not in wide.columns]
                if absent:
                    raise WarehouseError(
                        f"The published dashboard has no column '{absent[0]}'.",
                        where=str(self.path),
                        remedy="Definitions have been added since: run `kpi build --full` or `kpi nightly`.",
                    )
                block = wide[[*keys, *columns]].set_axis([*keys, *WINDOW_COLUMNS], axis=1)
                blocks.append(block.assign(window=window.name, comparison=comparison))
        return pd.concat(blocks, ignore_index=True).astype({"window": "str", "comparison": "str"})

    def daily(
        self, entity: str | int = "ALL", kpi: str | int | None = None, since: Day = None, until: Day = None
    ) -> pd.DataFrame:
        """Return the rows of ``fact_kpi_daily`` of an entity, by day and KPI."""
        self._require_kpis()
        first, last = read_range(since, until)
        ids = _ANY_KPI if kpi is None else (self.catalogue.kpi(kpi).id,) * 2
        params = {
            "entity_id": self.catalogue.entity(entity).id,
            "first_kpi": ids[0],
            "last_kpi": ids[1],
            "since": first,
            "until": last,
        }
        self._require_published()
        return self.query(queries.DAILY, params)

    def loads(self) -> pd.DataFrame:
        """Return how far each source is loaded: ``raw.source_load``, by source."""
        self._require_published()
        return self.query(queries.LOADS)

    def watermark(self) -> dt.date:
        """Return the day through which every required source is complete."""
        required = [source.name for source in self.catalogue.sources if source.required]
        loads = self.loads()
        through = loads[loads["source"].isin(required)]["complete_through"].min()
        if pd.isna(through):
            raise self._unpublished()
        return pd.Timestamp(through).date()

    @cached_property
    def _bounds(self) -> tuple[dt.date, dt.date]:
        self._require_published()
        row = self.query(queries.BOUNDS).iloc[0]
        if pd.isna(row["last_day"]):
            raise self._unpublished()
        return pd.Timestamp(row["first_day"]).date(), pd.Timestamp(row["last_day"]).date()

    @cached_property
    def _published(self) -> bool:
        own = (DASHBOARD, FACTS) if self.catalogue.kpis else (SCORECARD_STATE,)
        return all(self._warehouse.exists(table) for table in (*own, SOURCE_LOAD))

    def _require_published(self) -> None:
        if not self._published:
            raise self._unpublished()

    def _unpublished(self) -> WarehouseError:
        return WarehouseError(
            f"Nothing is published for domain '{self.catalogue.domain}' yet.",
            where=str(self.path),
            remedy="Run `make report` (or `kpi nightly`).",
        )

    def _of_day(self, sql: str, as_of: Day, entity: str | int) -> pd.DataFrame:
        self._require_kpis()
        entity_id = self.catalogue.entity(entity).id
        day = read_day(as_of, "as_of") or self.as_of()
        frame = self.query(sql, {"as_of": day, "entity_id": entity_id})
        if frame.empty:
            self._require_day(day)
        return frame

    def _require_day(self, day: dt.date) -> None:
        if self.query(queries.ON_DAY, {"as_of": day})["n"].iloc[0]:
            return
        first, last = self._bounds
        raise UsageError(
            f"Nothing is published for {day}.",
            where=f"domain '{self.catalogue.domain}'",
            remedy=f"Choose a date from {first} to {last}, or run `kpi backfill --from {day} --to {day}`.",
        )
