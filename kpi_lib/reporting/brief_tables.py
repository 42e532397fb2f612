"""The tables of the leadership brief: what made the difference, the numbers, targets, definitions, status."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from kpi_lib.catalogue.models import Catalogue, Kpi
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.board import Board
from kpi_lib.reporting.brief_board_words import Part
from kpi_lib.reporting.brief_words import Judged
from kpi_lib.reporting.cells import change_cell, value_cell
from kpi_lib.reporting.chart_parts import MONEY
from kpi_lib.reporting.data import ReportData
from kpi_lib.reporting.definitions import KINDS, formula
from kpi_lib.reporting.grid import Cell, Column, Grid, Row, cells
from kpi_lib.reporting.reasons import dates, versus
from kpi_lib.reporting.status import look, period_words
from kpi_lib.reporting.tables import bar_cell, window_label

WINDOWS = ("mtd", "ytd", "last28")
_BETTER = {"up": "higher", "down": "lower", "neutral": "neither"}


def development_grid(board: Board, parts: Sequence[Part]) -> Grid:
    """Return what the customers of each fate added to the change of the first metric, with bars from zero."""
    first = board.leading[0]
    scale = (min([0.0, *(part.size for part in parts)]), max([0.0, *(part.size for part in parts)]))
    rows = [
        Row(
            (
                Cell(part.name[:1].upper() + part.name[1:]),
                bar_cell(part.size, scale),
                Cell(fmt.signed(part.size, MONEY, board.currency)),
                Cell(fmt.plural(part.customers, "customer") if part.customers else ""),
            )
        )
        for part in parts
    ]
    value, prior = (fmt.humanised(item, first.kpi, board.currency) for item in (first.value, first.prior))
    whole = fmt.signed((first.value or 0.0) - (first.prior or 0.0), first.kpi, board.currency)
    rows.append(Row((Cell("Change"), Cell(""), Cell(whole), Cell(f"to {value} from {prior}")), total=True))
    columns = (
        Column("Customers", number=False),
        Column("", title="Bar from zero", number=False),
        Column("Change"),
        Column("How many", number=False),
    )
    return Grid("What made the difference", columns, tuple(rows), "contrib", ("auto", "1fr", "auto", "auto"))


def numbers_grid(data: ReportData) -> Grid:
    """Return every KPI with its month, year and 28 days in whole units, each against a year earlier."""
    columns = [Column("KPI", number=False)]
    first = data.kpi()
    for name in WINDOWS:
        figure = data.row(first.code, name)
        span = fmt.span(figure.start, figure.end, year=False) if figure.start and figure.end else ""
        columns += [Column(window_label(figure.window), span, dates(figure)), Column(versus(figure))]
    rows = []
    for kpi in data.catalogue.kpis:
        found: list[Cell] = [Cell(kpi.title)]
        for name in WINDOWS:
            figure = data.row(kpi.code, name)
            shown = value_cell(figure, data.currency)
            found += [replace(shown, text=shown.brief or shown.text), change_cell(figure, data.currency)]
        rows.append(Row(tuple(found), total=kpi.total or kpi.code == first.code))
    return Grid("The numbers", tuple(columns), tuple(rows), dense=True)


def targets_grid(items: Sequence[Judged], currency: str) -> Grid:
    """Return every target of the day: the figure, what was expected by now, the target, how it stands."""
    columns = (
        Column("Figure", number=False),
        Column("For", number=False),
        Column("Value"),
        Column("Expected by now"),
        Column("Target"),
        Column("Expected how", number=False),
        Column("Status", number=False),
    )
    how = {"whole": "the whole target", "seasonal": "by last year’s season", "linear": "evenly by days"}
    rows = []
    for item in items:
        pace = item.pace
        amounts = [
            fmt.humanised(number, item.kpi, currency)
            for number in (pace.value, pace.expected, pace.target.target)
        ]
        shown = look(pace)
        period = period_words(pace.target.period)
        rows.append(Row(cells((item.title, period, *amounts, how[pace.basis], f"{shown.icon} {shown.word}"))))
    return Grid("Targets", columns, tuple(rows))


@dataclass(frozen=True)
class Meaning:
    """What a figure means, in a few words each."""

    name: str
    means: str
    made: str
    good: str


def kpi_meanings(catalogue: Catalogue) -> list[Meaning]:
    """Return what every KPI means."""
    return [
        Meaning(kpi.title, kpi.definition, _made(catalogue, kpi), _BETTER[kpi.direction])
        for kpi in catalogue.kpis
    ]


def metric_meanings(board: Board) -> list[Meaning]:
    """Return what every metric of a board means; persons' metrics are never among them."""
    return [
        Meaning(
            item.metric.label, item.metric.definition, item.metric.formula, _BETTER[item.metric.direction]
        )
        for item in board.standings
    ]


def _made(catalogue: Catalogue, kpi: Kpi) -> str:
    return formula(catalogue, kpi) or KINDS[kpi.kind].partition(";")[0]


def definitions_grid(items: Iterable[Meaning]) -> Grid:
    """Return definitions as a table."""
    columns = (
        Column("Figure", number=False),
        Column("What it means", number=False),
        Column("How it is made", number=False),
        Column("Better", number=False),
    )
    rows = tuple(Row(cells((item.name, item.means, item.made, item.good))) for item in items)
    return Grid("Definitions", columns, rows, widths=("1.2fr", "2.3fr", "2.1fr", "0.5fr"))


def sources_grid(loads: pd.DataFrame, required: Iterable[str]) -> Grid:
    """Return how far every source is loaded."""
    must = set(required)
    columns = (
        Column("Source", number=False),
        Column("Complete through"),
        Column("Loaded from"),
        Column("Rows"),
        Column("Needed", number=False),
    )
    rows = [
        Row(
            cells(
                (
                    str(row["source"]),
                    fmt.day(pd.Timestamp(row["complete_through"]).date()),
                    fmt.day(pd.Timestamp(row["loaded_from"]).date()),
                    fmt.fixed(float(row["row_count"]), 0),
                    "required" if row["source"] in must else "optional",
                )
            )
        )
        for row in loads.to_dict("records")
    ]
    return Grid("Sources", columns, tuple(rows), dense=True)


def failed_grid(checks: pd.DataFrame) -> Grid:
    """Return the checks that did not hold, with what was expected and what was found."""
    columns = (
        Column("Table", number=False),
        Column("Weight", number=False),
        Column("Expected", number=False),
        Column("Found", number=False),
    )
    rows = [
        Row(cells((str(row["table_name"]), str(row["severity"]), str(row["expected"]), str(row["observed"]))))
        for row in checks[~checks["success"].astype(bool)].to_dict("records")
    ]
    return Grid("Checks that did not hold", columns, tuple(rows), widths=("auto", "auto", "1fr", "1fr"))
