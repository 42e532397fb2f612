"""Club memberships: who joined when, and who left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kpi_lib.domains.winery.sampling.story import CAVE, MAIN, ONLINE, Bools, Ints, Story

CLUBS = ("Classic", "Reserve", "Library")
_ACTIVE_AT_START = 2120
_GONE_BEFORE_START = 1100
_YEARLY_ATTRITION = 0.32
_CONVERSION = (0.0315, 0.0290)
_ONLINE_A_DAY = 0.22


@dataclass(frozen=True)
class Club:
    """Memberships as columns, by signup. ``cancel_day`` is at or beyond the sample's size while active.

    Days before the sample are negative.
    """

    customer: Ints
    club: Ints
    location: Ints
    signup_day: Ints
    signup_second: Ints
    cancel_day: Ints
    cancel_second: Ints

    def active(self, day: int) -> Bools:
        """Return which memberships are active at the end of a day."""
        return np.asarray((self.signup_day <= day) & (self.cancel_day > day))


def make_club(story: Story, tasting_guests: Ints, rng: np.random.Generator) -> Club:
    """Return the memberships, those that began before the sample included."""
    new_day, new_location = _signups(story, tasting_guests, rng)
    old = _ACTIVE_AT_START + _GONE_BEFORE_START
    old_day = -1 - (rng.beta(1.0, 1.6, old) * 3300).astype(np.int64)
    gone = np.arange(old) >= _ACTIVE_AT_START
    old_cancel = old_day + 1 + (rng.random(old) * np.maximum(-1 - old_day, 0)).astype(np.int64)
    signup_day = np.r_[old_day, new_day]
    ends = _cancel_days(story, np.maximum(signup_day, 0), rng)
    # A membership that has to end before the sample but began the day before it lives on.
    finished = np.r_[gone & (old_cancel < 0), np.zeros(len(new_day), dtype=bool)]
    cancel_day = np.where(finished, np.r_[old_cancel, np.zeros(len(new_day), dtype=np.int64)], ends)
    old_location = rng.choice(3, old, p=[0.60, 0.28, 0.12])
    signup_second = rng.integers(39600, 66600, len(signup_day))
    late = rng.random(len(signup_day)) < 0.03
    signup_second = np.where(late, 84600 + signup_second % 1800, signup_second)
    order = np.lexsort((signup_second, signup_day))
    count = len(signup_day)
    return Club(
        customer=np.arange(1, count + 1),
        club=rng.choice(len(CLUBS), count, p=[0.56, 0.34, 0.10]),
        location=np.r_[old_location, new_location][order],
        signup_day=signup_day[order],
        signup_second=signup_second[order],
        cancel_day=cancel_day[order],
        cancel_second=rng.integers(25200, 86400, count),
    )


def _signups(story: Story, tasting_guests: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    days = np.arange(story.size)
    # Conversion drifts up a little towards the end: the newest weeks have something to tell.
    drift = 1 + 0.04 * np.sin(days / 190) + 0.06 * np.clip((days - (story.size - 60)) / 30, 0, 1)
    day, location = [], []
    for place, share in zip((MAIN, CAVE), _CONVERSION, strict=True):
        joined = np.repeat(days, rng.poisson(tasting_guests[:, place] * share * drift))
        day.append(joined)
        location.append(np.full(len(joined), place))
    joined = np.repeat(days, rng.poisson(_ONLINE_A_DAY * story.open_days))
    return np.concatenate([*day, joined]), np.concatenate([*location, np.full(len(joined), ONLINE)])


def _cancel_days(story: Story, from_day: Ints, rng: np.random.Generator) -> Ints:
    """Draw the day each membership ends: likelier in the weeks after a shipment is charged."""
    strength = np.ones(story.size)
    for days in story.shipments:
        strength[days[0] + 2 : days[0] + 24] = 2.1
    strength *= story.open_days
    hazard = np.r_[0.0, np.cumsum(strength / strength.mean()) * _YEARLY_ATTRITION / 365.25]
    # hazard[d + 1] is what a member who joined on day d has behind them at its end.
    target = hazard[from_day + 1] + rng.exponential(1.0, len(from_day))
    return np.asarray(np.searchsorted(hazard, target) - 1, dtype=np.int64)
