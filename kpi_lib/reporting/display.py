"""What notebooks call: each function returns something that JupyterLab, the site and the PDF can show."""

from __future__ import annotations

import datetime as dt

from kpi_lib.catalogue.models import Kpi
from kpi_lib.errors import UsageError, did_you_mean
from kpi_lib.reporting import cards as card_blocks
from kpi_lib.reporting import charts, drawing, tables, words
from kpi_lib.reporting.data import Reader, ReportData, load_report
from kpi_lib.reporting.definitions import definition_rows
from kpi_lib.reporting.grid import Grid
from kpi_lib.reporting.markup import items_html, raw_typst, text_html, text_markdown, text_typst
from kpi_lib.reporting.notes import notes as note_list
from kpi_lib.reporting.notes import window_dates
from kpi_lib.reporting.piece import Piece, section
from kpi_lib.reporting.plotting import Sketch
from kpi_lib.reporting.theme import tokens

COMPLETE = "kpi-complete"
HEADINGS = {
    "windows": "Every window, with its dates",
    "entities": "By location",
    "data": "The days behind it",
    "trend": "Three years, month by month",
    "heat": "Day by day",
}


class _Token:
    """The sign that a notebook reached its end; renderers leave it out."""

    def __repr__(self) -> str:
        return COMPLETE


def report(wh: Reader, as_of: dt.date | str | None = None, entity: str = "ALL") -> ReportData:
    """Read what a report shows (see :func:`kpi_lib.reporting.data.load_report`)."""
    return load_report(wh, as_of, entity)


def headline(report: ReportData, kpi: str | None = None) -> Piece:
    """Return the sentence that answers the question, with the dates and amounts under it.

    Parameters
    ----------
    report
        The report's data.
    kpi
        The KPI of the sentence; by default the domain's headline.
    """
    chosen = report.kpi(kpi)
    sentence, prose = words.headline(report, chosen), words.lede(report, chosen)
    above = chosen.name if kpi else ""
    eyebrow = f'<p class="eyebrow">{text_html(above)}</p>' if above else ""
    lead = "\n\n".join([*([text_markdown(above)] if above else []), f"# {text_markdown(sentence)}"])
    return Piece(
        html=f'{eyebrow}<h1>{text_html(sentence)}</h1><p class="lede">{prose.html}</p>',
        markdown=f"{lead}\n\n{prose.markdown}",
        plain=f"{sentence}\n{prose.plain}",
        typst=f'[#set text(font: ("{tokens().serif}", "{tokens().text}"), size: 11pt)\n{prose.typst}]',
        lead=lead,
        layout="hero",
    )


def cards(report: ReportData, window: str = "mtd") -> Piece:
    """Return the domain's headline figures as cards."""
    return card_blocks.cards(report, window)


def chart(report: ReportData, kind: str, kpi: str | None = None) -> Piece:
    """Return a chart: ``cumulative``, ``trend`` or ``heat``.

    Parameters
    ----------
    report
        The report's data.
    kind
        ``cumulative``: the month to date against last year; ``trend``: three years of months;
        ``heat``: a year of days.
    kpi
        Whose values; by default the domain's headline.
    """
    sketch = charts.sketch(report, kind, report.kpi(kpi))
    wide, narrow = drawing.draw(sketch.wide), drawing.draw(sketch.narrow)
    caption = f"<figcaption>{text_html(sketch.caption)}</figcaption>" if sketch.caption else ""
    figure = (
        f'<figure class="chart">{drawing.inline(wide, sketch.description, "wide")}'
        f"{drawing.inline(narrow, sketch.description, 'narrow')}{caption}</figure>"
    )
    svg = drawing.standalone(wide, sketch.description)
    printed = drawing.standalone(drawing.draw(sketch.printed), sketch.description) if sketch.printed else svg
    column = drawing.standalone(narrow, sketch.description)
    heading = HEADINGS.get(kind, "")
    return Piece(
        html=section(f"chart-{kind}", text_html(heading), figure) if heading else figure,
        markdown=_with_heading(heading, raw_typst(_figure(printed, sketch))),
        plain=f"{sketch.description}\n{sketch.caption}".strip(),
        svg=svg,
        typst=f"[{_figure(column, sketch)}]",
    )


def table(report: ReportData, kind: str, group: str | None = None, kpi: str | None = None) -> Piece:
    """Return a table.

    Parameters
    ----------
    report
        The report's data.
    kind
        ``group`` (the KPIs of ``group``), ``contributions``, or of one ``kpi``: ``windows``,
        ``entities``, ``data``.
    group
        The group's code; without it every KPI.
    kpi
        The KPI; by default the domain's headline.
    """
    if kind == "group":
        return _group(report, group)
    if kind == "contributions":
        grid = tables.contributions_grid(report, "mtd")
        return _piece(grid, "contributions", "What made the difference, month to date")
    return _piece(tables.kpi_grid(kind, report, report.kpi(kpi)), f"table-{kind}", HEADINGS[kind])


def notes(report: ReportData, kpi: str | None = None) -> Piece:
    """Return what a reader has to know before quoting a number."""
    found = note_list(report, report.kpi(kpi) if kpi else None)
    printed = () if kpi else window_dates(report)
    heading = "To know before you quote a number"
    return Piece(
        html=section("notes", heading, items_html(found)),
        markdown=_with_heading(heading, "\n".join(f"- {note.markdown}" for note in (*found, *printed))),
        plain="\n".join([heading, *(f"- {note.plain}" for note in found)]),
    )


def definition(report: ReportData, kpi: str | None = None) -> Piece:
    """Return what a KPI means: definition, formula, how it adds up, its source."""
    rows = definition_rows(report.catalogue, report.kpi(kpi))
    terms = "".join(f"<dt>{text_html(term)}</dt><dd>{text_html(text)}</dd>" for term, text in rows)
    markdown = "\n\n".join(f"**{text_markdown(term)}:** {text_markdown(text)}" for term, text in rows)
    return Piece(
        html=section("definition", "What it means", f'<dl class="def">{terms}</dl>'),
        markdown=_with_heading("What it means", markdown),
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
    return _piece(tables.group_grid(report, kpis, name), f"group-{group or 'all'}", name)


def _piece(grid: Grid, name: str, heading: str) -> Piece:
    return Piece(
        html=section(name, text_html(heading), grid.html),
        markdown=_with_heading(heading, raw_typst(grid.typst)),
        plain=f"{heading}\n{grid.plain}",
    )


def _figure(svg: str, sketch: Sketch) -> str:
    picture = f'bytes({text_typst(svg)}), format: "svg", width: 100%, alt: {text_typst(sketch.description)}'
    quiet = f'text(size: 7.5pt, fill: rgb("{tokens()["mut"]}"), {text_typst(sketch.caption)})'
    caption = f"\n#block(above: 4pt, {quiet})" if sketch.caption else ""
    return f"#block(breakable: false, width: 100%)[#figure(image({picture})){caption}]"


def _with_heading(heading: str, body: str) -> str:
    return f"## {text_markdown(heading)}\n\n{body}" if heading else body
