"""What the charts of the drill-downs share: units, and bars as sketches for screens and paper."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

from kpi_lib.catalogue.models import Format, Kpi
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.bars import NARROW, WIDE, Bar, columns_spec, rows_spec
from kpi_lib.reporting.plotting import Sketch

UNKNOWN = "UNKNOWN"
#: So many names fit under the columns of a printed chart.
_PRINTED_NAMES = 13


def unit(format: Format, decimals: int = 0) -> Kpi:
    """Return a unit to format numbers by: money, counts, percents as fractions, days."""
    return Kpi(
        id=1, code="unit", name="unit", group="unit", kind="sum", format=format, decimals=decimals,
        unit="fraction" if format == "percent" else None, direction="neutral", definition="A unit.",
    )  # fmt: skip


MONEY, COUNT, PERCENT = unit("currency", 2), unit("number"), unit("percent", 1)


def columns_of(
    bars: Sequence[Bar],
    kpi: Kpi,
    currency: str,
    words: str,
    caption: str = "",
    every: int = 1,
    phone: int = 3,
    unit: str = "",
) -> Sketch:
    """Return standing bars; ``phone`` labels only each so many of them on a narrow screen."""
    few = [bar if len(bars) < 7 else replace(bar, text="", said=bar.said or _words_of(bar)) for bar in bars]
    return Sketch(
        columns_spec(bars, WIDE, 280, kpi, currency, every, unit),
        columns_spec(few, NARROW, 230, kpi, currency, phone, unit),
        words,
        caption,
        columns_spec(bars, 660, 190, kpi, currency, max(every, -(-len(bars) // _PRINTED_NAMES)), unit),
    )


def _words_of(bar: Bar) -> tuple[str, ...]:
    """Return a text that is no number, which a narrow drawing leaves out and a reading must not."""
    return (bar.text,) if bar.text and not any(character.isdecimal() for character in bar.text) else ()


def month_over(day: dt.date) -> bool:
    """Return whether a day is the last of its month."""
    return calendar.monthrange(day.year, day.month)[1] == day.day


def so_far(day: dt.date) -> str:
    """Return how much of a month a day has seen: ``20 of 30 days``; empty at its end."""
    return "" if month_over(day) else f"{day.day} of {calendar.monthrange(day.year, day.month)[1]} days"


def rows_of(bars: Sequence[Bar], words: str, caption: str = "") -> Sketch:
    """Return lying bars."""
    return Sketch(
        rows_spec(bars, WIDE),
        rows_spec(bars, NARROW, narrow=True),
        words,
        caption,
        rows_spec(bars, 660, 20),
    )


def number_of(value: object) -> float:
    """Return a cell of a frame as a number."""
    return float(str(value))


def money_of(value: float, currency: str) -> str:
    """Return an amount for a label."""
    return fmt.humanised(value, MONEY, currency)


def step_of(value: float, currency: str) -> str:
    """Return a change of an amount for a label, short enough to stand beside others: ``−$467k``."""
    if abs(value) < 10_000:
        return fmt.signed(value, MONEY, currency)
    short = fmt.exact(0.0, unit("currency"), currency).replace("0", fmt.compact(abs(value)))
    return f"{fmt.MINUS if value < 0 else '+'}{short}"
