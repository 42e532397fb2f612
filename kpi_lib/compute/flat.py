"""Roll-ups as flat columns, one row per as-of date and series: what tables and payload are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kpi_lib.compute.reasons import Codes
from kpi_lib.compute.sums import Floats
from kpi_lib.compute.wide import Wide

Counts = npt.NDArray[np.int32]


@dataclass(frozen=True)
class FlatPrior:
    """A counterpart of a window, row by row; NaN where there is no number."""

    prior: Floats
    delta: Floats
    delta_pct: Floats
    prior_codes: Codes
    delta_codes: Codes
    prior_missing: Counts


@dataclass(frozen=True)
class FlatWindow:
    """A window, row by row, with its counterparts by comparison name."""

    value: Floats
    codes: Codes
    missing: Counts
    priors: dict[str, FlatPrior]


def flatten(wide: Wide) -> dict[str, FlatWindow]:
    """Return the windows of a wide roll-up as flat columns, ordered by as-of date, then series."""
    flat: dict[str, FlatWindow] = {}
    for name, window in wide.windows.items():
        priors: dict[str, FlatPrior] = {}
        for comparison in wide.comparisons:
            compared = window.compare(comparison)
            priors[comparison] = FlatPrior(
                compared.prior.value.ravel(),
                compared.delta.ravel(),
                compared.delta_pct.ravel(),
                compared.prior.codes.ravel(),
                compared.delta_codes.ravel(),
                compared.prior.missing.ravel(),
            )
        current = window.current
        flat[name] = FlatWindow(current.value.ravel(), current.codes.ravel(), current.missing.ravel(), priors)
    return flat
