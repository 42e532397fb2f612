"""Facts in, roll-ups out: pure functions over frames, without clock, file or network."""

from kpi_lib.compute.cube import Cube, cube
from kpi_lib.compute.dashboard import dashboard, dashboard_from_facts, dashboard_of
from kpi_lib.compute.parents import with_parents
from kpi_lib.compute.rollup import long_frame, rollup
from kpi_lib.compute.sides import Side
from kpi_lib.compute.streaming import rollup_blocks
from kpi_lib.compute.unpivot import unpivot
from kpi_lib.compute.wide import Wide, WideWindow, rollup_wide

__all__ = [
    "Cube",
    "Side",
    "Wide",
    "WideWindow",
    "cube",
    "dashboard",
    "dashboard_from_facts",
    "dashboard_of",
    "long_frame",
    "rollup",
    "rollup_blocks",
    "rollup_wide",
    "unpivot",
    "with_parents",
]
