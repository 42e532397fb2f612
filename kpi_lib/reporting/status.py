"""A status against a target, as colour, word and icon, with what was expected."""

from __future__ import annotations

from dataclasses import dataclass

from kpi_lib.catalogue.models import Kpi
from kpi_lib.catalogue.pace import Pace, Status
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.markup import text_html, text_typst
from kpi_lib.reporting.theme import tokens


@dataclass(frozen=True)
class Look:
    """How a status is shown."""

    icon: str
    word: str
    colour: str


LOOKS: dict[Status, Look] = {
    "green": Look("✓", "On track", "good"),
    "amber": Look("△", "Just behind", "amber"),
    "red": Look("✗", "Behind", "bad"),
    "none": Look("–", "No value to judge", "mut"),
}


def look(pace: Pace) -> Look:
    """Return the icon, word and colour of a status; where lower is better, "behind" is "above"."""
    found = LOOKS[pace.status]
    if pace.target.direction == "down" and pace.status in ("amber", "red"):
        return Look(found.icon, "Just above" if pace.status == "amber" else "Above target", found.colour)
    return found


def period_words(period: str) -> str:
    """Return a period for people: ``fiscal 2027``, ``2026``, ``Q4 2026``, ``Nov 2026``."""
    import calendar

    if period.startswith("FY"):
        return f"fiscal {period[2:]}"
    year, _, part = period.partition("-")
    if part.startswith("Q"):
        return f"{part} {year}"
    return f"{calendar.month_abbr[int(part)]} {year}" if part else year


def expected_words(pace: Pace, kpi: Kpi, currency: str) -> str:
    """Return what was expected: ``expected $4.41M by now, target $5.00M for fiscal 2026``."""
    goal = f"target {fmt.humanised(pace.target.target, kpi, currency)} for {period_words(pace.target.period)}"
    if pace.basis == "whole":
        return goal
    how = "by last year’s season" if pace.basis == "seasonal" else "evenly by days"
    return f"expected {fmt.humanised(pace.expected, kpi, currency)} by now ({how}), {goal}"


def status_html(pace: Pace, kpi: Kpi, currency: str) -> str:
    """Return a status as HTML: icon, word, and what was expected."""
    shown = look(pace)
    badge = (
        f'<span class="badge {pace.status}"><span aria-hidden="true">{shown.icon}</span> {shown.word}</span>'
    )
    return f'{badge}<span class="expected">{text_html(expected_words(pace, kpi, currency))}</span>'


def status_typst(pace: Pace, kpi: Kpi, currency: str) -> str:
    """Return a status as Typst code."""
    shown, mut = look(pace), tokens()["mut"]
    label = text_typst(f"{shown.icon} {shown.word}")
    badge = f'text(weight: 600, fill: rgb("{tokens()[shown.colour]}"), {label})'
    words = text_typst(": " + expected_words(pace, kpi, currency))
    return f'text(size: 7pt, {{{badge}; text(fill: rgb("{mut}"), {words})}})'


def status_plain(pace: Pace, kpi: Kpi, currency: str) -> str:
    """Return a status as text."""
    shown = look(pace)
    return f"{shown.icon} {shown.word}: {expected_words(pace, kpi, currency)}"
