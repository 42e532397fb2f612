"""Reservations and their guests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kpi_lib.domains.winery.sampling.story import CAVE, MAIN, Floats, Ints, Story

STATUSES = ("finished", "seated", "booked", "cancelled", "no_show")
ATTRIBUTIONS = ("Tasting Room", "Club", "Event")


@dataclass(frozen=True)
class Experience:
    """One experience: its line, its fee per guest in cents before and after the change, its share."""

    name: str
    attribution: str
    fee: int
    new_fee: int
    share: float


EXPERIENCES = (
    Experience("Estate Tasting", "Tasting Room", 3000, 3500, 0.52),
    Experience("Reserve Flight", "Tasting Room", 4500, 5000, 0.28),
    Experience("Cave Tour and Tasting", "Tasting Room", 5500, 6000, 0.20),
    Experience("Member Tasting", "Club", 1000, 1000, 0.70),
    Experience("Pickup Party", "Club", 2500, 2500, 0.30),
    Experience("Winemaker Dinner", "Event", 12500, 12500, 0.45),
    Experience("Lawn Concert", "Event", 4500, 4500, 0.55),
)
_BOOKINGS_A_DAY = {"Tasting Room": 27.5, "Club": 4.0, "Event": 11.0}
_PARTY = {
    "Tasting Room": (0.05, 0.47, 0.17, 0.18, 0.06, 0.05, 0.01, 0.01),
    "Club": (0.08, 0.58, 0.14, 0.15, 0.03, 0.02),
    "Event": (0.06, 0.52, 0.10, 0.24, 0.04, 0.04),
}


@dataclass(frozen=True)
class Visits:
    """Reservations as columns, and the tasting guests who came by day and location."""

    day: Ints
    second: Ints
    location: Ints
    experience: Ints
    party: Ints
    status: Ints
    cents: Ints
    tasting_guests: Ints

    @property
    def counts(self) -> np.ndarray:
        """Whether each reservation counts: neither cancelled nor a no-show."""
        return np.asarray(self.status < STATUSES.index("cancelled"))


def make_visits(story: Story, rng: np.random.Generator) -> Visits:
    """Return the reservations of the sample, in order of time."""
    parts = [_booked(story, attribution, rng) for attribution in ATTRIBUTIONS]
    day, location, experience, party = (np.concatenate([part[i] for part in parts]) for i in range(4))
    second = 36000 + 1800 * rng.integers(0, 14, len(day))
    order = np.lexsort((second, day))
    day, second, location, experience, party = (x[order] for x in (day, second, location, experience, party))
    status = rng.choice(len(STATUSES), len(day), p=[0.845, 0.015, 0.02, 0.08, 0.04])
    fees = np.array([(item.fee, item.new_fee) for item in EXPERIENCES])
    fee = np.where(day >= story.fee_change, fees[experience, 1], fees[experience, 0])
    # Some tables are on the house, some guests of a party come at half price.
    paying = np.where(rng.random(len(day)) < 0.06, 0, 2 * party - (rng.random(len(day)) < 0.10))
    cents = fee * paying // 2
    tasting = np.array([item.attribution == "Tasting Room" for item in EXPERIENCES])[experience]
    came = tasting & (status < STATUSES.index("cancelled"))
    guests = np.zeros((story.size, 2), dtype=np.int64)
    np.add.at(guests, (day[came], location[came]), party[came])
    return Visits(day, second, location, experience, party, status, cents, guests)


def _booked(story: Story, attribution: str, rng: np.random.Generator) -> tuple[Ints, Ints, Ints, Ints]:
    expected = _expected(story, attribution)
    day = np.repeat(np.arange(story.size), rng.poisson(expected))
    members = [number for number, item in enumerate(EXPERIENCES) if item.attribution == attribution]
    shares = np.array([EXPERIENCES[number].share for number in members])
    experience = rng.choice(members, len(day), p=shares / shares.sum())
    cave_share = 0.55 if attribution == "Event" else 0.34
    location = np.where(rng.random(len(day)) < cave_share, CAVE, MAIN)
    sizes = np.array(_PARTY[attribution])
    party = 1 + rng.choice(len(sizes), len(day), p=sizes / sizes.sum())
    return day, location.astype(np.int64), experience.astype(np.int64), party.astype(np.int64)


def _expected(story: Story, attribution: str) -> Floats:
    level = _BOOKINGS_A_DAY[attribution]
    if attribution == "Tasting Room":
        return level * story.visits
    if attribution == "Club":
        pickup = np.zeros(story.size)
        for days in story.shipments:
            pickup[days] = 2.0
        return level * story.visits * (1 + pickup)
    expected = np.zeros(story.size)
    held = story.events < story.size
    expected[story.events[held]] = level * story.event_strength[held]
    return expected * story.open_days
