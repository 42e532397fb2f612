"""The pages that no notebook makes: home, the index of KPIs, the archive."""

from __future__ import annotations

import datetime as dt
import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from kpi_lib.reporting.archive import ARCHIVE, SHOWN, archived
from kpi_lib.reporting.context import NavItem, SiteContext, day
from kpi_lib.reporting.html import relative, render_template, write_assets, write_text
from kpi_lib.reporting.markup import text_html
from kpi_lib.reporting.notice import NOTICE

if TYPE_CHECKING:
    from kpi_lib.catalogue.models import Catalogue
    from kpi_lib.reporting.board import Board
    from kpi_lib.reporting.data import ReportData

_KEPT = re.compile(r'<div class="banner kept" role="status">.*?</div>\n')
HOME = "index.html"
_CHECKS = re.compile(r'<a class="checks" [^>]*>(.*?)</a>')
_REFERENCE = re.compile(r'\b(href|src)="([^"]*)"')


@dataclass(frozen=True)
class Section:
    """A titled list of links, relative to the site's root; a ``folded`` one opens when a reader asks."""

    title: str
    links: tuple[NavItem, ...]
    folded: bool = False


@dataclass(frozen=True)
class DomainHome:
    """What the home page shows of a domain.

    Parameters
    ----------
    domain, title
        Its name in the definitions and for people.
    as_of
        The day of its figures; None when it never had any.
    headline
        The sentence that answers "how is it going"; plain text.
    lede
        The dates and amounts under it, as HTML made by the display objects.
    cards
        The headline cards as HTML made by the display objects, with links relative to ``base``.
    sections
        Reports and KPI pages, grouped.
    downloads
        PDF, API and other files, relative to the site's root.
    error
        Why its figures are not of this night; empty when they are.
    base
        The page that the links of ``cards`` are relative to.
    """

    domain: str
    title: str
    as_of: dt.date | None
    headline: str = ""
    lede: str = ""
    cards: str = ""
    sections: tuple[Section, ...] = ()
    downloads: tuple[NavItem, ...] = ()
    error: str = ""
    base: str = HOME


def home_of(
    catalogue: Catalogue,
    report: ReportData,
    *,
    reports: Sequence[NavItem] = (),
    downloads: Sequence[NavItem] = (),
    error: str = "",
) -> DomainHome:
    """Return a domain's part of the home page from its figures.

    Parameters
    ----------
    catalogue
        The domain.
    report
        Its figures.
    reports
        Links to its pages other than those of single KPIs.
    downloads
        Links to its files.
    error
        Why the figures are not of this night.
    """
    from kpi_lib.reporting import words
    from kpi_lib.reporting.display import cards

    sections = (Section("Reports", tuple(reports)),) if reports else ()
    return DomainHome(
        domain=catalogue.domain,
        title=catalogue.title,
        as_of=report.as_of,
        headline=words.headline(report, report.kpi()),
        lede=words.lede(report, report.kpi()).html,
        cards=_cards_alone(cards(report).html) if catalogue.cards else "",
        sections=(*sections, *kpi_sections(catalogue)),
        downloads=tuple(downloads),
        error=error,
        base=f"{catalogue.domain}/index.html",
    )


def board_home(
    board: Board, *, reports: Sequence[NavItem] = (), downloads: Sequence[NavItem] = (), error: str = ""
) -> DomainHome:
    """Return the part of the home page of a domain that has a scorecard and no daily KPIs."""
    from kpi_lib.reporting import board_cards, board_words

    return DomainHome(
        domain=board.catalogue.domain,
        title=board.catalogue.title,
        as_of=board.as_of,
        headline=board_words.headline(board),
        lede=board_words.lede(board).html,
        cards=board_cards.cards(board).html,
        sections=(Section("Reports", tuple(reports)),) if reports else (),
        downloads=tuple(downloads),
        error=error,
        base=f"{board.catalogue.domain}/index.html",
    )


def mark_kept(folder: Path, as_of: dt.date, error: str) -> None:
    """Say on every page of a folder that it is the last good one, and why there is none of this night."""
    reason = text_html(error.splitlines()[0])
    note = (
        f'<div class="banner kept" role="status">These are the last good figures, as of {day(as_of)}. '
        f"Newer ones could not be published: {reason}</div>"
    )
    for page in sorted(folder.rglob("*.html")):
        text = NOTICE.sub("", _KEPT.sub("", page.read_text(encoding="utf-8")))
        write_text(page, text.replace("<main", f"{note}\n<main", 1))


def _cards_alone(html: str) -> str:
    """Return the cards without the switches for tables, which the home page does not have."""
    found = re.search(r'<ul class="cards">.*?</ul>', html, re.DOTALL)
    return found[0] if found else html


def kpi_sections(catalogue: Catalogue) -> tuple[Section, ...]:
    """Return the links to a domain's KPI pages, by group; none when it has no such pages."""
    if not any(report.foreach == "kpi" and report.html for report in catalogue.reports):
        return ()
    return tuple(
        Section(
            group.name,
            tuple(
                NavItem(kpi.title, f"{catalogue.domain}/kpi/{kpi.code}.html")
                for kpi in catalogue.in_group(group.code)
            ),
            folded=True,
        )
        for group in catalogue.groups
    )


def write_home(site: Path, context: SiteContext, domains: Sequence[DomainHome]) -> Path:
    """Write the site's first page: as of when, whether to trust it, the headlines, the way to everything.

    Parameters
    ----------
    site
        The site's root folder.
    context
        The run.
    domains
        What to show, in this order.
    """
    write_assets(site, context.cache)
    shown = [
        (_named(domain, context), Markup(domain.lede), Markup(rebase(domain.cards, domain.base, HOME)))  # noqa: S704
        for domain in domains
    ]
    text = render_template(
        "home.html.j2",
        HOME,
        context.title,
        context,
        domains=shown,
        archive=archived(site, context)[:SHOWN],
        day=day,
    )
    return write_text(site / HOME, text)


def _named(domain: DomainHome, context: SiteContext) -> DomainHome:
    return replace(domain, title=context.domain_label(domain.domain) or domain.title)


def write_kpi_index(site: Path, context: SiteContext, catalogue: Catalogue) -> Path:
    """Write ``<domain>/kpi/index.html``: every KPI with its definition, by group."""
    page = f"{catalogue.domain}/kpi/index.html"
    groups = [(group, catalogue.in_group(group.code)) for group in catalogue.groups]
    text = render_template("kpis.html.j2", page, f"KPIs of {catalogue.title}", context, groups=groups)
    return write_text(site / page, text)


def write_archive(
    site: Path, context: SiteContext, pages: Iterable[str], as_of: dt.date | None = None
) -> Path:
    """Keep pages under ``archive/<as_of>/`` and write the list of what is kept.

    Parameters
    ----------
    site
        The site's root folder; older days are already in its archive.
    context
        The run.
    pages
        Pages to keep, relative to the site's root.
    as_of
        The day they are for; by default the run's.

    Returns
    -------
    Path
        ``archive/index.html``.
    """
    kept_for = as_of or context.as_of
    for page in pages:
        place = f"{ARCHIVE}/{kept_for.isoformat()}/{page}"
        text = rebase((site / page).read_text(encoding="utf-8"), page, place)
        # An archived page is meant to be old: it says so at once and does not watch its age.
        text = text.replace(" data-stale-after-hours=", " data-archived-stale-after-hours=", 1)
        text = text.replace("<title>", "<title>Archive: ", 1).replace(' aria-current="page"', "")
        newest = f'<a href="{relative(page, place)}">See the newest.</a>'
        # The checks that a count leads to are those of the newest night, not of this page's.
        text = _CHECKS.sub(r"\1", text)
        made = f"made {context.built} from the sources of that time"
        note = f'<div class="banner" role="status">Archived page for {day(kept_for)}, {made}. {newest}</div>'
        text = text.replace("<main", f"{note}\n<main", 1)
        write_text(site / place, text)
    page = f"{ARCHIVE}/index.html"
    text = render_template("archive.html.j2", page, "Archive", context, days=archived(site, context))
    return write_text(site / page, text)


def rebase(text: str, page: str, place: str) -> str:
    """Return HTML whose relative links, right in ``page``, are made right in ``place``."""
    folder = posixpath.dirname(page)

    def moved(match: re.Match[str]) -> str:
        value = match[2]
        if not value or value.startswith("#") or re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//", value):
            return match[0]
        return f'{match[1]}="{relative(posixpath.normpath(posixpath.join(folder, value)), place)}"'

    return _REFERENCE.sub(moved, text)
