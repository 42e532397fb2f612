"""Roll-ups once more, slow and obvious: one series, one span, one day at a time, in exact fractions."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from kpi_lib.catalogue.models import Catalogue, Entity, Kpi
from tests.oracle import plain

Facts = dict[tuple[int, int], dict[dt.date, tuple[float | None, float | None, float | None]]]
Events = list[tuple[dt.date, int, int, object]]


@dataclass(frozen=True)
class Answer:
    value: float | None
    reason: str | None
    missing: int
    exact: Fraction | None = None


@dataclass(frozen=True)
class Series:
    """One KPI at one entity, and the days on which it is there."""

    kpi: Kpi
    entity: Entity
    rows: dict[dt.date, tuple[float | None, float | None, float | None]]
    loaded: tuple[dt.date, dt.date]
    members: dict[dt.date, set[object]]

    def active(self, day: dt.date) -> bool:
        if self.kpi.since is not None and day < self.kpi.since:
            return False
        if self.entity.opened is not None and day < self.entity.opened:
            return False
        return self.entity.closed is None or day <= self.entity.closed

    @cached_property
    def present(self) -> frozenset[dt.date]:
        return frozenset(day for day in self.rows if self._there(day))

    def there(self, day: dt.date) -> bool:
        return day in self.present

    def _there(self, day: dt.date) -> bool:
        if not self.active(day) or not self.loaded[0] <= day <= self.loaded[1]:
            return False
        value, above, below = self.rows[day]
        return (above is not None and below is not None) if self.kpi.kind == "ratio" else value is not None

    @cached_property
    def first_loaded(self) -> dt.date | None:
        return min(self.present, default=None)


def money(series: Series) -> bool:
    return series.kpi.format == "currency"


def exact(number: float, series: Series) -> Fraction:
    """Return the number meant: money is whole cents."""
    if money(series):
        return Fraction(round(number * 100), 100)
    return Fraction(number)


def answer(series: Series, days: plain.Span | None, absent: str | None) -> Answer:
    """Return the value of a span without regard to history."""
    if days is None:
        return Answer(None, absent, 0)
    active = [day for day in plain.days_of(*days) if series.active(day)]
    there = [day for day in active if series.there(day)]
    missing = len(active) - len(there)
    if not there:
        return Answer(None, "not_loaded", missing)
    if series.kpi.kind == "last":
        missing = (active[-1] - there[-1]).days
        value = series.rows[there[-1]][0]
        assert value is not None
        return Answer(value, "partial" if missing else None, missing, exact(value, series))
    reason = "partial" if missing else None
    if series.kpi.kind == "distinct":
        seen: set[object] = set()
        for day in there:
            seen |= series.members.get(day, set())
        return Answer(float(len(seen)), reason, missing)
    if series.kpi.kind == "ratio":
        above = sum((exact(series.rows[day][1] or 0.0, series) for day in there), Fraction(0))
        below = sum((Fraction(series.rows[day][2] or 0.0) for day in there), Fraction(0))
        if below == 0:
            return Answer(None, "zero_denominator", missing)
        return Answer(float(above) / float(below) * series.kpi.scale, reason, missing)
    values = [exact(series.rows[day][0] or 0.0, series) for day in there]
    if series.kpi.kind in ("min", "max"):
        picked = min(values) if series.kpi.kind == "min" else max(values)
        return Answer(float(picked), reason, missing, picked)
    total = sum(values, Fraction(0))
    if series.kpi.kind == "average":
        return Answer(float(total) / len(values), reason, missing)
    return Answer(float(total), reason, missing, total)


def prior_answer(series: Series, days: plain.Span | None, absent: str | None) -> Answer:
    found = answer(series, days, absent)
    if days is None:
        return found
    first = series.first_loaded
    edge = days[1] if series.kpi.kind == "last" else days[0]
    if first is None or edge < first:
        return Answer(None, "no_history", found.missing)
    return found


def compare(series: Series, value: Answer, prior: Answer) -> tuple[float | None, float | None, str | None]:
    """Return delta, relative delta and the reason."""
    reason = value.reason or prior.reason
    if reason is not None:
        return None, None, reason
    assert value.value is not None
    assert prior.value is not None
    delta = value.value - prior.value
    if money(series) and value.exact is not None and prior.exact is not None:
        delta = float(value.exact - prior.exact)
    if prior.value == 0:
        return delta, None, "zero_base"
    if prior.value < 0:
        return delta, None, "negative_base"
    return delta, delta / prior.value, None


def all_series(
    catalogue: Catalogue, facts: Facts, events: Events, loaded: tuple[dt.date, dt.date]
) -> list[Series]:
    """Return every series that has facts; an event counts for its entity and for all above it."""
    found = []
    for kpi_id, entity_id in sorted(facts):
        entity = catalogue.entity(entity_id)
        members: dict[dt.date, set[object]] = {}
        for day, event_kpi, event_entity, member in events:
            if event_kpi == kpi_id and _within(catalogue, event_entity, entity):
                members.setdefault(day, set()).add(member)
        found.append(Series(catalogue.kpi(kpi_id), entity, facts[kpi_id, entity_id], loaded, members))
    return found


def _within(catalogue: Catalogue, entity_id: int, ancestor: Entity) -> bool:
    entity: Entity | None = catalogue.entity(entity_id)
    while entity is not None:
        if entity.id == ancestor.id:
            return True
        entity = catalogue.entity(entity.parent) if entity.parent else None
    return False
