"""What a scorecard page is made of: each metric with its value, its past, its target and what it means."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import pandas as pd

from kpi_lib.catalogue.models import Catalogue, Kpi
from kpi_lib.catalogue.pace import Pace, pace
from kpi_lib.catalogue.scorecard import COMPANY, Metric, Scorecard
from kpi_lib.catalogue.targets import WHOLE, Target, period_bounds
from kpi_lib.errors import DataError, UsageError
from kpi_lib.periods import iso_day
from kpi_lib.reporting.markup import text_html
from kpi_lib.reporting.theme import notebook_style


class ScorecardReader(Protocol):
    """What a scorecard page needs of a warehouse."""

    @property
    def catalogue(self) -> Catalogue:
        """The domain's definitions."""

    @property
    def definitions(self) -> Scorecard:
        """The scorecard's definitions."""

    def scorecard_as_of(self) -> dt.date:
        """Return the as-of date of the scorecard and its views."""

    def scorecard(
        self, fiscal_year: int | None = None, department: str | None = None, person: str | None = None
    ) -> pd.DataFrame:
        """Return rows of ``dashboard_kpis``."""

    def scorecard_trend(self) -> pd.DataFrame:
        """Return the metrics at earlier dates."""

    def detail(self, view: str, where: Mapping[str, object] | None = None) -> pd.DataFrame:
        """Return the rows of a detail view."""

    def watermark(self) -> dt.date:
        """Return the last day for which every required source is complete."""

    def targets(self) -> Sequence[Target]:
        """Return the domain's targets."""


@dataclass(frozen=True)
class Standing:
    """One metric as it stands, for the company or for a person.

    Parameters
    ----------
    metric
        Its definition.
    value
        None when there is none.
    prior, prior_day
        The value on the same date a year earlier, worked out from today's sources; None where it has no past.
    trend
        Earlier dates and values, oldest first, this one last.
    pace
        How it stands against its target; None without one for this period.
    """

    metric: Metric
    value: float | None
    prior: float | None = None
    prior_day: dt.date | None = None
    trend: tuple[tuple[dt.date, float | None], ...] = ()
    pace: Pace | None = None

    @property
    def kpi(self) -> Kpi:
        """The metric in the shape that numbers are formatted by."""
        return as_kpi(self.metric)

    @property
    def why_missing(self) -> str:
        """What the definition says about a missing value."""
        said = [part.strip() for part in self.metric.edge_cases.split(". ") if "no value" in part]
        return (said[0].rstrip(".") if said else "there is nothing to work it out from") + "."


@dataclass(frozen=True)
class Board:
    """Everything that a scorecard page shows.

    Parameters
    ----------
    catalogue, scorecard
        The definitions.
    as_of, fiscal_year, watermark
        The day of the figures, its fiscal year, and how far every source is loaded.
    standings
        The metrics of this page, in the order of the definitions.
    person
        Whose page it is; empty for the company's.
    reader
        Where the detail behind a headline is read from.
    """

    catalogue: Catalogue
    scorecard: Scorecard
    as_of: dt.date
    fiscal_year: int
    watermark: dt.date
    standings: tuple[Standing, ...]
    person: str = ""
    reader: ScorecardReader | None = field(default=None, repr=False, compare=False)

    @property
    def currency(self) -> str:
        """The domain's currency."""
        return self.catalogue.currency

    @property
    def leading(self) -> tuple[Standing, ...]:
        """The metrics with a card of their own; the others stand beside one of them."""
        return tuple(item for item in self.standings if not item.metric.beside)

    @property
    def year_start(self) -> dt.date:
        """The first day of the fiscal year."""
        return period_bounds(f"FY{self.fiscal_year}", self.catalogue.calendar)[0]

    def beside(self, key: str) -> tuple[Standing, ...]:
        """Return the metrics that are shown on another one's card."""
        return tuple(item for item in self.standings if item.metric.beside == key)

    def standing(self, key: str) -> Standing | None:
        """Return how a metric stands; None when it is not on this page."""
        return next((item for item in self.standings if item.metric.key == key), None)

    def of_page(self, page: str) -> tuple[Standing, ...]:
        """Return the metrics whose drill-down page this is."""
        return tuple(item for item in self.standings if item.metric.page == page)

    def basis(self, item: Standing) -> str:
        """Return what a metric sets against what; empty where its name says enough."""
        said = {
            "fiscal_year": str(self.fiscal_year),
            "prior_fiscal_year": str(self.fiscal_year - 1),
            "day": f"{self.as_of.day} {self.as_of:%b}",
        }
        text = item.metric.basis
        for name, value in said.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def detail(self, view: str) -> pd.DataFrame:
        """Return the rows of a detail view, read once."""
        if self.reader is None:
            raise DataError("This page was made without a warehouse.", where=view)
        if view not in self._details:
            self._details[view] = self.reader.detail(view)
        return self._details[view]

    @cached_property
    def _details(self) -> dict[str, pd.DataFrame]:
        return {}

    def _repr_html_(self) -> str:
        """Say what this is and give the notebook the look of the pages."""
        when = f"{self.as_of:%a} {self.as_of.day} {self.as_of:%b %Y}"
        words = f"{self.catalogue.title}, {self.person or 'company'}, as of {when}"
        return f"<style>{notebook_style()}</style><p>{text_html(words)}</p>"


def load_board(wh: ScorecardReader, as_of: dt.date | str | None = None, person: str = "") -> Board:
    """Read a scorecard page's data from a warehouse.

    Parameters
    ----------
    wh
        An open warehouse, as :func:`kpi_lib.connect` gives it.
    as_of
        The day; None or an empty text for the one that the warehouse holds.
    person
        Whose metrics; empty for the company's.

    Raises
    ------
    DataError
        When the warehouse holds the scorecard of another day.
    UsageError
        When ``as_of`` is no date, or nobody of that name answers for a metric.
    """
    held = wh.scorecard_as_of()
    if as_of and _date(as_of) != held:
        raise DataError(
            f"The warehouse holds the scorecard as of {held}, not {as_of}.",
            remedy=f"`kpi nightly --as-of {as_of}` makes that day's pages.",
        )
    rows = wh.scorecard(person=person) if person else wh.scorecard(department=COMPANY)
    card, trend = wh.definitions, wh.scorecard_trend()
    targets = {target.key[1:]: target for target in wh.targets()}
    year = int(rows["fiscal_year"].iloc[0])
    standings = [
        _standing(card.metric(row["metric_key"]), row, trend, targets, wh.catalogue, held)
        for row in rows.to_dict("records")
    ]
    return Board(wh.catalogue, card, held, year, wh.watermark(), tuple(standings), person, wh)


def as_kpi(metric: Metric) -> Kpi:
    """Return a metric in the shape that numbers are formatted by."""
    return Kpi(
        id=1, code=metric.key, name=metric.label, group="scorecard", kind="sum" if metric.phased else "last",
        format=metric.format, unit=metric.unit, decimals=metric.decimals, direction=metric.direction,
        definition=metric.definition,
    )  # fmt: skip


def year_before(day: dt.date) -> dt.date:
    """Return the same date a year earlier; the last day of a month maps to the last day of that month."""
    last = calendar.monthrange(day.year - 1, day.month)[1]
    ends = day.day == calendar.monthrange(day.year, day.month)[1]
    return dt.date(day.year - 1, day.month, last if ends else min(day.day, last))


def _standing(
    metric: Metric,
    row: Mapping[Hashable, Any],
    trend: pd.DataFrame,
    targets: Mapping[tuple[str, str, str], Target],
    catalogue: Catalogue,
    as_of: dt.date,
) -> Standing:
    person = row["person_name"]
    own = trend[trend["metric_key"] == metric.key]
    own = own[own["person_name"].isna()] if pd.isna(person) else own[own["person_name"] == person]
    past = {
        pd.Timestamp(day).date(): None if pd.isna(value) else float(value)
        for day, value in zip(own["as_of_date"], own["metric_value"], strict=True)
    }
    value = None if pd.isna(row["metric_value"]) else float(row["metric_value"])
    before = year_before(as_of)
    period = f"FY{row['fiscal_year']}"
    target = targets.get((metric.key, str(person), period)) or targets.get((metric.key, WHOLE, period))
    first, last = period_bounds(period, catalogue.calendar)
    judged = None
    if target is not None:
        judged = pace(
            target, value, phased=metric.phased,
            elapsed_days=(as_of - first).days + 1, total_days=(last - first).days + 1,
            prior_to_date=past.get(before), prior_total=past.get(first - dt.timedelta(days=1)),
        )  # fmt: skip
    ends = [(day, item) for day, item in sorted(past.items()) if _month_end(day) and day < as_of]
    return Standing(
        metric=metric,
        value=value,
        prior=past.get(before),
        prior_day=before if metric.dated else None,
        trend=(*ends, (as_of, value)) if ends else (),
        pace=judged,
    )


def _month_end(day: dt.date) -> bool:
    return day.day == calendar.monthrange(day.year, day.month)[1]


def _date(value: dt.date | str) -> dt.date:
    if isinstance(value, dt.date):
        return value
    try:
        return iso_day(value)
    except ValueError as error:
        raise UsageError(f"'{value}' is no date.", where="as_of", remedy="Write it as 2026-11-20.") from error
