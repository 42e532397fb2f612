"""One run at a time: a lock that names its owner and that the owner's crash releases."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from kpi_lib.errors import RunError


@contextlib.contextmanager
def run_lock(folder: Path, run_id: str, started_at: dt.datetime, wait_seconds: float = 0) -> Iterator[None]:
    """Hold the lock of an output folder for the length of a ``with`` block.

    Parameters
    ----------
    folder
        The folder whose runs must not overlap; the lock is ``<folder>/.lock``.
    run_id, started_at
        Written beside the lock, for the message the next one sees.
    wait_seconds
        How long to wait for another run to end.

    Raises
    ------
    RunError
        When another run still holds it. The operating system releases the lock of a process
        that died, so a crash never leaves it behind.
    """
    lock = FileLock(folder / ".lock")
    owner = folder / ".lock.json"
    try:
        lock.acquire(timeout=wait_seconds)
    except Timeout as error:
        raise RunError(
            f"Another run is under way{_describe(owner)}.",
            where=str(folder),
            remedy="Wait for it to end, or stop that process; nothing was changed.",
        ) from error
    try:
        owner.write_text(
            json.dumps(
                {
                    "run_id": run_id,
                    "host": socket.gethostname(),
                    "pid": os.getpid(),
                    "started_at": started_at.isoformat(),
                }
            ),
            encoding="utf-8",
        )
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _describe(owner: Path) -> str:
    try:
        data = json.loads(owner.read_text(encoding="utf-8"))
        return f": run {data['run_id']}, process {data['pid']} on {data['host']}, since {data['started_at']}"
    except (OSError, ValueError, KeyError):
        return ""
