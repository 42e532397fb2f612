"""The run record: what a run did, step by step, kept in ``build/runs/<run_id>/run.json``."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from kpi_lib.errors import KpiError

Clock = Callable[[], dt.datetime]
StepHook = Callable[["Step"], None]
Status = Literal["running", "done", "failed"]


@dataclass
class Step:
    """One step of a run.

    ``rows`` counts by table or output, ``seconds`` is monotonic time.
    """

    name: str
    domain: str
    started_at: str
    status: Status = "running"
    seconds: float = 0.0
    rows: dict[str, int] = field(default_factory=dict)
    attempts: int = 1
    note: str = ""


@dataclass
class Run:
    """A run under way; every step is written to ``run.json`` when it starts and when it ends.

    Parameters
    ----------
    folder
        ``build/runs/<run_id>``.
    run_id
        Sortable by start.
    clock
        Returns the present instant, aware; passed in so that nothing here reads the clock.
    on_step
        Called when a step starts and when it ends.
    """

    folder: Path
    run_id: str
    clock: Clock
    on_step: StepHook = lambda step: None
    facts: dict[str, Any] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    @classmethod
    def start(cls, runs: Path, clock: Clock, on_step: StepHook | None = None, **facts: object) -> Run:
        """Create the run's folder and the first record."""
        started = clock()
        stem = started.astimezone(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
        run_id, number = stem, 1
        while (runs / run_id).exists():
            number += 1
            run_id = f"{stem}-{number}"
        folder = runs / run_id
        folder.mkdir(parents=True)
        run = cls(folder, run_id, clock, on_step or (lambda step: None))
        run.facts.update(started_at=started.isoformat(), status="running", **facts)
        run.save()
        return run

    @contextlib.contextmanager
    def step(self, name: str, domain: str = "") -> Iterator[Step]:
        """Record a step; an error inside is noted and raised on."""
        step = Step(name, domain, self.clock().isoformat())
        self.steps.append(step)
        self.save()
        self.on_step(step)
        begun = time.perf_counter()
        try:
            yield step
        except BaseException as error:
            step.status = "failed"
            step.note = error.what if isinstance(error, KpiError) else f"{type(error).__name__}: {error}"
            raise
        else:
            step.status = "done"
        finally:
            step.seconds = round(time.perf_counter() - begun, 3)
            self.save()
            self.on_step(step)

    def finish(self, status: str, **facts: object) -> None:
        """Close the record."""
        self.facts.update(status=status, ended_at=self.clock().isoformat(), **facts)
        self.save()

    def save(self) -> None:
        """Write ``run.json`` in one step."""
        record = {
            "schema_version": 1,
            "run_id": self.run_id,
            **self.facts,
            "steps": [asdict(step) for step in self.steps],
        }
        write_atomic(self.folder / "run.json", json.dumps(record, indent=2, default=str))


def write_atomic(file: Path, text: str) -> None:
    """Write a text file so that a reader sees the old or the new one, never a part."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def read_runs(runs: Path, profile: str) -> list[dict[str, Any]]:
    """Return the records of a profile's runs, newest first; one that cannot be read is left out.

    A folder of runs was another profile's where ``default_profile`` has changed: its runs are left out too.
    """
    records = []
    for file in sorted(runs.glob("*/run.json"), reverse=True):
        with contextlib.suppress(OSError, ValueError):
            records.append(json.loads(file.read_text(encoding="utf-8")))
    return [record for record in records if record.get("profile") == profile]


def prune_runs(runs: Path, keep: int) -> None:
    """Remove all but the newest run folders."""
    for folder in sorted((path.parent for path in runs.glob("*/run.json")), reverse=True)[keep:]:
        shutil.rmtree(folder, ignore_errors=True)
