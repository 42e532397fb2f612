"""What a report is made of: definitions, the figures of one as-of day, the daily values behind them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import pandas as pd

from kpi_lib.catalogue.models import Catalogue, Entity, Kpi
from kpi_lib.catalogue.targets import Target
from kpi_lib.errors import DataError, UsageError
from kpi_lib.periods import Window, iso_day
from kpi_lib.reporting.markup import text_html
from kpi_lib.reporting.theme import notebook_style

MAIN_COMPARISON = "prior_year"
#: Whole calendar years of daily values before the current one: what the longest chart shows.
HISTORY_YEARS = 3


def first_shown_day(as_of: dt.date) -> dt.date:
    """Return the first day of which a page for an as-of date shows facts."""
    return dt.date(as_of.year - HISTORY_YEARS, 1, 1)


class Reader(Protocol):
    """What a report needs of a warehouse."""

    @property
    def catalogue(self) -> Catalogue:
        """The domain's definitions."""

    def as_of(self) -> dt.date:
        """Return the newest as-of day."""

    def watermark(self) -> dt.date:
        """Return the last day for which every required source is complete."""

    def rollups(self, as_of: Any = None, entity: str = "ALL") -> pd.DataFrame:
        """Return the long frame of one as-of day and entity."""

    def rollups_of(self, kpi: str, as_of: Any = None) -> pd.DataFrame:
        """Return the long frame of one as-of day and KPI, all entities."""

    def daily(
        self, entity: str = "ALL", kpi: str | None = None, since: Any = None, until: Any = None
    ) -> pd.DataFrame:
        """Return rows of ``fact_kpi_daily``."""

    def loads(self) -> pd.DataFrame:
        """Return the load record of every source."""

    def targets(self) -> Sequence[Target]:
        """Return the domain's targets."""


@dataclass(frozen=True)
class Figure:
    """One number with everything that must travel with it.

    ``None`` is "there is no number"; the reasons say why.
    """

    kpi: Kpi
    window: Window
    start: dt.date | None = None
    end: dt.date | None = None
    prior_start: dt.date | None = None
    prior_end: dt.date | None = None
    value: float | None = None
    prior: float | None = None
    delta: float | None = None
    delta_pct: float | None = None
    missing_days: int = 0
    prior_missing_days: int = 0
    reason: str | None = None
    prior_reason: str | None = None
    delta_reason: str | None = None

    @property
    def whole(self) -> bool:
        """Whether value and prior are both there and both complete."""
        return self.value is not None and self.prior is not None and not (self.reason or self.prior_reason)


@dataclass(frozen=True)
class ReportData:
    """Everything a report of one as-of day and entity shows.

    Parameters
    ----------
    catalogue
        The domain's definitions.
    as_of, watermark
        The day of the figures; the last day for which every source is complete.
    entity
        Whose figures these are.
    rollups
        The long frame of this day and entity.
    daily
        The daily values of this entity, three whole years and the current one up to this day.
    loads
        The load record of every source.
    targets
        What the figures should reach.
    reader
        Where further entities are read from when they are asked for.
    """

    catalogue: Catalogue
    as_of: dt.date
    entity: Entity
    rollups: pd.DataFrame = field(repr=False)
    daily: pd.DataFrame = field(repr=False)
    loads: pd.DataFrame = field(repr=False)
    watermark: dt.date
    targets: tuple[Target, ...] = ()
    reader: Reader | None = field(default=None, repr=False, compare=False)

    @property
    def currency(self) -> str:
        """The domain's currency."""
        return self.catalogue.currency

    def kpi(self, code: str | None = None) -> Kpi:
        """Return a KPI, or the domain's headline."""
        return self.catalogue.kpi(code or self.catalogue.headline or self.catalogue.kpis[0].code)

    def row(self, kpi_code: str | int, window: str, comparison: str = MAIN_COMPARISON) -> Figure:
        """Return the figure of a KPI in a window; without a number when there is no row for it."""
        kpi = self.catalogue.kpi(kpi_code)
        return self._figures.get(
            (kpi.id, window, comparison),
            Figure(
                kpi,
                self.catalogue.window(window),
                reason="not_loaded",
                prior_reason="not_loaded",
                delta_reason="not_loaded",
            ),
        )

    def days(self, kpi_code: str | int) -> pd.DataFrame:
        """Return a KPI's daily ``value, numerator, denominator``, indexed by date, oldest first."""
        return self._days.get(self.catalogue.kpi(kpi_code).id, _NO_DAYS)

    def days_of(self, entity: str, kpi_code: str | int) -> pd.DataFrame:
        """Return another entity's daily values of a KPI, as :meth:`days` does; none without a warehouse."""
        code, kpi = self.catalogue.entity(entity).code, self.catalogue.kpi(kpi_code)
        if code == self.entity.code or self.reader is None:
            return self.days(kpi.code) if code == self.entity.code else _NO_DAYS
        since = first_shown_day(self.as_of)
        frame = self.reader.daily(entity=code, kpi=kpi.code, since=since, until=self.as_of)
        return frame.set_index("date_key").sort_index()[["value", "numerator", "denominator"]]

    def of_entity(self, entity: str, kpi_code: str, window: str) -> Figure | None:
        """Return a KPI's figure for another entity; None where it has none.

        All entities of the KPI are read when one of them is first asked for: there may be hundreds.
        """
        code = self.catalogue.entity(entity).code
        if code == self.entity.code:
            return self.row(kpi_code, window)
        if self.reader is None:
            return None
        chosen = self.catalogue.kpi(kpi_code)
        if chosen.code not in self._others:
            rows = self.reader.rollups_of(chosen.code, as_of=self.as_of)
            self._others[chosen.code] = {
                int(str(entity_id)): _figures(own, self.catalogue)
                for entity_id, own in rows.groupby("entity_id")
            }
        own = self._others[chosen.code].get(self.catalogue.entity(code).id, {})
        return own.get((chosen.id, window, MAIN_COMPARISON))

    def _repr_html_(self) -> str:
        """Say what this is and give the notebook the look of the pages."""
        when = f"{self.as_of:%a} {self.as_of.day} {self.as_of:%b %Y}"
        words = f"{self.catalogue.title}, {self.entity.name}, as of {when}"
        return f"<style>{notebook_style()}</style><p>{text_html(words)}</p>"

    @cached_property
    def _figures(self) -> dict[tuple[int, str, str], Figure]:
        return _figures(self.rollups, self.catalogue)

    @cached_property
    def _days(self) -> dict[int, pd.DataFrame]:
        frame = self.daily.set_index("date_key").sort_index()
        return {
            int(str(kpi_id)): rows[["value", "numerator", "denominator"]]
            for kpi_id, rows in frame.groupby("kpi_id")
        }

    @cached_property
    def _others(self) -> dict[str, Mapping[int, Mapping[tuple[int, str, str], Figure]]]:
        return {}


def load_report(wh: Reader, as_of: dt.date | str | None = None, entity: str = "ALL") -> ReportData:
    """Read a report's data from a warehouse.

    Parameters
    ----------
    wh
        An open warehouse, as :func:`kpi_lib.connect` gives it.
    as_of
        The day; None or an empty text for the newest.
    entity
        Code of the entity.

    Returns
    -------
    ReportData
        Frozen.

    Raises
    ------
    UsageError
        When ``as_of`` is no date.
    DataError
        When the warehouse has no figures for that day and entity.
    """
    catalogue = wh.catalogue
    chosen = catalogue.entity(entity)
    wanted = _date(as_of) if as_of else wh.as_of()
    rollups = wh.rollups(as_of=wanted, entity=chosen.code)
    if rollups.empty:
        raise DataError(
            f"There are no figures for {wanted.isoformat()} and entity '{chosen.code}'.",
            remedy=f"The newest day is {wh.as_of().isoformat()}; `kpi build --days N` makes older ones.",
        )
    return ReportData(
        catalogue=catalogue,
        as_of=wanted,
        entity=chosen,
        rollups=rollups,
        daily=wh.daily(entity=chosen.code, since=first_shown_day(wanted), until=wanted),
        loads=wh.loads(),
        watermark=wh.watermark(),
        targets=tuple(wh.targets()),
        reader=wh,
    )


_NO_DAYS = pd.DataFrame(
    {"value": [], "numerator": [], "denominator": []},
    index=pd.DatetimeIndex([], name="date_key"),
    dtype=float,
)


def _date(value: dt.date | str) -> dt.date:
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    try:
        return iso_day(value)
    except ValueError as error:
        raise UsageError(f"'{value}' is no date.", where="as_of", remedy="Write it as 2026-11-20.") from error


def _figures(rollups: pd.DataFrame, catalogue: Catalogue) -> dict[tuple[int, str, str], Figure]:
    kpis = {kpi.id: kpi for kpi in catalogue.kpis}
    windows = {window.name: window for window in catalogue.windows}
    return {
        (row["kpi_id"], row["window"], row["comparison"]): Figure(
            kpi=kpis[row["kpi_id"]],
            window=windows[row["window"]],
            start=_day(row["start_date"]),
            end=_day(row["end_date"]),
            prior_start=_day(row["prior_start"]),
            prior_end=_day(row["prior_end"]),
            value=_number(row["value"]),
            prior=_number(row["prior"]),
            delta=_number(row["delta"]),
            delta_pct=_number(row["delta_pct"]),
            missing_days=int(_number(row["missing_days"]) or 0),
            prior_missing_days=int(_number(row["prior_missing_days"]) or 0),
            reason=_text(row["reason"]),
            prior_reason=_text(row["prior_reason"]),
            delta_reason=_text(row["delta_reason"]),
        )
        for row in rollups.to_dict("records")
        if row["kpi_id"] in kpis and row["window"] in windows
    }


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _day(value: Any) -> dt.date | None:
    return None if pd.isna(value) else pd.Timestamp(value).date()


def _text(value: Any) -> str | None:
    return None if pd.isna(value) or not value else str(value)
