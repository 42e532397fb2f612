"""The figures of single locations: beside the whole, on their own pages, and in the list of all."""

from __future__ import annotations

from dataclasses import dataclass

from kpi_lib.catalogue.models import Catalogue, Entity, Kpi
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.cells import change_cell, value_cell
from kpi_lib.reporting.data import Figure, ReportData
from kpi_lib.reporting.grid import Cell, Column, Grid, Row
from kpi_lib.reporting.markup import element, text_html
from kpi_lib.reporting.piece import Piece
from kpi_lib.reporting.pieces import grid_piece
from kpi_lib.reporting.reasons import dates, versus

WINDOWS = ("mtd", "ytd")
#: The entity of what belongs to none; it is shown only when it has something.
UNASSIGNED = "UNASSIGNED"
#: So many locations stand on a dashboard, the largest first; the others are in the list of all.
ON_DASHBOARD = 12
#: So many stand in the table of one KPI, so that the page stays light.
ON_KPI_PAGE = 200


@dataclass(frozen=True)
class Standing:
    """One location's figures of a KPI in :data:`WINDOWS`."""

    entity: Entity
    figures: tuple[Figure, ...]

    @property
    def size(self) -> float:
        """What the locations are ordered by."""
        return abs(self.figures[0].value or 0.0)


def has_pages(catalogue: Catalogue) -> bool:
    """Whether the domain has a page for every location."""
    return any(report.foreach == "entity" and report.html for report in catalogue.reports)


def counted(catalogue: Catalogue) -> str:
    """Return how many places the domain has, by their own name where all are of one type: ``12 stores``."""
    places = [entity for entity in catalogue.entities if entity.id != 0 and entity.code != UNASSIGNED]
    types = {entity.type for entity in places}
    return fmt.plural(len(places), types.pop().replace("_", " ") if len(types) == 1 else "location")


def page_name(entity: Entity) -> str:
    """Return the file name of a location's page within the domain's ``entity`` folder."""
    return f"{entity.code.lower()}.html"


def href(data: ReportData, entity: Entity, folder: str) -> str:
    """Return the link from a page in a folder of the domain to a location's page; empty without one."""
    if entity.id == 0 or not has_pages(data.catalogue):
        return ""
    up = "../" if folder else ""
    return page_name(entity) if folder == "entity" else f"{up}entity/{page_name(entity)}"


def standings(data: ReportData, kpi: Kpi) -> list[Standing]:
    """Return every location that has a figure of a KPI, the largest first, the whole at the end."""
    found = []
    for entity in data.catalogue.entities:
        figures = [data.of_entity(entity.code, kpi.code, name) for name in WINDOWS]
        known = tuple(figure for figure in figures if figure is not None)
        if len(known) < len(figures) or all(figure.value is None for figure in known):
            continue
        if entity.code == UNASSIGNED and not any(figure.value for figure in known):
            continue
        found.append(Standing(entity, known))
    found.sort(key=lambda item: (item.entity.id == 0, -item.size, item.entity.id))
    return found


def entities_grid(data: ReportData, kpi: Kpi, most: int = ON_KPI_PAGE, folder: str = "kpi") -> Grid:
    """Return a KPI's month and year to date for the largest locations beside the whole.

    Parameters
    ----------
    data
        The report.
    kpi
        Whose figures.
    most
        So many locations at most.
    folder
        The folder of the domain in which the page lies that shows this; empty for the domain's own.
    """
    columns = [Column("Location", number=False, classes="wrap")]
    for name in WINDOWS:
        figure = data.row(kpi.code, name)
        columns += [
            Column(figure.window.label or name, fmt.span(figure.start, figure.end, year=False)
                   if figure.start and figure.end else "", dates(figure)),
            Column(versus(figure)),
        ]  # fmt: skip
    found = standings(data, kpi)
    wholes = [item for item in found if item.entity.id == 0]
    shown = [item for item in found if item.entity.id != 0][:most]
    own = [item for item in found if item.entity.code == data.entity.code and item not in (*shown, *wholes)]
    rows = [_row(data, item, folder) for item in (*shown, *own, *wholes)]
    return Grid(f"{kpi.name} by location", tuple(columns), tuple(rows))


def _row(data: ReportData, item: Standing, folder: str) -> Row:
    cells = [Cell(item.entity.name, href=href(data, item.entity, folder))]
    for figure in item.figures:
        cells += [value_cell(figure, data.currency), change_cell(figure, data.currency)]
    whole = item.entity.id == 0
    return Row(tuple(cells), total=whole if data.entity.id == 0 else item.entity.code == data.entity.code)


def locations_piece(data: ReportData) -> Piece:
    """Return the headline KPI by location with links to each, for a dashboard; nothing where there is one."""
    others = [entity for entity in data.catalogue.entities if entity.id != 0]
    if len(others) < 2:
        return Piece("", "", "")
    folder = "" if data.entity.id == 0 else "entity"
    grid = entities_grid(data, data.kpi(), ON_DASHBOARD, folder)
    after = ""
    if has_pages(data.catalogue):
        index = "index.html" if folder else "entity/index.html"
        words = f"All {counted(data.catalogue)}"
        if len(others) > ON_DASHBOARD:
            words = f"The {ON_DASHBOARD} largest are shown. {words}"
        link = element("a", text_html(words), attributes={"href": index})
        home = (
            '<a href="../daily_dashboard.html">The whole</a> · '
            if folder and _has_daily(data.catalogue)
            else ""
        )
        after = f'<p class="foot-note">{home}{link}</p>'
    return grid_piece(grid, "locations", f"{data.kpi().title} by location", after=after)


def _has_daily(catalogue: Catalogue) -> bool:
    return any(report.name == "daily_dashboard" and report.foreach is None for report in catalogue.reports)
