"""The cells of the workbook: a number keeps its type and says how it is shown."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pandas as pd

from kpi_lib.catalogue.models import Kpi
from kpi_lib.reporting import format as fmt

_DIGITS = 9


@dataclass(frozen=True)
class Value:
    """A number with its number format."""

    number: float | None
    shape: str


Cell = Value | str | int | bool | dt.date | None
Line = tuple[Cell, ...]


@dataclass(frozen=True)
class Head:
    """A column: its heading, width in characters, and whether its text wraps."""

    head: str
    width: float = 12
    wrap: bool = False


@dataclass(frozen=True)
class Sheet:
    """A table of the workbook; the first ``frozen`` columns stay in sight."""

    name: str
    columns: tuple[Head, ...]
    lines: tuple[Line, ...]
    frozen: int = 0


def shape_of(kpi: Kpi, currency: str, *, change: bool = False) -> str:
    """Return the number format of a KPI; of a change with its sign."""
    digits = f".{'0' * kpi.decimals}" if kpi.decimals else ""
    if change and kpi.format == "percent":
        return f'+0{digits}" pp";-0{digits}" pp";0{digits}" pp"'
    plain = {
        "currency": f'"{fmt.symbol(currency)}"#,##0{digits}',
        "number": f"#,##0{digits}",
        "percent": f"0{digits}%",
        "multiplier": f'#,##0{digits}"×"',
        "days": f'#,##0{digits}" d"',
    }[kpi.format]
    return f"+{plain};-{plain};{plain}" if change else f"{plain};-{plain}"


def typed(value: float | None, kpi: Kpi, currency: str, *, change: bool = False) -> Value:
    """Return a figure as a cell: a percent as the fraction it means, its change as percentage points."""
    factor = 1.0
    if kpi.format == "percent" and (kpi.unit == "fraction") == change:
        factor = 100.0 if change else 0.01
    number = None if value is None or pd.isna(value) else round(value * factor, _DIGITS)
    return Value(number, shape_of(kpi, currency, change=change))


def share(value: float | None, kpi: Kpi) -> Value:
    """Return a change as a fraction of what it changed from; empty for a percent, which changes by points."""
    unsaid = value is None or pd.isna(value) or kpi.format == "percent"
    number = None if unsaid else round(float(value or 0.0), _DIGITS)
    return Value(number, "+0.0%;-0.0%;0.0%")


def day_of(value: object) -> dt.date | None:
    """Return a date of a frame."""
    return None if pd.isna(value) else pd.Timestamp(str(value)).date()  # type: ignore[call-overload]


def text_of(value: object) -> str:
    """Return a text of a frame; missing is empty."""
    return "" if value is None or value != value else str(value)


def count_of(value: object) -> int | None:
    """Return a whole number of a frame."""
    return None if value is None or value != value else int(float(str(value)))
