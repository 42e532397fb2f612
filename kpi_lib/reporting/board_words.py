"""Sentences about a scorecard, by rule from its figures: headline, lede, notes, what each metric means."""

from __future__ import annotations

from collections.abc import Sequence

from kpi_lib.catalogue.scorecard import Metric
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.board import Board, Standing
from kpi_lib.reporting.board_cards import change_of
from kpi_lib.reporting.definitions import DIRECTIONS
from kpi_lib.reporting.markup import Prose, Run, muted, strong
from kpi_lib.reporting.reasons import in_sentence
from kpi_lib.reporting.status import LOOKS


def headline(board: Board) -> str:
    """Return the sentence that answers how things stand."""
    judged = [item for item in board.standings if item.pace is not None and item.pace.status != "none"]
    first = board.leading[0]
    if board.person:
        return (
            f"{board.person}: {stands(board, first)}"
            if len(board.leading) == 1
            else f"{board.person}: {_count(judged)}"
        )
    said = stands(board, first)
    return f"{said}; {_count(judged)}" if judged else said


def stands(board: Board, item: Standing) -> str:
    """Return a metric's value and how it compares with a year ago, as a clause."""
    name = in_sentence(item.metric.label) if board.person else item.metric.label.removesuffix(" YTD")
    if item.value is None:
        return f"{name} has no value yet"
    said = f"{name} stands at {fmt.humanised(item.value, item.kpi, board.currency)}"
    change = change_of(item)
    if not change.known:
        return said
    if change.arrow == fmt.LEVEL:
        return f"{said}, level with a year ago"
    up, down = (
        ("ahead of", "behind") if item.metric.phased and item.metric.direction == "up" else ("above", "below")
    )
    return f"{said}, {change.text} {up if change.arrow == fmt.UP else down} a year ago"


def _count(judged: list[Standing]) -> str:
    good = sum(item.pace is not None and item.pace.status == "green" for item in judged)
    if not judged:
        return "no target is set"
    if len(judged) == 1:
        return "its target is on track" if good else "its target is out of reach for now"
    return f"{good} of {len(judged)} targets on track" if good else f"none of {len(judged)} targets on track"


def lede(board: Board) -> Prose:
    """Return the dates under the headline, and which metrics are on track and which not."""
    runs: list[str | Run] = [f"{fmt.long_span(board.year_start, board.as_of)} {board.as_of.year}."]
    for status in ("red", "amber", "green"):
        named = _named(board, status)
        if named:
            words = f"{LOOKS[status].word}: {fmt.listed(named, most=6)}."
            runs += [" ", strong(words) if status == "red" else words]
    silent = [in_sentence(item.metric.label) for item in board.leading if item.pace is None]
    if silent:
        runs.append(muted(f" Without a target: {fmt.listed(silent, most=6)}."))
    return Prose.of(*runs)


def _named(board: Board, status: str) -> list[str]:
    return _once([item for item in board.standings if item.pace is not None and item.pace.status == status])


def _once(found: Sequence[Standing]) -> list[str]:
    """Return the names of metrics; one that is alike in two ways is named once."""
    keys = {item.metric.key for item in found}
    twice = {item.metric.beside for item in found} & keys
    return [
        in_sentence(item.metric.label) + (" (both ways)" if item.metric.key in twice else "")
        for item in found
        if item.metric.beside not in keys
    ]


def reach(board: Board, metrics: Sequence[Metric]) -> str:
    """Return the days that metrics are about: a span, or one day where all tell only how things stand now."""
    day = f"{board.as_of.day} {board.as_of:%B %Y}"
    now = [in_sentence(metric.label) for metric in metrics if not metric.dated]
    if now and len(now) == len(metrics):
        return f"As of {day}."
    span = f"{fmt.long_span(board.year_start, board.as_of)} {board.as_of.year}"
    return f"{span}; {fmt.listed(now)} as of {day}." if now else f"{span}."


def _reach(board: Board) -> Prose:
    now = [item for item in board.standings if not item.metric.dated]
    if len(now) == len(board.standings):
        return Prose.of(
            strong("As of a day"), f": every figure tells how things stand on {fmt.day(board.as_of)}."
        )
    but = f" but {fmt.listed(_once(now), most=6)}" if now else ""
    return Prose.of(
        strong("To date"),
        f": every figure{but} reaches from {fmt.day(board.year_start)} to {fmt.day(board.as_of)}.",
    )


def notes(board: Board) -> list[Prose]:
    """Return what has to be known before a figure is quoted."""
    found = [_reach(board)]
    if any(item.metric.key.endswith("_to_date") for item in board.standings):
        found.append(
            Prose.of(
                strong("Two ways to compare"),
                ": retention sets this year so far against the whole of last year, so it is low early in"
                " a year; the value “to date” beside it compares like with like.",
            )
        )
    now_only = [in_sentence(item.metric.label) for item in board.leading if not item.metric.dated]
    if now_only:
        found.append(
            Prose.of(
                strong(fmt.listed(now_only).capitalize()),
                ": no change is given, because the sources tell only how deals and quota stand now.",
            )
        )
    found += [
        Prose.of(strong(item.metric.label), f": no value. {item.why_missing}")
        for item in board.standings
        if item.value is None
    ]
    paced = [item for item in board.standings if item.pace is not None and item.pace.basis == "seasonal"]
    if paced:
        found.append(
            Prose.of(
                strong("Targets by pace"),
                ": what grows over the year is expected by the share of last year’s total that was there on"
                " the same date; ratios and stocks are held against the whole target.",
            )
        )
    if board.watermark < board.as_of:
        found.append(Prose.of(strong("Late sources"), f": complete through {fmt.day(board.watermark)} only."))
    return found


def definition_rows(metric: Metric) -> list[tuple[str, str]]:
    """Return what a metric means, as terms and texts."""
    rows = [
        ("Definition", metric.definition),
        ("Why it matters", metric.why),
        ("Formula", metric.formula),
        ("Edge cases", metric.edge_cases),
        ("Source", metric.source),
        ("Good", f"{DIRECTIONS[metric.direction]}."),
    ]
    return [(term, text) for term, text in rows if text]
