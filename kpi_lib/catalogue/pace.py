"""Status against a target by pace: how much of it should be there by now, and whether it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from kpi_lib.catalogue.targets import Target

Status = Literal["green", "amber", "red", "none"]
Basis = Literal["whole", "seasonal", "linear"]
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Pace:
    """A figure against its target.

    ``expected`` is what should be there by now; ``basis`` says why: the ``whole`` target (ratios and stocks
    are not phased), last year's season, or ``linear`` by days where last year cannot be used. ``share`` is
    value ÷ expected, None where that says nothing.
    """

    target: Target
    value: float | None
    expected: float
    basis: Basis
    status: Status

    @property
    def share(self) -> float | None:
        """How much of what is expected is there."""
        return self.value / self.expected if self.value is not None and self.expected > 0 else None


def pace(
    target: Target,
    value: float | None,
    *,
    phased: bool,
    elapsed_days: int,
    total_days: int,
    prior_to_date: float | None = None,
    prior_total: float | None = None,
) -> Pace:
    """Return how a figure stands against its target.

    Parameters
    ----------
    target
        The target.
    value
        The figure so far; None when there is none, or when it is incomplete.
    phased
        Whether it grows over the period; else the whole target is expected at any time.
    elapsed_days, total_days
        Of the period, both ends counted.
    prior_to_date, prior_total
        Of the same period a year earlier: up to the same date, and as a whole. None when unknown.
    """
    expected, basis = target.target, "whole"
    if phased:
        to_date, total = (
            np.array([np.nan if known is None else known]) for known in (prior_to_date, prior_total)
        )
        share, seasonal = phased_share(np.array([elapsed_days]), total_days, to_date, total)
        expected, basis = target.target * float(share[0]), "seasonal" if seasonal[0] else "linear"
    return Pace(target, value, expected, basis, _status(target, value, expected))  # type: ignore[arg-type]


def phased_share(
    days: npt.NDArray[np.int64],
    total_days: int,
    prior_days: npt.NDArray[np.float64],
    prior_total: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return which share of a phased target falls on some days of its period, and whether last year says so.

    Parameters
    ----------
    days, total_days
        How many days these are, and how many the period has.
    prior_days, prior_total
        What the same days brought a year earlier, and the whole period; NaN when unknown.
    """
    # A season that does not lie between nothing and all of the year is none to go by.
    seasonal = (prior_days >= 0) & (prior_days <= prior_total) & (prior_total > 0)
    linear = np.broadcast_to(days / total_days, seasonal.shape)
    return np.divide(prior_days, prior_total, out=linear.copy(), where=seasonal), seasonal


def _status(target: Target, value: float | None, expected: float) -> Status:
    """Bands lie around what is expected; for a target below zero, a tolerance is still one away from it."""
    if value is None:
        return "none"
    slack = _ROUNDING * max(abs(expected), abs(value))
    for status, share in (("green", target.green), ("amber", target.amber)):
        room = (1 - share) * abs(expected)
        reached = value >= expected - room if target.direction == "up" else value <= expected + room
        near = abs(value - (expected - room if target.direction == "up" else expected + room)) <= slack
        if reached or near:
            return status  # type: ignore[return-value]
    return "red"
