"""The list of every location: what each stands at, sortable and filterable, with a link to its page."""

from __future__ import annotations

from pathlib import Path

from kpi_lib.catalogue.models import Entity
from kpi_lib.reporting.context import NavItem, SiteContext
from kpi_lib.reporting.data import ReportData
from kpi_lib.reporting.html import render_template, write_text
from kpi_lib.reporting.locations import counted, entities_grid, page_name, standings

#: From so many on the list has names only: figures for all would make the page too heavy.
MOST_WITH_FIGURES = 300
#: From so many on a reader can filter by name.
LEAST_TO_FILTER = 12


def write_entity_index(site: Path, context: SiteContext, data: ReportData) -> Path:
    """Write ``<domain>/entity/index.html``.

    Parameters
    ----------
    site
        The site's root folder.
    context
        The run; the as-of day is that of the figures.
    data
        The figures of the whole.
    """
    from markupsafe import Markup

    page = f"{data.catalogue.domain}/entity/index.html"
    kpi = data.kpi()
    known = {item.entity.code for item in standings(data, kpi)}
    places = [entity for entity in data.catalogue.entities if entity.id != 0]
    with_figures = [entity for entity in places if entity.code in known]
    few = len(places) <= MOST_WITH_FIGURES
    table = entities_grid(data, kpi, len(places), "entity").html if few and with_figures else ""
    plain = [entity for entity in places if not few or entity.code not in known]
    text = render_template(
        "entities.html.j2",
        page,
        "Locations",
        context,
        kpi=kpi,
        count=counted(data.catalogue),
        table=Markup(table.replace('<table class="plain">', '<table class="plain" data-sortable>', 1)),  # noqa: S704
        plain=[_link(entity) for entity in plain],
        few=few,
        filterable=len(places) >= LEAST_TO_FILTER,
    )
    return write_text(site / page, text)


def _link(entity: Entity) -> NavItem:
    return NavItem(entity.name, page_name(entity))
