"""Every definition of a domain in one place: figures, windows, sources; for the site and for ``docs/``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.catalogue.scorecard import load_scorecard
from kpi_lib.periods import PRIOR_YEAR, Window
from kpi_lib.reporting import board_words
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.context import SiteContext
from kpi_lib.reporting.definitions import definition_rows
from kpi_lib.reporting.html import render_template, write_text
from kpi_lib.reporting.tables import window_label

PAGE = "definitions.html"
_MARKUP = re.compile(r"([\\`*_\[\]<>|$])")
Terms = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Entry:
    """One thing that is defined: its anchor, its name, its page within the domain, its terms and texts."""

    key: str
    name: str
    href: str
    terms: Terms


@dataclass(frozen=True)
class Chapter:
    """The definitions of one group."""

    key: str
    title: str
    entries: tuple[Entry, ...]


def chapters(catalogue: Catalogue) -> tuple[Chapter, ...]:
    """Return every definition of a domain: its figures by group, its windows, its sources."""
    found = (*_kpis(catalogue), *_metrics(catalogue), *_windows(catalogue), _sources(catalogue))
    return tuple(chapter for chapter in found if chapter.entries)


def _kpis(catalogue: Catalogue) -> Iterator[Chapter]:
    pages = any(report.foreach == "kpi" and report.html for report in catalogue.reports)
    for group in catalogue.groups:
        entries = [
            Entry(
                kpi.code,
                kpi.name,
                f"kpi/{kpi.code}.html" if pages else "",
                (("Code", kpi.code), *definition_rows(catalogue, kpi)),
            )
            for kpi in catalogue.in_group(group.code)
        ]
        yield Chapter(f"group-{group.code}", group.name, tuple(entries))


def _metrics(catalogue: Catalogue) -> Iterator[Chapter]:
    """Return the company's metrics; those of persons are on their own, private pages."""
    if not catalogue.has_scorecard:
        return
    pages = {report.name for report in catalogue.reports if report.foreach is None and report.html}
    entries = [
        Entry(
            metric.key,
            metric.label,
            f"{metric.page}.html" if metric.page in pages else "",
            (("Code", metric.key), *board_words.definition_rows(metric)),
        )
        for metric in load_scorecard(catalogue.folder).metrics
        if not metric.personal
    ]
    yield Chapter("scorecard", "Scorecard", tuple(entries))


def _windows(catalogue: Catalogue) -> Iterator[Chapter]:
    if not catalogue.kpis:
        return
    entries = [
        Entry(f"window-{window.name}", window_label(window), "", (("Days", window_words(window)),))
        for window in catalogue.windows
    ]
    others = [item.name for item in catalogue.comparisons if item != PRIOR_YEAR]
    entries.append(
        Entry(
            "comparison",
            "The year before",
            "",
            (
                (
                    "Days",
                    "The same dates a year earlier; a whole month is held against the whole month,"
                    " 29 February against 28 February.",
                ),
                ("Also compared", fmt.listed(others, most=9)),
            ),
        )
    )  # fmt: skip
    yield Chapter("windows", "Windows and comparisons", tuple(entries))


def window_words(window: Window) -> str:
    """Return which days a window covers."""
    if window.kind == "to_date":
        grain = f"fiscal {window.grain}" if window.fiscal else window.grain
        return f"From the first day of the {grain} through the day of the report."
    if window.kind == "trailing":
        return f"The last {window.days} days, the day of the report included."
    if window.kind == "t12m":
        return "The twelve months that end with the day of the report."
    start, end = (fmt.day(day) if day else "open" for day in (window.start, window.end))
    return f"From {start} through {end}, or the day of the report where that is earlier."


def _sources(catalogue: Catalogue) -> Chapter:
    entries = [
        Entry(
            f"source-{source.name.lower()}",
            source.name,
            "",
            (
                ("What it holds", source.description),
                ("One row", ", ".join(source.key)),
                ("Date", source.date_column or "none: it has no business date"),
                ("Needed", "every night" if source.required else "no: the night goes on without it"),
                ("Personal", "holds columns that never leave the warehouse"
                             if any(column.personal for column in source.columns) else ""),
            ),
        )
        for source in catalogue.sources
    ]  # fmt: skip
    return Chapter("sources", "Sources", tuple(entries))


def write_definitions(site: Path, context: SiteContext, catalogue: Catalogue) -> Path:
    """Write ``<domain>/definitions.html``."""
    page = f"{catalogue.domain}/{PAGE}"
    text = render_template(
        "definitions.html.j2",
        page,
        "Definitions",
        context,
        chapters=chapters(catalogue),
        about=catalogue.title,
    )
    return write_text(site / page, text)


def catalogue_markdown(catalogues: Sequence[Catalogue]) -> str:
    """Return every definition of some domains as one Markdown document, for ``docs/``."""
    lines = [
        "# The catalogue of figures",
        "",
        "Made from the definitions by `kpi definitions`; a test holds that it is current.",
        "Change the definitions, then run `kpi definitions --write docs/catalogue.md`.",
    ]
    for catalogue in catalogues:
        lines += ["", f"## {_plain(catalogue.title)} (`{catalogue.domain}`)"]
        for chapter in chapters(catalogue):
            lines += ["", f"### {_plain(chapter.title)}"]
            for entry in chapter.entries:
                lines += ["", f"#### {_plain(entry.name)}", ""]
                lines += [
                    f"- **{_plain(term)}:** {f'`{text}`' if term == 'Code' else _plain(text)}"
                    for term, text in entry.terms
                    if text
                ]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Return text for a Markdown file that people read as it is too: only what would be markup is escaped."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
