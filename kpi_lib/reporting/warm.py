"""Loaded by the warm server before it forks: what every notebook would otherwise do for the first time.

First uses are most of a report notebook's time: late imports, chart templates, pandas' own caches. Done
once here, they are inherited by every process forked later. Nothing here may start a thread (no
warehouse, no drawing): it would be missing in the forked processes.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib

from kpi_lib.errors import KpiError

#: Loaded by their users only when needed; a notebook needs them.
LATE = ("sqlglot.dialects.bigquery", "sqlglot.dialects.duckdb", "sqlglot.optimizer.annotate_types")


def rehearse() -> None:
    """Show a report of constant figures once, without a warehouse and without drawing."""
    import pandas as pd

    from kpi_lib.catalogue import load_catalogue, load_settings
    from kpi_lib.frames import ROLLUP_COLUMNS
    from kpi_lib.reporting import bars, charts, display, panels
    from kpi_lib.reporting.data import ReportData

    # By name: what the package offers to notebooks reaches into rooms that this one does not import.
    package = importlib.import_module("kpi_lib")
    for name in package.__all__:
        getattr(package, name)
    for module in LATE:
        importlib.import_module(module)
    settings = load_settings()
    domains = [load_catalogue(settings.domain_folder(name)) for name in settings.domains]
    catalogue = next(domain for domain in domains if domain.kpis)
    kpi = catalogue.kpi(catalogue.headline)
    as_of = dt.date(2026, 11, 20)
    days = pd.date_range(end=as_of, periods=3 * 366)
    daily = pd.DataFrame(
        {
            "date_key": days,
            "kpi_id": kpi.id,
            "entity_id": 0,
            "value": [float(100 + day % 7) for day in range(len(days))],
            "numerator": None,
            "denominator": None,
        }
    )
    report = ReportData(
        catalogue=catalogue,
        as_of=as_of,
        entity=catalogue.entity("ALL"),
        rollups=pd.DataFrame(columns=list(ROLLUP_COLUMNS)),
        daily=daily,
        loads=pd.DataFrame(columns=["source", "loaded_from", "complete_through", "loaded_at", "row_count"]),
        watermark=as_of,
    )
    for kind in charts.KINDS:
        charts.sketch(report, kind, kpi)
    # Putting a chart's layers together costs more than filling it.
    for layers in (bars.columns_template, bars.rows_template, panels.panels_template):
        layers()
    display.headline(report)
    display.cards(report)
    display.table(report, "group")
    display.definition(report)


# A rehearsal that fails costs speed, never a report; a test of its own holds that it does not fail.
with contextlib.suppress(
    KpiError, ArithmeticError, AttributeError, ImportError, LookupError, StopIteration, TypeError, ValueError
):
    rehearse()
