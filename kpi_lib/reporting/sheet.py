"""A page that is neither of KPIs nor of a scorecard: what the notebooks' calls need of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from kpi_lib.errors import UsageError, did_you_mean
from kpi_lib.reporting.markup import text_html
from kpi_lib.reporting.piece import Piece
from kpi_lib.reporting.theme import notebook_style


class Sheet(ABC):
    """A page's data, which knows its own headline and tables."""

    @property
    @abstractmethod
    def about(self) -> str:
        """What this is, in a few words, for the notebook."""

    @abstractmethod
    def headline(self) -> Piece:
        """Return the sentence that answers the page's question."""

    @property
    @abstractmethod
    def tables(self) -> Mapping[str, Callable[[], Piece]]:
        """The page's tables by kind."""

    def table(self, kind: str) -> Piece:
        """Return a table of the page.

        Raises
        ------
        UsageError
            When there is no such kind.
        """
        if kind not in self.tables:
            raise UsageError(f"There is no table '{kind}'.", remedy=did_you_mean(kind, self.tables))
        return self.tables[kind]()

    def _repr_html_(self) -> str:
        """Say what this is and give the notebook the look of the pages."""
        return f"<style>{notebook_style()}</style><p>{text_html(self.about)}</p>"
