"""Orders and their lines, as columns; money is whole cents throughout."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from kpi_lib.domains.winery.sampling.club import Club
from kpi_lib.domains.winery.sampling.story import CAVE, MAIN, ONLINE, Floats, Ints, Story
from kpi_lib.domains.winery.sampling.visits import Visits

POS, CLUB, WEB, INBOUND = range(4)
CHANNELS = ("POS", "Club", "Web", "Inbound")
POPUP, NOWHERE = 3, 4
LOCATIONS = ("Main Tasting Room", "Cave Tasting Room", "Online", "Farmers Market", None)
PLAIN, TOCK, LOUNGE, EVENT_FEE, EVENT_WINE = range(5)
#: Customer ids: members have the lowest, then people known before the sample, then new customers.
KNOWN_CUSTOMERS = 9000
WALK_IN, SOMEONE = 0, -1
_CLUB_BOTTLES = (3, 4, 8)


@dataclass(frozen=True)
class Orders:
    """Orders before they are priced.

    ``realized`` is the day of an event order's event, else −1; ``mark`` numbers the planted ones.
    """

    day: Ints
    second: Ints
    channel: Ints
    location: Ints
    kind: Ints
    customer: Ints
    realized: Ints
    bottles: Ints
    discount: Ints
    mark: Ints

    def __len__(self) -> int:
        return len(self.day)

    def take(self, rows: np.ndarray) -> Orders:
        """Return these rows."""
        return Orders(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def batch(day: Ints, second: Ints, channel: int, location: Ints | int, **columns: Ints | int) -> Orders:
    """Return orders with defaults for the columns that are not given."""
    size = len(day)
    given: dict[str, Ints | int] = {
        "kind": PLAIN, "customer": SOMEONE, "realized": -1, "bottles": 1, "discount": 0, "mark": 0,
        "channel": channel, "location": location, **columns,
    }  # fmt: skip
    filled = {
        name: np.broadcast_to(np.asarray(value, dtype=np.int64), size).copy() for name, value in given.items()
    }
    return Orders(day=np.asarray(day, dtype=np.int64), second=np.asarray(second, dtype=np.int64), **filled)


def join(parts: list[Orders]) -> Orders:
    """Return all orders in order of time."""
    whole = Orders(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Orders)})
    return whole.take(np.lexsort((whole.second, whole.day)))


def make_orders(story: Story, visits: Visits, club: Club, rng: np.random.Generator) -> list[Orders]:
    """Return the orders of every line of business."""
    return [
        *(_tasting_room(story, visits.tasting_guests[:, place], place, rng) for place in (MAIN, CAVE)),
        _remote(story, story.web * _boost(story), WEB, 5.8, rng),
        _remote(story, story.phone, INBOUND, 1.9, rng),
        _shipments(story, club, rng),
        _reorders(story, club, rng),
        *_events(story, rng),
        _market_stall(story),
    ]


def _boost(story: Story) -> Floats:
    boost = np.ones(story.size)
    boost[story.anomaly] = 6.0
    return boost


def _days(expected: Floats, rng: np.random.Generator) -> Ints:
    return np.repeat(np.arange(len(expected)), rng.poisson(expected))


def _tasting_room(story: Story, guests: Ints, place: int, rng: np.random.Generator) -> Orders:
    day = _days(guests * 0.29 * story.purchases, rng)
    size = len(day)
    kind = rng.choice([PLAIN, TOCK, LOUNGE], size, p=[0.86, 0.08, 0.06])
    member = rng.random(size) < 0.24
    return batch(
        day,
        rng.integers(39600, 66600, size),
        POS,
        place,
        kind=kind,
        customer=np.where(rng.random(size) < 0.08, WALK_IN, SOMEONE),
        bottles=1 + rng.poisson(1.9, size),
        discount=np.where(member & (kind == PLAIN), 15, 0),
    )


def _remote(story: Story, strength: Floats, channel: int, level: float, rng: np.random.Generator) -> Orders:
    day = _days(level * strength, rng)
    size = len(day)
    # The web sells around the clock, the telephone in office hours; neither has a location.
    second = rng.integers(0, 86400, size) if channel == WEB else rng.integers(32400, 61200, size)
    return batch(
        day,
        second,
        channel,
        NOWHERE,
        bottles=(2 if channel == WEB else 5) + rng.poisson(2.2 if channel == WEB else 3.5, size),
        discount=rng.choice([0, 10, 15], size, p=[0.55, 0.15, 0.30]),
    )


def _shipments(story: Story, club: Club, rng: np.random.Generator) -> Orders:
    parts = []
    bottles = np.array(_CLUB_BOTTLES)
    for days in story.shipments:
        rows = np.flatnonzero(club.active(int(days[0]) - 1))
        rows = rows[rng.random(len(rows)) > 0.07]
        # A shipment that has only begun by the end has charged only its first batches.
        turn = rng.choice(4, len(rows), p=[0.40, 0.30, 0.20, 0.10])
        rows, turn = rows[turn < len(days)], turn[turn < len(days)]
        parts.append(
            batch(
                days[turn],
                rng.integers(21600, 36000, len(rows)),
                CLUB,
                ONLINE,
                customer=club.customer[rows],
                bottles=bottles[club.club[rows]],
                discount=20,
            )
        )
    return join([batch(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), CLUB, ONLINE), *parts])


def _reorders(story: Story, club: Club, rng: np.random.Generator) -> Orders:
    day = _days(1.6 * story.open_days.astype(np.float64), rng)
    customer = np.array(
        [club.customer[rng.choice(np.flatnonzero(club.active(int(d))))] for d in np.unique(day)],
        dtype=np.int64,
    )
    return batch(
        day,
        rng.integers(30000, 79000, len(day)),
        CLUB,
        ONLINE,
        customer=customer[np.searchsorted(np.unique(day), day)] if len(day) else SOMEONE,
        bottles=2 + rng.poisson(2.0, len(day)),
        discount=20,
    )


def _events(story: Story, rng: np.random.Generator) -> list[Orders]:
    """Tickets are paid weeks ahead, wine on the day or shortly before; both count on the event's day."""
    parts = []
    for kind, level, ahead in ((EVENT_FEE, 17.0, 17.0), (EVENT_WINE, 7.0, 1.2)):
        fade = np.exp(-0.10 * np.clip(story.events - (story.size - 365), 0, None) / 365)
        count = rng.poisson(level * story.event_strength * (fade if kind == EVENT_WINE else 1))
        realized = np.repeat(story.events, count)
        day = realized - rng.exponential(ahead, len(realized)).astype(np.int64)
        kept = (day >= 0) & (day < story.size)
        day, realized = story.reopened(day[kept]), realized[kept]
        size = len(day)
        online = rng.random(size) < (0.7 if kind == EVENT_FEE else 0.15)
        channel = np.where(online, np.where(rng.random(size) < 0.9, WEB, INBOUND), POS)
        place = np.where(online, ONLINE, np.where(rng.random(size) < 0.55, CAVE, MAIN))
        second = rng.integers(36000, 75600, size)
        parts.append(
            batch(
                day, second, POS, place, kind=kind, realized=realized,
                bottles=1 + rng.poisson(1.0 if kind == EVENT_FEE else 3.0, size),
            )
        )  # fmt: skip
        parts[-1] = replace(parts[-1], channel=channel)
    return parts


def _market_stall(story: Story) -> Orders:
    """Six sales at a stall that is no entity, two without any location, well over a year ago."""
    day = np.flatnonzero((story.weekdays[: story.size] == 6) & story.open_days)[6:7].repeat(8)
    place = np.array([POPUP] * 6 + [NOWHERE] * 2)
    return batch(day, 36000 + 1200 * np.arange(8), POS, place, customer=WALK_IN, bottles=2)
