"""The history of ``dashboard_kpis``: what was published, and what was worked out for earlier dates."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from kpi_lib.catalogue import Catalogue
from kpi_lib.catalogue.dashboard_kpis import DASHBOARD_KPIS
from kpi_lib.catalogue.scorecard import load_scorecard
from kpi_lib.pipeline.scorecard_days import KEYS, on_days, year_of
from kpi_lib.warehouse import Warehouse
from kpi_lib.warehouse.tables import SCORECARD_HISTORY


def fill_history(
    warehouse: Warehouse, catalogue: Catalogue, dates: tuple[dt.date, dt.date], updated_at: dt.datetime
) -> int:
    """Write the scorecard's history of a range of as-of dates; return how many rows were new.

    A second time adds nothing, and what was published stays. Metrics of how things stand now are left out,
    because today's sources do not tell what they were.

    Parameters
    ----------
    warehouse
        The staging warehouse with its sources and models.
    catalogue
        The domain's definitions.
    dates
        The first and the last as-of date.
    updated_at
        When the rows are made.
    """
    card = load_scorecard(catalogue.folder)
    days = [day.date() for day in pd.date_range(*dates, freq="D")]
    values = on_days(warehouse, catalogue, card, days)
    keys, metrics = values["metric_key"], card.metrics
    rows = values.assign(
        metric_format=keys.map({metric.key: metric.format for metric in metrics}).astype("str"),
        department=keys.map({metric.key: metric.department for metric in metrics}).astype("str"),
        fiscal_year=[year_of(catalogue, day.date()) for day in values["as_of_date"]],
        updated_at=pd.Timestamp(updated_at).tz_convert("UTC").as_unit("us"),
    )
    return remember(warehouse, rows, only_new=True)


def remember(warehouse: Warehouse, rows: pd.DataFrame, *, only_new: bool) -> int:
    """Add rows to the history; return how many.

    ``only_new`` leaves out a row when the newest one held of its date, metric and person says the same.
    """
    if not warehouse.exists(SCORECARD_HISTORY):
        return warehouse.replace(SCORECARD_HISTORY, rows[["as_of_date", *DASHBOARD_KPIS]])
    held = warehouse.query(f"SELECT * FROM {SCORECARD_HISTORY}")  # noqa: S608
    new = rows[~_is_held(rows, held)] if only_new else rows
    if len(new):
        warehouse.replace(SCORECARD_HISTORY, pd.concat([held, new[list(held.columns)]], ignore_index=True))
    return len(new)


def _is_held(rows: pd.DataFrame, held: pd.DataFrame) -> pd.Series:
    newest = held.sort_values("updated_at", kind="stable").drop_duplicates(KEYS, keep="last")
    newest = newest.assign(as_of_date=newest["as_of_date"].astype(rows["as_of_date"].dtype))
    both = rows.merge(
        newest[[*KEYS, "metric_value"]], on=KEYS, how="left", suffixes=("", "_held"), indicator=True
    )
    alike = both["metric_value"].eq(both["metric_value_held"])
    alike |= both["metric_value"].isna() & both["metric_value_held"].isna()
    return pd.Series((alike & both["_merge"].eq("both")).to_numpy(), index=rows.index)
