"""``dashboard_kpis`` refreshed by BigQuery itself: one stored procedure, written from the scorecard's SQL.

It asks the same questions as the night and runs without this project's code. What it lacks is the gate, the
trend and the pages.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kpi_lib.catalogue import BigQueryProfile, Catalogue
from kpi_lib.catalogue.dashboard_kpis import DASHBOARD_KPIS, metric_queries, render_sql
from kpi_lib.catalogue.profile_checks import layers_of
from kpi_lib.catalogue.scorecard import Scorecard, load_scorecard
from kpi_lib.errors import UsageError
from kpi_lib.pipeline.scorecard_days import year_of
from kpi_lib.warehouse.tables import SCORECARD, SCORECARD_HISTORY, SCORECARD_STATE, SOURCE_LOAD

PROCEDURE = "refresh_dashboard_kpis"
_DATES = "mart.dim_date"
_NOT_NULL = ("metric_key", "fiscal_year", "updated_at")
#: A parameter of the SQL files → the procedure's own variable; no column may be called like that.
VARIABLES: Mapping[str, str] = {
    "as_of": "run_as_of",
    "fiscal_year": "run_fiscal_year",
    "time_zone": "run_time_zone",
}


@dataclass(frozen=True)
class Step:
    """A table that the procedure makes for itself: its logical name and the SELECT over logical names."""

    table: str
    sql: str


@dataclass(frozen=True)
class Plan:
    """What the procedure does, over logical names: tables first, then one SELECT of all answers."""

    fiscal_year: int
    steps: tuple[Step, ...]
    answers: str
    rows: int


def plan(catalogue: Catalogue, as_of: dt.date, *, owns_views: bool) -> Plan:
    """Return the plan for the fiscal year of a date.

    Parameters
    ----------
    catalogue
        A domain with a scorecard.
    as_of
        A date of the fiscal year; SQL names that year's columns.
    owns_views
        Whether deployed views are worked out too, or read as they are.

    Raises
    ------
    UsageError
        When the domain has no scorecard.
    """
    if not catalogue.has_scorecard:
        raise UsageError(f"'{catalogue.domain}' has no scorecard, and so no dashboard_kpis.")
    card, year = load_scorecard(catalogue.folder), year_of(catalogue, as_of)
    folder = catalogue.folder / "sql"
    steps = [Step(item.table, (folder / item.sql).read_text(encoding="utf-8")) for item in card.models]
    steps += [
        Step(view.table, render_sql(view.text, year, (year - 1, year)))
        for view in card.views
        if (owns_views or not view.deployed) and _is_asked(card, view.table)
    ]
    questions = list(_questions(card, catalogue, as_of, year))
    return Plan(year, tuple(_needed(steps, questions)), "\nUNION ALL\n".join(questions), len(questions))


def script(catalogue: Catalogue, profile: BigQueryProfile, as_of: dt.date) -> str:
    """Return the GoogleSQL that makes the stored procedure.

    Parameters
    ----------
    catalogue, as_of
        See :func:`plan`.
    profile
        Where the tables lie.
    """
    made = plan(catalogue, as_of, owns_views=profile.owns_views)
    names = _Names(catalogue, profile, frozenset(step.table for step in made.steps))
    own = [
        f"CREATE OR REPLACE TEMP TABLE {names.own(step.table)} AS\n{names.fill(step.sql)};"
        for step in (*made.steps, Step("answers", made.answers))
    ]
    body = [*_opening(catalogue, names, made), *own, *_checks(made), *_tables(names), *_write(names)]
    procedure = f"`{profile.project}.{profile.dataset('ops', catalogue.domain)}.{PROCEDURE}`"
    inner = "\n\n".join(body)
    return (
        f"-- {catalogue.title}: dashboard_kpis, refreshed by BigQuery itself.\n"
        "-- Written by `kpi scheduled-query` from the domain's SQL files: change those, not this.\n"
        "-- Called at midnight in Los Angeles: scheduled/google-cloud/scheduler-dashboard-kpis.json.\n"
        "-- A failure leaves the old table.\n"
        f"CREATE OR REPLACE PROCEDURE {procedure}()\nBEGIN\n\n{inner}\n\nEND;\n"
    )


def _opening(catalogue: Catalogue, names: _Names, made: Plan) -> list[str]:
    required = [source.name for source in catalogue.sources if source.required]
    listed = ", ".join(text(name) for name in required)
    loads = f"FROM {names.place(SOURCE_LOAD)}\n  WHERE source IN ({listed})"
    return [
        f"DECLARE run_time_zone STRING DEFAULT {text(catalogue.calendar.time_zone)};",
        "DECLARE run_updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP();",
        "DECLARE run_as_of DATE;",
        "DECLARE run_fiscal_year INT64;",
        f"ASSERT (\n  SELECT COUNT(DISTINCT source) = {len(required)}\n  {loads}\n) AS\n"
        "  'The loader does not say of every required source how far it is loaded.';",
        "-- Yesterday, or the last day through which every required source is loaded.\n"
        "SET run_as_of = (\n  SELECT LEAST(\n"
        "    DATE_SUB(DATE(run_updated_at, run_time_zone), INTERVAL 1 DAY), MIN(complete_through)\n  )\n"
        f"  {loads}\n);",
        "SET run_fiscal_year = (\n"
        f"  SELECT fiscal_year FROM {names.place(_DATES)} WHERE date_key = run_as_of\n);",
        f"ASSERT run_fiscal_year = {made.fiscal_year} AS\n"
        f"  'This SQL names the columns of fiscal {made.fiscal_year}: make it again (kpi scheduled-query).';",
    ]


def _checks(made: Plan) -> list[str]:
    return [
        f"ASSERT (\n  SELECT COUNT(*) = {made.rows}\n"
        f"    AND COUNT(DISTINCT TO_JSON_STRING(STRUCT(metric_key, person_name))) = {made.rows}\n"
        "  FROM answers\n) AS\n  'A metric gave no row, or several.';",
        "ASSERT NOT EXISTS (\n"
        "  SELECT 1 FROM answers WHERE IS_NAN(metric_value) OR IS_INF(metric_value)\n) AS\n"
        "  'A metric gave no finite number.';",
    ]


@dataclass(frozen=True)
class _Names:
    """Logical names, and what stands for them in the procedure."""

    catalogue: Catalogue
    profile: BigQueryProfile
    made: frozenset[str]

    def place(self, table: str) -> str:
        layer, _, name = table.partition(".")
        return f"`{self.profile.project}.{self.profile.dataset(layer, self.catalogue.domain)}.{name}`"

    def own(self, table: str) -> str:
        return table.replace(".", "_")

    def fill(self, sql: str) -> str:
        """Return SQL with places for tables and variables for parameters."""
        layers = "|".join(sorted(layers_of(self.catalogue)))
        pattern = re.compile(rf"(?<![\w.`'@])({layers})\.([A-Za-z_]\w*)(?![\w.])")
        filled = pattern.sub(
            lambda match: self.own(match[0]) if match[0] in self.made else self.place(match[0]), sql.strip()
        )
        return re.sub(r"@(\w+)", lambda match: VARIABLES[match[1]], filled)


def _questions(card: Scorecard, catalogue: Catalogue, as_of: dt.date, year: int) -> Iterator[str]:
    asked = metric_queries(card, fiscal_year=year, as_of=as_of, time_zone=catalogue.calendar.time_zone)
    for item in asked:
        metric = item.metric
        person = "CAST(NULL AS STRING)" if item.person_name is None else text(item.person_name)
        sql = render_sql(metric.text, year).strip()
        if item.person_name is not None:
            sql = re.sub(r"@person_name\b", lambda _, said=person: said, sql)  # type: ignore[misc]
        yield (
            f"SELECT {text(metric.key)} AS metric_key, metric_value, {text(metric.format)} AS metric_format, "
            f"{text(metric.department)} AS department, {person} AS person_name\nFROM (\n{sql}\n)"
        )


def text(value: str) -> str:
    """Return a text as a GoogleSQL literal."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def _is_asked(card: Scorecard, table: str) -> bool:
    return any(re.search(rf"\b{re.escape(table)}\b", metric.text) for metric in card.metrics)


def _needed(steps: list[Step], questions: list[str]) -> list[Step]:
    """Return the steps that something after them reads."""
    kept: list[Step] = []
    texts = list(questions)
    for step in reversed(steps):
        if any(re.search(rf"\b{re.escape(step.table)}\b", item) for item in texts):
            kept.insert(0, step)
            texts.append(step.sql)
    return kept


def _tables(names: _Names) -> Iterator[str]:
    columns = ",\n  ".join(
        f"{name} {kind}{' NOT NULL' if name in _NOT_NULL else ''}" for name, kind in DASHBOARD_KPIS.items()
    )
    yield (
        f"CREATE TABLE IF NOT EXISTS {names.place(SCORECARD)} (\n  {columns}\n)\n"
        "PARTITION BY DATE(updated_at)\nCLUSTER BY department, metric_key;"
    )
    yield (
        f"CREATE TABLE IF NOT EXISTS {names.place(SCORECARD_HISTORY)} (\n"
        f"  as_of_date DATE NOT NULL,\n  {columns}\n)\n"
        "PARTITION BY as_of_date\nCLUSTER BY department, metric_key;"
    )
    yield (
        f"CREATE TABLE IF NOT EXISTS {names.place(SCORECARD_STATE)} "
        "(as_of_date DATE, fiscal_year INT64, updated_at TIMESTAMP);"
    )


def _write(names: _Names) -> Iterator[str]:
    listed = ", ".join(DASHBOARD_KPIS)
    rows = "metric_key, metric_value, metric_format, department, person_name, run_fiscal_year, run_updated_at"
    yield "BEGIN TRANSACTION;"
    yield f"DELETE FROM {names.place(SCORECARD)} WHERE TRUE;"
    yield f"INSERT INTO {names.place(SCORECARD)} ({listed})\nSELECT {rows}\nFROM answers;"
    yield (
        f"INSERT INTO {names.place(SCORECARD_HISTORY)} (as_of_date, {listed})\n"
        f"SELECT run_as_of, {rows}\nFROM answers;"
    )
    yield f"DELETE FROM {names.place(SCORECARD_STATE)} WHERE TRUE;"
    yield (
        f"INSERT INTO {names.place(SCORECARD_STATE)} (as_of_date, fiscal_year, updated_at)\n"
        "VALUES (run_as_of, run_fiscal_year, run_updated_at);"
    )
    yield "COMMIT TRANSACTION;"
