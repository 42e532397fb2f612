"""The company's health, or a person's metrics, as cards: value, against a year ago, target and status."""

from __future__ import annotations

from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.board import Board, Standing
from kpi_lib.reporting.grid import change_html, change_typst
from kpi_lib.reporting.markup import hidden, raw_typst, text_html, text_typst
from kpi_lib.reporting.piece import Piece
from kpi_lib.reporting.spark import sparkline
from kpi_lib.reporting.status import status_html, status_plain, status_typst
from kpi_lib.reporting.theme import tokens

SPARK_MONTHS = 13


def cards(board: Board) -> Piece:
    """Return a card for each leading metric of a board."""
    items = board.leading
    html = "".join(_card_html(board, item) for item in items)
    wide = " three" if len(items) > 4 else ""
    blocks = ", ".join(_card_typst(board, item) for item in items)
    columns = 4 if len(items) == 4 else min(len(items), 3)
    typst = f"#grid(columns: ({'1fr, ' * columns}), column-gutter: 8pt, row-gutter: 8pt, {blocks})"
    return Piece(
        html=f'<ul class="cards{wide}">{html}</ul>',
        markdown=raw_typst(typst),
        plain="\n".join(_card_plain(board, item) for item in items),
    )


def change_of(item: Standing) -> fmt.Change:
    """Return how a metric has changed since the same date a year earlier."""
    if not item.metric.dated:
        return fmt.change(None, None, item.kpi, "its sources tell only what is now")
    if item.value is None or item.prior is None:
        return fmt.change(None, None, item.kpi, "there is no value a year earlier")
    delta = item.value - item.prior
    relative = delta / item.prior if item.prior > 0 else None
    return fmt.change(delta, relative, item.kpi, "a year earlier it was not above zero")


def page_href(board: Board, item: Standing) -> str:
    """Return the link from the overview to a metric's drill-down; empty where there is none."""
    pages = {report.name for report in board.catalogue.reports}
    return f"{item.metric.page}.html" if item.metric.page in pages and not board.person else ""


def _card_html(board: Board, item: Standing) -> str:
    href = page_href(board, item)
    tag, link = ("a", f' href="{text_html(href)}"') if href else ("div", "")
    spark = sparkline([value for _, value in item.trend[-SPARK_MONTHS:]], 330, 40)
    return (
        f'<li><{tag} class="card"{link}><div class="ct">{text_html(item.metric.label)}</div>'
        f'<div class="cv">{_value_html(board, item)}</div>'
        f'<div class="cd">{_change_html(item)}</div>{_basis_html(board, item)}{spark}'
        f'<div class="status">{_status(board, item)}</div>'
        f"{''.join(_beside_html(board, other) for other in board.beside(item.metric.key))}</{tag}></li>"
    )


def _value_html(board: Board, item: Standing) -> str:
    value = text_html(fmt.humanised(item.value, item.kpi, board.currency))
    return value if item.value is not None else f"{value}{hidden(' ' + item.why_missing)}"


def _basis_html(board: Board, item: Standing) -> str:
    words = board.basis(item)
    return f'<div class="cs">{text_html(words)}</div>' if words else ""


def _beside_html(board: Board, item: Standing) -> str:
    """Return another way to look at a card's metric: its value, what it sets against what, its status."""
    value = text_html(fmt.humanised(item.value, item.kpi, board.currency))
    why = "" if item.value is not None else f": {item.why_missing}"
    words = f'<b>{value}</b> <span class="mut">{text_html(_beside_words(board, item) + why)}</span>'
    status = status_html(item.pace, item.kpi, board.currency) if item.pace is not None else ""
    return f'<div class="beside"><div>{words}</div>{status}</div>'


def _beside_words(board: Board, item: Standing) -> str:
    return board.basis(item) or item.metric.label.partition(", ")[2] or item.metric.label


def _status(board: Board, item: Standing) -> str:
    if item.value is None:
        return f'<span class="expected">{text_html(item.why_missing)}</span>'
    if item.pace is None:
        return f'<span class="expected">No target for fiscal {board.fiscal_year}</span>'
    return status_html(item.pace, item.kpi, board.currency)


def _change_html(item: Standing) -> str:
    change = change_of(item)
    if not change.known:
        return f'<span class="mut">{fmt.DASH} {text_html(change.words)}</span>'
    return f'{change_html(change)} <span class="mut">{text_html(_versus(item))}</span>'


def _versus(item: Standing) -> str:
    return f"vs {fmt.day(item.prior_day)}" if item.prior_day and change_of(item).known else ""


def _card_typst(board: Board, item: Standing) -> str:
    hair, mut = tokens()["hair"], tokens()["mut"]
    value = text_typst(fmt.humanised(item.value, item.kpi, board.currency))
    lines = [
        f'block(text(size: 8pt, fill: rgb("{mut}"), {text_typst(item.metric.label)}))',
        f"block(text(size: 16pt, weight: 600, {value}))",
    ]
    change = change_of(item)
    if change.known:
        versus = f'text(fill: rgb("{mut}"), {text_typst(" " + _versus(item))})'
        lines.append(f"block(text(size: 8pt, {{{change_typst(change)}; {versus}}}))")
    if basis := board.basis(item):
        lines.append(f'block(text(size: 7pt, fill: rgb("{mut}"), {text_typst(basis)}))')
    if item.value is None:
        lines.append(f'block(text(size: 7pt, fill: rgb("{mut}"), {text_typst(item.why_missing)}))')
    elif item.pace is not None:
        lines.append(f"block({status_typst(item.pace, item.kpi, board.currency)})")
    for other in board.beside(item.metric.key):
        words = fmt.humanised(other.value, other.kpi, board.currency) + f" {_beside_words(board, other)}"
        lines.append(f"block(text(size: 8pt, {text_typst(words)}))")
        if other.pace is not None:
            lines.append(f"block({status_typst(other.pace, other.kpi, board.currency)})")
    inner = "; ".join(lines)
    return (
        f'grid.cell(stroke: 0.6pt + rgb("{hair}"), inset: 8pt, {{'
        f"set par(leading: 0.4em); set block(spacing: 5pt); {inner}}})"
    )


def _card_plain(board: Board, item: Standing) -> str:
    change = change_of(item)
    text = f"{item.metric.label}: {fmt.humanised(item.value, item.kpi, board.currency)}"
    text += f" ({change.arrow} {change.text} {_versus(item)})" if change.known else ""
    return f"{text} {status_plain(item.pace, item.kpi, board.currency)}" if item.pace else text
