"""Sources → models → detail views → metrics → ``dashboard_kpis``: the build of a domain with a scorecard."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import pandas as pd

from kpi_lib import periods
from kpi_lib.catalogue import Catalogue
from kpi_lib.catalogue.dashboard_kpis import dashboard_kpis, fiscal_years, metric_queries, render_sql
from kpi_lib.catalogue.scorecard import DetailView, Scorecard, load_scorecard
from kpi_lib.errors import DefinitionError
from kpi_lib.periods.calendars import as_days, bounds, fiscal_year, shift_months
from kpi_lib.pipeline.scorecard_trend import trend_frame, values_at
from kpi_lib.warehouse import Warehouse
from kpi_lib.warehouse.tables import SCORECARD, SCORECARD_HISTORY, SCORECARD_STATE, SCORECARD_TREND

DIM_DATE = (dt.date(2015, 1, 1), dt.date(2035, 12, 31))
#: Whole months before the as-of date at whose ends each metric is worked out again, for its trend.
TREND_MONTHS = 24
_YEARS = "SELECT DISTINCT fiscal_year FROM mart.revenue_line WHERE fiscal_year IS NOT NULL"


def build_tables(
    warehouse: Warehouse, catalogue: Catalogue, as_of: dt.date, first_day: dt.date
) -> dict[str, int]:
    """Build models, detail views and the trend for an as-of date; return the row counts.

    Parameters
    ----------
    warehouse
        The staging warehouse, its sources loaded.
    catalogue
        The domain's definitions.
    as_of
        The business date that every view reaches to.
    first_day
        The first loaded day; the trend does not go back beyond it.
    """
    card = load_scorecard(catalogue.folder)
    rows = {
        "mart.dim_date": warehouse.replace("mart.dim_date", periods.dim_date(catalogue.calendar, *DIM_DATE))
    }
    built, years = _build_views(warehouse, catalogue, card, as_of)
    trend = [
        values_at(warehouse, card, day, year_of(catalogue, day), years, catalogue.calendar.time_zone)
        for day in trend_dates(catalogue, as_of, first_day)
    ]
    rows |= built
    rows[SCORECARD_TREND] = warehouse.replace(SCORECARD_TREND, trend_frame(trend))
    return rows


def refresh(
    warehouse: Warehouse,
    catalogue: Catalogue,
    as_of: dt.date,
    updated_at: dt.datetime,
    *,
    remember: bool = True,
) -> pd.DataFrame:
    """Ask every metric, check the answers together, replace ``dashboard_kpis`` and append to its history.

    ``remember`` False leaves the history alone: the same rows are in it already.

    Raises
    ------
    DefinitionError
        Naming every metric whose answer is refused; the tables stay as they were.
    """
    card = load_scorecard(catalogue.folder)
    frame = _answers(warehouse, catalogue, card, as_of, updated_at)
    warehouse.replace(SCORECARD, frame)
    if remember:
        _append(warehouse, frame.assign(as_of_date=pd.Timestamp(as_of))[["as_of_date", *frame.columns]])
    state = pd.DataFrame(
        {
            "as_of_date": [pd.Timestamp(as_of)],
            "fiscal_year": [year_of(catalogue, as_of)],
            "updated_at": [pd.Timestamp(updated_at)],
        }
    )
    warehouse.replace(SCORECARD_STATE, state)
    return frame


def restore(
    warehouse: Warehouse,
    catalogue: Catalogue,
    as_of: dt.date,
    first_day: dt.date,
    updated_at: dt.datetime,
) -> None:
    """Build the scorecard of the newest date again, after one of an older date was made."""
    build_tables(warehouse, catalogue, as_of, first_day)
    refresh(warehouse, catalogue, as_of, updated_at, remember=False)


def _append(warehouse: Warehouse, rows: pd.DataFrame) -> None:
    if warehouse.exists(SCORECARD_HISTORY):
        held = warehouse.query(f"SELECT * FROM {SCORECARD_HISTORY}")  # noqa: S608
        rows = pd.concat([held, rows], ignore_index=True)
    warehouse.replace(SCORECARD_HISTORY, rows)


def year_of(catalogue: Catalogue, day: dt.date) -> int:
    """Return the name of a day's fiscal year."""
    return int(fiscal_year(as_days(day), catalogue.calendar)[0])


def trend_dates(catalogue: Catalogue, as_of: dt.date, first_day: dt.date) -> list[dt.date]:
    """Return the earlier dates at which the metrics are worked out: month ends, and what pace needs.

    Pace compares with the same date a year earlier and with the whole fiscal year before.
    """
    day = as_days(as_of)
    ends = [
        as_days(shift_months(_month_end(day), -months, month_end=True)) for months in range(TREND_MONTHS + 1)
    ]
    start, _ = bounds(day, catalogue.calendar, "year", fiscal=True)
    extra = [shift_months(day, -12, month_end=True), start - 1]
    found = {item.astype(dt.date) for item in np.concatenate([*ends, *extra])}
    return sorted(item for item in found if first_day <= item < as_of)


def _month_end(day: np.ndarray) -> np.ndarray:
    months = day.astype("datetime64[M]")
    return (months + 1).astype("datetime64[D]") - 1


def _params(catalogue: Catalogue, as_of: dt.date) -> dict[str, object]:
    return {
        "as_of": as_of,
        "fiscal_year": year_of(catalogue, as_of),
        "time_zone": catalogue.calendar.time_zone,
    }


def _build_views(
    warehouse: Warehouse, catalogue: Catalogue, card: Scorecard, as_of: dt.date
) -> tuple[dict[str, int], list[int]]:
    """Build the models and the views for a date; return the row counts, and the years with revenue."""
    params, rows = _params(catalogue, as_of), {}
    for model in card.models:
        sql = (catalogue.folder / "sql" / model.sql).read_text(encoding="utf-8")
        rows[model.table] = warehouse.build(model.table, sql, params)
    year = year_of(catalogue, as_of)
    held = [int(item) for item in warehouse.query(_YEARS)["fiscal_year"]]
    years = fiscal_years(held, year)
    for view in card.views:
        rows[view.table] = warehouse.build(view.table, render_sql(view.text, year, years), params)
        _check_columns(view, warehouse.columns(view.table), view.columns_for(years))
    return rows, held


def _check_columns(view: DetailView, found: Mapping[str, str], declared: Mapping[str, str]) -> None:
    if dict(found) != dict(declared):
        unlike = sorted({name for name in {*found, *declared} if found.get(name) != declared.get(name)})
        told = ", ".join(f"{name} ({found.get(name, 'missing')})" for name in unlike)
        raise DefinitionError(
            f"The view's columns are not those it declares: {told or 'their order'}.",
            where=f"{view.sql}, metrics.toml: views[{view.name}].columns",
            remedy="Change the SELECT or the declaration.",
        )


def _answers(
    warehouse: Warehouse, catalogue: Catalogue, card: Scorecard, as_of: dt.date, updated_at: dt.datetime
) -> pd.DataFrame:
    year = year_of(catalogue, as_of)
    asked = metric_queries(card, fiscal_year=year, as_of=as_of, time_zone=catalogue.calendar.time_zone)
    answers = [(query, warehouse.query(query.sql, query.params)) for query in asked]
    return dashboard_kpis(answers, fiscal_year=year, updated_at=updated_at)
