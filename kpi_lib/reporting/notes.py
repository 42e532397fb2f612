"""What a reader has to know before quoting a number, by rule from the figures themselves."""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Sequence

import pandas as pd

from kpi_lib.catalogue.models import Kpi
from kpi_lib.reporting import charts, series
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.cells import PARTIAL, ROOM
from kpi_lib.reporting.data import Figure, ReportData
from kpi_lib.reporting.locations import UNASSIGNED
from kpi_lib.reporting.markup import Prose, strong
from kpi_lib.reporting.reasons import changed, dates, prior_days, why_no_change
from kpi_lib.reporting.tables import SEED_WINDOWS, window_label
from kpi_lib.reporting.words import month_complete


def notes(data: ReportData, kpi: Kpi | None = None, *, forecast: bool = False) -> list[Prose]:
    """Return the notes for a page; with a KPI only what concerns it.

    A page that gives the pace as a ``forecast``, with its condition and its misses, has no note against it.
    """
    kpis = (kpi,) if kpi else data.catalogue.kpis
    figures = [data.row(item.code, window) for item in kpis for window in SEED_WINDOWS]
    found = [
        _open_period(data),
        *_late_sources(data),
        *_incomplete(figures, prior=False),
        *_no_history(data, figures),
        *_incomplete(figures, prior=True),
        *_no_base(data, [data.row(item.code, "mtd") for item in kpis]),
        *_lower_is_better(data, kpis),
        *_stocks(kpis),
        *_unassigned(data, kpi),
        *([] if forecast else _pace(data, kpi or data.kpi())),
    ]
    return [note for note in found if note is not None]


def window_dates(data: ReportData) -> tuple[Prose, ...]:
    """Return what hovering tells on a page and paper has to say: the dates of every window."""
    figures = [data.row(data.kpi().code, name) for name in SEED_WINDOWS]
    spans = [f"{window_label(figure.window).lower()} {dates(figure)}" for figure in figures if dates(figure)]
    whole = f" Amounts in the wide tables are in whole {data.currency}"
    shown = [data.row(kpi.code, name) for kpi in data.catalogue.kpis for name in SEED_WINDOWS]
    if any(len(fmt.whole(figure.value, figure.kpi, data.currency)) > ROOM for figure in shown):
        whole += ", or in three digits where they are too long for that"
    whole += "."
    return (Prose.of(strong("The windows"), f": {'; '.join(spans)}.{whole}"),)


def _open_period(data: ReportData) -> Prose:
    month, day = f"{data.as_of:%B}", data.as_of
    if month_complete(day):
        return Prose.of(
            strong(f"{month} is complete"), f": it is compared with the whole of {month} {day.year - 1}."
        )
    days, before = (calendar.monthrange(year, day.month)[1] for year in (day.year, day.year - 1))
    if day.day >= before:
        whole = f"the whole of {month} {day.year - 1}, which had {before}"
        return Prose.of(strong(f"{month} is open"), f": {day.day} of {days} days, compared with {whole}.")
    return Prose.of(
        strong(f"{month} is open"),
        f": {day.day} of {days} days. Nothing here compares it with a full month.",
    )


def _late_sources(data: ReportData) -> list[Prose]:
    if data.loads.empty:
        return []
    late = data.loads[pd.to_datetime(data.loads["complete_through"]) < pd.Timestamp(data.as_of)]
    return [
        Prose.of(
            strong(f"{row.source} ends early"),
            f": it is complete through {fmt.day(pd.Timestamp(str(row.complete_through)).date())} only.",
        )
        for row in late.itertuples()
    ]


def _incomplete(figures: Sequence[Figure], prior: bool) -> list[Prose]:
    """Group what is missing, so that one gap in the data is one note and not one a KPI."""
    gaps: dict[tuple[str, str, int, bool], list[Kpi]] = defaultdict(list)
    for figure in figures:
        reason = figure.prior_reason if prior else figure.reason
        days = figure.prior_missing_days if prior else figure.missing_days
        if reason in ("partial", "not_loaded"):
            stock = reason == "partial" and figure.kpi.kind == "last"
            # Where nothing at all is there, it does not matter of how many days.
            gaps[reason, figure.window.name, days if reason == "partial" else 0, stock].append(figure.kpi)
    windows: dict[tuple[str, int, tuple[str, ...]], list[Figure]] = defaultdict(list)
    for (reason, window, days, _), kpis in gaps.items():
        sample = next(figure for figure in figures if figure.window.name == window and figure.kpi == kpis[0])
        windows[reason, days, tuple(kpi.title for kpi in kpis)].append(sample)
    return [_gap(key[0], key[1], list(key[2]), samples, prior) for key, samples in windows.items()]


def _gap(reason: str, days: int, titles: list[str], samples: list[Figure], prior: bool) -> Prose:
    where = fmt.listed([window_label(sample.window).lower() for sample in samples], most=4)
    side = " a year earlier" if prior else ""
    names = fmt.listed(titles)
    if reason == "not_loaded":
        return Prose.of(strong(names), f": no data{side} for {where}.")
    mark = "" if prior else f" ({PARTIAL})"
    stock = samples[0].kpi.kind == "last"
    gap = (
        f"the last known value is {fmt.plural(days, 'day')} old"
        if stock
        else f"{fmt.plural(days, 'day')} missing"
    )
    return Prose.of(strong(f"{names}{mark}"), f": {gap}{side} in {where}; no change is given.")


def _no_history(data: ReportData, figures: Sequence[Figure]) -> list[Prose]:
    windows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for figure in figures:
        if figure.prior_reason == "no_history":
            windows[window_label(figure.window).lower(), _begins(data, figure)].append(figure.kpi.title)
    groups: dict[tuple[tuple[str, ...], str], list[str]] = defaultdict(list)
    for (window, begins), titles in windows.items():
        groups[tuple(titles), begins].append(window)
    return [
        Prose.of(
            strong(f"No comparison for {fmt.listed(names, most=4)}"),
            f" of {_which(data, titles)}{begins}.",
        )
        for (titles, begins), names in groups.items()
    ]


def _begins(data: ReportData, figure: Figure) -> str:
    """Say since when there is something to compare with: by definition, or because the data begins then."""
    days, kpi, entity = data.days(figure.kpi.code), figure.kpi, data.entity
    known = days.index[~series.missing(kpi, days)]
    loaded = pd.to_datetime(data.loads["loaded_from"]).max() if len(data.loads) else None
    first = known[0].date() if len(known) else None if loaded is None else loaded.date()
    starts = [(kpi.since, "it is counted since"), (entity.opened, f"{entity.name} opened on")]
    active = max(((day, words) for day, words in starts if day), default=None)
    if active and (first is None or first <= active[0]):
        return f": {active[1]} {fmt.day(active[0])}"
    before = figure.prior_end if kpi.kind == "last" else figure.prior_start
    if first is None or (before is not None and first <= before):
        return ""
    return f": the data begins on {fmt.day(first)}"


def _which(data: ReportData, titles: Sequence[str]) -> str:
    return "every KPI" if len(titles) == len(data.catalogue.kpis) else fmt.listed(list(titles))


def _no_base(data: ReportData, figures: Sequence[Figure]) -> list[Prose]:
    zero = [figure for figure in figures if figure.delta_reason == "zero_base" and figure.delta]
    below = [figure for figure in figures if figure.delta_reason == "negative_base"]
    spans: dict[str, list[str]] = defaultdict(list)
    for figure in zero:
        spans[prior_days(figure)].append(figure.kpi.title)
    found = [
        Prose.of(strong(fmt.listed(names)), f": no percentage month to date, because {span} was zero.")
        for span, names in spans.items()
    ]
    found += [
        Prose.of(strong(figure.kpi.title), f": no percentage, {why_no_change(figure, data.currency)}.")
        for figure in below
    ]
    return found


def _lower_is_better(data: ReportData, kpis: Sequence[Kpi]) -> list[Prose]:
    found = []
    for kpi in kpis:
        figure = data.row(kpi.code, "mtd")
        change = changed(figure, data.currency)
        if kpi.direction != "down" or not change.known or change.arrow == fmt.LEVEL:
            continue
        way = "up" if change.arrow == fmt.UP else "down"
        value, prior = (fmt.amount(item, kpi, data.currency) for item in (figure.value, figure.prior))
        found.append(
            Prose.of(
                strong(f"{kpi.title} is {way} {change.text}"), f" ({value} against {prior}): lower is better."
            )
        )
    return found


def _stocks(kpis: Sequence[Kpi]) -> list[Prose]:
    names = [kpi.title for kpi in kpis if kpi.kind == "last"]
    if not names:
        return []
    return [
        Prose.of(
            strong(fmt.listed(names)), ": a stock. Every window shows its last day; it is never added up."
        )
    ]


def _unassigned(data: ReportData, kpi: Kpi | None) -> list[Prose]:
    if data.entity.id != 0 or (kpi is not None and kpi.kind != "sum"):
        return []
    if not any(entity.code == UNASSIGNED for entity in data.catalogue.entities):
        return []
    shown = kpi or data.kpi()
    figure = data.of_entity(UNASSIGNED, shown.code, "mtd")
    if figure is None or not figure.value:
        return []
    claim = strong(f"{fmt.amount(figure.value, shown, data.currency)} of {shown.title}")
    return [Prose.of(claim, " month to date belongs to no known location.")]


def _pace(data: ReportData, kpi: Kpi) -> list[Prose]:
    if charts.pace(data, kpi) is None:
        return []
    return [
        Prose.of(
            strong("The pace is no forecast"),
            f": it carries the change so far over to the rest of {data.as_of:%B} {data.as_of.year - 1}.",
        )
    ]
