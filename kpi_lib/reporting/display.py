"""What notebooks call: each function returns something that JupyterLab, the site and the PDF can show."""

from __future__ import annotations

import datetime as dt

from kpi_lib.catalogue.models import Kpi
from kpi_lib.errors import UsageError, did_you_mean
from kpi_lib.reporting import board_cards, board_pieces, board_words, charts, tables, words
from kpi_lib.reporting import cards as card_blocks
from kpi_lib.reporting.board import Board, ScorecardReader, load_board
from kpi_lib.reporting.brief import Brief, BriefReader, load_brief
from kpi_lib.reporting.data import Reader, ReportData, load_report
from kpi_lib.reporting.definitions import definition_rows
from kpi_lib.reporting.downloads import FOLDER, kpi_csv_name
from kpi_lib.reporting.locations import locations_piece
from kpi_lib.reporting.markup import text_html, text_markdown
from kpi_lib.reporting.notes import notes as note_list
from kpi_lib.reporting.notes import window_dates
from kpi_lib.reporting.piece import Piece, section, stacked
from kpi_lib.reporting.pieces import chart_piece, grid_piece, headline_piece, notes_piece, with_heading
from kpi_lib.reporting.quality_data import QualityReader, load_quality
from kpi_lib.reporting.quality_page import QualityPage
from kpi_lib.reporting.restated import RestatedPage, RestatedReader, load_restated
from kpi_lib.reporting.sheet import Sheet

COMPLETE = "kpi-complete"
HEADINGS = {
    "windows": "Every window, with its dates",
    "entities": "By location",
    "data": "The days behind it",
    "trend": "Three years, month by month",
    "heat": "Day by day",
    "locations": "Location by location",
    "bridge": "What each location added, month to date",
    "parts": "What each part added, month to date",
}


class _Token:
    """The sign that a notebook reached its end; renderers leave it out."""

    def __repr__(self) -> str:
        return COMPLETE


def report(wh: Reader, as_of: dt.date | str | None = None, entity: str = "ALL") -> ReportData:
    """Read what a report shows (see :func:`kpi_lib.reporting.data.load_report`)."""
    return load_report(wh, as_of, entity)


def scorecard(wh: ScorecardReader, as_of: dt.date | str | None = None, person: str = "") -> Board:
    """Read what a scorecard page shows (see :func:`kpi_lib.reporting.board.load_board`)."""
    return load_board(wh, as_of, person)


def quality(wh: QualityReader, as_of: dt.date | str | None = None) -> QualityPage:
    """Read the data quality page (see :func:`kpi_lib.reporting.quality_data.load_quality`)."""
    return QualityPage(load_quality(wh, as_of))


def restatements(wh: RestatedReader, as_of: dt.date | str | None = None) -> RestatedPage:
    """Read the page of restatements (see :func:`kpi_lib.reporting.restated.load_restated`)."""
    return load_restated(wh, as_of)


def brief(wh: BriefReader, as_of: dt.date | str | None = None) -> Brief:
    """Read what the leadership brief shows (see :func:`kpi_lib.reporting.brief.load_brief`)."""
    return load_brief(wh, as_of)


def headline(report: ReportData | Board | Sheet, kpi: str | None = None) -> Piece:
    """Return the sentence that answers the question, with the dates and amounts under it.

    Parameters
    ----------
    report
        The report's data.
    kpi
        The KPI of the sentence; by default the domain's headline. Of a scorecard, a drill-down page.
    """
    if isinstance(report, Sheet):
        return report.headline()
    if isinstance(report, Board):
        return board_pieces.headline(report, kpi)
    chosen = report.kpi(kpi)
    return headline_piece(
        words.headline(report, chosen), words.lede(report, chosen), chosen.name if kpi else ""
    )


def cards(report: ReportData | Board, window: str = "mtd") -> Piece:
    """Return the domain's headline figures, or a scorecard's metrics, as cards."""
    if isinstance(report, Board):
        return board_cards.cards(report)
    return card_blocks.cards(report, window)


def chart(report: ReportData | Board, kind: str, kpi: str | None = None) -> Piece:
    """Return a chart of a KPI, or of a scorecard one of its drill-down charts.

    Parameters
    ----------
    report
        The report's data.
    kind
        ``cumulative``: the month to date against last year; ``trend``: three years of months;
        ``heat``: a year of days; ``locations``: the trend of each location; ``bridge`` and ``parts``: what
        each location, or each KPI that it is the sum of, added to the month's change. A KPI without
        locations or parts has nothing to show there, and shows nothing.
    kpi
        Whose values; by default the domain's headline.
    """
    if isinstance(report, Board):
        return board_pieces.chart(report, kind, kpi)
    draw = charts.parted if kind in charts.PARTED else charts.sketch
    sketch = draw(report, kind, report.kpi(kpi))
    if sketch is None:
        return Piece(html="", markdown="", plain="")
    return chart_piece(sketch, f"chart-{kind}", HEADINGS.get(kind, ""))


def table(
    report: ReportData | Board | Sheet, kind: str, group: str | None = None, kpi: str | None = None
) -> Piece:
    """Return a table.

    Parameters
    ----------
    report
        The report's data.
    kind
        ``groups`` (all KPIs, group by group), ``group`` (those of one), ``contributions``, ``locations``
        (the headline by location), or of one ``kpi``: ``windows``,
        ``entities``, ``data``. Of a scorecard: ``metrics``, ``cohorts``, or a detail view's name.
    group
        The group's code; without it every KPI.
    kpi
        The KPI; by default the domain's headline.
    """
    if isinstance(report, Sheet):
        return report.table(kind)
    if isinstance(report, Board):
        return board_pieces.table(report, kind)
    if kind == "group":
        return _group(report, group)
    if kind == "groups":
        return stacked(
            [
                _group(report, item.code)
                for item in report.catalogue.groups
                if report.catalogue.in_group(item.code)
            ]
        )
    if kind == "locations":
        return locations_piece(report)
    if kind == "contributions" and not report.catalogue.contributions:
        return Piece("", "", "")
    if kind == "contributions":
        grid = tables.contributions_grid(report, "mtd")
        return grid_piece(grid, "contributions", "What made the difference, month to date")
    after = _all_days(report, report.kpi(kpi)) if kind == "data" else ""
    grid = tables.kpi_grid(kind, report, report.kpi(kpi))
    return grid_piece(grid, f"table-{kind}", HEADINGS[kind], after=after)


def _all_days(report: ReportData, kpi: Kpi) -> str:
    """Return the link from a KPI's page to all of its days; it holds the whole alone."""
    href = f"../../{FOLDER}/{kpi_csv_name(report.catalogue.domain, kpi.code)}"
    return f'<p class="foot-note"><a href="{text_html(href)}" download>Every day as CSV</a></p>'


def notes(report: ReportData | Board, kpi: str | None = None) -> Piece:
    """Return what a reader has to know before quoting a number."""
    if isinstance(report, Board):
        return notes_piece(board_words.notes(report))
    found = note_list(report, report.kpi(kpi) if kpi else None)
    printed = () if kpi else window_dates(report)
    return notes_piece(found, printed)


def definition(report: ReportData | Board, kpi: str | None = None) -> Piece:
    """Return what a KPI, or every metric of a scorecard page, means: definition, formula, source."""
    if isinstance(report, Board):
        return board_pieces.definitions(report, kpi)
    rows = definition_rows(report.catalogue, report.kpi(kpi))
    terms = "".join(f"<dt>{text_html(term)}</dt><dd>{text_html(text)}</dd>" for term, text in rows)
    markdown = "\n\n".join(f"**{text_markdown(term)}:** {text_markdown(text)}" for term, text in rows)
    return Piece(
        html=section("definition", "What it means", f'<dl class="def">{terms}</dl>'),
        markdown=with_heading("What it means", markdown),
        plain="\n".join(f"{term}: {text}" for term, text in rows),
    )


def complete() -> object:
    """Return the completion token: the last cell of a report notebook shows it."""
    return _Token()


def _group(report: ReportData, group: str | None) -> Piece:
    kpis: tuple[Kpi, ...] = report.catalogue.in_group(group) if group else report.catalogue.kpis
    names = {item.code: item.name for item in report.catalogue.groups}
    if not kpis:
        raise UsageError(f"There is no group '{group}'.", remedy=did_you_mean(str(group), names))
    name = names.get(group or "", "All KPIs")
    return grid_piece(tables.group_grid(report, kpis, name), f"group-{group or 'all'}", name)
