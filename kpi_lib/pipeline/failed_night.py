"""After a night that failed: what was published stays, and says so."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kpi_lib.errors import (
    AccessError,
    DataError,
    DefinitionError,
    KpiError,
    ReportError,
    WarehouseError,
)
from kpi_lib.operations.connections import ConnectionCount
from kpi_lib.operations.notice import Notice, next_notice, post_notice
from kpi_lib.operations.run import Clock, Run
from kpi_lib.pipeline.workspace import Workspace
from kpi_lib.reporting.notice import FailedNight

_INDEX = "site/api/v1/index.json"


def connection_count(workspace: Workspace, clock: Clock) -> ConnectionCount:
    """Return the count of failures in a row of the workspace's profile."""
    return ConnectionCount.of(workspace.output, workspace.name, clock)


def count_connection(workspace: Workspace, clock: Clock, error: BaseException | None) -> None:
    """Count a night whose warehouse was away; any other end but an unknown one says that it answered."""
    count = connection_count(workspace, clock)
    if isinstance(error, WarehouseError):
        count.lost(error)
    elif error is None or isinstance(error, (DataError, DefinitionError, AccessError, ReportError)):
        count.reached()


def tell_readers(workspace: Workspace, run: Run, error: BaseException) -> bool:
    """Put a banner on the last good pages; return whether there were any.

    Parameters
    ----------
    workspace, run
        The run that failed.
    error
        Why. Of a mistake of the program readers hear its kind alone: its text may hold anything.

    Raises
    ------
    KpiError
        When the banner cannot be written; what is published is as it was.
    """
    record = workspace.releases.record()
    if record is None:
        return False
    _post(
        workspace, run, record, next_notice(record, reason(error), run.clock().isoformat(timespec="seconds"))
    )
    return True


def repeat_notice(workspace: Workspace, run: Run, held: Mapping[str, Any]) -> None:
    """Put the banner of an earlier failed night on the pages that a run has just published.

    Raises
    ------
    KpiError
        When the banner cannot be written; what is published is as it was.
    """
    record = workspace.releases.record()
    if record is not None:
        _post(workspace, run, record, Notice(**held))


def _post(workspace: Workspace, run: Run, record: Mapping[str, Any], notice: Notice) -> None:
    night = FailedNight(
        error=notice.error,
        at=dt.datetime.fromisoformat(notice.at),
        since=dt.datetime.fromisoformat(notice.since),
        failures=notice.failures,
        made=dt.datetime.fromisoformat(record["published_at"]),
        time_zone=workspace.settings.time_zone,
    )

    def mark(text: str, place: Path) -> str:
        if place.suffix == ".html":
            # Archived pages are of another day, and say so.
            return text if place.parts[:2] == ("site", "archive") else night.on_page(text)
        return _in_index(text, notice) if place.as_posix() == _INDEX else text

    post_notice(workspace.releases, run.run_id, notice, mark)


def reason(error: BaseException) -> str:
    """Return one sentence for readers."""
    if isinstance(error, KpiError):
        first, *more = error.what.splitlines()
        # The gate lists what failed; its first rule says more than how many there were.
        rule = next((line.strip(" •") for line in more if line.strip().startswith("•")), "")
        return f"{first.rstrip(':')}{f': {rule}' if rule else ''}"
    return f"the program stopped ({type(error).__name__})"


def _in_index(text: str, notice: Notice) -> str:
    said = {**json.loads(text), "notice": asdict(notice)}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")) + "\n"
