"""What the ledger tells: values as they were published, and what became of them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.errors import UsageError, WarehouseError, did_you_mean
from kpi_lib.frames import LAYOUT, ROLLUP_COLUMNS, ROLLUP_KEYS
from kpi_lib.periods import iso_day
from kpi_lib.warehouse import history_sql
from kpi_lib.warehouse.ledger_tables import PUBLICATION, SNAPSHOT
from kpi_lib.warehouse.protocol import Warehouse

At = str | dt.date | dt.datetime | None
#: The columns of :meth:`History.restatements` and :meth:`History.compare`.
COLUMNS = (
    "published_at", "run_id", "as_of_date", "kpi_code", "entity_code", "window", "comparison", "measure",
    "old", "new", "difference", "old_reason", "new_reason", "cause",
)  # fmt: skip
_EVER = (dt.date(1, 1, 1), dt.date(9999, 12, 31))
_EVERY_ID = (-(2**62), 2**62)


class History:
    """Questions to the ledger; a part of :class:`~kpi_lib.warehouse.reader.Reader`."""

    catalogue: Catalogue
    _warehouse: Warehouse

    def publications(self) -> pd.DataFrame:
        """Return every publication that changed something, oldest first.

        Returns
        -------
        pandas.DataFrame
            ``publication_no`` (its number), ``run_id, published_at, as_of_date, code, definitions``.

        Raises
        ------
        WarehouseError
            When nothing has been published with a ledger yet.
        """
        if not all(self._warehouse.exists(table) for table in (SNAPSHOT, PUBLICATION)):
            raise WarehouseError(
                f"Domain '{self.catalogue.domain}' has no ledger of publications yet.",
                remedy="It begins with the next `kpi nightly` or `kpi build`.",
            )
        return self._warehouse.query(history_sql.PUBLICATIONS)

    def as_published(
        self, as_of: dt.date | str, at: At = None, entity: str | int | None = "ALL"
    ) -> pd.DataFrame:
        """Return the roll-ups of an as-of date exactly as they were published.

        Parameters
        ----------
        as_of
            The business date of the report.
        at
            Which publication: a run id, a date (the last publication by the end of that day in the
            domain's time zone) or an instant. None for the newest.
        entity
            Code or id; None for all.

        Returns
        -------
        pandas.DataFrame
            The long form of :func:`kpi_lib.rollup`; :func:`kpi_lib.dashboard` makes the table of then of it.

        Raises
        ------
        UsageError
            When that as-of date, or anything at all, was not published by then.
        """
        chosen = self._publication(at)
        day = _day(as_of, "as_of")
        params = {
            "publication_no": int(chosen["publication_no"]),
            "as_of": day,
            **self._ids("entity", None if entity is None else self.catalogue.entity(entity).id),
        }
        rows = self._warehouse.query(history_sql.AS_PUBLISHED, params)
        rows = rows[rows["state"] == "published"].rename(columns={"window_name": "window"})
        if rows.empty:
            raise UsageError(
                f"Nothing had been published for {day} by run {chosen['run_id']}.",
                where=f"domain '{self.catalogue.domain}'",
                remedy="Choose a later publication, or another date.",
            )
        frame = rows.sort_values(list(ROLLUP_KEYS), ignore_index=True)[list(ROLLUP_COLUMNS)]
        frame.attrs[LAYOUT] = _layout(json.loads(chosen["definitions"]))
        return frame

    def restatements(
        self,
        since: At = None,
        as_of: dt.date | str | None = None,
        kpi: str | int | None = None,
        entity: str | int | None = "ALL",
    ) -> pd.DataFrame:
        """Return every published value that a later publication changed, newest first.

        Parameters
        ----------
        since
            Publications from this day (in the domain's time zone), instant or run on; None for all.
        as_of, kpi, entity
            Only these; None for all.

        Returns
        -------
        pandas.DataFrame
            ``published_at, run_id`` of the change, ``as_of_date, kpi_code, entity_code, window, comparison``,
            ``measure`` (``value``, which has no comparison, or ``prior``), ``old, new, difference``,
            ``old_reason, new_reason`` and ``cause`` (``late_data``, ``correction`` or ``definition``).
        """
        published = self.publications()
        params = {**self._only(as_of, kpi, entity), "since": self._start(since, published)}
        return self._told(self._warehouse.query(history_sql.RESTATEMENTS, params))

    def compare(
        self,
        first: At,
        second: At,
        as_of: dt.date | str | None = None,
        kpi: str | int | None = None,
        entity: str | int | None = "ALL",
    ) -> pd.DataFrame:
        """Return what differs between two publications, over the as-of dates that both hold.

        Parameters
        ----------
        first, second
            The publications, the earlier one first: run ids, dates or instants as for :meth:`as_published`.
        as_of, kpi, entity
            Only these; None for all.

        Returns
        -------
        pandas.DataFrame
            The columns of :meth:`restatements`. Where a value changed more than once in between, ``cause`` is
            the gravest: a definition before a correction before late data.
        """
        old, new = self._publication(first), self._publication(second)
        if old["publication_no"] > new["publication_no"]:
            raise UsageError(f"{first} comes after {second}.", remedy="Name the earlier publication first.")
        params = {
            **self._only(as_of, kpi, entity),
            "first": int(old["publication_no"]),
            "second": int(new["publication_no"]),
        }
        return self._told(self._warehouse.query(history_sql.COMPARE, params))

    def _only(
        self, as_of: dt.date | str | None, kpi: str | int | None, entity: str | int | None
    ) -> dict[str, object]:
        day = None if as_of is None else _day(as_of, "as_of")
        return {
            "first_as_of": day or _EVER[0],
            "last_as_of": day or _EVER[1],
            **self._ids("kpi", None if kpi is None else self.catalogue.kpi(kpi).id),
            **self._ids("entity", None if entity is None else self.catalogue.entity(entity).id),
        }

    @staticmethod
    def _ids(what: str, chosen: int | None) -> dict[str, object]:
        first, last = _EVERY_ID if chosen is None else (chosen, chosen)
        return {f"first_{what}": first, f"last_{what}": last}

    def _start(self, since: At, published: pd.DataFrame) -> dt.datetime:
        if since is None:
            return dt.datetime(1, 1, 2, tzinfo=dt.UTC)
        run = published[published["run_id"] == since]
        if len(run):
            return _instant(run.iloc[0]["published_at"])
        return self._moment(since, end_of_day=False)

    def _publication(self, at: At) -> Mapping[str, Any]:
        """Return the publication that was in force at a moment, or that a run made."""
        published = self.publications()
        by_run = published[published["run_id"] == at]
        if at is None or len(by_run):
            return dict((by_run if len(by_run) else published).iloc[-1])
        moment = pd.Timestamp(self._moment(at, end_of_day=True))
        found = published[published["published_at"] <= moment]
        if found.empty:
            first = published.iloc[0]
            raise UsageError(
                f"Nothing had been published by {at}.",
                where=f"domain '{self.catalogue.domain}'",
                remedy=f"The ledger begins with run {first['run_id']}, "
                f"at {first['published_at']:%Y-%m-%d %H:%M} UTC.",
            )
        return dict(found.iloc[-1])

    def _moment(self, at: str | dt.date | dt.datetime, *, end_of_day: bool) -> dt.datetime:
        zone = ZoneInfo(self.catalogue.calendar.time_zone)
        try:
            moment = dt.datetime.fromisoformat(at) if isinstance(at, str) else at
        except ValueError as error:
            runs = self.publications()["run_id"]
            raise UsageError(
                f"'{at}' is neither a date, nor an instant, nor a run that changed what is published.",
                remedy=f"Write a date as 2026-11-20. {did_you_mean(str(at), runs.tail(5))}",
            ) from error
        whole_day = isinstance(at, str) and len(at) <= len("2026-11-20")
        if isinstance(moment, dt.datetime) and not whole_day:
            return moment if moment.tzinfo else moment.replace(tzinfo=zone)
        day = moment.date() if isinstance(moment, dt.datetime) else moment
        if end_of_day:
            # The first instant of the next day less the least the warehouse tells apart.
            after = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), zone)
            return after.astimezone(dt.UTC) - dt.timedelta(microseconds=1)
        return dt.datetime.combine(day, dt.time(), zone)

    def _told(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return one row per number that changed, in the words of the catalogue."""
        parts = []
        for measure, missing in (("value", "missing"), ("prior", "prior_missing")):
            reason = "reason" if measure == "value" else "prior_reason"
            part = rows.assign(
                measure=measure,
                old=rows[f"old_{measure}"],
                new=rows[f"new_{measure}"],
                old_reason=rows[f"old_{reason}"].where(rows["old_state"] == "published", "withdrawn"),
                new_reason=rows[f"new_{reason}"].where(rows["state"] == "published", "withdrawn"),
            )
            same_number = (part["old"] == part["new"]) | (part["old"].isna() & part["new"].isna())
            same_days = rows[f"old_{missing}"].fillna(0) == rows[f"new_{missing}"].fillna(0)
            same_reason = part["old_reason"].fillna("") == part["new_reason"].fillna("")
            changed = part[~(same_number & same_days & same_reason)]
            if measure == "value":
                # A window's value is the same whatever it is compared with.
                keys = ["publication_no", "as_of_date", "kpi_id", "entity_id", "window_name"]
                changed = changed.drop_duplicates(keys).assign(comparison=None)
            parts.append(changed)
        frame = pd.concat(parts).sort_index(kind="stable").rename(columns={"window_name": "window"})
        codes = {kpi.id: kpi.code for kpi in self.catalogue.kpis}
        entities = {entity.id: entity.code for entity in self.catalogue.entities}
        return (
            frame.assign(
                kpi_code=[codes.get(key, str(key)) for key in frame["kpi_id"]],
                entity_code=[entities.get(key, str(key)) for key in frame["entity_id"]],
                difference=frame["new"] - frame["old"],
            )
            .astype({"kpi_code": "str", "entity_code": "str", "measure": "str", "comparison": "str"})
            .reset_index(drop=True)[list(COLUMNS)]
        )


def _layout(described: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "decimals": {key: kpi["decimals"] for key, kpi in described["kpis"].items()},
        "windows": described["windows"],
        "comparisons": described["comparisons"],
    }


def _day(value: dt.date | str, what: str) -> dt.date:
    try:
        day = value if isinstance(value, dt.date) else iso_day(value)
    except ValueError as error:
        raise UsageError(f"'{value}' is no date.", where=what, remedy="Write it as 2026-11-20.") from error
    return day.date() if isinstance(day, dt.datetime) else day


def _instant(value: pd.Timestamp) -> dt.datetime:
    return value.to_pydatetime()
