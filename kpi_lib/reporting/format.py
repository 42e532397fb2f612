"""Numbers, changes and dates as people read them.

Missing is an en dash, a minus is a minus sign, a change of a percentage is in percentage
points, and every span names its year.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal

from kpi_lib.catalogue.models import Kpi

DASH = "–"
MINUS = "−"
NBSP = "\u00a0"
UP, DOWN, LEVEL = "▲", "▼", "="
Tone = Literal["good", "bad", "none"]
_SYMBOLS = {
    "USD": "$",
    "EUR": "€",
    "GBP": "£",
    "JPY": "¥",
    "CAD": "CA$",
    "AUD": "A$",
    "NZD": "NZ$",
    "MXN": "MX$",
}
_AXIS_UNITS = ((1e9, "B", 1.5e9), (1e6, "M", 1.5e6), (1e3, "k", 1e4))
_UNITS = ((1_000_000_000, "B"), (1_000_000, "M"), (10_000, "k"))


@dataclass(frozen=True)
class Change:
    """A change as it is shown: ``▲ 8.3 %``, its tone, and the same in words.

    ``text`` is an en dash where there is no change to show; ``words`` then say why.
    """

    text: str
    arrow: str
    tone: Tone
    words: str

    @property
    def known(self) -> bool:
        """Whether there is a change to show."""
        return self.text != DASH


def fixed(value: float, decimals: int) -> str:
    """Return a number with grouped thousands, rounded half to even, with a true minus sign."""
    number = Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN)
    text = f"{abs(number):,.{decimals}f}"
    return MINUS + text if number < 0 else text


def exact(value: float | None, kpi: Kpi, currency: str = "USD") -> str:
    """Return a value to the KPI's decimals, e.g. ``$412,380.15`` or ``3.5 %``; an en dash when missing."""
    if value is None or math.isnan(value):
        return DASH
    return _dress(fixed(_stored(value, kpi), kpi.decimals), kpi, currency)


def humanised(value: float | None, kpi: Kpi, currency: str = "USD") -> str:
    """Return a value for a card or a sentence, e.g. ``$1.24M``; an en dash when missing.

    Amounts below a million are in whole units, so that the figure can still be checked by eye;
    ratios keep their decimals.
    """
    if value is None or math.isnan(value):
        return DASH
    number = _stored(value, kpi)
    if abs(number) >= 999_950 and kpi.format in ("currency", "number"):
        return _dress(compact(number), kpi, currency)
    return amount(value, kpi, currency)


def amount(value: float | None, kpi: Kpi, currency: str = "USD") -> str:
    """Return a value for a sentence: whole units of currency from 100 on, else to the KPI's decimals."""
    if value is None or math.isnan(value):
        return DASH
    number = _stored(value, kpi)
    whole = kpi.kind != "ratio" and kpi.format == "currency" and (abs(number) >= 100 or number == 0)
    return _dress(fixed(number, 0 if whole else kpi.decimals), kpi, currency)


def whole(value: float | None, kpi: Kpi, currency: str = "USD") -> str:
    """Return a value with an amount in whole units; anything else to the KPI's decimals."""
    if value is None or math.isnan(value) or kpi.format != "currency" or kpi.kind == "ratio":
        return exact(value, kpi, currency)
    return _dress(fixed(value, 0), kpi, currency)


def compact(value: float) -> str:
    """Return three or so significant digits with k, M or B, e.g. ``1.24M``."""
    size = abs(value)
    for unit, letter in _UNITS:
        if size >= unit * 0.99995:
            scale = 1_000 if letter == "k" else unit
            scaled = value / scale
            decimals = 2 if abs(scaled) < 10 else 1 if abs(scaled) < 100 else 0
            return fixed(scaled, decimals) + letter
    return fixed(value, 0)


def rough(value: float, kpi: Kpi, currency: str = "USD") -> str:
    """Return a value that is not known to its last digit: three digits or so from 10,000 on, ``$677k``."""
    if kpi.format not in ("currency", "number") or abs(value) < 10_000:
        return amount(value, kpi, currency)
    text = compact(value)
    return text if kpi.format == "number" else _dress(text, kpi, currency)


def symbol(currency: str) -> str:
    """Return what stands before an amount: ``$``, or the code with a space."""
    return _SYMBOLS.get(currency, currency + NBSP)


def axis(values: Sequence[float], kpi: Kpi, currency: str = "USD") -> list[str]:
    """Return short labels for the ticks of an axis, all in one unit, e.g. ``$0, $200k, $400k``."""
    numbers = [_stored(value, kpi) for value in values]
    size = max((abs(number) for number in numbers), default=0.0)
    scale, letter = next(((unit, letter) for unit, letter, least in _AXIS_UNITS if size >= least), (1.0, ""))
    scaled = [number / scale for number in numbers]
    decimals = next((count for count in range(4) if all(abs(round(n, count) - n) < 1e-6 for n in scaled)), 4)
    return [
        _dress(fixed(number, decimals if number else 0) + (letter if number else ""), kpi, currency)
        for number in scaled
    ]


def signed(value: float | None, kpi: Kpi, currency: str = "USD") -> str:
    """Return a difference with its sign, e.g. ``+$21,900``; percentages as ``+0.4 pp``."""
    if value is None or math.isnan(value):
        return DASH
    number = _stored(value, kpi)
    if kpi.format == "percent":
        text = f"{fixed(number, kpi.decimals)}{NBSP}pp"
    else:
        text = amount(value, kpi, currency)
    shows_nothing = not any(character in "123456789" for character in text)
    return text.lstrip(MINUS) if shows_nothing else text if text.startswith(MINUS) else f"+{text}"


def percent(fraction: float, decimals: int = 1) -> str:
    """Return a fraction as a percentage: 0.083 is ``8.3 %``."""
    return f"{fixed(fraction * 100, decimals)}{NBSP}%"


def change(delta: float | None, delta_pct: float | None, kpi: Kpi, why_not: str = "") -> Change:
    """Return how a change is shown and whether it is welcome.

    Parameters
    ----------
    delta, delta_pct
        The difference, and the difference as a fraction of the prior value.
    kpi
        A percentage shows its difference in points; ``direction`` decides which way is welcome.
    why_not
        The words that take the place of a change that is missing.
    """
    points = kpi.format == "percent"
    number = delta if points else delta_pct
    if number is None or math.isnan(number):
        return Change(DASH, "", "none", why_not or "no comparison")
    size = abs(_stored(number, kpi)) if points else abs(number) * 100
    decimals = kpi.decimals if points else 1
    unit = "pp" if points else "%"
    text = f"{fixed(size, decimals)}{NBSP}{unit}"
    if not any(character in "123456789" for character in text):
        return Change(text, LEVEL, "none", "no change")
    rising = number > 0
    long = "percentage points" if points else "percent"
    words = f"{'up' if rising else 'down'} {fixed(size, decimals)} {long}"
    tone: Tone = "none"
    if kpi.direction != "neutral":
        tone = "good" if rising == (kpi.direction == "up") else "bad"
        words += ", favourable" if tone == "good" else ", unfavourable"
    return Change(text, UP if rising else DOWN, tone, words)


def day(date: dt.date, year: bool = True) -> str:
    """Return ``20 Nov 2026``, or ``20 Nov``."""
    return f"{date.day} {date:%b}" + (f" {date.year}" if year else "")


def span(start: dt.date, end: dt.date, year: bool = True) -> str:
    """Return a span as briefly as it stays clear: ``1–20 Nov 2026``, ``1 Oct–20 Nov 2026``."""
    if start == end:
        return day(end, year)
    if start.year != end.year:
        return f"{day(start)}–{day(end)}"
    if start.month != end.month:
        return f"{day(start, year=False)}–{day(end, year)}"
    return f"{start.day}–{day(end, year)}"


def long_span(start: dt.date, end: dt.date, year: bool = False) -> str:
    """Return a span with the months in full: ``1–20 November``."""
    tail = f"{end.day} {end:%B}" + (f" {end.year}" if year else "")
    if start == end:
        return tail
    if start.year != end.year:
        return f"{start.day} {start:%B} {start.year}–{end.day} {end:%B} {end.year}"
    if start.month != end.month:
        return f"{start.day} {start:%B}–{tail}"
    return f"{start.day}–{tail}"


def days_in(start: dt.date, end: dt.date) -> int:
    """Return how many days a span has, both ends counted."""
    return (end - start).days + 1


def plural(count: int, one: str, many: str = "") -> str:
    """Return ``1 day``, ``3 days``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(names: list[str], most: int = 3) -> str:
    """Return ``a, b and c``, or ``a, b, c and 4 more``."""
    if len(names) > most + 1:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _stored(value: float, kpi: Kpi) -> float:
    """Return a percentage that is stored as a fraction in points; anything else as it is."""
    return value * 100 if kpi.format == "percent" and kpi.unit == "fraction" else value


def _dress(text: str, kpi: Kpi, currency: str) -> str:
    if kpi.format == "currency":
        sign = symbol(currency)
        return f"{MINUS}{sign}{text[1:]}" if text.startswith(MINUS) else sign + text
    if kpi.format == "percent":
        return f"{text}{NBSP}%"
    if kpi.format == "multiplier":
        return f"{text}×"
    if kpi.format == "days":
        return f"{text}{NBSP}{'day' if text == '1' else 'days'}"
    return text
