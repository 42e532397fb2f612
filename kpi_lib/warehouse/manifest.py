"""``manifest.json`` beside the landing files: what is loaded, from when, until when.

What is loaded is known from here, never guessed from the last row.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kpi_lib.catalogue.models import Source
from kpi_lib.errors import DataError, did_you_mean
from kpi_lib.periods import DATE_DIMENSION

FILE = "manifest.json"
SCHEMA_VERSION = 1
_EXAMPLE = (
    '{"loaded_from": "2025-01-01", "complete_through": "2026-11-20", "loaded_at": "2026-11-21T08:00:00Z"}'
)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the landing files.

    Parameters
    ----------
    file
        File name.
    place
        Column or key; empty when the whole file is meant.
    what
        A sentence.
    remedy
        What to do; may be empty.
    """

    file: str
    place: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        where = f"{self.file}, {self.place}" if self.place else self.file
        return f"{where}: {self.what}" + (f" → {self.remedy}" if self.remedy else "")


class LandingError(DataError):
    """The landing files cannot be used.

    Parameters
    ----------
    problems
        Every problem of every file.
    landing
        Their folder.
    """

    def __init__(self, problems: Iterable[Problem], landing: Path) -> None:
        self.issues = tuple(problems)
        count = len(self.issues)
        listed = "\n".join(f"  {problem}" for problem in self.issues)
        super().__init__(
            f"{count} problem{'' if count == 1 else 's'} in the landing files:\n{listed}",
            where=str(landing),
            remedy="Mend the files, or run `kpi sample` to write sample data again.",
        )


@dataclass(frozen=True)
class Load:
    """How far a source is loaded: the days inclusive, and when (aware, UTC)."""

    loaded_from: dt.date
    complete_through: dt.date
    loaded_at: dt.datetime


def read_manifest(landing: Path, sources: tuple[Source, ...]) -> tuple[dict[str, Load], list[Problem]]:
    """Read the manifest; return the load of each source that has a sound one, and every problem.

    A required source without an entry is a problem; one that is not required may have none.
    """
    reader = _Reader([])
    loads = reader.read(landing / FILE, sources)
    return loads, reader.problems


@dataclass(frozen=True)
class _Reader:
    problems: list[Problem]

    def problem(self, place: str, what: str, remedy: str = "") -> None:
        self.problems.append(Problem(FILE, place, what, remedy))

    def read(self, file: Path, sources: tuple[Source, ...]) -> dict[str, Load]:
        entries = self._entries(file)
        if entries is None:
            return {}
        known = {source.name: source for source in sources}
        for name in sorted(set(entries) - set(known)):
            self.problem(name, "there is no such source.", did_you_mean(name, known))
        loads = {}
        for name, source in known.items():
            if name not in entries:
                if source.required:
                    self.problem(name, "the source has no entry.", f'Add "{name}": {_EXAMPLE}')
                continue
            load = self._load(name, entries[name])
            if load is not None:
                loads[name] = load
        return loads

    def _entries(self, file: Path) -> Mapping[str, Any] | None:
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            self.problem(
                "",
                "the file is missing.",
                f'Write {{"schema_version": 1, "sources": {{"name": {_EXAMPLE}}}}}',
            )
            return None
        except (OSError, UnicodeDecodeError) as error:
            self.problem("", f"it cannot be read: {error}.")
            return None
        except json.JSONDecodeError as error:
            self.problem(f"line {error.lineno}", f"this is not valid JSON: {error.msg}.")
            return None
        if not isinstance(data, dict) or not isinstance(data.get("sources"), dict):
            self.problem("sources", "this must be an object with one entry a source.")
            return None
        if data.get("schema_version", SCHEMA_VERSION) != SCHEMA_VERSION:
            self.problem(
                "schema_version", f"{data['schema_version']!r} is unknown.", f"Write {SCHEMA_VERSION}."
            )
        sources: dict[str, Any] = data["sources"]
        return sources

    def _load(self, name: str, entry: object) -> Load | None:
        if not isinstance(entry, dict):
            self.problem(name, "the entry is no object.", f"Write {_EXAMPLE}")
            return None
        first = self._date(name, entry, "loaded_from")
        last = self._date(name, entry, "complete_through")
        at = self._instant(name, entry)
        if first is None or last is None or at is None:
            return None
        if last < first:
            self.problem(
                name, f"complete_through {last} comes before loaded_from {first}.", "Swap or mend them."
            )
            return None
        # +14 hours: the latest local date there is anywhere at that instant.
        if last > (at + dt.timedelta(hours=14)).date():
            self.problem(
                f"{name}.complete_through",
                f"{last} had not happened yet when the source was loaded, at {at:%Y-%m-%d %H:%M} UTC.",
                "Mend complete_through or loaded_at: a day that is not loaded must not count as zero.",
            )
            return None
        return Load(first, last, at)

    def _date(self, name: str, entry: Mapping[str, object], key: str) -> dt.date | None:
        value = entry.get(key)
        try:
            # datetime's own parser also takes "20260101"; one way of writing a date is enough.
            day = dt.datetime.strptime(str(value), "%Y-%m-%d").replace(tzinfo=dt.UTC).date()
        except ValueError:
            said = "is missing" if value is None else f"is no date: {value!r}"
            self.problem(f"{name}.{key}", f"it {said}.", "Write it as 2026-11-20.")
            return None
        first, last = DATE_DIMENSION
        if not first <= day <= last:
            self.problem(f"{name}.{key}", f"{day} lies outside the calendar, {first} to {last}.")
            return None
        return day

    def _instant(self, name: str, entry: Mapping[str, object]) -> dt.datetime | None:
        value = entry.get("loaded_at")
        try:
            instant = dt.datetime.fromisoformat(str(value))
        except ValueError:
            said = "is missing" if value is None else f"is no time: {value!r}"
            self.problem(f"{name}.loaded_at", f"it {said}.", "Write it as 2026-11-21T08:00:00Z.")
            return None
        return instant.astimezone(dt.UTC) if instant.tzinfo else instant.replace(tzinfo=dt.UTC)
