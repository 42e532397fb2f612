"""The parts of the headline KPI: what each added to its change, and what happened to it."""

from __future__ import annotations

from dataclasses import dataclass

from kpi_lib.catalogue.models import Kpi
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.data import Figure, ReportData
from kpi_lib.reporting.reasons import in_sentence, moved, why_no_change


@dataclass(frozen=True)
class Contribution:
    """A part of the headline KPI, its figure, and what happened to it in a few words."""

    kpi: Kpi
    figure: Figure
    why: str


def contributions(data: ReportData, window: str = "mtd") -> list[Contribution]:
    """Return the parts of the headline KPI, the largest gain first; parts without a change come last."""
    parts = [data.row(code, window) for code in data.catalogue.contributions]
    parts.sort(key=lambda part: (part.delta is None, -(part.delta or 0)))
    return [Contribution(part.kpi, part, _why(data, part, window)) for part in parts]


def _why(data: ReportData, part: Figure, window: str) -> str:
    if part.delta is None:
        return why_no_change(part, data.currency)
    if part.value == 0 and part.prior == 0:
        return "nothing in either span"
    whole = (
        f"{fmt.amount(part.value, part.kpi, data.currency)}"
        f" against {fmt.amount(part.prior, part.kpi, data.currency)}"
    )
    return _volume_and_rate(data, part, window) or whole


def _volume_and_rate(data: ReportData, part: Figure, window: str) -> str:
    """Say it by volume and rate where the catalogue knows both: more guests, a higher fee per guest."""
    column = part.kpi.column or part.kpi.code
    for rate in data.catalogue.kpis:
        if rate.kind != "ratio" or rate.numerator != column:
            continue
        base = next(
            (kpi for kpi in data.catalogue.kpis if (kpi.column or kpi.code) == rate.denominator), None
        )
        figures = [data.row(rate.code, window), data.row(base.code, window)] if base else []
        if len(figures) == 2 and all(figure.whole and figure.delta is not None for figure in figures):
            volume = f"{in_sentence(figures[1].kpi.title)} {moved(figures[1], data.currency)}"
            step = fmt.signed(figures[0].delta, rate, data.currency)
            return f"{volume}, {step} each" if step[:1] in ("+", fmt.MINUS) else volume
    return ""
