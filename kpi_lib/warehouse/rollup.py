"""Roll-ups by the warehouse itself, for data that has outgrown one machine.

The SQL reads the days from ``kpi.window_span``, the table that :mod:`kpi_lib.periods` makes, so it is
the same text for every date and knows no calendar. It gives what :func:`kpi_lib.rollup` gives; distinct
counts read ``kpi.fact_kpi_event`` and ``kpi.entity_above``, which the build fills.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from kpi_lib import periods
from kpi_lib.catalogue.models import Catalogue
from kpi_lib.frames import ROLLUP_COLUMNS
from kpi_lib.periods import Comparison, Window
from kpi_lib.warehouse.ledger_tables import WINDOW_SPAN
from kpi_lib.warehouse.protocol import Warehouse

#: Named parameters of the SQL of the days: the first and the last loaded day.
PARAMETERS = {"first_day": "DATE", "last_day": "DATE"}
#: Made for the roll-ups of one run and dropped after them.
SERIES_DAY = "ops.series_day"
_KEYS = "as_of_date, kpi_id, entity_id, window_name, comparison"
Loaded = tuple[dt.date, dt.date]


def loaded_days(loaded: Loaded) -> dict[str, object]:
    """Return the values of :data:`PARAMETERS`."""
    return dict(zip(PARAMETERS, loaded, strict=True))


@cache
def series_day_sql() -> str:
    """Return the SELECT of ``ops.series_day``: the days of every series with their running totals."""
    return _read("series_day.sql")


@cache
def rollup_sql() -> str:
    """Return the roll-up over ``ops.series_day`` as one GoogleSQL SELECT over logical tables."""
    return _read("rollup.sql")


def rollup_from_facts_sql() -> str:
    """Return the roll-up over the facts, without a table between, as one SELECT."""
    return rollup_sql().replace(SERIES_DAY, f"(\n{series_day_sql()})")


def _read(name: str) -> str:
    return (Path(__file__).parent / "sql" / name).read_text(encoding="utf-8")


def load_spans(
    warehouse: Warehouse,
    catalogue: Catalogue,
    as_of_dates: Any,
    windows: Sequence[Window] | None = None,
    comparisons: Sequence[Comparison] | None = None,
) -> int:
    """Write ``kpi.window_span`` for these as-of dates; return its number of rows.

    Parameters
    ----------
    warehouse
        Open for writing.
    catalogue
        Gives the calendar.
    as_of_dates
        Dates, as anything NumPy reads as ``datetime64``.
    windows, comparisons
        None for the catalogue's.
    """
    spans = periods.spans(
        as_of_dates,
        catalogue.windows if windows is None else windows,
        catalogue.comparisons if comparisons is None else comparisons,
        catalogue.calendar,
    )
    return warehouse.replace(WINDOW_SPAN, spans.rename(columns={"window": "window_name"}))


def rollup_in_warehouse(warehouse: Warehouse, loaded: Loaded) -> pd.DataFrame:
    """Return the roll-ups of ``kpi.fact_kpi_daily`` over ``kpi.window_span``, computed by the warehouse.

    Parameters
    ----------
    warehouse
        Holds facts, events, spans and the dimensions.
    loaded
        First and last loaded day.

    Returns
    -------
    pandas.DataFrame
        The long form of :func:`kpi_lib.rollup`, sorted alike.
    """
    frame = warehouse.query(f"{rollup_from_facts_sql()}ORDER BY {_KEYS}", loaded_days(loaded))
    # In the tables the column has another name, because WINDOW is a word of the language.
    return frame.rename(columns={"window_name": "window"})[list(ROLLUP_COLUMNS)]
