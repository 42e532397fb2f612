"""The leadership brief: a page that can be read aloud, then tables, the data's state and definitions."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.reporting import brief_tables
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.board import ScorecardReader
from kpi_lib.reporting.brief_words import Judged
from kpi_lib.reporting.data import Reader
from kpi_lib.reporting.markup import Prose, raw_typst, text_html
from kpi_lib.reporting.piece import Piece
from kpi_lib.reporting.pieces import grid_piece
from kpi_lib.reporting.restated_data import RestatedReader
from kpi_lib.reporting.theme import notebook_style, tokens

#: So many cards stand side by side on the first page.
CARDS = 4
_WEIGHTS = {"critical": "critical", "warning": "to be warned of", "info": "for information"}


class BriefReader(Reader, ScorecardReader, RestatedReader, Protocol):
    """What a brief needs of a warehouse."""

    def checks(self, runs: int = 30) -> pd.DataFrame:
        """Return what the gate found in its newest runs."""


@dataclass(frozen=True)
class Brief(ABC):
    """The parts of a brief, each something to display, in the order in which they are shown.

    Parameters
    ----------
    catalogue
        The domain's definitions.
    loads, checks
        How far each source is loaded, and what the gate found this night.
    """

    catalogue: Catalogue
    loads: pd.DataFrame
    checks: pd.DataFrame

    @abstractmethod
    def opening(self) -> Piece:
        """Return the headline, how it stands and why, and the chart that shows it."""

    @abstractmethod
    def story(self) -> Piece:
        """Return the pace, the targets, what to watch and what is not final."""

    @abstractmethod
    def cards(self) -> Piece:
        """Return the cards of the first page."""

    @abstractmethod
    def difference(self) -> Piece:
        """Return what made the difference."""

    @abstractmethod
    def numbers(self) -> Piece:
        """Return the table of figures; it begins a page."""

    @abstractmethod
    def targets(self) -> Piece:
        """Return every target of the day with how it stands."""

    @abstractmethod
    def trend(self) -> Piece:
        """Return the chart of the longer past."""

    @abstractmethod
    def notes(self) -> Piece:
        """Return what a reader has to know before quoting a number."""

    @abstractmethod
    def definitions(self) -> Piece:
        """Return what every figure means."""

    def status(self) -> Piece:
        """Return how far the sources are loaded and what the checks found."""
        required = [source.name for source in self.catalogue.sources if source.required]
        sources = brief_tables.sources_grid(self.loads, required)
        pieces = [
            grid_piece(sources, "sources", "The data behind it"),
            paragraphs([Prose.of(checked(self.checks))]),
        ]
        failed = brief_tables.failed_grid(self.checks)
        if failed.rows:
            pieces.append(grid_piece(failed, "failed", "What the checks noticed"))
        return stacked(pieces)

    def _repr_html_(self) -> str:
        """Say what this is and give the notebook the look of the pages."""
        return f"<style>{notebook_style()}</style><p>{text_html(self.catalogue.title)}, leadership brief</p>"


def load_brief(wh: BriefReader, as_of: dt.date | str | None = None) -> Brief:
    """Read what the leadership brief of a domain shows: of daily KPIs, or else of its scorecard.

    Parameters
    ----------
    wh
        An open warehouse, as :func:`kpi_lib.connect` gives it.
    as_of
        The day; None or an empty text for the newest.

    Raises
    ------
    DataError
        When the warehouse has no figures for that day.
    UsageError
        When ``as_of`` is no date.
    """
    from kpi_lib.reporting.brief_board import load_board_brief
    from kpi_lib.reporting.brief_daily import load_daily_brief

    return load_daily_brief(wh, as_of) if wh.catalogue.kpis else load_board_brief(wh, as_of)


def checked(checks: pd.DataFrame) -> str:
    """Return how many checks held, in a sentence."""
    if checks.empty:
        return "Nothing is known about checks of these data."
    total, held = len(checks), int(checks["success"].astype(bool).sum())
    if held == total:
        return f"All {total} checks of these data held." if total > 1 else "The one check of these data held."
    failed = checks[~checks["success"].astype(bool)]["severity"].value_counts()
    kinds = [f"{int(failed[name])} {word}" for name, word in _WEIGHTS.items() if name in failed.index]
    return f"{held} of {total} checks of these data held; the others: {fmt.listed(kinds)}."


def targets_piece(items: Sequence[Judged], currency: str) -> Piece:
    """Return the table of targets; without one, a sentence that says so."""
    if not items:
        return paragraphs([Prose.of("No target is set for this day.")])
    return grid_piece(brief_tables.targets_grid(items, currency), "targets", "Against the targets")


def paragraphs(found: Sequence[Prose], size: float = 9.5, *, serif: bool = False) -> Piece:
    """Return paragraphs; in serif type they belong to the sentences of the first page."""
    shown = [prose for prose in found if prose.plain.strip()]
    font = f'("{tokens().serif}", "{tokens().text}")' if serif else f'"{tokens().text}"'
    body = "\n\n".join(prose.typst for prose in shown)
    return Piece(
        html="".join(f"<p>{prose.html}</p>" for prose in shown),
        markdown=raw_typst(f"#[#set text(font: {font}, size: {size}pt)\n{body}]") if shown else "",
        plain="\n".join(prose.plain for prose in shown),
    )


def stacked(pieces: Sequence[Piece]) -> Piece:
    """Return pieces one below the other as one."""
    return Piece(
        html="".join(piece.html for piece in pieces),
        markdown="\n\n".join(piece.markdown for piece in pieces),
        plain="\n\n".join(piece.plain for piece in pieces),
    )


def on_new_page(piece: Piece) -> Piece:
    """Return a piece that begins a page of paper."""
    return Piece(piece.html, f"{raw_typst('#pagebreak(weak: true)')}\n\n{piece.markdown}", piece.plain)
