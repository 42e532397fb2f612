"""The charts of a KPI by name: month and trend, a year of days, locations, what made a change."""

from __future__ import annotations

from collections.abc import Callable

from kpi_lib.catalogue.models import Kpi
from kpi_lib.errors import UsageError, did_you_mean
from kpi_lib.reporting.bridge import by_location, by_part
from kpi_lib.reporting.data import ReportData
from kpi_lib.reporting.drawing import set_converter, to_svg
from kpi_lib.reporting.heat import heat
from kpi_lib.reporting.month_chart import PACE_MOST, month, pace
from kpi_lib.reporting.panels import locations
from kpi_lib.reporting.plotting import Sketch
from kpi_lib.reporting.trend_chart import trend

__all__ = ["KINDS", "PACE_MOST", "PARTED", "pace", "parted", "set_converter", "sketch", "to_svg"]

#: Charts that every KPI has, and those that need parts or locations with a number of their own.
KINDS: dict[str, Callable[[ReportData, Kpi], Sketch]] = {"cumulative": month, "trend": trend, "heat": heat}
PARTED: dict[str, Callable[[ReportData, Kpi], Sketch | None]] = {
    "locations": locations,
    "bridge": by_location,
    "parts": by_part,
}


def sketch(data: ReportData, kind: str, kpi: Kpi) -> Sketch:
    """Return a chart that every KPI has.

    Parameters
    ----------
    data
        The report's data.
    kind
        ``cumulative`` (the month to date, day by day, against last year), ``trend`` (three years of
        months) or ``heat`` (a year of days).
    kpi
        Whose values.

    Returns
    -------
    Sketch
        Ready to be drawn.
    """
    if kind not in KINDS:
        raise UsageError(f"There is no chart '{kind}'.", remedy=did_you_mean(kind, [*KINDS, *PARTED]))
    return KINDS[kind](data, kpi)


def parted(data: ReportData, kind: str, kpi: Kpi) -> Sketch | None:
    """Return a chart of a KPI's parts, one of :data:`PARTED`; None where it has none to show.

    ``locations`` is the trend of each location; ``bridge`` and ``parts`` are what each location, or each
    KPI that this one is the sum of, added to the month's change.
    """
    return PARTED[kind](data, kpi)
