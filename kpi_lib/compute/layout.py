"""What the dashboard needs to know beside the numbers: decimals, and the order of its columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.frames import LAYOUT
from kpi_lib.periods import PRIOR_YEAR


@dataclass(frozen=True)
class Layout:
    """How roll-ups become the dashboard table.

    Parameters
    ----------
    decimals
        By KPI id: what the payload is rounded to.
    windows, comparisons
        Names in the order of the table; what is not named comes after, by name.
    """

    decimals: dict[int, int]
    windows: tuple[str, ...]
    comparisons: tuple[str, ...]

    @classmethod
    def of(cls, catalogue: Catalogue) -> Layout:
        """Return the layout that a catalogue gives."""
        return cls(
            {kpi.id: kpi.decimals for kpi in catalogue.kpis},
            tuple(window.name for window in catalogue.windows),
            tuple(comparison.name for comparison in catalogue.comparisons),
        )

    @classmethod
    def of_frame(cls, frame: pd.DataFrame) -> Layout | None:
        """Return the layout that a long frame carries, or None."""
        carried = frame.attrs.get(LAYOUT)
        if not isinstance(carried, dict):
            return None
        decimals = {int(key): int(value) for key, value in carried["decimals"].items()}
        return cls(decimals, tuple(carried["windows"]), tuple(carried["comparisons"]))

    def attach(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Let a frame of ours carry the layout; it survives Parquet, being plain JSON data."""
        carried: dict[str, Any] = {
            "decimals": {str(key): value for key, value in self.decimals.items()},
            "windows": list(self.windows),
            "comparisons": list(self.comparisons),
        }
        frame.attrs[LAYOUT] = carried
        return frame

    def order_windows(self, names: Iterable[str]) -> list[str]:
        """Return window names in the order of the table."""
        return sorted(names, key=lambda name: (_place(name, self.windows), name))

    def order_comparisons(self, names: Iterable[str]) -> list[str]:
        """Return comparison names in the order of the table: the prior year has the plain columns."""
        return sorted(names, key=lambda name: (name != PRIOR_YEAR.name, _place(name, self.comparisons)))


def _place(name: str, order: tuple[str, ...]) -> int:
    return order.index(name) if name in order else len(order)
