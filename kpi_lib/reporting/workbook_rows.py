"""The rows of the workbook's sheets: the figures of the pages, each with its unit and what to know."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from kpi_lib.catalogue.pace import Pace
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting import series
from kpi_lib.reporting.board import Standing, year_before
from kpi_lib.reporting.data import ReportData
from kpi_lib.reporting.definitions import DIRECTIONS, formula, source, unit
from kpi_lib.reporting.exported import Exported
from kpi_lib.reporting.kpi_pace import paces
from kpi_lib.reporting.reasons import why_no_change
from kpi_lib.reporting.status import look, period_words
from kpi_lib.reporting.tables import window_label
from kpi_lib.reporting.workbook_cells import (
    Head,
    Line,
    Sheet,
    count_of,
    day_of,
    share,
    text_of,
    typed,
)

TREND = "Trend"
MONTHS = 12


def summary(domains: Sequence[Exported]) -> tuple[Sheet, Sheet]:
    """Return the tables of the first sheet: the domains, and their main figures."""
    state = Sheet(
        "The companies",
        (Head("Company", 30), Head("As of", 12), Head("Sources complete through", 14),
         Head("Checks held", 30), Head("Checks", 10), Head("In a sentence", 40)),
        tuple(_state(item) for item in domains),
    )  # fmt: skip
    figures = Sheet(
        "The main figures",
        (Head("Company", 30), Head("As of", 12), Head("Window", 14), Head("Figure", 30), Head("From", 12),
         Head("Value", 16), Head("A year earlier", 16), Head("Change", 14), Head("Change %", 11),
         Head("Against its target", 20), Head("To know", 44)),
        tuple(line for item in domains for line in _main(item)),
    )  # fmt: skip
    return state, figures


def _state(item: Exported) -> Line:
    held = int(item.checks["success"].astype(bool).sum()) if len(item.checks) else None
    sentence = f"{item.headline}. " if item.headline else ""
    if item.error:
        sentence += f"Not of this night: {item.error}"
    if not item.complete:
        sentence += " The sheet of KPIs holds the whole alone; its parts are in the JSON API."
    total = len(item.checks) if len(item.checks) else None
    return (item.catalogue.title, item.as_of, item.watermark, held, total, sentence.strip())


def _main(item: Exported) -> list[Line]:
    found: list[Line] = []
    if item.report is not None:
        data = item.report
        for code in item.catalogue.cards or (data.kpi().code,):
            kpi = data.kpi(code)
            judged = paces(data, kpi)
            for name in ("mtd", "ytd"):
                figure = data.row(code, name)
                found.append(
                    (item.catalogue.title, item.as_of, window_label(figure.window), kpi.title, figure.start,
                     typed(figure.value, kpi, data.currency), typed(figure.prior, kpi, data.currency),
                     typed(figure.delta, kpi, data.currency, change=True), share(figure.delta_pct, kpi),
                     _status([pace for pace in judged if _is_of(pace, name)]),
                     why_no_change(figure, data.currency))
                )  # fmt: skip
    if item.board is not None:
        found += [_of_board(item, standing) for standing in item.board.leading]
    return found


def _of_board(item: Exported, standing: Standing) -> Line:
    board, kpi = item.board, standing.kpi
    currency = item.catalogue.currency
    delta = None if standing.value is None or standing.prior is None else standing.value - standing.prior
    relative = delta / standing.prior if delta is not None and standing.prior and standing.prior > 0 else None
    why = standing.why_missing if standing.value is None else ""
    dated = standing.metric.dated
    return (
        item.catalogue.title, item.as_of, "Fiscal year to date" if dated else "Now", standing.metric.label,
        board.year_start if board is not None and dated else None,
        typed(standing.value, kpi, currency), typed(standing.prior, kpi, currency),
        typed(delta, kpi, currency, change=True), share(relative, kpi),
        _status([standing.pace] if standing.pace is not None else []), why,
    )  # fmt: skip


def _is_of(judged: Pace, window: str) -> bool:
    """Whether a target's period is what a window runs over: a month or a calendar year."""
    period = judged.target.period
    return period.isdecimal() if window == "ytd" else "-" in period and "Q" not in period


def _status(judged: Sequence[Pace]) -> str:
    return f"{look(judged[0]).word}, {period_words(judged[0].target.period)}" if judged else ""


def kpis(domains: Sequence[Exported]) -> Sheet:
    """Return every KPI, entity, window and comparison of the day, one row each."""
    columns = (
        Head("Domain", 13), Head("As of", 11), Head("KPI", 30), Head("Name", 28), Head("Entity", 20),
        Head("Window", 9), Head("Compared with", 14), Head("From", 11), Head("To", 11),
        Head("Prior from", 11), Head("Prior to", 11), Head("Value", 16), Head("Prior", 16),
        Head("Change", 15), Head("Change %", 10),
        Head("Reason", 14), Head("Prior reason", 14), Head("Change reason", 14), Head("Days missing", 9),
        Head("Prior days missing", 9), Head("Unit", 9), Head("Better", 9),
    )  # fmt: skip
    return Sheet("KPIs", columns, tuple(line for item in domains for line in _kpi_lines(item)), frozen=4)


def _kpi_lines(item: Exported) -> list[Line]:
    catalogue, currency = item.catalogue, item.catalogue.currency
    entities = {entity.id: entity.code for entity in catalogue.entities}
    found: list[Line] = []
    for row in item.rollups.to_dict("records"):
        kpi = catalogue.kpi(row["kpi_id"])
        found.append(
            (catalogue.domain, day_of(row["as_of_date"]), kpi.code, kpi.title, entities[row["entity_id"]],
             str(row["window"]), str(row["comparison"]), day_of(row["start_date"]), day_of(row["end_date"]),
             day_of(row["prior_start"]), day_of(row["prior_end"]),
             typed(row["value"], kpi, currency), typed(row["prior"], kpi, currency),
             typed(row["delta"], kpi, currency, change=True), share(row["delta_pct"], kpi),
             text_of(row["reason"]), text_of(row["prior_reason"]), text_of(row["delta_reason"]),
             count_of(row["missing_days"]), count_of(row["prior_missing_days"]), kpi.format, kpi.direction)
        )  # fmt: skip
    return found


def trend(domains: Sequence[Exported]) -> Sheet:
    """Return the main figures by month, each beside the same month a year earlier."""
    columns = (
        Head("Company", 20), Head("Code", 30), Head("Figure", 30), Head("Month", 11), Head("Value", 16),
        Head("A year earlier", 16), Head("To know", 40),
    )  # fmt: skip
    lines = [line for item in domains for line in (*_months(item), *_year_ends(item))]
    return Sheet(TREND, columns, tuple(lines))


def _months(item: Exported) -> list[Line]:
    data = item.report
    found: list[Line] = []
    if data is None:
        return []
    for code in item.catalogue.cards or (data.kpi().code,):
        kpi = data.kpi(code)
        table = series.months(kpi, data.days(code), data.as_of, 2 * MONTHS)
        for stamp, row in table.iloc[MONTHS:].iterrows():
            month = pd.Timestamp(str(stamp))
            is_open = (month + pd.offsets.MonthEnd(0)).date() > data.as_of
            # A month that is open stands beside as many days of the year before, as everywhere else.
            before = _same_days(data, code) if is_open else table["value"].get(month - pd.DateOffset(years=1))
            why = f"open, {data.as_of.day} of {month.days_in_month} days" if is_open else ""
            missing = int(row["missing"])
            why = why or (f"{fmt.plural(missing, 'day')} missing" if missing else "")
            found.append(
                (item.catalogue.title, kpi.code, kpi.title, month.date(),
                 typed(row["value"], kpi, data.currency),
                 typed(None if before is None else float(before), kpi, data.currency), why)
            )  # fmt: skip
    return found


def _same_days(data: ReportData, code: str) -> float | None:
    figure = data.row(code, "mtd")
    return figure.prior if figure.whole else None


def _year_ends(item: Exported) -> list[Line]:
    """Return the company's metrics at the month ends of the last twelve months."""
    board = item.board
    found: list[Line] = []
    for standing in board.leading if board is not None else ():
        past = dict(standing.trend)
        for day, value in standing.trend[-MONTHS - 1 :]:
            found.append(
                (item.catalogue.title, standing.metric.key, standing.metric.label, day,
                 typed(value, standing.kpi, item.catalogue.currency),
                 typed(standing.prior if day == item.as_of else past.get(year_before(day)),
                       standing.kpi, item.catalogue.currency),
                 "to date" if standing.metric.phased else "")
            )  # fmt: skip
    return found


def scorecard(domains: Sequence[Exported]) -> Sheet:
    """Return the company's metrics with their targets; nothing of a person."""
    columns = (
        Head("Domain", 13), Head("Metric", 36), Head("Name", 34), Head("As of", 11), Head("Fiscal year", 9),
        Head("Value", 16), Head("Prior", 16), Head("Prior as of", 11), Head("Change", 15),
        Head("Expected by now", 16), Head("Target", 16), Head("Expected how", 13), Head("Status", 16),
        Head("To know", 50, wrap=True),
    )  # fmt: skip
    lines: list[Line] = []
    for item in domains:
        for standing in item.board.standings if item.board is not None else ():
            kpi, currency, pace = standing.kpi, item.catalogue.currency, standing.pace
            known = standing.value is not None and standing.prior is not None
            delta = (standing.value or 0.0) - (standing.prior or 0.0) if known else None
            lines.append(
                (item.catalogue.domain, standing.metric.key, standing.metric.label, item.as_of,
                 item.board.fiscal_year if item.board is not None else None,
                 typed(standing.value, kpi, currency), typed(standing.prior, kpi, currency),
                 standing.prior_day, typed(delta, kpi, currency, change=True),
                 typed(pace.expected if pace else None, kpi, currency),
                 typed(pace.target.target if pace else None, kpi, currency),
                 pace.basis if pace else "", look(pace).word if pace else "no target",
                 standing.why_missing if standing.value is None else "")
            )  # fmt: skip
    return Sheet("Scorecard", columns, tuple(lines), frozen=3)


def definitions(domains: Sequence[Exported]) -> Sheet:
    """Return what every figure means."""
    columns = (
        Head("Domain", 13), Head("Code", 34), Head("Name", 32), Head("Group", 12), Head("How it adds up", 12),
        Head("Unit", 26), Head("Better", 18), Head("Definition", 60, wrap=True),
        Head("Formula", 44, wrap=True), Head("Edge cases", 50, wrap=True), Head("Source", 40, wrap=True),
        Head("Version", 8),
    )  # fmt: skip
    lines: list[Line] = []
    for item in domains:
        catalogue = item.catalogue
        lines += [
            (catalogue.domain, kpi.code, kpi.name, kpi.group, kpi.kind, unit(catalogue, kpi),
             DIRECTIONS[kpi.direction], kpi.definition, formula(catalogue, kpi), kpi.edge_cases,
             source(catalogue, kpi), kpi.version)
            for kpi in catalogue.kpis
        ]  # fmt: skip
        for standing in item.board.standings if item.board is not None else ():
            metric = standing.metric
            lines.append(
                (catalogue.domain, metric.key, metric.label, metric.department,
                 "over the fiscal year" if metric.phased else "as it stands", metric.format,
                 DIRECTIONS[metric.direction], metric.definition, metric.formula, metric.edge_cases,
                 metric.source, None)
            )  # fmt: skip
    return Sheet("Definitions", columns, tuple(lines), frozen=3)


def checks(domains: Sequence[Exported]) -> Sheet:
    """Return what the gate found, those that did not hold first."""
    columns = (
        Head("Domain", 13), Head("Table", 26), Head("Check", 30), Head("Column", 20), Head("Severity", 10),
        Head("Held", 8), Head("Expected", 60, wrap=True), Head("Found", 44, wrap=True),
    )  # fmt: skip
    lines: list[Line] = []
    for item in domains:
        if item.checks.empty:
            continue
        rows = item.checks.sort_values(["success", "table_name", "check_name"], kind="stable")
        lines += [
            (item.catalogue.domain, str(row["table_name"]), str(row["check_name"]),
             text_of(row["column_name"]), str(row["severity"]), bool(row["success"]),
             str(row["expected"]), str(row["observed"]))
            for row in rows.to_dict("records")
        ]  # fmt: skip
    return Sheet("Checks", columns, tuple(lines))
