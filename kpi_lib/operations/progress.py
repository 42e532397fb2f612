"""Progress on stderr: a bar on a terminal, plain lines elsewhere, JSON lines on request."""

from __future__ import annotations

import json
import sys
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from kpi_lib.operations.run import Step


class Reporter(Protocol):
    """What a use case tells about its progress."""

    def __enter__(self) -> Self:
        """Start."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        ...

    def step(self, step: Step) -> None:
        """Tell that a step started or ended."""

    def pages(self, done: int, total: int, name: str) -> None:
        """Tell that a notebook or a page is done."""

    def say(self, message: str) -> None:
        """Tell something else."""


def make_progress(log_format: str, *, interactive: bool) -> Reporter:
    """Return the reporter for a log format (``text`` or ``json``)."""
    if log_format == "json":
        return JsonLines()
    return Bar() if interactive else Lines()


def describe(step: Step) -> str:
    """Return a step as a line."""
    name = f"{step.domain}: {step.name}" if step.domain else step.name
    rows = ", ".join(f"{table} {count:,}" for table, count in step.rows.items())
    # The whole of what went wrong is told once, at the end.
    note = step.note.partition("\n")[0].rstrip(":") if step.status == "failed" else step.note
    details = "; ".join(part for part in (rows, note) if part)
    mark = {"running": "…", "done": "✓", "failed": "✗"}[step.status]
    return f"{mark} {name} {step.seconds:.1f} s{f' ({details})' if details else ''}"


class Lines:
    """One plain line a step."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def step(self, step: Step) -> None:
        """Write the step when it has ended."""
        if step.status != "running":
            self.say(describe(step))

    def pages(self, done: int, total: int, name: str) -> None:
        """Write every tenth page and the last one."""
        if done == total or done % 10 == 0:
            self.say(f"  {done} of {total} {name}")

    def say(self, message: str) -> None:
        """Write a line."""
        sys.stderr.write(message + "\n")
        sys.stderr.flush()


class JsonLines(Lines):
    """One JSON object a line."""

    def step(self, step: Step) -> None:
        """Write the step's start and end."""
        self._write(event="step", **vars(step))

    def pages(self, done: int, total: int, name: str) -> None:
        """Write the progress of the pages."""
        self._write(event="pages", done=done, total=total, name=name)

    def say(self, message: str) -> None:
        """Write a message."""
        self._write(event="message", message=message)

    def _write(self, **record: object) -> None:
        sys.stderr.write(json.dumps(record, default=str) + "\n")
        sys.stderr.flush()


class Bar:
    """A bar on a terminal, with a line above it for every step that is done."""

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def step(self, step: Step) -> None:
        """Show the step that runs; keep a line of the one that ended."""
        if step.status == "running":
            self._clear()
            name = f"{step.domain}: {step.name}" if step.domain else step.name
            self._task = self._progress.add_task(name, total=None)
        else:
            self._clear()
            self.say(describe(step))

    def pages(self, done: int, total: int, name: str) -> None:
        """Move the bar."""
        if self._task is not None:
            self._progress.update(self._task, completed=done, total=total)

    def say(self, message: str) -> None:
        """Write a line above the bar."""
        self._progress.console.print(message, markup=False, highlight=False)

    def _clear(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
