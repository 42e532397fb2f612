"""From the scorecard's definitions to ``dashboard_kpis``: the SQL to run, and the frame from its answers."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from pandas.api import types as pdt

from kpi_lib.catalogue.checks import Problem
from kpi_lib.catalogue.scorecard import Metric, Scorecard, refusal
from kpi_lib.errors import UsageError

#: The columns of ``dashboard_kpis`` and of its history, as GoogleSQL types.
DASHBOARD_KPIS: Mapping[str, str] = {
    "metric_key": "STRING", "metric_value": "FLOAT64", "metric_format": "STRING", "department": "STRING",
    "person_name": "STRING", "fiscal_year": "INT64", "updated_at": "TIMESTAMP",
}  # fmt: skip
_YEARS = range(1900, 3000)


@dataclass(frozen=True)
class MetricQuery:
    """What to ask the warehouse for one row of ``dashboard_kpis``: columns ``metric_value, is_missing``."""

    metric: Metric
    person_name: str | None
    sql: str
    params: Mapping[str, object]


def fiscal_years(present: Iterable[int], fiscal_year: int) -> tuple[int, ...]:
    """Return the years that get a column: from the first one present to this one, the prior year always."""
    first = min([year for year in present if year <= fiscal_year] + [fiscal_year - 1])
    return tuple(range(first, fiscal_year + 1))


def render_sql(text: str, fiscal_year: int, years: Sequence[int] = ()) -> str:
    """Return a SQL file with its placeholders filled in.

    Parameters
    ----------
    text
        The file's text.
    fiscal_year
        The scorecard's fiscal year.
    years
        The fiscal years for which a line with ``{year}`` is repeated; see :func:`fiscal_years`.

    Raises
    ------
    UsageError
        When a year is no whole number from 1900 to 2999.
    """
    for year in (fiscal_year, *years):
        if isinstance(year, bool) or not isinstance(year, int) or year not in _YEARS:
            raise UsageError(f"{year!r} is no fiscal year.", remedy="Give a whole number such as 2026.")
    lines = []
    for line in text.splitlines():
        repeats = [line.replace("{year}", str(year)) for year in years] if "{year}" in line else [line]
        lines += repeats
    filled = "\n".join(lines)
    filled = filled.replace("{prior_fiscal_year}", str(fiscal_year - 1))
    return filled.replace("{fiscal_year}", str(fiscal_year))


def metric_queries(
    scorecard: Scorecard, *, fiscal_year: int, as_of: dt.date, time_zone: str
) -> tuple[MetricQuery, ...]:
    """Return the queries of every row of ``dashboard_kpis``, in the order of the definitions.

    Parameters
    ----------
    scorecard
        The definitions.
    fiscal_year
        The fiscal year of ``as_of``.
    as_of
        The business date that the figures reach to.
    time_zone
        The domain's zone, in which instants become dates.
    """
    queries = []
    for metric in scorecard.metrics:
        sql = render_sql(metric.text, fiscal_year)
        # Frames hold null and NaN alike, so the warehouse says which of them it is.
        asked = f"SELECT metric_value, metric_value IS NULL AS is_missing FROM (\n{sql}\n)"  # noqa: S608
        people: list[str | None] = [owner.person_name for owner in scorecard.owners_of(metric.key)]
        for person in people or [None]:
            params = {"fiscal_year": fiscal_year, "as_of": as_of, "time_zone": time_zone}
            own = {"person_name": person} if metric.person_column else {}
            queries.append(MetricQuery(metric, person, asked, {**params, **own}))
    return tuple(queries)


def dashboard_kpis(
    answers: Iterable[tuple[MetricQuery, pd.DataFrame]], *, fiscal_year: int, updated_at: dt.datetime
) -> pd.DataFrame:
    """Return the ``dashboard_kpis`` frame from what the warehouse answered.

    Parameters
    ----------
    answers
        Each query with its frame.
    fiscal_year
        The fiscal year of every row.
    updated_at
        When the rows were made, with a time zone.

    Returns
    -------
    pandas.DataFrame
        The columns of :data:`DASHBOARD_KPIS`, one row a query; a missing value is null.

    Raises
    ------
    DefinitionError
        Naming every metric that gave no row, several, text, NaN or infinity. There is no frame then, so
        that the old table stays.
    UsageError
        When ``updated_at`` has no zone.
    """
    if updated_at.tzinfo is None:
        raise UsageError("The time of the refresh has no zone.", where="updated_at")
    pairs = list(answers)
    problems = [
        Problem(query.metric.sql, query.metric.key, wrong, "One row with one number, or null, is expected.")
        for query, frame in pairs
        if (wrong := _refusal(frame))
    ]
    if problems:
        raise refusal(problems, "the metrics")
    rows = [
        (q.metric.key, None if f["is_missing"].iloc[0] else float(f["metric_value"].iloc[0]), q.metric.format,
         q.metric.department, q.person_name)
        for q, f in pairs
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(DASHBOARD_KPIS)[:5])
    texts = dict.fromkeys(("metric_key", "metric_format", "department", "person_name"), "str")
    moment = pd.Timestamp(updated_at).tz_convert("UTC").as_unit("us")
    typed = frame.astype({**texts, "metric_value": "float64"})
    return typed.assign(fiscal_year=fiscal_year, updated_at=moment)


def _refusal(frame: pd.DataFrame) -> str:
    if list(frame.columns) != ["metric_value", "is_missing"]:
        return f"it has the columns {', '.join(map(str, frame.columns))}."
    if len(frame) != 1:
        return f"it gave {len(frame) or 'no'} row{'s' if len(frame) > 1 else ''}."
    value, missing = frame["metric_value"], bool(frame["is_missing"].iloc[0])
    if not pdt.is_numeric_dtype(value) or pdt.is_bool_dtype(value):
        return f"it gave {value.dtype}, not a number."
    if not missing and not math.isfinite(value.iloc[0]):
        return f"it gave {value.iloc[0]}, which is no finite number."
    return ""
