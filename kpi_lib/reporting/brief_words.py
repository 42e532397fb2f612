"""What the leadership brief says about daily KPIs, by rule: the movers, the targets, what is not final."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from kpi_lib.catalogue.models import Kpi
from kpi_lib.catalogue.pace import Pace
from kpi_lib.errors import WarehouseError
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.contributions import Contribution, contributions
from kpi_lib.reporting.data import Figure, ReportData
from kpi_lib.reporting.kpi_pace import paces
from kpi_lib.reporting.markup import Prose, Run, strong
from kpi_lib.reporting.reasons import at_start, in_sentence, moved
from kpi_lib.reporting.restated import CAUSES
from kpi_lib.reporting.restated_data import RestatedData, RestatedReader, load_changes
from kpi_lib.reporting.status import look, period_words
from kpi_lib.reporting.words import month_complete, standing, to_watch

#: So many parts are named on the side of the change, and so many on the other.
NAMED, AGAINST = 3, 2


@dataclass(frozen=True)
class Step:
    """What a part added to a change: its name in a sentence, the amount, and why."""

    name: str
    size: float
    shown: str
    why: str = ""


def opening(data: ReportData) -> Prose:
    """Return how the headline KPI stands and which parts moved it."""
    figure = data.row(data.kpi().code, "mtd")
    said = movers(data, figure)
    return Prose.of(*standing(data, figure, parts=False), *([f" {said}"] if said else []))


def movers(data: ReportData, figure: Figure) -> str:
    """Return the parts that gained and lost most, those on the side of the whole change first."""
    if figure.kpi.code != data.catalogue.headline or figure.delta is None:
        return ""
    parts = contributions(data)
    unknown = [in_sentence(part.kpi.title) for part in parts if part.figure.delta is None]
    steps = [_step(part, data.currency) for part in parts if part.figure.delta is not None]
    said = told([step for step in steps if any(digit in step.shown for digit in "123456789")], figure.delta)
    if not said and parts and not unknown:
        said = ["None of its parts has changed."]
    if unknown:
        said.append(f"No change can be given for {fmt.listed(unknown)}.")
    return " ".join(said)


def told(steps: Sequence[Step], whole: float) -> list[str]:
    """Return the sentences about the largest gains and losses; equal ones share a place."""
    gains = sorted((step for step in steps if step.size > 0), key=lambda step: -step.size)
    losses = sorted((step for step in steps if step.size < 0), key=lambda step: step.size)
    sides = [("gain", gains), ("loss", losses)]
    if whole < 0:
        sides.reverse()
    counts = (NAMED, AGAINST)
    return [_largest(what, side[:most]) for (what, side), most in zip(sides, counts, strict=True) if side]


def _largest(what: str, steps: Sequence[Step]) -> str:
    first = [step for step in steps if step.shown == steps[0].shown]
    others = [f"{step.name} with {step.shown}" for step in steps[len(first) :]]
    then = f", then {fmt.listed(others)}" if others else ""
    if len(first) > 1:
        plural = {"gain": "gains", "loss": "losses"}[what]
        names = fmt.listed([step.name for step in first])
        return f"The largest {plural} are {names} with {first[0].shown} each{then}."
    why = f" ({first[0].why})" if first[0].why else ""
    return f"The largest {what} is {first[0].name} with {first[0].shown}{why}{then}."


def _step(part: Contribution, currency: str) -> Step:
    size = part.figure.delta or 0.0
    return Step(in_sentence(part.kpi.title), size, fmt.amount(abs(size), part.kpi, currency), part.why)


@dataclass(frozen=True)
class Judged:
    """A figure against one of its targets."""

    kpi: Kpi
    title: str
    pace: Pace

    @property
    def named(self) -> str:
        """What it is and for when: ``visitors for 2026``."""
        return f"{in_sentence(self.title)} for {period_words(self.pace.target.period)}"


def judged(data: ReportData) -> list[Judged]:
    """Return every KPI that has a target, the headline first, each with its targets by period."""
    first = data.kpi()
    others = [kpi for kpi in data.catalogue.kpis if kpi.code != first.code]
    return [Judged(kpi, kpi.title, item) for kpi in (first, *others) for item in paces(data, kpi)]


def targets(items: Sequence[Judged], currency: str, most: int = 3) -> list[str | Run]:
    """Return what is off its target, with what was expected by now, then what is on track."""
    if not items:
        return ["No target is set for this day."]
    runs: list[str | Run] = []
    for status, worded in (("red", True), ("amber", True), ("green", False), ("none", False)):
        for word in dict.fromkeys(_word(item) for item in items if item.pace.status == status):
            named = [item for item in items if item.pace.status == status and _word(item) == word]
            shown = [_off(item, currency) for item in named[:most]] if worded else []
            shown += [item.named for item in named[len(shown) :]]
            joined = "; ".join(shown) if worded else fmt.listed(shown, most=6)
            runs += [" ", strong(f"{word}:"), f" {joined}."]
    return runs[1:]


def _word(item: Judged) -> str:
    word = look(item.pace).word
    return {"Behind": "Behind target", "Just behind": "Just behind target"}.get(word, word)


def _off(item: Judged, currency: str) -> str:
    pace = item.pace
    value, expected, goal = (
        fmt.humanised(number, item.kpi, currency)
        for number in (pace.value, pace.expected, pace.target.target)
    )
    if pace.basis == "whole":
        return f"{item.named}, {value} where {goal} is the target"
    how = "by last year’s season" if pace.basis == "seasonal" else "evenly by days"
    return f"{item.named}, {value} where {expected} was expected by now {how} (target {goal})"


def watch(data: ReportData) -> str:
    """Return what moved the wrong way by a tenth or more, with its amounts; empty when nothing did."""
    items = [
        f"{in_sentence(figure.kpi.title)}, {fmt.humanised(figure.value, figure.kpi, data.currency)} against"
        f" {fmt.humanised(figure.prior, figure.kpi, data.currency)} ({moved(figure, data.currency)})"
        for figure in to_watch(data, most=3)
    ]
    return f"To watch: {'; '.join(items)}." if items else ""


def provisional(data: ReportData) -> list[str]:
    """Return what of the figures is not final: an open month, late sources, gaps."""
    said = []
    if not month_complete(data.as_of):
        days = calendar.monthrange(data.as_of.year, data.as_of.month)[1]
        said.append(
            f"{data.as_of:%B} is open, {data.as_of.day} of {days} days; comparisons are with the same days of"
            f" {data.as_of.year - 1}."
        )
    late = data.loads[pd.to_datetime(data.loads["complete_through"]) < pd.Timestamp(data.as_of)]
    if len(late):
        first = fmt.day(pd.Timestamp(late["complete_through"].min()).date())
        said.append(f"{_count(len(late), 'source ends', 'sources end')} early, the first on {first}.")
    figures = [data.row(kpi.code, "mtd") for kpi in data.catalogue.kpis]
    said += _lacking(figures, "partial", "rests on incomplete days", "rest on incomplete days")
    said += _lacking(figures, "not_loaded", "has no data for the month", "have no data for the month")
    return said


def _lacking(figures: Sequence[Figure], reason: str, one: str, many: str) -> list[str]:
    names = [in_sentence(figure.kpi.title) for figure in figures if figure.reason == reason]
    return [f"{at_start(fmt.listed(names))} {one if len(names) == 1 else many}."] if names else []


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def restated(found: RestatedData | None, code: str, what: str) -> str:
    """Return what the newest publication changed of what had been published before.

    Parameters
    ----------
    found
        What is known about it; None where nothing is.
    code, what
        The figure to be named, and the window or place in which it stands.
    """
    if found is None:
        return "There is no record of publications yet, so nothing can be said about restatements."
    if found.publications < 2:
        return "This is the first publication: nothing can have been restated yet."
    changes = found.newest
    if not changes and not found.catalogue.kpis:
        return "Earlier scorecards were not worked out again."
    if not changes:
        return "Nothing published earlier was restated."
    days = len({item.as_of for item in changes})
    total = f"{_count(len(changes), 'published figure', 'published figures')} of {fmt.plural(days, 'day')}"
    verb = "was" if len(changes) == 1 else "were"
    own = [item for item in changes if (item.kpi.code, item.what) == (code, what) and item.old != item.new]
    if not own:
        return f"Restated: {total} {verb} changed, the headline’s not among them."
    item, currency = max(own, key=lambda change: change.as_of), found.catalogue.currency
    old, new = (fmt.amount(number, item.kpi, currency) for number in (item.old, item.new))
    before = "without a value" if item.old is None else f"as {old}"
    now = "now has no value" if item.new is None else f"is now {new}"
    step = "" if item.difference is None else f"{fmt.signed(item.difference, item.kpi, currency)}, "
    return (
        f"Restated: {item.kpi.name} as of {fmt.day(item.as_of)} was published {before} and {now}"
        f" ({step}{CAUSES[item.cause][1]}); {total} {verb} changed in all."
    )


def changes_of(wh: RestatedReader, as_of: dt.date) -> RestatedData | None:
    """Return what is known about restatements; None before the first publication with a record of it."""
    try:
        return load_changes(wh, as_of)
    except WarehouseError:
        return None
