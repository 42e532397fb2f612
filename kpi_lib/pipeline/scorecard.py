"""Sources → models → detail views → metrics → ``dashboard_kpis``: the build of a domain with a scorecard."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import pandas as pd

from kpi_lib import periods
from kpi_lib.catalogue import Catalogue
from kpi_lib.catalogue.dashboard_kpis import dashboard_kpis, metric_queries, render_sql
from kpi_lib.catalogue.scorecard import DetailView, Scorecard, load_scorecard
from kpi_lib.errors import DefinitionError, UsageError
from kpi_lib.pipeline.scorecard_days import trend, year_of, years_shown
from kpi_lib.pipeline.scorecard_history import remember
from kpi_lib.warehouse import Warehouse
from kpi_lib.warehouse.tables import SCORECARD, SCORECARD_STATE, SCORECARD_TREND

DIM_DATE = (dt.date(2015, 1, 1), dt.date(2035, 12, 31))


def build_tables(warehouse: Warehouse, catalogue: Catalogue, as_of: dt.date) -> dict[str, int]:
    """Build models and detail views for an as-of date; return the row counts.

    Parameters
    ----------
    warehouse
        The staging warehouse, its sources loaded.
    catalogue
        The domain's definitions.
    as_of
        The business date that every view reaches to.
    """
    card = load_scorecard(catalogue.folder)
    rows = {
        "mart.dim_date": warehouse.replace("mart.dim_date", periods.dim_date(catalogue.calendar, *DIM_DATE))
    }
    rows |= _build_views(warehouse, catalogue, card, as_of)
    return rows


def require_own_views(warehouse: Warehouse, catalogue: Catalogue, as_of: dt.date) -> None:
    """Refuse an older date where deployed views are only read: they tell how things stand now.

    Raises
    ------
    UsageError
        Naming the views.
    """
    views = [view.table for view in load_scorecard(catalogue.folder).views if not warehouse.owns(view.table)]
    if views:
        raise UsageError(
            f"{as_of} cannot be worked out: these views are deployed, and tell how things stand now: "
            f"{', '.join(views)}.",
            where=catalogue.domain,
            remedy="Leave --as-of out, choose other domains, or write owns_views = true in the profile.",
        )


def refresh(
    warehouse: Warehouse,
    catalogue: Catalogue,
    as_of: dt.date,
    updated_at: dt.datetime,
    *,
    first_day: dt.date,
    only_new: bool = False,
) -> pd.DataFrame:
    """Ask every metric, check the answers together, replace ``dashboard_kpis`` and append to its history.

    Parameters
    ----------
    warehouse, catalogue, as_of
        As for :func:`build_tables`, which comes before.
    updated_at
        When the rows are made.
    first_day
        The first loaded day; the trend does not go back beyond it.
    only_new
        Append only what the history does not say already.

    Raises
    ------
    DefinitionError
        Naming every metric whose answer is refused; the tables stay as they were.
    """
    card = load_scorecard(catalogue.folder)
    frame = _answers(warehouse, catalogue, card, as_of, updated_at)
    past = trend(warehouse, catalogue, card, frame, as_of, first_day)
    warehouse.replace(SCORECARD, frame)
    warehouse.replace(SCORECARD_TREND, past)
    rows = frame.assign(as_of_date=pd.Timestamp(as_of).as_unit("s"))
    remember(warehouse, rows, only_new=only_new)
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
    build_tables(warehouse, catalogue, as_of)
    refresh(warehouse, catalogue, as_of, updated_at, first_day=first_day, only_new=True)


def _build_views(
    warehouse: Warehouse, catalogue: Catalogue, card: Scorecard, as_of: dt.date
) -> dict[str, int]:
    year = year_of(catalogue, as_of)
    params = {"as_of": as_of, "fiscal_year": year, "time_zone": catalogue.calendar.time_zone}
    rows = {}
    for model in card.models:
        sql = (catalogue.folder / "sql" / model.sql).read_text(encoding="utf-8")
        rows[model.table] = warehouse.build(model.table, sql, params)
    years = years_shown(warehouse, year)
    for view in card.views:
        owned = warehouse.owns(view.table)
        if owned:
            rows[view.table] = warehouse.build(view.table, render_sql(view.text, year, years), params)
        _check_columns(view, warehouse.columns(view.table), view.columns_for(years), owned=owned)
    return rows


def _check_columns(
    view: DetailView, found: Mapping[str, str], declared: Mapping[str, str], *, owned: bool
) -> None:
    if dict(found) != dict(declared):
        unlike = sorted({name for name in {*found, *declared} if found.get(name) != declared.get(name)})
        told = ", ".join(f"{name} ({found.get(name, 'missing')})" for name in unlike)
        raise DefinitionError(
            f"The view's columns are not those it declares: {told or 'their order'}.",
            where=f"{view.sql}, metrics.toml: views[{view.name}].columns",
            remedy="Change the SELECT or the declaration."
            if owned
            else "Change the deployed view or the declaration, or write owns_views = true in the profile.",
        )


def _answers(
    warehouse: Warehouse, catalogue: Catalogue, card: Scorecard, as_of: dt.date, updated_at: dt.datetime
) -> pd.DataFrame:
    year = year_of(catalogue, as_of)
    asked = metric_queries(card, fiscal_year=year, as_of=as_of, time_zone=catalogue.calendar.time_zone)
    answers = [(query, warehouse.query(query.sql, query.params)) for query in asked]
    return dashboard_kpis(answers, fiscal_year=year, updated_at=updated_at)
