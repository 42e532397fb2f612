"""What pages a run shall make, what it keeps, and how each ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kpi_lib.catalogue import Catalogue

Record = dict[str, Any]


@dataclass(frozen=True)
class KeptDomain:
    """A domain whose pages this run does not make: its last release record, and why not."""

    catalogue: Catalogue
    record: Record
    error: str = ""

    @property
    def published(self) -> bool:
        """Whether it has good figures from an earlier night, and a release here holds them."""
        return "as_of" in self.record and "elsewhere" not in self.record


@dataclass(frozen=True)
class PageRequest:
    """What pages to make.

    Parameters
    ----------
    domains
        Each domain that passed, with its release record.
    kept
        Each other domain: one that did not pass, or was not asked for; its last good pages are in the site
        already.
    renderer
        ``auto``, ``quarto`` or ``embedded``.
    only, limit
        Only these reports; at most so many pages of each.
    archive_only
        The as-of date is older than the published one: write its archive pages and nothing else. What is
        published of these domains is in ``kept``.
    code_version
        Shown in the foot of every page.
    followed
        Another request completes the site: it is not whole yet.
    """

    domains: tuple[tuple[Catalogue, Record], ...]
    kept: tuple[KeptDomain, ...]
    renderer: str
    only: tuple[str, ...]
    limit: int | None
    archive_only: bool
    code_version: str
    followed: bool = False

    @property
    def catalogues(self) -> list[Catalogue]:
        """The definitions of every domain of the site: those made, then those kept."""
        return [*(item for item, _ in self.domains), *(kept.catalogue for kept in self.kept)]


@dataclass(frozen=True)
class PageResult:
    """How one page or document ended."""

    name: str
    ok: bool
    error: str = ""
