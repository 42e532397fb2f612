"""What a calendar, a window and a comparison may say, checked where they are made."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kpi_lib.errors import DefinitionError, did_you_mean

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# These are keys of the payload or columns of the dashboard table already.
_TAKEN_BY_WINDOWS = frozenset({"as_of", "as_of_date", "kpi_id", "entity_id", "payload"})
_TAKEN_BY_COMPARISONS = frozenset({"v", "p", "d", "dp", "r", "pr", "dr", "n", "pn"})
_LONGEST = 36_600


def _check_name(name: object, taken: frozenset[str], where: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DefinitionError(
            f"the name {name!r} cannot become a column.",
            where=where,
            remedy="Use lower case letters, digits and underscores, a letter first, e.g. 'last28'.",
        )
    if name in taken:
        raise DefinitionError(
            f"the name '{name}' is taken.", where=where, remedy=f"Not allowed: {', '.join(sorted(taken))}."
        )


def _check_choice(value: object, choices: Iterable[str], key: str, where: str) -> None:
    known = tuple(choices)
    if value not in known:
        raise DefinitionError(f"{key} = {value!r} is unknown.", where=where, remedy=_closest(value, known))


def _closest(value: object, known: tuple[str, ...]) -> str:
    return did_you_mean(str(value), known)


def _check_month(value: object, key: str, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 12:
        raise DefinitionError(
            f"{key} = {value!r} is no month.", where=where, remedy="Use a whole number from 1 to 12."
        )


@dataclass(frozen=True)
class Calendar:
    """How a domain divides time.

    Parameters
    ----------
    name
        The calendar's name.
    time_zone
        IANA name; the business date of an event is its local date there.
    fiscal_start_month
        1–12; the month a fiscal year starts in (ignored with a week pattern).
    fiscal_named_by
        Whether a fiscal year is named by the calendar year it ends or starts in.
    week_start
        English weekday name, lower case.
    week_pattern
        ``"4-4-5"``, ``"4-5-4"``, ``"5-4-4"`` or None for month calendars.
    year_end_month, year_end_weekday, year_end_rule
        With a week pattern: the fiscal year ends on the last given weekday of this month, or on the one
        nearest to the month's last day.

    Raises
    ------
    DefinitionError
        When a field cannot be.
    """

    name: str = "calendar"
    time_zone: str = "America/Los_Angeles"
    fiscal_start_month: int = 1
    fiscal_named_by: Literal["end", "start"] = "end"
    week_start: str = "monday"
    week_pattern: Literal["4-4-5", "4-5-4", "5-4-4"] | None = None
    year_end_month: int = 12
    year_end_weekday: str = "saturday"
    year_end_rule: Literal["last", "nearest"] = "last"

    def __post_init__(self) -> None:
        where = f"calendar '{self.name}'"
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError, TypeError) as error:
            raise DefinitionError(
                f"time_zone = {self.time_zone!r} is unknown.",
                where=where,
                remedy="Use an IANA name, e.g. 'America/Los_Angeles'.",
            ) from error
        _check_month(self.fiscal_start_month, "fiscal_start_month", where)
        _check_month(self.year_end_month, "year_end_month", where)
        _check_choice(self.fiscal_named_by, ("end", "start"), "fiscal_named_by", where)
        _check_choice(self.week_start, WEEKDAYS, "week_start", where)
        _check_choice(self.year_end_weekday, WEEKDAYS, "year_end_weekday", where)
        _check_choice(self.year_end_rule, ("last", "nearest"), "year_end_rule", where)
        if self.week_pattern is not None:
            _check_choice(self.week_pattern, ("4-4-5", "4-5-4", "5-4-4"), "week_pattern", where)


@dataclass(frozen=True)
class Window:
    """A span of days that a value covers, as a function of the as-of date.

    Parameters
    ----------
    name
        Column prefix, e.g. ``mtd``: lower case letters, digits, underscores.
    kind
        ``to_date`` (first day of the ``grain`` → as_of), ``trailing`` (the last ``days`` days),
        ``t12m``, or ``range`` (``start`` → the earlier of as_of and ``end``).
    label
        What a page calls it, e.g. "Month to date".
    grain
        For ``to_date``.
    fiscal
        For ``to_date``: on the fiscal calendar.
    days
        For ``trailing``.
    start, end
        For ``range``, inclusive.

    Raises
    ------
    DefinitionError
        When the window cannot be: a part is missing, or belongs to another kind.
    """

    name: str
    kind: Literal["to_date", "trailing", "t12m", "range"]
    label: str = ""
    grain: Literal["week", "month", "quarter", "year"] | None = None
    fiscal: bool = False
    days: int | None = None
    start: dt.date | None = None
    end: dt.date | None = None

    def __post_init__(self) -> None:
        where = f"window '{self.name}'"
        _check_name(self.name, _TAKEN_BY_WINDOWS, where)
        _check_choice(self.kind, ("to_date", "trailing", "t12m", "range"), "kind", where)
        self._check_parts(where)
        if self.kind == "to_date":
            _check_choice(self.grain, ("week", "month", "quarter", "year"), "grain", where)
        elif self.kind == "trailing":
            self._check_days(where)
        elif self.kind == "range":
            self._check_range(where)

    def _check_parts(self, where: str) -> None:
        needed = {"to_date": {"grain"}, "trailing": {"days"}, "range": {"start", "end"}}.get(self.kind, set())
        given = {part for part in ("grain", "days", "start", "end") if getattr(self, part) is not None}
        if self.fiscal:
            given.add("fiscal")
        allowed = needed | {"fiscal"} if self.kind == "to_date" else needed
        for part in sorted(needed - given):
            raise DefinitionError(
                f"a window of kind '{self.kind}' needs '{part}'.", where=where, remedy=f"Add {part} = …"
            )
        for part in sorted(given - allowed):
            raise DefinitionError(
                f"'{part}' has no meaning for a window of kind '{self.kind}'.",
                where=where,
                remedy="Leave it out, or change the kind.",
            )

    def _check_days(self, where: str) -> None:
        days = self.days
        if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= _LONGEST:
            raise DefinitionError(
                f"days = {days!r} cannot be.", where=where, remedy=f"Use a whole number from 1 to {_LONGEST}."
            )

    def _check_range(self, where: str) -> None:
        for key, day in (("start", self.start), ("end", self.end)):
            if not isinstance(day, dt.date) or isinstance(day, dt.datetime):
                raise DefinitionError(
                    f"{key} = {day!r} is no date.", where=where, remedy=f"Write {key} = 2026-08-15."
                )
        if self.start is not None and self.end is not None and self.start > self.end:
            raise DefinitionError(
                f"it starts on {self.start}, after its end on {self.end}.",
                where=where,
                remedy="Swap start and end.",
            )


@dataclass(frozen=True)
class Comparison:
    """How a window's earlier counterpart is found (see the design's semantics).

    Parameters
    ----------
    name
        Key of its numbers in tables and payload.
    kind
        ``prior_year``, ``prior_year_weekday`` (364 days earlier), ``prior_period``; or ``target``, which is
        no earlier span but what the window's own days should have reached.
    label
        What a page calls it.

    Raises
    ------
    DefinitionError
        When the name or the kind cannot be.
    """

    name: str
    kind: Literal["prior_year", "prior_year_weekday", "prior_period", "target"] = "prior_year"
    label: str = ""

    def __post_init__(self) -> None:
        where = f"comparison '{self.name}'"
        _check_name(self.name, _TAKEN_BY_COMPARISONS, where)
        _check_choice(
            self.kind, ("prior_year", "prior_year_weekday", "prior_period", "target"), "kind", where
        )


STANDARD_WINDOWS: dict[str, Window] = {
    window.name: window
    for window in (
        Window("mtd", "to_date", "Month to date", grain="month"),
        Window("qtd", "to_date", "Quarter to date", grain="quarter"),
        Window("ytd", "to_date", "Year to date", grain="year"),
        Window("last28", "trailing", "Last 28 days", days=28),
        Window("wtd", "to_date", "Week to date", grain="week"),
        Window("fmtd", "to_date", "Fiscal month to date", grain="month", fiscal=True),
        Window("fqtd", "to_date", "Fiscal quarter to date", grain="quarter", fiscal=True),
        Window("fytd", "to_date", "Fiscal year to date", grain="year", fiscal=True),
        Window("last7", "trailing", "Last 7 days", days=7),
        Window("last90", "trailing", "Last 90 days", days=90),
        Window("last365", "trailing", "Last 365 days", days=365),
        Window("t12m", "t12m", "Twelve months to date"),
    )
}
PRIOR_YEAR = Comparison("prior_year", "prior_year", "prior year")
#: Asked for by name where numbers are rolled up; it has no days of its own.
TARGET = Comparison("target", "target", "target")
STANDARD_COMPARISONS: dict[str, Comparison] = {
    comparison.name: comparison
    for comparison in (
        PRIOR_YEAR,
        Comparison("prior_year_weekday", "prior_year_weekday", "same weekdays a year earlier"),
        Comparison("prior_period", "prior_period", "prior period"),
    )
}
