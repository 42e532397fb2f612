"""How often in a row a warehouse could not be reached: counted in a file, so that no process forgets it."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from kpi_lib.errors import KpiError
from kpi_lib.operations.run import Clock, write_atomic

#: From this many failures in a row on, people are told.
TELL_AFTER = 3


@dataclass(frozen=True)
class Outage:
    """Failures in a row: how many, since when, when the last one was and what it said.

    ``recovered_at`` is set while the count is 0 because the warehouse answered again after people had been
    told.
    """

    failures: int = 0
    since: str = ""
    last: str = ""
    error: str = ""
    recovered_at: str = ""

    @property
    def worth_telling(self) -> bool:
        """Whether there have been enough of them in a row."""
        return self.failures >= TELL_AFTER


@dataclass(frozen=True)
class ConnectionCount:
    """The count of one profile; one file, written in one step, shared by all processes of an output folder.

    Parameters
    ----------
    file
        ``<output>/state/connection-<profile>.json``.
    clock
        Returns the present instant, aware.
    """

    file: Path
    clock: Clock

    @classmethod
    def of(cls, output: Path, profile: str, clock: Clock) -> ConnectionCount:
        """Return the count of a profile."""
        return cls(output / "state" / f"connection-{profile}.json", clock)

    def read(self) -> Outage:
        """Return the count; one that was never written or is damaged is zero."""
        try:
            data = json.loads(self.file.read_text(encoding="utf-8"))
            return Outage(**{name: data[name] for name in Outage.__dataclass_fields__})
        except (OSError, ValueError, KeyError, TypeError):
            return Outage()

    def lost(self, error: KpiError) -> None:
        """Count one failure more."""
        with self._alone():
            now, before = self._now(), self.read()
            since = before.since if before.failures else now
            self._write(Outage(before.failures + 1, since, now, error.what))

    def reached(self) -> None:
        """Begin again at zero; a file is touched only when there is something to forget."""
        if not self.read().failures:
            return
        with self._alone():
            before = self.read()
            recovered = self._now() if before.worth_telling else ""
            self._write(Outage(0, before.since, before.last, before.error, recovered))

    def _alone(self) -> FileLock:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(self.file.with_suffix(".lock"), timeout=10)

    def _now(self) -> str:
        return self.clock().astimezone(dt.UTC).isoformat(timespec="seconds")

    def _write(self, outage: Outage) -> None:
        write_atomic(self.file, json.dumps(asdict(outage), indent=2))
