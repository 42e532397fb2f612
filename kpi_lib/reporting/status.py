"""A status against a target, as colour, word and icon, with what was expected."""

from __future__ import annotations

from dataclasses import dataclass

from kpi_lib.catalogue.models import Kpi
from kpi_lib.catalogue.pace import Pace, Status
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.markup import text_html, text_typst
from kpi_lib.reporting.spark import bullet, bullet_places
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


def so_far_words(pace: Pace, kpi: Kpi, currency: str) -> str:
    """Return what is held against the target, for a figure shown beside one of another period.

    ``31,240 in 2026 so far``; of a stock ``2,790 now``.
    """
    if pace.value is None:
        return f"no whole value for {period_words(pace.target.period)}"
    value = fmt.humanised(pace.value, kpi, currency)
    return f"{value} now" if kpi.kind == "last" else f"{value} in {period_words(pace.target.period)} so far"


def status_html(pace: Pace, kpi: Kpi, currency: str) -> str:
    """Return a status as HTML: a bullet, icon and word, and what was expected."""
    shown = look(pace)
    drawn = bullet(pace.value, pace.expected, pace.target.target)
    badge = (
        f'<span class="badge {pace.status}"><span aria-hidden="true">{shown.icon}</span> {shown.word}</span>'
    )
    return f'{drawn}{badge}<span class="expected">{text_html(expected_words(pace, kpi, currency))}</span>'


def status_typst(pace: Pace, kpi: Kpi, currency: str) -> str:
    """Return a status as Typst code."""
    shown, mut = look(pace), tokens()["mut"]
    label = text_typst(f"{shown.icon} {shown.word}")
    badge = f'text(weight: 600, fill: rgb("{tokens()[shown.colour]}"), {label})'
    words = text_typst(": " + expected_words(pace, kpi, currency))
    return f'{{{_bullet_typst(pace)}text(size: 7pt, {{{badge}; text(fill: rgb("{mut}"), {words})}})}}'


def _bullet_typst(pace: Pace) -> str:
    """Return the bullet as Typst code that ends in a semicolon; nothing where there is none to draw."""
    places = bullet_places(pace.value, pace.expected, pace.target.target)
    if places is None:
        return ""
    track, so_far, ink = (f'rgb("{tokens()[name]}")' for name in ("hair", "acc", "ink"))
    parts = (
        f"place(top, dy: 2pt, rect(width: 100%, height: 2.4pt, fill: {track}))",
        f"place(top, dy: 2pt, rect(width: {places[0]:.2f}%, height: 2.4pt, fill: {so_far}))",
        f"place(top, dx: {places[1]:.2f}%, line(angle: 90deg, length: 6.4pt, stroke: 1pt + {ink}))",
    )
    return f"block(width: 100%, height: 7pt, {{{'; '.join(parts)}}}); "


def status_plain(pace: Pace, kpi: Kpi, currency: str) -> str:
    """Return a status as text."""
    shown = look(pace)
    return f"{shown.icon} {shown.word}: {expected_words(pace, kpi, currency)}"
