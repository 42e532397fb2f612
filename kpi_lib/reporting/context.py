"""What every page and document says about the night it was made in."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
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
    """How many checks of the gate there were and how they ended."""

    passed: int = 0
    total: int = 0
    warnings: int = 0
    failed_critical: int = 0

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
class SiteContext:
    """The run behind a page.

    Parameters
    ----------
    title
        The site's title, the first thing in every header.
    as_of, watermark
        The day the figures are for, and the last day for which every source is complete.
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

    @property
    def built(self) -> str:
        """The instant of the build in the business's zone, for people."""
        local = self.built_at.astimezone(ZoneInfo(self.timezone))
        return f"{local:%a} {day(local.date())}, {local:%H:%M} {local.tzname()}"

    @property
    def complete(self) -> bool:
        """Whether every source reaches the as-of day."""
        return self.watermark is not None and self.watermark >= self.as_of

    @property
    def sources(self) -> str:
        """How far the sources reach, in words."""
        if self.watermark is None:
            return "sources' state unknown"
        if self.complete:
            return "sources complete"
        return f"sources complete only through {day(self.watermark)}"

    @property
    def healthy(self) -> bool:
        """Whether a reader may trust the page without reading on."""
        return self.complete and self.gate.ok and self.gate.total > 0

    @property
    def status(self) -> str:
        """Sources and checks in one line."""
        return f"{self.sources} · {self.gate.words}"

    @property
    def as_of_words(self) -> str:
        """The as-of day for people: ``Fri 20 Nov 2026``."""
        return f"{self.as_of:%a} {day(self.as_of)}"


def day(date: dt.date) -> str:
    """Return ``20 Nov 2026``."""
    return f"{date.day} {date:%b %Y}"
