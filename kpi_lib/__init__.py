"""Daily KPIs: definitions, roll-ups, a gate and reports.

The public names are loaded when they are first used, so that importing the package stays cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kpi_lib import catalogue
    from kpi_lib.compute import dashboard, rollup, unpivot
    from kpi_lib.reporting.display import (
        brief,
        cards,
        chart,
        complete,
        definition,
        headline,
        notes,
        quality,
        report,
        restatements,
        scorecard,
        table,
    )
    from kpi_lib.reporting.targets_form import targets_form
    from kpi_lib.warehouse import connect

__version__ = "0.1.0"
_HOMES = {
    "unpivot": "kpi_lib.compute",
    "rollup": "kpi_lib.compute",
    "dashboard": "kpi_lib.compute",
    "connect": "kpi_lib.warehouse",
    "targets_form": "kpi_lib.reporting.targets_form",
    **dict.fromkeys(
        (
            "brief",
            "cards",
            "chart",
            "complete",
            "definition",
            "headline",
            "notes",
            "quality",
            "report",
            "restatements",
            "scorecard",
            "table",
        ),
        "kpi_lib.reporting.display",
    ),
}
__all__ = [
    "brief",
    "cards",
    "catalogue",
    "chart",
    "complete",
    "connect",
    "dashboard",
    "definition",
    "headline",
    "notes",
    "quality",
    "report",
    "restatements",
    "rollup",
    "scorecard",
    "table",
    "targets_form",
    "unpivot",
]


def __getattr__(name: str) -> object:
    if name == "catalogue":
        return importlib.import_module("kpi_lib.catalogue")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'kpi_lib' has no attribute '{name}'")
