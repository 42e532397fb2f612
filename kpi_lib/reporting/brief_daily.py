"""The leadership brief of a domain of daily KPIs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from kpi_lib.reporting import brief_tables, brief_words, charts, words
from kpi_lib.reporting import cards as card_blocks
from kpi_lib.reporting.brief import (
    CARDS,
    Brief,
    BriefReader,
    on_new_page,
    paragraphs,
    targets_piece,
)
from kpi_lib.reporting.checked import without_persons
from kpi_lib.reporting.data import ReportData, load_report
from kpi_lib.reporting.forecast import sentence
from kpi_lib.reporting.markup import Prose, muted
from kpi_lib.reporting.notes import notes, window_dates
from kpi_lib.reporting.piece import Piece
from kpi_lib.reporting.pieces import chart_piece, grid_piece, headline_piece, notes_piece
from kpi_lib.reporting.tables import contributions_grid, window_label

#: So many parts of the headline have a row on the first page.
MOST_PARTS = 6


@dataclass(frozen=True)
class DailyBrief(Brief):
    """The parts of the brief, from one day's figures and what the ledger says of earlier ones."""

    data: ReportData
    restated: str

    def opening(self) -> Piece:
        """Return the headline, how it stands and why, and the month's chart."""
        kpi = self.data.kpi()
        chart = chart_piece(charts.KINDS["cumulative"](self.data, kpi), "chart-month")
        return headline_piece(words.headline(self.data, kpi), brief_words.opening(self.data)) | chart

    def story(self) -> Piece:
        """Return the pace, the targets, what to watch and what is not final."""
        judged = brief_words.targets(brief_words.judged(self.data), self.data.currency)
        pace = sentence(self.data, self.data.kpi())
        quiet = [brief_words.watch(self.data), *brief_words.provisional(self.data), self.restated]
        said = [
            Prose.of(*([f"{pace} "] if pace else []), *judged),
            Prose.of(muted(" ".join(text for text in quiet if text))),
        ]
        return paragraphs(said, 10, serif=True)

    def cards(self) -> Piece:
        """Return the cards of the first page."""
        few = self.catalogue.model_copy(update={"cards": self.catalogue.cards[:CARDS]})
        return card_blocks.cards(replace(self.data, catalogue=few))

    def difference(self) -> Piece:
        """Return the parts of the headline KPI; nothing where it has none."""
        if not self.catalogue.contributions:
            return paragraphs([])
        grid = replace(contributions_grid(self.data, "mtd", MOST_PARTS), dense=True)
        return grid_piece(grid, "contributions", "What made the difference, month to date")

    def numbers(self) -> Piece:
        """Return the table of all KPIs."""
        return on_new_page(grid_piece(brief_tables.numbers_grid(self.data), "numbers", "The numbers"))

    def targets(self) -> Piece:
        """Return every target of the day with how it stands."""
        return targets_piece(brief_words.judged(self.data), self.data.currency)

    def trend(self) -> Piece:
        """Return three years of the headline KPI."""
        kpi = self.data.kpi()
        sketch = charts.KINDS["trend"](self.data, kpi)
        return chart_piece(sketch, "chart-trend", f"{kpi.name}, three years month by month")

    def notes(self) -> Piece:
        """Return what a reader has to know before quoting a number."""
        return notes_piece(notes(self.data, forecast=True), window_dates(self.data))

    def definitions(self) -> Piece:
        """Return what every KPI means."""
        grid = brief_tables.definitions_grid(brief_tables.kpi_meanings(self.catalogue))
        return grid_piece(grid, "definitions", "What the figures mean")


def load_daily_brief(wh: BriefReader, as_of: dt.date | str | None) -> DailyBrief:
    """Read the brief of a domain of daily KPIs."""
    data = load_report(wh, as_of)
    changes = brief_words.changes_of(wh, data.as_of)
    what = window_label(data.catalogue.window("mtd"))
    restated = brief_words.restated(changes, data.kpi().code, what)
    card = wh.definitions if data.catalogue.has_scorecard else None
    return DailyBrief(data.catalogue, data.loads, without_persons(wh.checks(1), card), data, restated)
