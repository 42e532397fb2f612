"""What the PDFs are called, and keeping those of domains whose pages a run does not make."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from kpi_lib.catalogue import Catalogue
from kpi_lib.pipeline.page_request import PageRequest
from kpi_lib.pipeline.workspace import Workspace

PDF = "pdf"
DOWNLOADS = "downloads"


def in_order(workspace: Workspace, catalogues: Iterable[Catalogue]) -> tuple[Catalogue, ...]:
    """Return domains in the order of ``kpi.toml``; others after them."""
    found = {catalogue.domain: catalogue for catalogue in catalogues}
    order = [name for name in workspace.settings.domains if name in found]
    return tuple(found[name] for name in [*order, *(name for name in found if name not in order)])


def pdf_name(catalogues: Iterable[Catalogue], page: str, as_of: dt.date | str) -> str:
    """Return the file name of a page's PDF: ``<report>-<as_of>.pdf``.

    The first domain that makes a PDF of a report of this name has it; in the others the domain stands
    before it, so that no company's document is written over another's.

    Parameters
    ----------
    catalogues
        The domains, in order.
    page
        The page, relative to the site's root.
    as_of
        The day of the figures.
    """
    domain, _, rest = page.removesuffix(".html").partition("/")
    report = rest.partition("/")[0]
    makers = [
        item.domain
        for item in catalogues
        if any(made.pdf and report in (made.name, made.foreach) for made in item.reports)
    ]
    first = not makers or makers[0] == domain
    return f"{'' if first else f'{domain}-'}{rest.replace('/', '-')}-{as_of}.pdf"


def documents(
    catalogues: Sequence[Catalogue], catalogue: Catalogue, as_of: dt.date | str
) -> list[tuple[str, str]]:
    """Return title and file name of the PDFs of a domain that are one of a kind."""
    return [
        (report.title, pdf_name(catalogues, f"{catalogue.domain}/{report.name}.html", as_of))
        for report in catalogue.reports
        if report.pdf and report.foreach is None
    ]


def carry_documents(workspace: Workspace, request: PageRequest, staged: Path) -> None:
    """Bring the last PDFs of the kept domains along, in the documents' folder and in the site's."""
    current = workspace.releases.current()
    if current is None:
        return
    catalogues = in_order(workspace, request.catalogues)
    for kept in request.kept:
        if not kept.published:
            continue
        for _, name in documents(catalogues, kept.catalogue, kept.record["as_of"]):
            for folder in (Path(PDF), Path("site") / DOWNLOADS):
                source, target = current / folder / name, staged / folder / name
                if source.is_file() and not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(source, target)
