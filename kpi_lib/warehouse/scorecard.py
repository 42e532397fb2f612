"""The questions about a scorecard: its rows, its past, the detail behind a headline."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import pandas as pd

from kpi_lib.catalogue import Catalogue, Settings, load_settings
from kpi_lib.catalogue.scorecard import DetailView, Scorecard, load_scorecard
from kpi_lib.catalogue.settings import find_root
from kpi_lib.catalogue.targets import Target, load_targets
from kpi_lib.errors import UsageError, WarehouseError, did_you_mean
from kpi_lib.warehouse.protocol import Warehouse
from kpi_lib.warehouse.tables import SCORECARD, SCORECARD_HISTORY, SCORECARD_STATE, SCORECARD_TREND

# A date may have been written more than once, each time only what had changed.
_NEWEST_OF_YEAR = f"""
SELECT * EXCEPT (as_of_date) FROM {SCORECARD_HISTORY} AS h
WHERE fiscal_year = @fiscal_year AND as_of_date = (
  SELECT MAX(as_of_date) FROM {SCORECARD_HISTORY} WHERE fiscal_year = @fiscal_year
)
QUALIFY ROW_NUMBER() OVER (PARTITION BY metric_key, person_name ORDER BY updated_at DESC) = 1
"""  # noqa: S608


def targets_file(settings: Settings | None) -> Path | None:
    """Return where the targets lie, by the given settings or those of the current folder."""
    if settings is not None:
        return settings.targets
    return load_settings().targets if find_root() is not None else None


class ScorecardQuestions:
    """What a reader can be asked of a domain that has a scorecard."""

    catalogue: Catalogue
    _warehouse: Warehouse
    _targets: Path | None

    @property
    def targets_path(self) -> Path | None:
        """Where the targets lie; None without a ``kpi.toml``."""
        return self._targets

    def targets(self) -> tuple[Target, ...]:
        """Return the domain's targets, read from ``targets.json`` and checked.

        Raises
        ------
        DefinitionError
            When the file is malformed or names what is not there.
        """
        if self._targets is None:
            return ()
        return load_targets(self._targets, (self.catalogue,)).of(self.catalogue.domain)

    def scorecard(
        self, fiscal_year: int | None = None, department: str | None = None, person: str | None = None
    ) -> pd.DataFrame:
        """Return rows of ``dashboard_kpis`` in the order of the definitions.

        Parameters
        ----------
        fiscal_year
            By default the newest one; of an earlier one, the newest rows of its last date in the history.
        department
            Only this department's; ``company`` for the company's own metrics.
        person
            Only those that this person answers for.

        Raises
        ------
        UsageError
            When the domain has no scorecard, or nothing is held for that year, department or person.
        """
        state = self._state
        if fiscal_year is None or fiscal_year == int(state["fiscal_year"]):
            frame = self._warehouse.query(f"SELECT * FROM {SCORECARD}")  # noqa: S608
        else:
            frame = self._warehouse.query(_NEWEST_OF_YEAR, {"fiscal_year": fiscal_year})
            if frame.empty:
                raise UsageError(
                    f"Nothing was published for fiscal year {fiscal_year}.",
                    remedy=f"The newest is {int(state['fiscal_year'])}.",
                )
        for column, wanted in (("department", department), ("person_name", person)):
            if wanted is not None:
                known = frame[column].dropna().unique()
                if wanted not in known:
                    raise UsageError(
                        f"There is no {column.split('_')[0]} '{wanted}' on the scorecard.",
                        remedy=did_you_mean(wanted, known),
                    )
                frame = frame[frame[column] == wanted]
        places = {metric.key: place for place, metric in enumerate(self.definitions.metrics)}
        ordered = frame["metric_key"].map(lambda key: places.get(key, len(places)))
        return frame.iloc[ordered.argsort(kind="stable")].reset_index(drop=True)

    def detail(self, view: str, where: Mapping[str, object] | None = None) -> pd.DataFrame:
        """Return the rows of a detail view, in the order of its columns.

        Parameters
        ----------
        view
            Its name, e.g. ``net_revenue_retention_all_customers``.
        where
            Column → value that a row must have.

        Raises
        ------
        DefinitionError
            When there is no such view.
        UsageError
            When a column of ``where`` is not the view's.
        """
        found: DetailView = self.definitions.view(view)
        conditions = dict(where or {})
        columns = self._warehouse.columns(found.table)
        for name in conditions:
            if name not in columns:
                raise UsageError(f"{view} has no column '{name}'.", remedy=did_you_mean(name, columns))
        # Only names that the warehouse itself knows come into the text; values are parameters.
        tests = [f"`{name}` = @v{number}" for number, name in enumerate(conditions)]
        sql = f"SELECT * FROM {found.table}" + (f" WHERE {' AND '.join(tests)}" if tests else "")  # noqa: S608
        # A table has no order of its own; without one the pages of two engines, or two nights, would differ.
        sql += f" ORDER BY {', '.join(f'`{name}`' for name in columns)}"
        return self._warehouse.query(sql, {f"v{n}": value for n, value in enumerate(conditions.values())})

    def scorecard_trend(self) -> pd.DataFrame:
        """Return each metric's value at earlier dates, worked out from today's sources."""
        _ = self._state
        return self._warehouse.query(f"SELECT * FROM {SCORECARD_TREND} ORDER BY as_of_date, metric_key")  # noqa: S608

    def scorecard_history(self) -> pd.DataFrame:
        """Return the rows of ``dashboard_kpis`` as published or backfilled, those written first in front."""
        _ = self._state
        return self._warehouse.query(f"SELECT * FROM {SCORECARD_HISTORY} ORDER BY updated_at, metric_key")  # noqa: S608

    def scorecard_as_of(self) -> dt.date:
        """Return the as-of date of the scorecard and its detail views."""
        return pd.Timestamp(self._state["as_of_date"]).date()

    @cached_property
    def definitions(self) -> Scorecard:
        """The scorecard's definitions."""
        if not self.catalogue.has_scorecard:
            raise UsageError(
                f"Domain '{self.catalogue.domain}' has no scorecard.",
                remedy="Ask for its daily KPIs: today(), series(), payload().",
            )
        return load_scorecard(self.catalogue.folder)

    @cached_property
    def _state(self) -> pd.Series:
        _ = self.definitions
        if not self._warehouse.exists(SCORECARD_STATE):
            raise WarehouseError(
                f"Nothing is published for domain '{self.catalogue.domain}' yet.",
                remedy="Run `make report` (or `kpi nightly`).",
            )
        return self._warehouse.query(f"SELECT * FROM {SCORECARD_STATE}").iloc[0]  # noqa: S608

    def _require_kpis(self) -> None:
        if not self.catalogue.kpis:
            raise UsageError(
                f"Domain '{self.catalogue.domain}' has no daily KPIs; it has a scorecard.",
                remedy="Use wh.scorecard() and wh.detail(view), or another --domain.",
            )
