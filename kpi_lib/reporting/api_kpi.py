"""One KPI in the JSON API: what it means, its figures for every entity, its daily values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from kpi_lib.catalogue.models import Catalogue, Kpi
from kpi_lib.reporting.data import ReportData

#: Daily values are not rounded as shown, so that they still add up to what is shown.
_DIGITS = 9


def kpi_entry(catalogue: Catalogue, kpi: Kpi) -> dict[str, Any]:
    """Return a KPI's definition as the API gives it."""
    return {
        "domain": catalogue.domain,
        "id": kpi.id,
        "kpi": kpi.code,
        "name": kpi.name,
        "group": kpi.group,
        "kind": kpi.kind,
        "format": kpi.format,
        "unit": kpi.unit,
        "decimals": kpi.decimals,
        "direction": kpi.direction,
        "definition": kpi.definition,
        "version": kpi.version,
    }


def kpi_documents(
    catalogues: Sequence[Catalogue], rows: Sequence[Mapping[str, Any]], reports: Mapping[str, ReportData]
) -> dict[str, dict[str, Any]]:
    """Return a document a code; domains that use the same code share it, each with an entry of its own.

    Parameters
    ----------
    catalogues
        The domains.
    rows
        The rows of ``dashboard.json``.
    reports
        By domain, where the daily values of the whole are read from.
    """
    found: dict[str, dict[str, Any]] = {}
    for catalogue in catalogues:
        own = [row for row in rows if row["domain"] == catalogue.domain]
        for kpi in catalogue.kpis:
            entry = {
                **kpi_entry(catalogue, kpi),
                "rows": [
                    {key: value for key, value in row.items() if key not in ("domain", "kpi")}
                    for row in own
                    if row["kpi"] == kpi.code
                ],
                "daily": _daily(reports.get(catalogue.domain), kpi),
            }
            found.setdefault(kpi.code, {"kpi": kpi.code, "domains": []})["domains"].append(entry)
    return found


def _daily(report: ReportData | None, kpi: Kpi) -> dict[str, Any] | None:
    """Return the values of the whole day by day, null where there is none; None without a day."""
    days = report.days(kpi.code) if report is not None else pd.DataFrame()
    if days.empty:
        return None
    spine = days.reindex(pd.date_range(days.index[0], days.index[-1]))
    return {
        "entity": "ALL",
        "first": pd.Timestamp(spine.index[0]).date().isoformat(),
        "last": pd.Timestamp(spine.index[-1]).date().isoformat(),
        "values": [None if pd.isna(value) else round(float(value), _DIGITS) for value in spine["value"]],
    }
