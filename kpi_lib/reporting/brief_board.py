"""The leadership brief of a domain that has a scorecard and no daily KPIs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from kpi_lib.reporting import board_cards, board_charts, board_words, brief_board_words, brief_tables
from kpi_lib.reporting.board import Board, load_board
from kpi_lib.reporting.board_pieces import metrics_grid
from kpi_lib.reporting.brief import CARDS, Brief, BriefReader, on_new_page, paragraphs, stacked
from kpi_lib.reporting.brief_chart import year_to_date
from kpi_lib.reporting.brief_words import changes_of, restated, targets
from kpi_lib.reporting.checked import without_persons
from kpi_lib.reporting.markup import Prose, muted
from kpi_lib.reporting.piece import Piece
from kpi_lib.reporting.pieces import chart_piece, grid_piece, headline_piece, notes_piece
from kpi_lib.reporting.restated_data import ON_SCORECARD


@dataclass(frozen=True)
class BoardBrief(Brief):
    """The parts of the brief, from the company's scorecard."""

    board: Board
    restated: str

    def opening(self) -> Piece:
        """Return the headline, how it stands and why, and the first metric's chart."""
        headline = headline_piece(board_words.headline(self.board), brief_board_words.opening(self.board))
        return headline | chart_piece(year_to_date(self.board), "chart-year")

    def story(self) -> Piece:
        """Return the targets, who moved most and what is not final."""
        judged = targets(brief_board_words.judged(self.board), self.board.currency)
        quiet = [
            brief_board_words.customers(self.board),
            *brief_board_words.provisional(self.board),
            self.restated,
        ]
        said = [Prose.of(*judged), Prose.of(muted(" ".join(text for text in quiet if text)))]
        return paragraphs(said, 10, serif=True)

    def cards(self) -> Piece:
        """Return the cards of the first metrics, with what stands beside each."""
        first = {item.metric.key for item in self.board.leading[:CARDS]}
        shown = tuple(
            item for item in self.board.standings if item.metric.key in first or item.metric.beside in first
        )
        return board_cards.cards(replace(self.board, standings=shown))

    def difference(self) -> Piece:
        """Return which customers made the difference; nothing where no view tells it."""
        parts = brief_board_words.development(self.board)
        if not parts:
            return paragraphs([])
        grid = brief_tables.development_grid(self.board, parts)
        heading = f"What made the difference, {self.board.leading[0].metric.label}"
        return grid_piece(grid, "difference", heading)

    def numbers(self) -> Piece:
        """Return the table of all metrics of the company."""
        return on_new_page(grid_piece(metrics_grid(self.board), "metrics", "The numbers"))

    def targets(self) -> Piece:
        """Return nothing: the table of figures has the targets already."""
        return paragraphs([])

    def trend(self) -> Piece:
        """Return revenue month by month, and who gained and lost most, where the domain has them."""
        board, pieces = self.board, []
        if board.standing("revenue_ytd") is not None:
            sketch = board_charts.revenue_months(board)
            pieces.append(chart_piece(sketch, "chart-months", "Revenue month by month"))
        if brief_board_words.development(board):
            sketch = board_charts.customer_changes(board)
            pieces.append(chart_piece(sketch, "chart-customers", "Who gained, who lost"))
        return stacked(pieces)

    def notes(self) -> Piece:
        """Return what a reader has to know before quoting a number."""
        return notes_piece(board_words.notes(self.board))

    def definitions(self) -> Piece:
        """Return what every metric means."""
        grid = brief_tables.definitions_grid(brief_tables.metric_meanings(self.board))
        return grid_piece(grid, "definitions", "What the figures mean")


def load_board_brief(wh: BriefReader, as_of: dt.date | str | None) -> BoardBrief:
    """Read the brief of a domain that has a scorecard."""
    board = load_board(wh, as_of)
    first = board.leading[0].metric.key
    said = restated(changes_of(wh, board.as_of), first, ON_SCORECARD)
    return BoardBrief(
        board.catalogue, wh.loads(), without_persons(wh.checks(1), board.scorecard), board, said
    )
