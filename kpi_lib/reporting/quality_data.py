"""What the data quality page is made of: every rule of the newest run with its history, loads, row counts."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import pandas as pd

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.catalogue.scorecard import load_scorecard
from kpi_lib.errors import DataError
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.checked import without_persons

#: So many runs of the gate are read and drawn.
RUNS = 30
SEVERITIES = ("critical", "warning", "info")


class QualityReader(Protocol):
    """What the page needs of a warehouse."""

    @property
    def catalogue(self) -> Catalogue:
        """The domain's definitions."""

    def as_of(self) -> dt.date:
        """Return the newest as-of day."""

    def checks(self, runs: int = RUNS) -> pd.DataFrame:
        """Return what the gate found in its newest runs."""

    def loads(self) -> pd.DataFrame:
        """Return the load record of every source."""

    def row_counts(self) -> pd.DataFrame:
        """Return how many rows each table holds."""


@dataclass(frozen=True)
class Night:
    """One run of the gate.

    Parameters
    ----------
    run_id, checked_at, as_of
        Which run, when, and the day whose figures it was about.
    total
        How many rules there were.
    failed
        How many did not hold, by severity.
    """

    run_id: str
    checked_at: dt.datetime
    as_of: dt.date
    total: int
    failed: Mapping[str, int]

    @property
    def passed(self) -> int:
        """How many rules held."""
        return self.total - sum(self.failed.values())

    @property
    def state(self) -> str:
        """``critical`` (nothing was published), ``warning`` or ``passed``."""
        if self.failed.get("critical"):
            return "critical"
        return "warning" if self.failed.get("warning") else "passed"


@dataclass(frozen=True)
class Rule:
    """One rule of the newest run, with how it did before.

    Parameters
    ----------
    table, name, column, kind, severity
        Which rule, and what a failure means.
    success
        Whether it holds.
    expected, observed, remedy
        The rule, what was found and what to do, in words.
    failing
        The first rows that break it, without personal data.
    history
        Whether it held in each run, the oldest first; None where it was not asked.
    """

    table: str
    name: str
    column: str
    kind: str
    severity: str
    success: bool
    expected: str
    observed: str
    remedy: str = ""
    failing: tuple[Mapping[str, object], ...] = ()
    history: tuple[bool | None, ...] = ()

    @property
    def place(self) -> str:
        """Table and column."""
        return f"{self.table}.{self.column}" if self.column else self.table

    @property
    def failing_runs(self) -> int:
        """How many runs in a row, this one included, it has not held."""
        count = 0
        for held in reversed(self.history):
            if held is not False:
                break
            count += 1
        return count


@dataclass(frozen=True)
class QualityData:
    """What is known about the quality of a domain's data.

    Parameters
    ----------
    catalogue
        The domain's definitions.
    as_of
        The day of the figures.
    checks
        What the gate found in its newest runs, one row a rule and run.
    loads
        The load record of every source.
    counts
        How many rows each table holds.
    """

    catalogue: Catalogue
    as_of: dt.date
    checks: pd.DataFrame = field(repr=False)
    loads: pd.DataFrame = field(repr=False)
    counts: pd.DataFrame = field(repr=False)

    @cached_property
    def nights(self) -> tuple[Night, ...]:
        """Every run of the gate that is held, the oldest first."""
        return tuple(
            Night(
                run_id=str(run_id),
                checked_at=rows["checked_at"].iloc[0].to_pydatetime(),
                as_of=rows["as_of_date"].iloc[0].date(),
                total=len(rows),
                failed=Counter(map(str, rows.loc[~rows["success"].astype(bool), "severity"])),
            )
            for run_id, rows in self.checks.groupby("run_id", sort=False)
        )

    @property
    def newest(self) -> Night:
        """The run whose results the page shows."""
        return self.nights[-1]

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule of the newest run, those that do not hold and the most severe first."""
        runs = [night.run_id for night in self.nights]
        held: dict[tuple[Hashable, ...], dict[str, bool]] = {}
        for row in self.checks[["table_name", "check_name", "run_id", "success"]].itertuples(index=False):
            held.setdefault((row.table_name, row.check_name), {})[str(row.run_id)] = bool(row.success)
        newest = self.checks[self.checks["run_id"] == self.newest.run_id]
        rules = [
            _rule(row, held[row["table_name"], row["check_name"]], runs) for row in newest.to_dict("records")
        ]
        return tuple(
            sorted(
                rules, key=lambda rule: (rule.success, SEVERITIES.index(rule.severity), rule.table, rule.name)
            )
        )

    @property
    def broken(self) -> tuple[Rule, ...]:
        """The rules that do not hold."""
        return tuple(rule for rule in self.rules if not rule.success)

    def local(self, moment: dt.datetime) -> dt.datetime:
        """Return an instant in the domain's time zone."""
        return moment.astimezone(ZoneInfo(self.catalogue.calendar.time_zone))

    def when(self, moment: dt.datetime) -> str:
        """Return an instant for people: ``Sun 22 Nov 2026, 00:05 PST``."""
        local = self.local(moment)
        return f"{local:%a} {fmt.day(local.date())}, {local:%H:%M} {local.tzname()}"


def load_quality(wh: QualityReader, as_of: dt.date | str | None = None) -> QualityData:
    """Read what the data quality page shows.

    Parameters
    ----------
    wh
        An open warehouse, as :func:`kpi_lib.connect` gives it.
    as_of
        The day of the figures; None or an empty text for the newest.

    Raises
    ------
    DataError
        When no run of the gate is held.
    """
    checks = wh.checks(RUNS)
    if checks.empty:
        raise DataError(
            "No run of the checks is held.",
            where=f"domain '{wh.catalogue.domain}'",
            remedy="It begins with the next `kpi nightly`.",
        )
    day = dt.date.fromisoformat(str(as_of)) if as_of else wh.as_of()
    card = load_scorecard(wh.catalogue.folder) if wh.catalogue.has_scorecard else None
    return QualityData(wh.catalogue, day, without_persons(checks, card), wh.loads(), wh.row_counts())


def _rule(row: Mapping[Hashable, Any], held: Mapping[str, bool], runs: Sequence[str]) -> Rule:
    def text(name: str) -> str:
        return "" if pd.isna(row[name]) else str(row[name])

    return Rule(
        table=text("table_name"),
        name=text("check_name"),
        column=text("column_name"),
        kind=text("kind"),
        severity=text("severity"),
        success=bool(row["success"]),
        expected=text("expected"),
        observed=text("observed"),
        remedy=text("remedy"),
        failing=tuple(json.loads(text("failing") or "[]")),
        history=tuple(held.get(run) for run in runs),
    )
