"""What the gate found, night by night: kept in ``ops.dq_results`` and carried from release to release."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from kpi_lib.errors import DataError
from kpi_lib.operations.run import read_runs
from kpi_lib.warehouse.protocol import Warehouse
from kpi_lib.warehouse.tables import DQ_RESULTS, declared_types

#: Runs older than this are forgotten: more than a year, so that a night can be held against last year's.
KEPT_DAYS = 400


def gate_file(domain: str) -> str:
    """Return the name of the file in a run's folder that holds what the gate found."""
    return f"gate-{domain}.json"


def remember(warehouse: Warehouse, runs: Path, domain: str, profile: str) -> None:
    """Add what the gate found in every run that the staging warehouse does not know yet.

    A run that did not pass publishes nothing, so its staging warehouse is gone; its folder still tells
    what was found. This run's own file is one of those that are taken up.

    Parameters
    ----------
    warehouse
        The staging warehouse.
    runs
        The folder of all run folders.
    domain, profile
        Whose results.
    """
    held = _held(warehouse)
    unknown = {str(record["run_id"]) for record in read_runs(runs, profile)} - set(held["run_id"])
    files = [file for file in runs.glob(f"*/{gate_file(domain)}") if file.parent.name in unknown]
    found = [frame for file in sorted(files) if len(frame := _read(file)) > 0]
    if not found:
        return
    rows = pd.concat([held, *found], ignore_index=True) if len(held) else pd.concat(found, ignore_index=True)
    oldest = rows["checked_at"].max() - pd.Timedelta(days=KEPT_DAYS)
    kept = rows[rows["checked_at"] >= oldest]
    warehouse.replace(DQ_RESULTS, kept.sort_values("checked_at", kind="stable", ignore_index=True))


def _held(warehouse: Warehouse) -> pd.DataFrame:
    """Return the results that are kept already; none of a release that kept them in another shape."""
    columns = list(declared_types(DQ_RESULTS))
    if not warehouse.exists(DQ_RESULTS) or set(warehouse.columns(DQ_RESULTS)) != set(columns):
        return pd.DataFrame(columns=columns)
    return warehouse.query(f"SELECT {', '.join(columns)} FROM {DQ_RESULTS}")  # noqa: S608


def _read(file: Path) -> pd.DataFrame:
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(
            f"What the gate found in an earlier run cannot be read: {error}.",
            where=str(file),
            remedy="Remove the file; that run is then missing in the history of the checks.",
        ) from error
    if "checked_at" not in content:
        return pd.DataFrame()
    rows = [
        {
            "run_id": file.parent.name,
            "checked_at": content["checked_at"],
            "domain": content["domain"],
            "as_of_date": content["as_of"],
            **result,
            "failing": json.dumps(result["failing"], ensure_ascii=False),
        }
        for result in content["results"]
    ]
    frame = pd.DataFrame(rows, columns=list(declared_types(DQ_RESULTS)))
    return frame.assign(
        checked_at=pd.to_datetime(frame["checked_at"], utc=True, format="ISO8601"),
        as_of_date=pd.to_datetime(frame["as_of_date"]),
        success=frame["success"].astype(bool),
    )
