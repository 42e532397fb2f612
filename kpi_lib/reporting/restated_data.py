"""What became of published figures: each change with the old value, the new one and the cause."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import pandas as pd

from kpi_lib.catalogue.models import Catalogue, Kpi
from kpi_lib.catalogue.scorecard import COMPANY, Scorecard
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.board import as_kpi
from kpi_lib.reporting.tables import window_label

#: Changes of publications up to so many days before the newest one are shown.
DAYS = 35
#: A scorecard's history does not tell late data from a correction.
WORKED_OUT_AGAIN = "worked_out_again"
ON_SCORECARD = "On the scorecard"
_REASONS = {
    "partial": "days missing",
    "not_loaded": "no data",
    "zero_denominator": "nothing to divide by",
    "not_started": "not started yet",
    "no_history": "no data a year earlier",
    "no_counterpart": "no matching days",
    "withdrawn": "not published",
}


class RestatedReader(Protocol):
    """What the page needs of a warehouse."""

    @property
    def catalogue(self) -> Catalogue:
        """The domain's definitions."""

    @property
    def definitions(self) -> Scorecard:
        """The scorecard's definitions."""

    def as_of(self) -> dt.date:
        """Return the newest as-of day."""

    def publications(self) -> pd.DataFrame:
        """Return every publication that changed something, oldest first."""

    def restatements(self, since: dt.datetime | None = None) -> pd.DataFrame:
        """Return every published value that a later publication changed."""

    def scorecard_history(self) -> pd.DataFrame:
        """Return every scorecard as it was published, oldest first."""


@dataclass(frozen=True)
class Restatement:
    """One published figure that changed.

    Parameters
    ----------
    kpi
        Which figure; it says how to write it.
    what
        The window, and whether it is the value or what that is compared with.
    as_of
        The business date of the report in which it stood.
    old, new
        What was published then, and now; None where there is no number.
    old_reason, new_reason
        Why there is no number, or not a whole one, as a code; empty when there is.
    cause
        ``late_data``, ``correction``, ``definition`` or :data:`WORKED_OUT_AGAIN`.
    published_at
        The instant from which the new value stands.
    """

    kpi: Kpi
    what: str
    as_of: dt.date
    old: float | None
    new: float | None
    old_reason: str
    new_reason: str
    cause: str
    published_at: dt.datetime

    @property
    def difference(self) -> float | None:
        """New less old; None where one of them is missing."""
        return None if self.old is None or self.new is None else self.new - self.old


@dataclass(frozen=True)
class RestatedData:
    """What is known about the published figures that changed.

    Parameters
    ----------
    catalogue
        The domain's definitions.
    as_of
        The day of the figures.
    changes
        Every change from ``since`` on, the newest first.
    since
        The first instant that was looked at: the first publication, or some weeks before the newest.
    published_at
        The newest publication.
    publications
        How many there have been.
    """

    catalogue: Catalogue
    as_of: dt.date
    changes: tuple[Restatement, ...]
    since: dt.datetime
    published_at: dt.datetime
    publications: int

    @property
    def newest(self) -> tuple[Restatement, ...]:
        """What changed with the newest publication."""
        return tuple(item for item in self.changes if item.published_at == self.published_at)

    def date(self, moment: dt.datetime) -> str:
        """Return an instant's local day for people."""
        return fmt.day(moment.astimezone(ZoneInfo(self.catalogue.calendar.time_zone)).date())


def reason_words(code: str) -> str:
    """Return in words why a published figure has no number."""
    return _REASONS.get(code, code.replace("_", " "))


def load_changes(wh: RestatedReader, as_of: dt.date | str | None = None) -> RestatedData:
    """Read what changed of the published figures of a domain's whole, not of single locations or persons."""
    day = dt.date.fromisoformat(str(as_of)) if as_of else wh.as_of()
    if not wh.catalogue.kpis:
        return _of_scorecard(wh, day)
    published = wh.publications()["published_at"]
    newest, first = published.iloc[-1].to_pydatetime(), published.iloc[0].to_pydatetime()
    since = max(first, newest - dt.timedelta(days=DAYS))
    changes = tuple(_ledger_changes(wh.catalogue, wh.restatements(since=since)))
    return RestatedData(wh.catalogue, day, changes, since, newest, len(published))


def _ledger_changes(catalogue: Catalogue, rows: pd.DataFrame) -> Iterator[Restatement]:
    kpis = {kpi.code: kpi for kpi in catalogue.kpis}
    windows = {window.name: window_label(window) for window in catalogue.windows}
    for row in rows.to_dict("records"):
        if row["kpi_code"] not in kpis:
            continue
        window = windows.get(row["window"], str(row["window"]))
        yield Restatement(
            kpi=kpis[row["kpi_code"]],
            what=window if row["measure"] == "value" else f"{window}, a year earlier",
            as_of=pd.Timestamp(row["as_of_date"]).date(),
            old=_number(row["old"]),
            new=_number(row["new"]),
            old_reason=_text(row["old_reason"]),
            new_reason=_text(row["new_reason"]),
            cause=_text(row["cause"]) or "correction",
            published_at=pd.Timestamp(row["published_at"]).to_pydatetime(),
        )


def _of_scorecard(wh: RestatedReader, as_of: dt.date) -> RestatedData:
    history = wh.scorecard_history()
    moments = history["updated_at"].drop_duplicates()
    newest, first = moments.iloc[-1].to_pydatetime(), moments.iloc[0].to_pydatetime()
    since = max(first, newest - dt.timedelta(days=DAYS))
    company = history[history["department"] == COMPANY]
    changes = [
        change
        for key, rows in company.groupby(["metric_key", "as_of_date"], sort=False)
        for change in _republished(wh.definitions, str(key[0]), rows)
        if change.published_at >= since
    ]
    changes.sort(key=lambda item: (item.published_at, item.as_of), reverse=True)
    return RestatedData(wh.catalogue, as_of, tuple(changes), since, newest, len(moments))


def _republished(card: Scorecard, key: str, rows: pd.DataFrame) -> Iterator[Restatement]:
    """Return the changes of one metric between the publications of one business date."""
    if key not in {metric.key for metric in card.metrics}:
        return
    kpi = as_kpi(card.metric(key))
    versions: Sequence[dict[Any, Any]] = rows.to_dict("records")
    for before, after in itertools.pairwise(versions):
        old, new = _number(before["metric_value"]), _number(after["metric_value"])
        if old != new and (old is None or new is None or abs(new - old) > 1e-9 * max(abs(old), 1.0)):
            yield Restatement(
                kpi=kpi,
                what=ON_SCORECARD,
                as_of=pd.Timestamp(after["as_of_date"]).date(),
                old=old,
                new=new,
                old_reason="" if old is not None else "zero_denominator",
                new_reason="" if new is not None else "zero_denominator",
                cause=WORKED_OUT_AGAIN,
                published_at=pd.Timestamp(after["updated_at"]).to_pydatetime(),
            )


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)
