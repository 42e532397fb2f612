"""Calendars, windows and comparisons: dates in, dates out.

Which dates a window covers, and which dates it is compared with, is decided here and
nowhere else, as data (``docs/adr/0001-the-calendar-decides.md``).
"""

from kpi_lib.periods.dimension import DATE_DIMENSION, dim_date
from kpi_lib.periods.iso import iso_day
from kpi_lib.periods.models import (
    PRIOR_YEAR,
    STANDARD_COMPARISONS,
    STANDARD_WINDOWS,
    TARGET,
    WEEKDAYS,
    Calendar,
    Comparison,
    Window,
)
from kpi_lib.periods.spans import NO_COUNTERPART, NOT_STARTED, prior_bounds, spans, window_bounds

__all__ = [
    "DATE_DIMENSION",
    "NOT_STARTED",
    "NO_COUNTERPART",
    "PRIOR_YEAR",
    "STANDARD_COMPARISONS",
    "STANDARD_WINDOWS",
    "TARGET",
    "WEEKDAYS",
    "Calendar",
    "Comparison",
    "Window",
    "dim_date",
    "iso_day",
    "prior_bounds",
    "spans",
    "window_bounds",
]
