"""Sparklines, bars and bullets: drawings of a few bytes, made here because a page has dozens of them."""

from __future__ import annotations

from collections.abc import Sequence


def sparkline(values: Sequence[float | None], width: int = 96, height: int = 24) -> str:
    """Return a line through the values with a dot at the last; a gap where a value is missing.

    It is decoration beside figures that say the same: screen readers pass over it.
    """
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    size = (high - low) or 1.0
    step = (width - 8) / max(len(values) - 1, 1)

    def place(number: int, value: float) -> tuple[float, float]:
        share = 0.5 if high == low else (value - low) / size
        return 2 + number * step, height - 3 - share * (height - 6)

    path, pen = [], "M"
    for number, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        x, y = place(number, value)
        path.append(f"{pen}{x:.1f},{y:.1f}")
        pen = "L"
    last = values[-1]
    dot = ""
    if last is not None:
        x, y = place(len(values) - 1, last)
        dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4"/>'
    return (
        f'<svg class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' aria-hidden="true"><path fill="none" stroke="currentColor" d="{"".join(path)}"/>{dot}</svg>'
    )


def bar(value: float, lowest: float, highest: float) -> str:
    """Return a horizontal bar from zero, within a scale shared by all bars of a column."""
    start, length, zero = bar_place(value, lowest, highest)
    tone = "pos" if value >= 0 else "neg"
    return (
        '<svg viewBox="0 0 100 26" width="100" height="26" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{tone}" x="{start:.2f}" y="6" width="{length:.2f}" height="14"/>'
        f'<line class="zero" stroke="currentColor" x1="{zero:.2f}" x2="{zero:.2f}" y1="0" y2="26"/></svg>'
    )


def bar_place(value: float, lowest: float, highest: float) -> tuple[float, float, float]:
    """Return a bar's start, length and the place of zero, each in percent of the width."""
    low, high = min(lowest, 0.0), max(highest, 0.0)
    size = (high - low) or 1.0
    zero = 2 + -low / size * 96
    length = abs(value) / size * 96
    return (zero if value >= 0 else zero - length), length, zero


def bullet_places(value: float | None, expected: float, target: float) -> tuple[float, float] | None:
    """Return how long a bullet's bar is and where its tick stands, each in percent of the track.

    The track is as long as the largest of value, expected and target; None where that says nothing: without
    a value, or when one of them is below zero.
    """
    if value is None or min(value, expected, target) < 0:
        return None
    whole = max(value, expected, target)
    return (value / whole * 100, expected / whole * 100) if whole > 0 else None


def bullet(value: float | None, expected: float, target: float) -> str:
    """Return a bar of a value on a track as long as its target, with a tick at what is expected by now.

    It is decoration beside words that say the same: screen readers pass over it.
    """
    places = bullet_places(value, expected, target)
    if places is None:
        return ""
    length, tick = places
    return (
        '<svg class="bullet" viewBox="0 0 100 12" width="100" height="12" preserveAspectRatio="none"'
        ' aria-hidden="true"><rect class="track" y="4" width="100" height="4"/>'
        f'<rect class="so-far" y="4" width="{length:.2f}" height="4"/>'
        f'<line x1="{tick:.2f}" x2="{tick:.2f}" y1="0" y2="12"/></svg>'
    )
