"""The headline figures as cards, and the switches that choose which window the tables show."""

from __future__ import annotations

from kpi_lib.catalogue.models import Kpi
from kpi_lib.catalogue.pace import Pace
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting import series
from kpi_lib.reporting.cells import PARTIAL
from kpi_lib.reporting.data import Figure, ReportData
from kpi_lib.reporting.grid import change_html, change_typst
from kpi_lib.reporting.kpi_pace import paces
from kpi_lib.reporting.markup import hidden, raw_typst, text_html, text_typst
from kpi_lib.reporting.piece import Piece
from kpi_lib.reporting.reasons import changed, dates, versus, why_no_change, why_no_value
from kpi_lib.reporting.spark import sparkline
from kpi_lib.reporting.status import so_far_words, status_html, status_typst
from kpi_lib.reporting.tables import SEED_WINDOWS, kpi_href, table_windows, window_label
from kpi_lib.reporting.theme import tokens

SHORT = {
    "mtd": "Month",
    "qtd": "Quarter",
    "ytd": "Year",
    "last28": "28 days",
    "fytd": "Fiscal",
    "wtd": "Week",
}


def cards(data: ReportData, window: str = "mtd") -> Piece:
    """Return the domain's cards; in HTML followed by the switches for the tables below them."""
    kpis = [data.kpi(code) for code in data.catalogue.cards or (data.kpi().code,)]
    figures = [data.row(kpi.code, window) for kpi in kpis]
    html = "".join(_card_html(data, figure) for figure in figures)
    blocks = ", ".join(_card_typst(data, figure) for figure in figures)
    typst = f"#grid(columns: ({'1fr, ' * len(figures)}), column-gutter: 8pt, {blocks})"
    return Piece(
        html=f'<ul class="cards">{html}</ul>{switches(data)}',
        markdown=raw_typst(typst),
        plain="\n".join(_card_plain(data, figure) for figure in figures),
    )


def switches(data: ReportData) -> str:
    """Return the window switch of narrow screens and the further windows of wide ones, as HTML."""
    windows = table_windows(data)
    radios = "".join(
        f'<label><input type="radio" name="w" id="w{place}"{" checked" if place == 1 else ""}>'
        f"{text_html(SHORT.get(window.name) or window_label(window))}</label>"
        for place, window in enumerate(windows, start=1)
    )
    names = [window_label(window) for window in windows[len(SEED_WINDOWS) :]]
    further = [text_html(name[:1].lower() + name[1:]) for name in names]
    boxes = "".join(
        f'<label><input type="checkbox" id="x{place}">Also show {name}</label>'
        for place, name in enumerate(further, start=1)
    )
    more = f'<fieldset class="more"><legend class="sr">Further windows</legend>{boxes}</fieldset>'
    switch = f'<fieldset class="win"><legend class="sr">Window</legend>{radios}</fieldset>'
    return switch + (more if further else "")


def _card_html(data: ReportData, figure: Figure) -> str:
    kpi = figure.kpi
    href = kpi_href(data, kpi.code)
    tag, link = ("a", f' href="{text_html(href)}"') if href else ("div", "")
    weeks = series.weeks(kpi, data.days(kpi.code), data.as_of)
    value = fmt.humanised(figure.value, kpi, data.currency)
    return (
        f'<li><{tag} class="card"{link}><div class="ct">{text_html(kpi.title)}</div>'
        f'<div class="cv">{text_html(value)}{_mark_html(figure)}</div>'
        f'<div class="cd">{change_html(changed(figure, data.currency))}'
        f' <span class="mut">{text_html(versus(figure))}</span></div>'
        f"{sparkline(weeks, 220, 40)}"
        f'<div class="cs">{text_html(_small_print(data, figure))}</div>{_status_html(data, kpi)}</{tag}></li>'
    )


def _status_html(data: ReportData, kpi: Kpi) -> str:
    """Return how the KPI stands against its target of the shortest period; nothing without a target.

    The card's own figure may be of another window, so the one that is judged stands here.
    """
    return "".join(
        f'<div class="status"><div class="judged">{text_html(so_far_words(item, kpi, data.currency))}</div>'
        f"{status_html(item, kpi, data.currency)}</div>"
        for item in paces(data, kpi)[:1]
    )


def _mark_html(figure: Figure) -> str:
    if figure.value is None or figure.reason is None:
        return ""
    return f'<span class="q" aria-hidden="true">{PARTIAL}</span>{hidden(" partial")}'


def _small_print(data: ReportData, figure: Figure) -> str:
    kpi = figure.kpi
    if figure.start is None or figure.end is None:
        return why_no_value(figure)
    when = fmt.span(figure.start, figure.end, year=False)
    if kpi.kind == "last":
        when = fmt.day(figure.end, year=False)
    if figure.whole and figure.prior_end:
        return f"{when}; {fmt.amount(figure.prior, kpi, data.currency)} in {figure.prior_end.year}"
    return f"{when}; {why_no_change(figure, data.currency)}"


def _card_typst(data: ReportData, figure: Figure) -> str:
    hair, mut = tokens()["hair"], tokens()["mut"]
    value = fmt.humanised(figure.value, figure.kpi, data.currency)
    value += PARTIAL if figure.reason and figure.value is not None else ""
    judged = paces(data, figure.kpi)[:1]
    return (
        f'grid.cell(stroke: 0.6pt + rgb("{hair}"), inset: 8pt, {{'
        f"set par(leading: 0.4em); set block(spacing: 5pt); "
        f'block(text(size: 8pt, fill: rgb("{mut}"), {text_typst(figure.kpi.title)})); '
        f"block(text(size: 16pt, weight: 600, {text_typst(value)})); "
        f"block(text(size: 8pt, {{{change_typst(changed(figure, data.currency))}; "
        f'text(fill: rgb("{mut}"), {text_typst(" " + versus(figure))})}})); '
        f'block(text(size: 7pt, fill: rgb("{mut}"), {text_typst(_small_print(data, figure))}))'
        f"{''.join(_status_typst(data, figure.kpi, item) for item in judged)}}})"
    )


def _status_typst(data: ReportData, kpi: Kpi, judged: Pace) -> str:
    words = text_typst(so_far_words(judged, kpi, data.currency))
    return f"; block(text(size: 8pt, {words})); block({status_typst(judged, kpi, data.currency)})"


def _card_plain(data: ReportData, figure: Figure) -> str:
    change = changed(figure, data.currency)
    value = fmt.humanised(figure.value, figure.kpi, data.currency)
    return f"{figure.kpi.title}: {value} ({change.arrow} {change.text} {versus(figure)}; {dates(figure)})"
