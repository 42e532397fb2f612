"""Where a logical table lies in BigQuery."""

from __future__ import annotations

from dataclasses import dataclass

from kpi_lib.errors import DefinitionError, did_you_mean
from kpi_lib.warehouse.tables import SOURCE_LOAD

#: What the library itself keeps under a source's layer lies with its own records:
#: the datasets of the sources are never written.
OURS_IN_RAW = {SOURCE_LOAD: "ops"}


@dataclass(frozen=True)
class Place:
    """A table in BigQuery."""

    project: str
    dataset: str
    table: str

    @property
    def path(self) -> str:
        """``project.dataset.table``, as the client takes it."""
        return f"{self.project}.{self.dataset}.{self.table}"

    @property
    def quoted(self) -> str:
        """As it is written in SQL."""
        return f"`{self.path}`"


@dataclass(frozen=True)
class Places:
    """Where the published tables of a domain lie.

    Parameters
    ----------
    project
        The project.
    datasets
        Logical layer → dataset.
    own
        The datasets that may be written.
    deployed
        Logical tables in them that are there already and are only read.
    """

    project: str
    datasets: dict[str, str]
    own: frozenset[str] = frozenset()
    deployed: frozenset[str] = frozenset()

    def published(self, table: str) -> Place:
        """Return where a logical ``layer.table`` is published.

        Raises
        ------
        DefinitionError
            When it is no such name, or there is no such layer.
        """
        layer, dot, name = table.partition(".")
        if not dot or not name:
            raise DefinitionError(f"'{table}' is no table name.", remedy="Write it as layer.table.")
        layer = OURS_IN_RAW.get(table, layer)
        if layer not in self.datasets:
            raise DefinitionError(
                f"There is no layer '{layer}' (in '{table}').", remedy=did_you_mean(layer, self.datasets)
            )
        return Place(self.project, self.datasets[layer], name)
