"""Sources → marts → facts → roll-ups, into a staging warehouse."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from kpi_lib import periods
from kpi_lib.catalogue import Catalogue
from kpi_lib.compute.refresh import dates_to_refresh
from kpi_lib.errors import DataError, UsageError
from kpi_lib.operations.run import Run
from kpi_lib.pipeline import scorecard
from kpi_lib.pipeline.dimensions import dim_entity, dim_kpi
from kpi_lib.pipeline.kpi_tables import KpiTables
from kpi_lib.pipeline.scorecard_history import fill_history
from kpi_lib.pipeline.store import Loaded
from kpi_lib.warehouse import Warehouse
from kpi_lib.warehouse.ledger import grown_days
from kpi_lib.warehouse.tables import DASHBOARD as DASHBOARD_TABLE
from kpi_lib.warehouse.tables import FACTS as FACTS_TABLE
from kpi_lib.warehouse.tables import SCORECARD, SCORECARD_HISTORY, dashboard_columns

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Span:
    """The business dates of a build: what is loaded, and the as-of date."""

    first_day: dt.date
    last_day: dt.date
    as_of: dt.date
    watermark: dt.date


@dataclass(frozen=True)
class Built:
    """What a build made: its dates, the roll-ups computed, why, and since which date."""

    span: Span
    loads: pd.DataFrame
    refreshed: int
    cause: str
    since: dt.date | None = None


def build_domain(
    warehouse: Warehouse,
    catalogue: Catalogue,
    load: Callable[[Warehouse, Catalogue], Loaded],
    kpi_tables: Callable[[Warehouse, Catalogue, tuple[dt.date, dt.date]], KpiTables],
    run: Run,
    *,
    as_of: dt.date | None = None,
    keep_until: dt.date | None = None,
    take_back: bool = False,
    today: dt.date | None = None,
    full: bool = False,
    last_days: int = 1,
    backfill: tuple[dt.date, dt.date] | None = None,
) -> Built:
    """Build every table of a domain.

    Parameters
    ----------
    warehouse
        The staging warehouse, open for writing.
    catalogue
        The domain's definitions.
    load
        Takes the sources in, or looks at them where they lie.
    kpi_tables
        Chooses where facts and roll-ups are computed.
    run
        Records the steps.
    as_of
        The as-of date; by default the watermark.
    keep_until
        The newest as-of date already published: an older ``as_of`` never shortens the tables.
    take_back
        Accept sources that reach less far than what is published, and take the days beyond them back.
    today
        The local date by the clock; sources that claim to be complete beyond it are refused.
    full
        Compute every as-of date again.
    last_days
        How many of the newest as-of dates are computed in any case.
    backfill
        A first and a last as-of date to compute again; of a scorecard, to be in its history.
    """
    domain = catalogue.domain
    with run.step("extract", domain) as step:
        loaded = load(warehouse, catalogue)
        loads = loaded.loads
        step.rows = dict(zip(loads["source"], loads["row_count"].astype(int), strict=True))
    span = resolve_span(catalogue, loads, as_of, keep_until)
    if today is not None and span.watermark > today:
        raise DataError(
            f"The sources claim to be complete through {span.watermark}; by the clock it is {today}.",
            where=domain,
            remedy="Mend complete_through in manifest.json, or the clock of this machine.",
        )
    if keep_until is not None and span.watermark < keep_until and not take_back:
        raise DataError(
            f"The sources reach only through {span.watermark}, but {keep_until} is already published.",
            where=domain,
            remedy=f"Load these again: {', '.join(_ending_before(catalogue, loads, keep_until))}. "
            "To take the published days back, run with --force.",
        )
    if catalogue.has_scorecard:
        _build_scorecard(warehouse, catalogue, run, span, backfill)
    if not catalogue.kpis:
        return Built(span, loads, 0, "scorecard")
    with run.step("marts", domain) as step:
        step.rows = build_marts(warehouse, catalogue, span)
    tables = kpi_tables(warehouse, catalogue, (span.first_day, span.last_day))
    with run.step("facts", domain) as step:
        step.rows = tables.make_facts(grown_days(loaded.days_before, loaded.days))
    with run.step("roll-ups", domain) as step:
        refreshed, cause, since = roll_up(
            warehouse, catalogue, tables, span, full=full, last_days=last_days, backfill=backfill
        )
        step.rows = {DASHBOARD_TABLE: refreshed}
        step.note = cause
    return Built(span, loads, refreshed, cause, since)


def _build_scorecard(
    warehouse: Warehouse,
    catalogue: Catalogue,
    run: Run,
    span: Span,
    backfill: tuple[dt.date, dt.date] | None,
) -> None:
    if backfill is not None:
        _within(pd.date_range(span.first_day, span.last_day, freq="D"), backfill)
    if span.as_of < span.watermark:
        scorecard.require_own_views(warehouse, catalogue, span.as_of)
    with run.step("views", catalogue.domain) as step:
        step.rows = scorecard.build_tables(warehouse, catalogue, span.as_of)
    with run.step("scorecard", catalogue.domain) as step:
        frame = scorecard.refresh(
            warehouse, catalogue, span.as_of, run.clock(),
            first_day=span.first_day, only_new=backfill is not None,
        )  # fmt: skip
        step.rows = {SCORECARD: len(frame)}
    if backfill is not None:
        with run.step("history", catalogue.domain) as step:
            step.rows = {SCORECARD_HISTORY: fill_history(warehouse, catalogue, backfill, run.clock())}


def resolve_span(
    catalogue: Catalogue, loads: pd.DataFrame, as_of: dt.date | None, keep_until: dt.date | None = None
) -> Span:
    """Return the dates of a build, refusing an as-of date that the data does not reach."""
    required = {source.name for source in catalogue.sources if source.required}
    ranges = loads[loads["source"].isin(required)]
    first_day = pd.Timestamp(ranges["loaded_from"].min()).date()
    watermark = pd.Timestamp(ranges["complete_through"].min()).date()
    if watermark < first_day:
        raise DataError(
            f"The sources have no day in common: complete through {watermark}, loaded from {first_day}.",
            where=f"landing files of '{catalogue.domain}'",
            remedy="Look at loaded_from and complete_through in manifest.json.",
        )
    wanted = as_of or watermark
    if not first_day <= wanted <= watermark:
        late = _ending_before(catalogue, loads, wanted)
        side = "before the data begins" if wanted < first_day else "after the watermark"
        behind = ", ".join(late)
        raise UsageError(
            f"The as-of date {wanted} is {side}.",
            where=catalogue.domain,
            remedy=f"Choose a date from {first_day} to {watermark}."
            + (f" Complete only through an earlier day: {behind}." if behind else ""),
        )
    last_day = max(wanted, min(keep_until or wanted, watermark))
    return Span(first_day, last_day, wanted, watermark)


def _ending_before(catalogue: Catalogue, loads: pd.DataFrame, day: dt.date) -> list[str]:
    required = {source.name for source in catalogue.sources if source.required}
    late = loads[pd.to_datetime(loads["complete_through"]) < pd.Timestamp(day)]["source"]
    return [name for name in late if name in required]


def build_marts(warehouse: Warehouse, catalogue: Catalogue, span: Span) -> dict[str, int]:
    """Build the dimensions and every model of the domain; return the row counts."""
    rows = {
        "kpi.dim_kpi": warehouse.replace("kpi.dim_kpi", dim_kpi(catalogue)),
        "kpi.dim_entity": warehouse.replace("kpi.dim_entity", dim_entity(catalogue)),
        "mart.dim_date": warehouse.replace(
            "mart.dim_date", periods.dim_date(catalogue.calendar, *periods.DATE_DIMENSION)
        ),
    }
    params = {
        "time_zone": catalogue.calendar.time_zone,
        "first_day": span.first_day,
        "last_day": span.last_day,
        "as_of": span.as_of,
    }
    for model in catalogue.models:
        sql = (catalogue.folder / "sql" / model.sql).read_text(encoding="utf-8")
        rows[model.table] = warehouse.build(model.table, sql, params)
    versions = pd.DataFrame({"table_name": [*rows, FACTS_TABLE, DASHBOARD_TABLE], "version": SCHEMA_VERSION})
    warehouse.replace("kpi.schema_version", versions)
    return rows


def roll_up(
    warehouse: Warehouse,
    catalogue: Catalogue,
    tables: KpiTables,
    span: Span,
    *,
    full: bool,
    last_days: int,
    backfill: tuple[dt.date, dt.date] | None = None,
) -> tuple[int, str, dt.date | None]:
    """Compute the as-of dates that need it.

    Returns
    -------
    tuple
        The rows written, the cause in words, and the first as-of date computed (None: the whole table).
    """
    spine = pd.date_range(span.first_day, span.last_day, freq="D")
    held = _held_dates(warehouse)
    # Dates that the data no longer reaches go: what they were is in the ledger.
    everything = full or len(held.difference(spine)) > 0 or held.empty
    everything = everything or not _same_columns(warehouse, catalogue)
    changed_from = tables.changed_from()
    dates = spine if everything else dates_to_refresh(spine, held, changed_from, last_days)
    if backfill is not None:
        dates = dates.union(pd.date_range(*_within(spine, backfill), freq="D"))
    rows = tables.make_dashboard(dates, whole=everything)
    if everything:
        cause = "full build" if full or not held.empty else "first build"
        return rows, f"{cause}: {len(dates)} as-of dates", None
    cause = f"{len(spine.difference(held))} new as-of dates"
    if changed_from is not None:
        cause += f"; facts changed from {changed_from:%Y-%m-%d}"
    return rows, f"{cause}; {len(dates)} computed", dates[0].date() if len(dates) else span.last_day


def _within(spine: pd.DatetimeIndex, backfill: tuple[dt.date, dt.date]) -> tuple[dt.date, dt.date]:
    first, last = spine[0].date(), spine[-1].date()
    if backfill[0] < first or backfill[1] > last:
        raise UsageError(
            f"The range {backfill[0]} to {backfill[1]} goes beyond the data.",
            remedy=f"Choose dates from {first} to {last}.",
        )
    return backfill


def _held_dates(warehouse: Warehouse) -> pd.DatetimeIndex:
    if not warehouse.exists(DASHBOARD_TABLE):
        return pd.DatetimeIndex([])
    frame = warehouse.query(f"SELECT DISTINCT as_of_date FROM {DASHBOARD_TABLE} ORDER BY as_of_date")  # noqa: S608
    return pd.DatetimeIndex(frame["as_of_date"])


def _same_columns(warehouse: Warehouse, catalogue: Catalogue) -> bool:
    return set(dashboard_columns(catalogue)) <= set(warehouse.columns(DASHBOARD_TABLE))
