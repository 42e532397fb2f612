"""The rows behind a headline: sortable on the page, whole in the CSV; and the matrix of cohorts."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from kpi_lib.catalogue.scorecard import DetailView
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.board import Board
from kpi_lib.reporting.chart_parts import MONEY, PERCENT, UNKNOWN, unit
from kpi_lib.reporting.downloads import FOLDER, csv_name
from kpi_lib.reporting.grid import Cell, Column, Grid, Row
from kpi_lib.reporting.markup import element, text_html
from kpi_lib.reporting.piece import Piece, section
from kpi_lib.reporting.pieces import grid_piece, with_heading

MOST_ROWS = 300
PRINTED_ROWS = 40
_HEADS = {
    "qbo_customer_id": "Customer", "company_name": "Company", "NRR": "NRR", "ltv": "All years",
    "spent_pct": "Spent %", "elapsed_pct": "Time over %", "is_whole_year": "Whole year",
    "net_revenue_last_year_to_date": "Last year to date", "take_rate_part": "Part of take rate",
    "month_nps": "NPS of month", "coverage_part": "Part of coverage", "is_late": "Late",
    "is_active": "Running",
    "closes_this_quarter": "Closes this quarter", "probability": "Probability",
    "source_id": "Company or deal", "part": "What",
}  # fmt: skip
_FRACTIONS = ("NRR", "spent_pct", "elapsed_pct", "take_rate_part", "probability")
#: What the newest or largest rows are sorted by, first.
_FIRST = {
    "cohort_retention_matrix_by_customer": ["fiscal_year", "net_revenue"],
    "customer_development": ["fiscal_year", "net_revenue"],
    "organizer_recap_NPS_score": ["month", "responded_on", "response_id"],
    "new_inventory": ["listed_on", "listing_id"],
    "Days_to_Fulfill_Contract_Program": ["last_accepted", "contract_id"],
    "Upfront_Contract_Spend_Query": ["close_date", "contract_id"],
    "open_pipeline": ["weighted_amount", "deal_id"],
    "quota_to_win": ["amount", "source_id"],
    "revenue_by_account": ["net_revenue"],
    "net_revenue_retention_all_customers": ["ltv"],
}
#: Columns that say the same on every row of a month, or that a reader can see from another one.
_LEFT_OUT = (
    "month_promoters",
    "month_passives",
    "month_detractors",
    "promoter",
    "passive",
    "detractor",
    "owner_id",
)


def detail_piece(board: Board, name: str) -> Piece:
    """Return the rows of a detail view as a sortable table with a link to all of them."""
    view = board.scorecard.view(name)
    frame = board.detail(name)
    order = [column for column in _FIRST.get(name, []) if column in frame.columns]
    if order:
        frame = frame.sort_values(order, ascending=False, kind="stable", na_position="last")
    grid = detail_grid(board, view, frame)
    shown = grid.html.replace(
        f'<table class="{grid.classes}">', f'<table class="{grid.classes}" data-sortable>', 1
    )
    link = f'<a href="../{FOLDER}/{csv_name(board.catalogue.domain, name)}" download>all as CSV</a>'
    count = f"{fmt.plural(len(frame), 'row')}; {link}."
    if len(frame) > MOST_ROWS:
        count = f"The first {MOST_ROWS:,} of {fmt.plural(len(frame), 'row')}; {link}."
    note = f'<p class="foot-note">{text_html(view.definition)} One row: {text_html(view.grain)}. {count}</p>'
    printed = Grid(grid.label, grid.columns, grid.rows[:PRINTED_ROWS], grid.classes)
    piece = grid_piece(printed, f"rows-{csv_name('d', name)[2:-4]}", view.title)
    body = section(f"rows-{csv_name('d', name)[2:-4]}", text_html(view.title), note, shown)
    return Piece(html=body, markdown=piece.markdown, plain=piece.plain)


def detail_grid(board: Board, view: DetailView, frame: pd.DataFrame) -> Grid:
    """Return the first rows of a detail view as a table; the first column is the company's name."""
    declared = view.columns_for(_years(frame))
    names = [name for name in frame.columns if name not in _LEFT_OUT]
    if "company_name" in names:
        names = ["company_name", *(name for name in names if name not in ("company_name", "qbo_customer_id"))]
    columns = tuple(
        Column(_head(name), number=_is_number(name, declared.get(name, "STRING"))) for name in names
    )
    rows = [
        Row(tuple(_cell(row[name], name, declared.get(name, "STRING"), board.currency) for name in names))
        for row in frame.head(MOST_ROWS)[names].to_dict("records")
    ]
    return Grid(view.title, columns, tuple(rows), "detail")


def _years(frame: pd.DataFrame) -> list[int]:
    return [
        int(name[-4:]) for name in frame.columns if name.startswith("net_revenue_") and name[-4:].isdecimal()
    ]


def _head(name: str) -> str:
    if name in _HEADS:
        return _HEADS[name]
    if name.startswith("net_revenue_") and name[-4:].isdecimal():
        return name[-4:]
    return name.replace("_", " ").capitalize()


def _is_number(name: str, kind: str) -> bool:
    return kind in ("NUMERIC", "FLOAT64") or (kind == "INT64" and not name.endswith(("_id", "year")))


def _cell(value: object, name: str, kind: str, currency: str) -> Cell:
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return Cell(fmt.DASH, spoken="none")
    if kind == "BOOL":
        return Cell("yes" if value else "no")
    if kind == "DATE":
        return Cell(fmt.day(pd.Timestamp(str(value)).date()))
    if kind == "NUMERIC":
        return Cell(fmt.exact(float(str(value)), MONEY, currency), cents=True)
    if kind == "FLOAT64":
        shape = PERCENT if name in _FRACTIONS else unit("multiplier", 3) if name == "coverage_part" else None
        if name == "weighted_amount":
            shape = MONEY
        return Cell(fmt.exact(float(str(value)), shape or unit("number", 1), currency), cents=shape is MONEY)
    if kind == "INT64":
        number = int(float(str(value)))
        return Cell(str(number) if name.endswith(("_id", "year")) else fmt.fixed(number, 0))
    return Cell(str(value))


def cohorts_piece(board: Board) -> Piece:
    """Return cohort × age: the share of customers that stayed, of money that stayed, and the money itself."""
    frame = board.detail("cohort_retention_matrix_by_customer")
    frame = frame[frame["cohort_year"].notna() & (frame["qbo_customer_id"] != UNKNOWN)]
    sums = frame.groupby(["cohort_year", "age_years"]).agg(
        customers=("has_revenue", "sum"), size=("qbo_customer_id", "count"),
        revenue=("net_revenue", "sum"), start=("cohort_net_revenue", "sum"),
    )  # fmt: skip
    ages = sorted({int(float(str(age))) for _, age in sums.index})
    blocks = (
        ("logos", "Customers that stayed", lambda row: row["customers"] / row["size"], PERCENT),
        (
            "share",
            "Revenue that stayed",
            lambda row: row["revenue"] / row["start"] if row["start"] else None,
            PERCENT,
        ),
        ("money", "Net revenue", lambda row: row["revenue"], MONEY),
    )
    html, markdown, plain = [], [], []
    for name, heading, value, shape in blocks:
        grid = _matrix(board, sums, ages, heading, value, shape)
        html.append(section(f"cohorts-{name}", heading, grid.html))
        piece = grid_piece(grid, f"cohorts-{name}", heading)
        markdown.append(piece.markdown)
        plain.append(piece.plain)
    open_year = board.as_of != dt.date(board.fiscal_year, 12, 31)
    note = "Each row is the customers whose first revenue came in that year; a column is a year later."
    if open_year:
        note += f" The last figure of each row is fiscal {board.fiscal_year}, which is not over."
    html.append(element("p", text_html(note), attributes={"class": "foot-note"}))
    return Piece("".join(html), "\n\n".join([*markdown, with_heading("", note)]), "\n".join([*plain, note]))


def _matrix(
    board: Board, sums: pd.DataFrame, ages: list[int], heading: str, value: object, shape: object
) -> Grid:
    columns = (Column("Cohort", number=False), Column("Customers"), *(Column(_age(age)) for age in ages))
    rows = []
    for cohort in sorted({int(float(str(year))) for year, _ in sums.index}):
        cells = [Cell(str(cohort)), Cell(f"{int(sums['size'].loc[(cohort, 0)]):,}")]
        for age in ages:
            if (cohort, age) not in sums.index:
                cells.append(Cell(""))
                continue
            number = value(sums.loc[(cohort, age)])  # type: ignore[operator]
            text = fmt.DASH if number is None else fmt.whole(float(number), shape, board.currency)  # type: ignore[arg-type]
            level = _level(number) if shape is PERCENT else None
            drawn = f'<span class="heat h{level}">{text_html(text)}</span>' if level is not None else ""
            cells.append(Cell(text, html=drawn))
        rows.append(Row(tuple(cells)))
    return Grid(heading, columns, tuple(rows), "matrix")


def _level(share: float | None) -> int | None:
    """Return the shade of a share: the five that tell shares of a half and more apart."""
    return None if share is None else sum(share >= bound for bound in (0.5, 0.7, 0.8, 0.9))


def _age(age: int) -> str:
    return "first year" if age == 0 else f"+{fmt.plural(age, 'year')}"
