"""What made a change: a bridge from nothing to the whole difference, each step where the last one ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kpi_lib.catalogue.models import Kpi
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.bars import Bar
from kpi_lib.reporting.chart_parts import rows_of
from kpi_lib.reporting.data import Figure, ReportData
from kpi_lib.reporting.plotting import Sketch
from kpi_lib.reporting.reasons import dates

WINDOW = "mtd"
MOST_STEPS = 9


@dataclass(frozen=True)
class Step:
    """What one part added to a change, from ``prior`` to ``value``."""

    name: str
    change: float
    value: float | None = None
    prior: float | None = None


def by_part(data: ReportData, kpi: Kpi) -> Sketch | None:
    """Return the bridge over the KPIs that this one is the sum of; None where it is no sum of others."""
    if not kpi.terms:
        return None
    parts = [(data.row(code, WINDOW), float(sign)) for code, sign in kpi.terms.items()]
    steps = [
        Step(figure.kpi.title, sign * figure.delta, figure.value, figure.prior)
        for figure, sign in parts
        if figure.delta is not None
    ]
    return _bridge(data, kpi, steps, len(parts) - len(steps))


def by_location(data: ReportData, kpi: Kpi) -> Sketch | None:
    """Return the bridge over the locations; None where the KPI is not added up over them."""
    if kpi.kind not in ("sum", "last"):
        return None
    figures = [
        (entity.name, data.of_entity(entity.code, kpi.code, WINDOW))
        for entity in data.catalogue.entities
        if entity.parent == data.entity.code
    ]
    there = [(name, figure) for name, figure in figures if figure is not None and _counts(figure)]
    steps = [
        Step(name, figure.delta, figure.value, figure.prior)
        for name, figure in there
        if figure.delta is not None
    ]
    return _bridge(data, kpi, steps, len(there) - len(steps)) if len(there) > 1 else None


def _counts(figure: Figure) -> bool:
    """Leave out places where nothing is counted, now or then."""
    return bool(figure.value) or bool(figure.prior)


def steps_to(whole: Figure, steps: Sequence[Step]) -> list[Step]:
    """Return the largest steps, the others as one, and what is left, so that all of them are the change."""
    ordered = sorted(steps, key=lambda step: -step.change)
    if len(ordered) > MOST_STEPS:
        kept = sorted(ordered, key=lambda step: -abs(step.change))[: MOST_STEPS - 1]
        others = [step for step in ordered if step not in kept]
        ordered = [step for step in ordered if step in kept]
        ordered.append(Step(fmt.plural(len(others), "other"), sum(step.change for step in others)))
    left = (whole.delta or 0.0) - sum(step.change for step in ordered)
    if abs(left) >= 0.5 * 10**-whole.kpi.decimals:
        ordered.append(Step("Not in these", left))
    return ordered


def _bridge(data: ReportData, kpi: Kpi, found: Sequence[Step], unknown: int) -> Sketch | None:
    whole = data.row(kpi.code, WINDOW)
    if whole.delta is None or not found:
        return None
    steps, level, bars = steps_to(whole, found), 0.0, []
    for step in steps:
        text = fmt.signed(step.change, kpi, data.currency)
        colour = "ly" if kpi.direction == "neutral" or not step.change else _tone(kpi, step.change)
        bars.append(Bar(step.name, level + step.change, level, colour, text, said=_said(data, kpi, step)))
        level += step.change
    total = fmt.signed(whole.delta, kpi, data.currency)
    bars.append(Bar("Change", whole.delta, 0.0, "acc", total, said=_said(data, kpi, _whole_step(whole))))
    told = ", ".join(f"{bar.name} {bar.text}" for bar in bars[:-1])
    words = f"{kpi.name}, {dates(whole)}: {total} in all; {told}."
    before, now = (fmt.amount(value, kpi, data.currency) for value in (whole.prior, whole.value))
    caption = f"From {before} to {now}, {dates(whole)}. Each bar starts where the one above it ends."
    if unknown:
        caption += f" {fmt.plural(unknown, 'part')} without a comparison of its own: see “Not in these”."
    return replace(rows_of(bars, words, caption), printed=None)


def _tone(kpi: Kpi, change: float) -> str:
    return "good" if (change > 0) == (kpi.direction == "up") else "bad"


def _whole_step(whole: Figure) -> Step:
    return Step("Change", whole.delta or 0.0, whole.value, whole.prior)


def _said(data: ReportData, kpi: Kpi, step: Step) -> tuple[str, ...]:
    change = fmt.signed(step.change, kpi, data.currency)
    if step.value is None or step.prior is None:
        return (change,)
    now, then = (fmt.exact(value, kpi, data.currency) for value in (step.value, step.prior))
    return (change, f"{now} against {then}")
