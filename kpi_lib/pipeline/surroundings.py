"""Everything of a site that no notebook makes: contexts, home, indexes, detail downloads, API, banners."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from kpi_lib.catalogue import Catalogue
from kpi_lib.operations.release import WAREHOUSE
from kpi_lib.operations.run import Run
from kpi_lib.pipeline.documents import documents, in_order
from kpi_lib.pipeline.page_request import KeptDomain, PageRequest, Record
from kpi_lib.pipeline.workspace import Workspace
from kpi_lib.reporting.api import write_api
from kpi_lib.reporting.board import load_board
from kpi_lib.reporting.context import GateSummary, LateSource, NavItem, SiteContext
from kpi_lib.reporting.data import load_report
from kpi_lib.reporting.definitions_page import PAGE as DEFINITIONS
from kpi_lib.reporting.definitions_page import write_definitions
from kpi_lib.reporting.downloads import FOLDER, write_details
from kpi_lib.reporting.entity_index import write_entity_index
from kpi_lib.reporting.exported import Exported, load_exported
from kpi_lib.reporting.html import failed_html, write_text
from kpi_lib.reporting.kpi_files import write_kpi_files
from kpi_lib.reporting.locations import has_pages
from kpi_lib.reporting.site import (
    DomainHome,
    board_home,
    home_of,
    mark_kept,
    write_home,
    write_kpi_index,
)
from kpi_lib.reporting.workbook import workbook_name, write_workbook
from kpi_lib.warehouse import connect

_PAYLOADS = (
    "SELECT as_of_date, kpi_id, entity_id, payload FROM kpi.agg_kpi_dashboard WHERE as_of_date = @as_of"
)


def site_context(workspace: Workspace, request: PageRequest, run: Run, renderer: str) -> SiteContext:
    """Return what the home page says about the run: all domains that passed, and which did not."""
    standing = _standing(request.domains)
    workbook = f"{FOLDER}/{workbook_name(standing['as_of'])}"
    # In the title it is on every page and in the API: nobody takes a trial for the real thing.
    title, profile = workspace.settings.site.title, "" if workspace.is_default else workspace.name
    return SiteContext(
        title=f"{title} (profile {profile})" if profile else title,
        run_id=run.run_id,
        code_version=request.code_version,
        renderer=renderer,
        built_at=run.clock(),
        timezone=workspace.settings.time_zone,
        stale_after_hours=workspace.settings.site.stale_after_hours,
        nav=_navigation(workspace, request),
        banner=" ".join(
            f"The figures of {kept.catalogue.title} are not of this night."
            for kept in request.kept
            if kept.error
        ),
        domains=tuple(
            (catalogue.domain, catalogue.title)
            for catalogue in (*workspace.catalogues, *(kept.catalogue for kept in request.kept))
        ),
        files=(NavItem("Every figure (XLSX)", workbook),),
        profile=profile,
        cache=workspace.settings.output / "cache",
        **standing,
    )


def by_date(context: SiteContext, request: PageRequest) -> Iterator[tuple[SiteContext, set[str]]]:
    """Return a context for each as-of date, with the domains whose pages say so: no page borrows a date."""
    groups: dict[tuple[str, str], list[tuple[Catalogue, Record]]] = {}
    for catalogue, record in request.domains:
        groups.setdefault((record["as_of"], record["watermark"]), []).append((catalogue, record))
    for members in groups.values():
        own = _standing(members)
        yield replace(context, banner="", **own), {catalogue.domain for catalogue, _ in members}


def of_domain(context: SiteContext, request: PageRequest, domain: str) -> SiteContext:
    """Return a context that says the date, the sources and the checks of one domain alone."""
    members = [(catalogue, record) for catalogue, record in request.domains if catalogue.domain == domain]
    return replace(context, banner="", **_standing(members))


def _standing(members: Sequence[tuple[Catalogue, Record]]) -> dict[str, Any]:
    records = [record for _, record in members]
    return {
        "as_of": max(dt.date.fromisoformat(record["as_of"]) for record in records),
        "watermark": min(dt.date.fromisoformat(record["watermark"]) for record in records),
        "gate": _gate([record["gate"] for record in records]),
        "gates": tuple((catalogue.domain, _gate([record["gate"]])) for catalogue, record in members),
        "late": tuple(late for catalogue, record in members for late in _late(catalogue, record)),
    }


def _gate(found: Sequence[Record]) -> GateSummary:
    return GateSummary(
        passed=sum(gate["passed"] for gate in found),
        total=sum(gate["total"] for gate in found),
        warnings=sum(gate["warnings"] for gate in found),
        failed_critical=sum(gate["failed_critical"] for gate in found),
        notes=tuple(note for gate in found for note in gate["notes"]),
    )


def _navigation(workspace: Workspace, request: PageRequest) -> tuple[NavItem, ...]:
    """Return the links of every page; a domain that has no pages yet has none."""
    shown = {catalogue.domain: catalogue for catalogue, _ in request.domains}
    shown |= {kept.catalogue.domain: kept.catalogue for kept in request.kept if kept.published}
    order = [name for name in workspace.settings.domains if name in shown]
    items = []
    for name in [*order, *(name for name in shown if name not in order)]:
        for report in shown[name].reports:
            if report.foreach == "person" or not (report.nav or report.foreach is None) or not report.html:
                continue
            if shown[name].has_scorecard and not report.nav:
                continue
            place = {"kpi": "kpi/index", "entity": "entity/index"}.get(report.foreach or "", report.name)
            items.append(NavItem(report.nav or report.title, f"{name}/{place}.html"))
        items.append(NavItem("Definitions", f"{name}/{DEFINITIONS}"))
    return (*items, NavItem("Archive", "archive/index.html"))


@dataclass(frozen=True)
class _Shown:
    """What is read of a domain for the pages around its own."""

    home: DomainHome
    payloads: tuple[Catalogue, pd.DataFrame] | None = None
    exported: Exported | None = None


def write_rest(workspace: Workspace, request: PageRequest, staged: Path, context: SiteContext) -> None:
    """Write home, indexes, detail downloads and API; mark the pages that are not of this night."""
    site = staged / "site"
    shown: dict[str, _Shown] = {}
    order = in_order(workspace, request.catalogues)
    for catalogue, record in request.domains:
        shown[catalogue.domain] = _read(workspace, order, catalogue, record, staged, context)
        own = replace(context, banner="", **_standing([(catalogue, record)]))
        write_definitions(site, own, catalogue)
        if any(report.foreach == "kpi" for report in catalogue.reports):
            write_kpi_index(site, own, catalogue)
        if has_pages(catalogue):
            _write_entity_index(workspace, catalogue, record, staged, own)
    for kept in request.kept:
        shown[kept.catalogue.domain] = _kept(workspace, order, kept, staged, context)
        if kept.error and (site / kept.catalogue.domain).is_dir():
            mark_kept(site / kept.catalogue.domain, dt.date.fromisoformat(kept.record["as_of"]), kept.error)
        _fill_kept(site, context, kept.catalogue.domain)
    parts = [shown[catalogue.domain] for catalogue in order]
    exported = [part.exported for part in parts if part.exported is not None]
    write_api(
        site,
        [part.payloads for part in parts if part.payloads is not None],
        context,
        [item.board for item in exported if item.board is not None],
        [item.report for item in exported if item.report is not None],
    )
    write_workbook(site, exported, context)
    write_home(site, context, [part.home for part in parts])


def _fill_kept(site: Path, context: SiteContext, domain: str) -> None:
    """Give pages that the last good night of a domain did not know yet one that says so."""
    for item in context.nav:
        if item.href.startswith(f"{domain}/") and not (site / item.href).is_file():
            reason = "It is made with the next night of this domain that passes its checks."
            write_text(site / item.href, failed_html(item.label, item.href, context, reason))


def _write_entity_index(
    workspace: Workspace, catalogue: Catalogue, record: Record, staged: Path, context: SiteContext
) -> None:
    profile = workspace.name
    as_of = dt.date.fromisoformat(record["as_of"])
    with connect(profile, catalogue.domain, staged / WAREHOUSE, workspace.settings) as reader:
        write_entity_index(staged / "site", context, load_report(reader, as_of))


def _kept(
    workspace: Workspace, order: Sequence[Catalogue], kept: KeptDomain, staged: Path, context: SiteContext
) -> _Shown:
    if kept.published:
        return _read(workspace, order, kept.catalogue, kept.record, staged, context, kept.error)
    return _Shown(DomainHome(kept.catalogue.domain, kept.catalogue.title, None, error=kept.error))


def _read(
    workspace: Workspace,
    order: Sequence[Catalogue],
    catalogue: Catalogue,
    record: Record,
    staged: Path,
    context: SiteContext,
    error: str = "",
) -> _Shown:
    profile = workspace.name
    as_of = dt.date.fromisoformat(record["as_of"])
    site = staged / "site"
    with connect(profile, catalogue.domain, staged / WAREHOUSE, workspace.settings) as reader:
        board = load_board(reader, as_of) if catalogue.has_scorecard else None
        report = load_report(reader, as_of) if catalogue.kpis else None
        reports = _reports(catalogue)
        if report is not None:
            home = home_of(catalogue, report, reports=reports, error=error)
        elif board is not None:
            home = board_home(board, reports=reports, error=error)
        else:
            return _Shown(DomainHome(catalogue.domain, catalogue.title, as_of, error=error))
        payloads = reader.query(_PAYLOADS, {"as_of": as_of}) if report is not None else None
        details = write_details(site, board) if board is not None else ()
        exported = load_exported(reader, as_of, home.headline, report=report, board=board, error=error)
    links = _documents(site, order, catalogue, as_of, context)
    files = (*links, *write_kpi_files(site, exported), *details)
    return _Shown(
        replace(home, downloads=files), (catalogue, payloads) if payloads is not None else None, exported
    )


def _reports(catalogue: Catalogue) -> list[NavItem]:
    """Return the links to a domain's pages other than those of single KPIs, locations and persons."""
    name, found = catalogue.domain, []
    for item in catalogue.reports:
        if item.foreach in ("kpi", "entity"):
            label = item.nav or item.title
            found.append(NavItem(label, f"{name}/{item.foreach}/index.html"))
        elif item.foreach is None and item.html:
            found.append(NavItem(item.title, f"{name}/{item.name}.html"))
    return [*found, NavItem("Definitions", f"{name}/{DEFINITIONS}")]


def _documents(
    site: Path, catalogues: Sequence[Catalogue], catalogue: Catalogue, as_of: dt.date, context: SiteContext
) -> list[NavItem]:
    file = "scorecard" if not catalogue.kpis else "dashboard"
    return [
        *(
            NavItem(f"{title} (PDF)", f"{FOLDER}/{name}")
            for title, name in documents(catalogues, catalogue, as_of)
            if (site / FOLDER / name).is_file()
        ),
        *context.files,
        NavItem("Figures (JSON)", f"api/v1/{file}.json"),
    ]


def _late(catalogue: Catalogue, record: Record) -> Iterator[LateSource]:
    """Return the domain's optional sources and the day each reaches; the others make the watermark."""
    through = {source["source"]: source["complete_through"] for source in record["sources"]}
    for source in catalogue.sources:
        if not source.required:
            day = through.get(source.name)
            yield LateSource(source.name, dt.date.fromisoformat(day[:10]) if day else None)
