"""Daily values added up to weeks and months as each KPI allows, for charts and sparklines."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from kpi_lib.catalogue.models import Kpi

SPARK_WEEKS = 26


def spine(days: pd.DataFrame, start: dt.date, end: dt.date) -> pd.DataFrame:
    """Return the days of a span, one row each; a day that is not there is missing."""
    return days.reindex(pd.date_range(start, end, name="date_key"))


def missing(kpi: Kpi, days: pd.DataFrame) -> pd.Series:
    """Return which days have no data (a ratio over zero has data, but no value)."""
    if kpi.kind == "ratio":
        return days["numerator"].isna() | days["denominator"].isna()
    return days["value"].isna()


def totals(kpi: Kpi, days: pd.DataFrame, key: np.ndarray | pd.Index) -> pd.DataFrame:
    """Return one row per key with ``value, days, missing``.

    The value is missing as soon as one of its days is, so that no sum of fewer days stands
    beside whole ones; for a stock only the last day counts.
    """
    gaps = missing(kpi, days)
    grouped = days.groupby(key, sort=True)
    result = pd.DataFrame({"days": grouped.size(), "missing": gaps.groupby(key, sort=True).sum()})
    if kpi.kind == "last":
        result["value"] = grouped["value"].nth(-1).to_numpy()
        return result
    if kpi.kind == "ratio":
        value = _ratio(grouped["numerator"].sum(), grouped["denominator"].sum(), kpi)
    elif kpi.kind == "distinct":
        value = pd.Series(np.nan, index=result.index)
    else:
        how = {"sum": "sum", "average": "mean", "min": "min", "max": "max"}[kpi.kind]
        value = grouped["value"].agg(how)
    result["value"] = value.where(result["missing"] == 0)
    return result


def running(kpi: Kpi, days: pd.DataFrame) -> pd.Series:
    """Return the window to date, day by day; it ends where a day is missing. A stock is its own value."""
    if kpi.kind in ("last", "distinct"):
        return days["value"]
    if kpi.kind == "ratio":
        sums = days[["numerator", "denominator"]].cumsum(skipna=False)
        return _ratio(sums["numerator"], sums["denominator"], kpi)
    if kpi.kind == "sum":
        return days["value"].cumsum(skipna=False)
    expanding = days["value"].expanding()
    value = {"average": expanding.mean, "min": expanding.min, "max": expanding.max}[kpi.kind]()
    return value.where(~days["value"].isna().cummax())


def months(kpi: Kpi, days: pd.DataFrame, last: dt.date, count: int) -> pd.DataFrame:
    """Return the last ``count`` months up to a day, indexed by the month's first day."""
    end = pd.Timestamp(last)
    start = end.to_period("M").start_time - pd.DateOffset(months=count - 1)
    rows = spine(days, start.date(), last)
    return totals(kpi, rows, pd.DatetimeIndex(rows.index).to_period("M").to_timestamp())


def weeks(kpi: Kpi, days: pd.DataFrame, last: dt.date, count: int = SPARK_WEEKS) -> list[float | None]:
    """Return the last ``count`` blocks of seven days up to a day, None where one is not whole."""
    rows = spine(days, last - dt.timedelta(days=7 * count - 1), last)
    values = totals(kpi, rows, np.arange(len(rows)) // 7)["value"]
    return [None if pd.isna(value) else float(value) for value in values]


def _ratio(numerator: pd.Series, denominator: pd.Series, kpi: Kpi) -> pd.Series:
    return numerator.where(denominator != 0) / denominator.where(denominator != 0) * kpi.scale
