"""Planted orders: what goes wrong first when time zones or rules are handled carelessly."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from kpi_lib.domains.winery.sampling.orders import WEB, Orders, batch
from kpi_lib.domains.winery.sampling.story import ONLINE, Story

_HOUR = 3600


@dataclass(frozen=True)
class Edge:
    """A planted order: its name, its local clock time, and whether the clock showed that time before."""

    name: str
    day: int
    second: int
    repeated_hour: bool = False


def plan_edges(story: Story) -> tuple[Edge, ...]:
    """Return the planted orders: late evenings at month ends, both clock changes of every year, leap days."""
    edges = []
    for day in range(story.size):
        if not story.open_days[day]:
            continue
        date = story.date(day)
        if (date + dt.timedelta(days=1)).day == 1:
            # 23:30 in California is already the next month in UTC.
            edges.append(Edge(f"month_end_evening_{date}", day, 23 * _HOUR + 1800))
        if (date.month, date.day) == (2, 29):
            edges.append(Edge(f"leap_day_noon_{date}", day, 12 * _HOUR))
        midnight, evening = story.offsets[day]
        if midnight != evening:
            edges += _clock_change(
                f"{'spring' if evening > midnight else 'autumn'}_{date}", day, evening < midnight
            )
    return tuple(edges)


def _clock_change(name: str, day: int, repeats: bool) -> list[Edge]:
    edges = [
        Edge(f"{name}_after_midnight", day, 1800),
        Edge(f"{name}_before_change", day, _HOUR + 1800),
        Edge(f"{name}_after_change", day, 3 * _HOUR + 1800),
        Edge(f"{name}_evening", day, 23 * _HOUR + 1800),
    ]
    return [*edges, Edge(f"{name}_hour_again", day, _HOUR + 1800, repeated_hour=True)] if repeats else edges


def edge_orders(edges: tuple[Edge, ...]) -> Orders:
    """Return the planted orders: two bottles each, sold on the web; ``mark`` is the edge's number from 1."""
    return batch(
        np.array([edge.day for edge in edges], dtype=np.int64),
        np.array([edge.second for edge in edges], dtype=np.int64),
        WEB,
        ONLINE,
        bottles=2,
        mark=np.arange(1, len(edges) + 1),
    )
