"""What stands where a run publishes, looked at before the work: what is no table cannot be written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.catalogue.scorecard import scorecard_of
from kpi_lib.errors import DefinitionError
from kpi_lib.warehouse.bigquery.publish import PUBLISHED_RUN
from kpi_lib.warehouse.bigquery.sources import SOURCE_DAY
from kpi_lib.warehouse.bigquery.tidy import list_tables
from kpi_lib.warehouse.bigquery.warehouse import BigQueryWarehouse
from kpi_lib.warehouse.tables import library_tables

_NO_TABLES = ("VIEW", "MATERIALIZED_VIEW", "EXTERNAL", "SNAPSHOT")


def refuse_occupied(warehouse: BigQueryWarehouse, catalogue: Catalogue) -> None:
    """Refuse to begin where publishing would fail.

    Raises
    ------
    DefinitionError
        Naming every name that a run writes and that is a view, an external table or a snapshot, and
        every deployed view that is not there or is a table.
    """
    places, session = warehouse.places, warehouse.session
    kinds: dict[str, str] = {}
    for dataset in sorted(places.own & set(places.datasets.values())):
        path = f"{places.project}.{dataset}"
        for item in session.call(path, partial(list_tables, session, path)):
            kinds[f"{path}.{item.table_id}"] = item.table_type
    problems = list(_problems(warehouse, written_tables(catalogue), kinds))
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise DefinitionError(
            f"{len(problems)} of the tables cannot be used as they are:\n{listed}",
            where=f"{places.project}, domain '{catalogue.domain}'",
            remedy="Nothing was changed. Deployed detail views are only read where owns_views = false.",
            issues=problems,
        )


def written_tables(catalogue: Catalogue) -> list[str]:
    """Return the logical tables that runs of a domain write, deployed views among them."""
    sources = {f"{source.layer}.{source.name}" for source in catalogue.sources}
    card = scorecard_of(catalogue)
    models = [*catalogue.models, *(card.models if card else ())]
    views = card.views if card else ()
    library = [name for name in library_tables(catalogue) if name not in sources]
    named = [*library, "mart.dim_date", SOURCE_DAY, PUBLISHED_RUN]
    return [*named, *(model.table for model in models), *(view.table for view in views)]


def _problems(warehouse: BigQueryWarehouse, tables: Iterable[str], kinds: dict[str, str]) -> Iterator[str]:
    for table in dict.fromkeys(tables):
        path = warehouse.places.published(table).path
        kind = kinds.get(path)
        if warehouse.owns(table) and kind in _NO_TABLES:
            yield f"{path} is of kind {kind}, and a run writes it as a table. → Drop it or rename it."
        elif not warehouse.owns(table) and kind is None:
            yield f"There is no view {path}. → Deploy it, or write owns_views = true in the profile."
        elif not warehouse.owns(table) and kind == "TABLE":
            yield (
                f"{path} is a table, as a night makes it, and nothing keeps it up to date. → Drop it and "
                "deploy the view, or write owns_views = true in the profile."
            )
