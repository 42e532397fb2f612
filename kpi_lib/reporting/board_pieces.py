"""What a scorecard's notebooks show: headline, charts, tables and definitions."""

from __future__ import annotations

from kpi_lib.errors import UsageError, did_you_mean
from kpi_lib.reporting import board_charts, board_tables, board_words, page_words
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.board import Board, Standing
from kpi_lib.reporting.board_cards import change_of, page_href
from kpi_lib.reporting.grid import Cell, Column, Grid, Row
from kpi_lib.reporting.markup import text_html, text_markdown
from kpi_lib.reporting.piece import Piece, section
from kpi_lib.reporting.pieces import chart_piece, grid_piece, headline_piece, with_heading
from kpi_lib.reporting.status import look


def headline(board: Board, page: str | None = None) -> Piece:
    """Return the sentence that answers the question of the overview, a person's page or a drill-down."""
    if page is None:
        return headline_piece(board_words.headline(board), board_words.lede(board))
    report = next((item for item in board.catalogue.reports if item.name == page), None)
    if report is None:
        known = [item.name for item in board.catalogue.reports]
        raise UsageError(f"There is no page '{page}'.", remedy=did_you_mean(page, known))
    return headline_piece(page_words.headline(board, page), page_words.lede(board, page), report.title)


def chart(board: Board, kind: str, metric: str | None = None) -> Piece:
    """Return a chart of a drill-down; its kinds are in :data:`kpi_lib.reporting.board_charts.KINDS`."""
    if kind not in board_charts.KINDS:
        raise UsageError(f"There is no chart '{kind}'.", remedy=did_you_mean(kind, board_charts.KINDS))
    heading, draw = board_charts.KINDS[kind]
    return chart_piece(draw(board), f"chart-{kind.replace('_', '-')}", heading)


def table(board: Board, kind: str) -> Piece:
    """Return a table: ``metrics``, ``pages``, ``cohorts``, or the rows of a detail view."""
    if kind == "metrics":
        return grid_piece(metrics_grid(board), "metrics", "Every metric")
    if kind == "pages":
        return pages(board)
    if kind == "cohorts":
        return board_tables.cohorts_piece(board)
    return board_tables.detail_piece(board, kind)


def pages(board: Board) -> Piece:
    """Return links to every drill-down page; paper has none to follow."""
    shown = [item for item in board.catalogue.reports if item.foreach is None and item.html and not item.nav]
    items = "".join(f'<li><a href="{item.name}.html">{text_html(item.title)}</a></li>' for item in shown)
    names = fmt.listed([item.title for item in shown], most=20)
    return Piece(
        html=section("pages", "Behind the figures", f'<ul class="links">{items}</ul>'),
        markdown=with_heading("Behind the figures", text_markdown(f"Pages of their own: {names}.")),
        plain=f"Pages: {names}",
    )


def metrics_grid(board: Board) -> Grid:
    """Return every metric of a board with its value, a year earlier, the change, target and status."""
    columns = (
        Column("Metric", number=False),
        Column("Value"),
        Column("A year earlier"),
        Column("Change"),
        Column("Expected by now"),
        Column("Target"),
        Column("Status", number=False),
    )
    return Grid("Every metric", columns, tuple(_metric_row(board, item) for item in board.standings))


def _metric_row(board: Board, item: Standing) -> Row:
    kpi, currency, pace = item.kpi, board.currency, item.pace
    missing = "" if item.value is not None else f"none: {item.why_missing}"
    status = Cell("no target") if pace is None else Cell(f"{look(pace).icon} {look(pace).word}")
    return Row(
        (
            Cell(item.metric.label, title=item.metric.definition, href=page_href(board, item)),
            Cell(fmt.exact(item.value, kpi, currency), spoken=missing, title=missing),
            Cell(fmt.exact(item.prior, kpi, currency)),
            Cell("", change=change_of(item)),
            Cell(fmt.humanised(pace.expected, kpi, currency) if pace else fmt.DASH),
            Cell(fmt.humanised(pace.target.target, kpi, currency) if pace else fmt.DASH),
            status,
        )
    )


def definitions(board: Board, page: str | None = None) -> Piece:
    """Return what the metrics of a board, or of one drill-down page, mean."""
    metrics = [item.metric for item in board.standings]
    if page is not None:
        metrics = page_words.metrics_of(board, page)
    html, markdown, plain = [], [], []
    for item in metrics:
        rows = board_words.definition_rows(item)
        terms = "".join(f"<dt>{text_html(term)}</dt><dd>{text_html(text)}</dd>" for term, text in rows)
        html.append(f'<h3>{text_html(item.label)}</h3><dl class="def">{terms}</dl>')
        words = "\n\n".join(f"**{text_markdown(term)}:** {text_markdown(text)}" for term, text in rows)
        markdown.append(f"### {text_markdown(item.label)}\n\n{words}")
        plain += [item.label, *(f"{term}: {text}" for term, text in rows)]
    return Piece(
        html=section("definition", "What it means", *html),
        markdown=with_heading("What it means", "\n\n".join(markdown)),
        plain="\n".join(plain),
    )
