"""What every page and document says about the night it was made in."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

#: The last cell of a report notebook displays this; without it the notebook did not finish.
COMPLETION_TOKEN = "kpi-complete"  # noqa: S105  (a marker, not a secret)


@dataclass(frozen=True)
class NavItem:
    """A link of the navigation; ``href`` is relative to the site's root."""

    label: str
    href: str


@dataclass(frozen=True)
class GateSummary:
    """How many checks of the gate there were and how they ended; ``notes`` explain its warnings, one each."""

    passed: int = 0
    total: int = 0
    warnings: int = 0
    failed_critical: int = 0
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing critical failed."""
        return self.failed_critical == 0

    @property
    def words(self) -> str:
        """The result in a few words."""
        if not self.total:
            return "not checked"
        words = f"{self.passed} of {self.total} checks passed"
        if self.warnings:
            words += f", {self.warnings} warning{'s' if self.warnings > 1 else ''}"
        if self.failed_critical:
            words += f", {self.failed_critical} critical failed"
        return words


@dataclass(frozen=True)
class LateSource:
    """How far an optional source reaches; None when it has not been loaded at all."""

    name: str
    through: dt.date | None

    @property
    def words(self) -> str:
        """Its name with its last day: ``stg_club_membership (through 18 Nov 2026)``."""
        return f"{self.name} ({f'through {day(self.through)}' if self.through else 'not loaded'})"

    @property
    def note(self) -> str:
        """The same as a sentence."""
        if self.through is None:
            return f"{self.name} has not been loaded."
        return f"{self.name} is complete through {day(self.through)} only."


@dataclass(frozen=True)
class SiteContext:
    """The run behind a page.

    Parameters
    ----------
    title
        The site's title, the first thing in every header.
    as_of, watermark
        The day the figures are for, and the last day for which every required source is complete.
    run_id, code_version
        Which run, with which code.
    gate
        The gate's result.
    renderer
        Who made the pages.
    built_at
        The instant of the build, aware.
    timezone
        The zone of the business, in which instants are shown.
    stale_after_hours
        From this age on a page says that it is stale.
    nav
        The navigation of every page.
    banner
        A sentence above every page; empty for none.
    late
        Optional sources that may end before the as-of day; those that reach it are not mentioned.
    domains
        Each domain's folder and title; they tell apart what several domains call the same.
    files
        Files over all domains that the foot of every page leads to.
    profile
        The profile that the figures come from, where readers expect another one; empty otherwise.
    cache
        Where what is costly to make is kept from run to run; None for nowhere.
    """

    title: str
    as_of: dt.date
    watermark: dt.date | None
    run_id: str
    code_version: str
    gate: GateSummary
    renderer: str
    built_at: dt.datetime
    timezone: str = "America/Los_Angeles"
    stale_after_hours: float = 25
    nav: tuple[NavItem, ...] = ()
    banner: str = ""
    language: str = "en"
    late: tuple[LateSource, ...] = ()
    domains: tuple[tuple[str, str], ...] = ()
    gates: tuple[tuple[str, GateSummary], ...] = ()
    files: tuple[NavItem, ...] = ()
    profile: str = ""
    cache: Path | None = None

    @property
    def built(self) -> str:
        """The instant of the build in the business's zone, for people."""
        local = self.built_at.astimezone(ZoneInfo(self.timezone))
        return f"{local:%a} {day(local.date())}, {local:%H:%M} {local.tzname()}"

    @property
    def complete(self) -> bool:
        """Whether every required source reaches the as-of day."""
        return self.watermark is not None and self.watermark >= self.as_of

    @property
    def behind(self) -> tuple[LateSource, ...]:
        """The optional sources that end before the as-of day."""
        return tuple(item for item in self.late if item.through is None or item.through < self.as_of)

    @property
    def sources(self) -> str:
        """How far the sources reach, in words."""
        if self.watermark is None:
            return "sources' state unknown"
        words = (
            "sources complete" if self.complete else f"sources complete only through {day(self.watermark)}"
        )
        return words + self._but

    @property
    def reach(self) -> str:
        """The same with its day, for the foot."""
        if self.watermark is None:
            return "Sources: state unknown"
        return f"Sources complete through {day(self.watermark)}{self._but}"

    @property
    def _but(self) -> str:
        """Name the sources that end before even what is said of all the others."""
        end = min(self.as_of, self.watermark or self.as_of)
        names = [item.words for item in self.behind if item.through is None or item.through < end]
        return f" but {', '.join(names)}" if names else ""

    @property
    def noticed(self) -> tuple[str, ...]:
        """What the checks noticed, one sentence each: optional sources that end early, the gate's notes."""
        return (*(item.note for item in self.behind), *self.gate.notes)

    @property
    def trusted(self) -> bool:
        """Whether the required sources are complete and nothing critical failed."""
        return self.complete and self.gate.ok and self.gate.total > 0

    @property
    def healthy(self) -> bool:
        """Whether a reader may trust the page without reading on."""
        return self.trusted and not self.gate.warnings and not self.noticed

    @property
    def verdict(self) -> str:
        """Whether the figures may be trusted, as the headline of a page about all of them."""
        if self.banner:
            return "Not all figures are of this night"
        if not self.gate.ok:
            return "Not to be trusted as it is: critical checks failed"
        if not self.complete:
            through = f"only through {day(self.watermark)}" if self.watermark else "as far as nobody knows"
            return f"Read with care: the sources are complete {through}"
        count = len(self.noticed)
        if count:
            things = "one thing" if count == 1 else f"{count} things"
            return f"Complete through {self.as_of_words}, with {things} to know"
        return f"Complete through {self.as_of_words}, and checked"

    @property
    def mark(self) -> str:
        """The sign before the status: all is well, something to read first, or not to be trusted as it is."""
        if self.healthy:
            return "✓"
        return "Note:" if self.trusted else "⚠"

    @property
    def status(self) -> str:
        """Sources and checks in one line."""
        return f"{self.sources} · {self.gate.words}"

    def of(self, page: str) -> SiteContext:
        """Return the context of a page: what the gate found of its domain, not of all together."""
        own = dict(self.gates).get(page.partition("/")[0])
        return replace(self, gate=own) if own is not None else self

    def domain_label(self, page: str) -> str:
        """Return what tells a page's domain from the others and the site; empty where nothing has to."""
        folder = page.partition("/")[0]
        titles = dict(self.domains)
        title = titles.get(folder, "")
        if title and list(titles.values()).count(title) > 1:
            return f"{title} ({folder})"
        return "" if title == self.title else title

    def distinct(self, items: tuple[NavItem, ...]) -> tuple[NavItem, ...]:
        """Return links whose labels can be told apart: a label that several domains use says whose it is."""
        used = Counter(item.label for item in items)
        titles = dict(self.domains)

        def named(item: NavItem) -> NavItem:
            folder = item.href.partition("/")[0]
            domain = self.domain_label(item.href) or titles.get(folder) or folder
            return item if used[item.label] == 1 else NavItem(f"{item.label}, {domain}", item.href)

        return tuple(named(item) for item in items)

    def sections(self) -> tuple[tuple[NavItem, tuple[NavItem, ...]], ...]:
        """Return the navigation by domain: a link to each domain with its pages; loose links have none.

        A site of one domain has loose links only: nothing has to be told apart.
        """
        titles = dict(self.domains)
        folders = [item.href.partition("/")[0] for item in self.nav]
        held = {folder for folder in folders if folder in titles}
        if len(held) < 2:
            return tuple((item, ()) for item in self.distinct(self.nav))
        found: dict[str, list[NavItem]] = {}
        for folder, item in zip(folders, self.nav, strict=True):
            found.setdefault(folder if folder in held else item.href, []).append(item)
        return tuple(
            (NavItem(self.domain_label(items[0].href) or titles[name], items[0].href), tuple(items))
            if name in held
            else (items[0], ())
            for name, items in found.items()
        )

    @property
    def as_of_words(self) -> str:
        """The as-of day for people: ``Fri 20 Nov 2026``."""
        return f"{self.as_of:%a} {day(self.as_of)}"


def day(date: dt.date) -> str:
    """Return ``20 Nov 2026``."""
    return f"{date.day} {date:%b %Y}"
