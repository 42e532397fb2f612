"""The scorecard on days that are past, worked out from today's sources."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pandas as pd

from kpi_lib.catalogue import Catalogue
from kpi_lib.catalogue.checks import Problem
from kpi_lib.catalogue.dashboard_kpis import MetricQuery, fiscal_years, metric_queries, render_sql
from kpi_lib.catalogue.scorecard import Metric, Scorecard, refusal
from kpi_lib.errors import DataError
from kpi_lib.periods.calendars import as_days, bounds, fiscal_year, shift_months
from kpi_lib.warehouse import Warehouse
from kpi_lib.warehouse.each_day import DayTable, Question, ask_each_day

#: Whole months before the as-of date at whose ends each metric is worked out again, for its trend.
TREND_MONTHS = 24
#: So many days are asked for at once: enough to plan seldom, few enough to stay small.
_TOGETHER = 31
KEYS = ["as_of_date", "metric_key", "person_name"]
_YEARS = "SELECT DISTINCT fiscal_year FROM mart.revenue_line WHERE fiscal_year IS NOT NULL"


def year_of(catalogue: Catalogue, day: dt.date) -> int:
    """Return the name of a day's fiscal year."""
    return int(fiscal_year(as_days(day), catalogue.calendar)[0])


def years_shown(warehouse: Warehouse, year: int) -> tuple[int, ...]:
    """Return the fiscal years that the views of a year have columns of."""
    return fiscal_years((int(item) for item in warehouse.query(_YEARS)["fiscal_year"]), year)


def on_days(
    warehouse: Warehouse, catalogue: Catalogue, card: Scorecard, days: Sequence[dt.date]
) -> pd.DataFrame:
    """Return each dated metric on each of several days.

    Parameters
    ----------
    warehouse
        The staging warehouse with its sources and models.
    catalogue, card
        The domain's definitions.
    days
        The days, each once.

    Returns
    -------
    pandas.DataFrame
        ``as_of_date, metric_key, person_name, metric_value`` in the order of the days and definitions; what
        is missing is null. A metric of how things stand now has no row.

    Raises
    ------
    DefinitionError
        Naming the metrics that gave no row, several, NaN or infinity on a day.
    """
    metrics = [metric for metric in card.metrics if metric.dated]
    years: dict[int, list[dt.date]] = {}
    for day in days:
        years.setdefault(year_of(catalogue, day), []).append(day)
    frames = [_empty()]
    for year, own in years.items() if metrics else ():
        tables = _day_tables(warehouse, catalogue, card, metrics, year)
        frames += [
            _ask(warehouse, catalogue, card, metrics, tables, year, own[first : first + _TOGETHER])
            for first in range(0, len(own), _TOGETHER)
        ]
    return pd.concat(frames[1:] or frames, ignore_index=True)


def _day_tables(
    warehouse: Warehouse, catalogue: Catalogue, card: Scorecard, metrics: Sequence[Metric], year: int
) -> list[DayTable]:
    """Return the models and views that the metrics read and that are not the same on every day."""
    tables = []
    for model in card.models:
        sql = (catalogue.folder / "sql" / model.sql).read_text(encoding="utf-8")
        if "@as_of" in sql:
            tables.append(DayTable(model.table, sql, warehouse.columns(model.table)))
    years = years_shown(warehouse, year)
    return tables + [
        DayTable(view.table, render_sql(view.text, year, years), view.columns_for(years))
        for view in card.views
        if any(view.table in metric.text for metric in metrics)
    ]


def _ask(
    warehouse: Warehouse, catalogue: Catalogue, card: Scorecard, metrics: Sequence[Metric],
    tables: Sequence[DayTable], year: int, days: Sequence[dt.date],
) -> pd.DataFrame:  # fmt: skip
    reduced, zone = card.model_copy(update={"metrics": tuple(metrics)}), catalogue.calendar.time_zone
    asked = metric_queries(reduced, fiscal_year=year, as_of=days[0], time_zone=zone)
    params = {"fiscal_year": year, "time_zone": zone}
    # Metrics that ask the same, one for the company and one for a person, are asked once.
    questions: list[Question] = []
    places = []
    for query in asked:
        own = {name: value for name, value in query.params.items() if name not in (*params, "as_of")}
        question = Question(query.sql, own)
        if question not in questions:
            questions.append(question)
        places.append(questions.index(question))
    found = ask_each_day(warehouse, days, questions, tables, params)
    return _rows(asked, places, found, days)


def _rows(
    asked: Sequence[MetricQuery], places: Sequence[int], found: pd.DataFrame, days: Sequence[dt.date]
) -> pd.DataFrame:
    """Return one row a day and metric, refusing whatever is not one number, or none, for each."""
    wanted = pd.DataFrame(
        [
            (pd.Timestamp(day), query.metric.key, query.person_name, place)
            for day in days
            for query, place in zip(asked, places, strict=True)
        ],
        columns=[*KEYS, "place"],
    ).astype({"as_of_date": found["as_of_date"].dtype, "person_name": "str"})
    joined = wanted.merge(found, on=["as_of_date", "place"], how="left")
    rows = joined.groupby(KEYS, dropna=False)["place"].transform("size")
    value, missing = joined["metric_value"].astype("float64"), joined["is_missing"]
    wrong = (rows != 1) | missing.isna() | (~missing.eq(True) & ~np.isfinite(value))
    if wrong.any():
        files = {query.metric.key: query.metric.sql for query in asked}
        raise refusal(
            [
                Problem(
                    files[str(row["metric_key"])],
                    str(row["metric_key"]),
                    f"on {row['as_of_date']:%Y-%m-%d} it gave no single finite number.",
                    "One row with one number, or null, is expected.",
                )
                for row in joined[wrong].drop_duplicates("metric_key").to_dict("records")
            ],
            "the metrics",
        )
    dates = joined["as_of_date"].astype("datetime64[s]")
    return joined.assign(as_of_date=dates, metric_value=value)[[*KEYS, "metric_value"]]


def _empty() -> pd.DataFrame:
    texts = {"as_of_date": "datetime64[s]", "metric_key": "str", "person_name": "str"}
    return pd.DataFrame(columns=[*KEYS, "metric_value"]).astype({**texts, "metric_value": "float64"})


def trend(
    warehouse: Warehouse, catalogue: Catalogue, card: Scorecard, frame: pd.DataFrame,
    as_of: dt.date, first_day: dt.date,
) -> pd.DataFrame:  # fmt: skip
    """Return each dated metric at the earlier dates that cards, charts and pace look back at.

    Parameters
    ----------
    warehouse, catalogue, card
        As for :func:`on_days`.
    frame
        The scorecard of the as-of date, asked metric by metric: what was worked out for many days at once
        must say the same of that day.
    as_of, first_day
        The as-of date, and the first loaded day; nothing is looked back at beyond it.

    Raises
    ------
    DataError
        When the two do not agree.
    """
    earlier = trend_dates(catalogue, as_of, first_day)
    if not earlier:
        return _empty()
    values = on_days(warehouse, catalogue, card, [*earlier, as_of])
    is_now = values["as_of_date"] == pd.Timestamp(as_of)
    _compare(values[is_now], frame)
    return values[~is_now].reset_index(drop=True)


def _compare(now: pd.DataFrame, frame: pd.DataFrame) -> None:
    both = now.merge(frame, on=["metric_key", "person_name"], how="left", suffixes=("", "_alone"))
    alike = np.isclose(both["metric_value"], both["metric_value_alone"], rtol=1e-9, atol=1e-9, equal_nan=True)
    if not alike.all():
        keys = ", ".join(sorted(both.loc[~alike, "metric_key"]))
        raise DataError(
            f"Worked out for many days at once, these differ from the figure of their day: {keys}.",
            where="the scorecard's trend",
            remedy="Look at their use of @as_of, and whether a deployed view says what its SQL here does.",
        )


def trend_dates(catalogue: Catalogue, as_of: dt.date, first_day: dt.date) -> list[dt.date]:
    """Return the earlier dates at which the metrics are worked out: month ends, and what pace needs.

    Pace compares with the same date a year earlier and with the whole fiscal year before.
    """
    day = as_days(as_of)
    ends = [
        as_days(shift_months(_month_end(day), -months, month_end=True)) for months in range(TREND_MONTHS + 1)
    ]
    start, _ = bounds(day, catalogue.calendar, "year", fiscal=True)
    extra = [shift_months(day, -12, month_end=True), start - np.timedelta64(1, "D")]
    found = {item.astype(dt.date) for item in np.concatenate([*ends, *extra])}
    return sorted(item for item in found if first_day <= item < as_of)


def _month_end(day: np.ndarray) -> np.ndarray:
    months = day.astype("datetime64[M]") + np.timedelta64(1, "M")
    last: np.ndarray = months.astype("datetime64[D]") - np.timedelta64(1, "D")
    return last
