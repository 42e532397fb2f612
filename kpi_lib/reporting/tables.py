"""The tables of the pages: a group of KPIs, contributions, and the tables of one KPI's page."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence

import pandas as pd

from kpi_lib.catalogue.models import Kpi
from kpi_lib.errors import UsageError, did_you_mean
from kpi_lib.periods import STANDARD_WINDOWS, Window
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting import series
from kpi_lib.reporting.cells import change_cell, day_cell, number_cell, prior_cell, small_cents, value_cell
from kpi_lib.reporting.contributions import Contribution, contributions
from kpi_lib.reporting.data import Figure, ReportData
from kpi_lib.reporting.definitions import column_title
from kpi_lib.reporting.grid import Cell, Column, Grid, Row
from kpi_lib.reporting.locations import entities_grid
from kpi_lib.reporting.reasons import dates, in_sentence, versus, why_no_change
from kpi_lib.reporting.spark import bar, bar_place, sparkline
from kpi_lib.reporting.theme import tokens

SEED_WINDOWS = ("mtd", "qtd", "ytd", "last28")
DATA_DAYS = 28


def table_windows(data: ReportData) -> list[Window]:
    """Return the windows of a table: the standard four first, then the domain's own."""
    first = [data.catalogue.window(name) for name in SEED_WINDOWS]
    return first + [window for window in data.catalogue.windows if window.name not in SEED_WINDOWS]


def window_label(window: Window) -> str:
    """Return what a page calls a window."""
    known = STANDARD_WINDOWS.get(window.name)
    return window.label or (known.label if known else window.name)


def kpi_href(data: ReportData, code: str) -> str:
    """Return the link from a dashboard to a KPI's page; empty when the domain makes none.

    A location's dashboard lies a folder deeper than that of the whole.
    """
    if not any(report.foreach == "kpi" for report in data.catalogue.reports):
        return ""
    return f"{'' if data.entity.id == 0 else '../'}kpi/{code}.html"


def group_grid(data: ReportData, kpis: Sequence[Kpi], label: str) -> Grid:
    """Return the dashboard's table: each KPI with its day, its windows and their changes."""
    windows = table_windows(data)
    columns = [Column("KPI", number=False), Column(fmt.day(data.as_of, year=False), classes="day")]
    for place, window in enumerate(windows, start=1):
        sample = data.row(kpis[0].code, window.name)
        printed = place <= len(SEED_WINDOWS)
        classes = f"w w{place}" if printed else f"w w{place} x x{place - len(SEED_WINDOWS)}"
        name, then = window_label(window), _prior_span(sample)
        columns += [
            Column(name, _short_span(sample), dates(sample), classes=classes, printed=printed),
            Column(versus(sample), title=then, classes=f"vs {classes}", printed=printed),
        ]
    columns.append(Column("26 weeks", number=False, printed=False, classes="trend"))
    return Grid(label, tuple(columns), tuple(_kpi_row(data, kpi, windows) for kpi in kpis), "kpi")


def _kpi_row(data: ReportData, kpi: Kpi, windows: Sequence[Window]) -> Row:
    cells = [Cell(kpi.title, title=kpi.definition, href=kpi_href(data, kpi.code)), day_cell(data, kpi)]
    for window in windows:
        figure = data.row(kpi.code, window.name)
        cells += [value_cell(figure, data.currency), change_cell(figure, data.currency)]
    weeks = series.weeks(kpi, data.days(kpi.code), data.as_of)
    return Row((*cells, Cell("", html=sparkline(weeks))), total=kpi.total)


def contributions_grid(data: ReportData, window: str, most: int | None = None) -> Grid:
    """Return what each part added to the change of the headline KPI, with bars from zero.

    ``most`` shows only so many parts, the largest; the others are one row.
    """
    every = contributions(data, window)
    whole = data.row(data.kpi().code, window)
    known = whole.delta is not None and all(part.figure.delta is not None for part in every)
    parts = _largest(every, most) if known and most else every
    left_out = [in_sentence(part.kpi.title) for part in every if part not in parts]
    steps = [part.figure.delta for part in parts if part.figure.delta is not None]
    rest = (whole.delta or 0.0) - sum(steps)
    drawn = [*steps, rest, 0.0] if known else [*steps, 0.0]
    scale = (min(drawn), max(drawn))
    rows = [_part_row(data, part, scale) for part in parts]
    if known and abs(rest) >= 0.5 * 10**-whole.kpi.decimals:
        rows.append(
            Row(
                (
                    Cell("Other"),
                    bar_cell(rest, scale),
                    Cell(fmt.signed(rest, whole.kpi, data.currency)),
                    Cell(fmt.listed(left_out)),
                )
            )
        )
    rows.append(
        Row(
            (
                Cell("Change"),
                Cell(""),
                Cell(fmt.signed(whole.delta, whole.kpi, data.currency), title=dates(whole)),
                Cell(_to_from(data, whole)),
            ),
            total=True,
        )
    )
    columns = (
        Column("Part", number=False, quiet=True),
        Column("", title="Bar from zero", number=False, classes="bar", quiet=True),
        Column("Change", quiet=True),
        Column("What happened", number=False, classes="why", quiet=True),
    )
    return Grid("What made the difference", columns, tuple(rows), "contrib", ("auto", "1fr", "auto", "auto"))


def _largest(parts: list[Contribution], most: int) -> list[Contribution]:
    """Return the largest parts in their order; all of them where only one would be left out."""
    if len(parts) <= most + 1:
        return parts
    kept = sorted(parts, key=lambda part: -abs(part.figure.delta or 0.0))[:most]
    return [part for part in parts if part in kept]


def _part_row(data: ReportData, part: Contribution, scale: tuple[float, float]) -> Row:
    step = part.figure.delta
    shown = Cell(fmt.signed(step, part.kpi, data.currency), title=dates(part.figure))
    href = kpi_href(data, part.kpi.code)
    return Row((Cell(part.kpi.title, href=href), bar_cell(step, scale), shown, Cell(part.why)))


def bar_cell(step: float | None, scale: tuple[float, float]) -> Cell:
    """Return a change as a bar from zero on a scale from the largest loss to the largest gain."""
    if step is None:
        return Cell("")
    start, length, zero = bar_place(step, *scale)
    colour = tokens()["good" if step >= 0 else "bad"]
    stroke = f'stroke: 0.6pt + rgb("{tokens()["ink"]}")'
    drawn = (
        f"box(width: 100%, height: 8pt, {{place(left, dx: {start:.2f}%, rect(width: {length:.2f}%,"
        f' height: 8pt, fill: rgb("{colour}")));'
        f" place(left, dx: {zero:.2f}%, dy: -3pt, line(angle: 90deg, length: 14pt, {stroke}))}})"
    )
    return Cell("", html=bar(step, *scale), typst=drawn)


def _to_from(data: ReportData, whole: Figure) -> str:
    if whole.delta is None:
        return why_no_change(whole, data.currency)
    value = fmt.amount(whole.value, whole.kpi, data.currency)
    return f"to {value} from {fmt.amount(whole.prior, whole.kpi, data.currency)}"


def windows_grid(data: ReportData, kpi: Kpi) -> Grid:
    """Return every window of a KPI with its dates, both values and the change."""
    columns = [
        Column("Window", number=False),
        Column("Days", number=False),
        Column("Value"),
        Column("Compared with", number=False),
        Column("Value then"),
        Column("Difference"),
        Column("Change"),
    ]
    figures = [data.row(kpi.code, window.name) for window in table_windows(data)]
    rows = [_window_cells(figure, data.currency) for figure in figures]
    known = [why_no_change(figure, data.currency) for figure in figures]
    if any(known):
        columns.append(Column("To know", number=False, classes="wrap"))
        rows = [(*row, Cell(why)) for row, why in zip(rows, known, strict=True)]
    return Grid(f"{kpi.name}, windows", tuple(columns), tuple(Row(row) for row in rows))


def _window_cells(figure: Figure, currency: str) -> tuple[Cell, ...]:
    return (
        Cell(window_label(figure.window)),
        Cell(fmt.span(figure.start, figure.end) if figure.start and figure.end else fmt.DASH),
        value_cell(figure, currency),
        Cell(_prior_span(figure) or fmt.DASH),
        prior_cell(figure, currency),
        Cell(_difference(figure, currency), cents=small_cents(figure.kpi)),
        change_cell(figure, currency),
    )


def _difference(figure: Figure, currency: str) -> str:
    if figure.delta is None or figure.kpi.format == "percent":
        return fmt.signed(figure.delta, figure.kpi, currency)
    text = fmt.exact(figure.delta, figure.kpi, currency)
    return f"+{text}" if figure.delta > 0 else text


def data_grid(data: ReportData, kpi: Kpi, count: int = DATA_DAYS) -> Grid:
    """Return the last days of a KPI, the newest first, each beside the same date a year earlier."""
    rows = series.spine(data.days(kpi.code), data.as_of - dt.timedelta(days=count - 1), data.as_of)
    gaps = series.missing(kpi, rows)
    ratio = kpi.kind == "ratio"
    columns = [Column("Day", number=False), Column("Value")]
    parts = [name for name in (kpi.numerator, kpi.denominator) if ratio and name]
    columns += [Column(column_title(data.catalogue, name)) for name in parts]
    columns += [Column("A year earlier"), Column("Then", number=False)]
    before = data.days(kpi.code)["value"]
    shown = []
    for stamp, row in rows[::-1].iterrows():
        day = pd.Timestamp(str(stamp))
        earlier = day - pd.DateOffset(years=1)
        why = "no data" if bool(gaps[day]) else "nothing to divide by" if pd.isna(row["value"]) else ""
        cells = [
            Cell(f"{day:%a} {fmt.day(day.date())}"),
            number_cell(float(row["value"]), kpi, data.currency, why),
        ]
        cells += (
            [Cell(_plain_number(float(row[name]))) for name in ("numerator", "denominator")] if ratio else []
        )
        then = float(before.get(earlier, float("nan")))
        cells += [
            number_cell(then, kpi, data.currency),
            Cell(f"{earlier:%a} {fmt.day(earlier.date())}"),
        ]
        shown.append(Row(tuple(cells)))
    return Grid(f"{kpi.name}, the last {count} days", tuple(columns), tuple(shown))


def _plain_number(value: float) -> str:
    return fmt.DASH if math.isnan(value) else fmt.fixed(value, 0 if value.is_integer() else 2)


def _short_span(figure: Figure) -> str:
    if figure.start is None or figure.end is None:
        return ""
    return fmt.span(figure.start, figure.end, year=False)


def _prior_span(figure: Figure) -> str:
    if figure.prior_start is None or figure.prior_end is None:
        return ""
    return fmt.span(figure.prior_start, figure.prior_end)


def kpi_grid(kind: str, data: ReportData, kpi: Kpi) -> Grid:
    """Return a table of one KPI: ``windows``, ``entities`` or ``data``."""
    if kind not in KPI_TABLES:
        raise UsageError(
            f"There is no table '{kind}'.",
            remedy=did_you_mean(kind, ("group", "contributions", *KPI_TABLES)),
        )
    return KPI_TABLES[kind](data, kpi)


KPI_TABLES: dict[str, Callable[[ReportData, Kpi], Grid]] = {
    "windows": windows_grid,
    "entities": entities_grid,
    "data": data_grid,
}
