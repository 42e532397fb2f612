"""The days that the site keeps: which there are, and their list on the home page."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

from markupsafe import Markup

from kpi_lib.reporting.context import NavItem, SiteContext, day
from kpi_lib.reporting.html import render_template, write_text

ARCHIVE = "archive"
#: So many days are listed on the home page; all of them in the archive's own list.
SHOWN = 7
_LIST = re.compile(r"<!-- archived days -->.*<!-- end of archived days -->", re.DOTALL)


def refresh_home(site: Path, context: SiteContext) -> None:
    """Renew the list of kept days on a home page that stays as it is otherwise.

    For a run that adds a day to the archive without making the home page. A site without a home page,
    or with one of an older release, is left alone.

    Parameters
    ----------
    site
        The site's root folder.
    context
        The run.
    """
    home = site / "index.html"
    if not home.is_file():
        return
    shown = archived(site, context)[:SHOWN]
    part = render_template("archived.html.j2", home.name, context.title, context, archive=shown)
    write_text(home, _LIST.sub(lambda _: part, home.read_text(encoding="utf-8")))


def archived(site: Path, context: SiteContext) -> list[tuple[str, tuple[NavItem, ...]]]:
    """Return the days in the archive, newest first, each with its pages."""
    days = []
    for folder in sorted((site / ARCHIVE).glob("????-??-??"), reverse=True):
        links = tuple(
            NavItem(_title(page), page.relative_to(site).as_posix())
            for page in sorted(folder.rglob("*.html"))
        )
        inside = tuple(NavItem(item.label, item.href.split("/", 2)[2]) for item in links)
        named = zip(context.distinct(inside), links, strict=True)
        date = dt.date.fromisoformat(folder.name)
        days.append((f"{date:%a} {day(date)}", tuple(NavItem(item.label, link.href) for item, link in named)))
    return days


def _title(page: Path) -> str:
    found = re.search(r"<title>(?:Archive: )?(.*?)(?: · .*)?</title>", page.read_text(encoding="utf-8"))
    return str(Markup(found[1]).unescape()) if found else page.stem  # noqa: S704
