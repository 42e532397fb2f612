"""What a KPI means, in words: formula, how it adds up, where it comes from."""

from __future__ import annotations

from kpi_lib.catalogue.models import Catalogue, Kpi
from kpi_lib.reporting import format as fmt

KINDS = {
    "sum": "Added up over days and over locations",
    "ratio": "Numerator and denominator are added up first, over days and over locations, then divided",
    "last": "A stock: a window shows its last day; locations are added up, days never",
    "average": "The average of the daily values; locations are added up first",
    "min": "The lowest daily value; locations are added up first",
    "max": "The highest daily value; locations are added up first",
    "distinct": "Each counted once in a window, from the events themselves; never added up",
}
DIRECTIONS = {"up": "Higher is better", "down": "Lower is better", "neutral": "Neither way is better"}


def definition_rows(catalogue: Catalogue, kpi: Kpi) -> list[tuple[str, str]]:
    """Return a KPI's definition as terms and texts, in the order of a page."""
    rows = [
        ("Definition", kpi.definition),
        ("Why it matters", kpi.why),
        ("Formula", formula(catalogue, kpi)),
        ("Adds up", f"{KINDS[kpi.kind]}."),
        ("Unit", unit(catalogue, kpi)),
        ("Good", f"{DIRECTIONS[kpi.direction]}."),
        ("Edge cases", kpi.edge_cases),
        ("Since", fmt.day(kpi.since) if kpi.since else ""),
        ("Source", source(catalogue, kpi)),
        ("Owner", kpi.owner),
        ("Version", f"{kpi.version}"),
    ]
    return [(term, text) for term, text in rows if text]


def formula(catalogue: Catalogue, kpi: Kpi) -> str:
    """Return a KPI's formula in words; empty when it is a plain column."""
    if kpi.kind == "ratio" and kpi.numerator and kpi.denominator:
        scale = f" × {kpi.scale:g}" if kpi.scale != 1 else ""
        return f"{column_title(catalogue, kpi.numerator)} ÷ {column_title(catalogue, kpi.denominator)}{scale}"
    parts = ""
    for code, factor in kpi.terms.items():
        size = "" if abs(factor) == 1 else f"{abs(factor)} × "
        sign = (fmt.MINUS if factor < 0 else "") if not parts else f" {fmt.MINUS if factor < 0 else '+'} "
        parts += f"{sign}{size}{catalogue.kpi(code).title}"
    return parts


def unit(catalogue: Catalogue, kpi: Kpi) -> str:
    """Return what a KPI is measured in."""
    decimals = fmt.plural(kpi.decimals, "decimal") if kpi.decimals else "whole numbers"
    names = {
        "currency": catalogue.currency,
        "number": "count",
        "percent": "percent, stored as a fraction" if kpi.unit == "fraction" else "percent, stored in points",
        "multiplier": "times",
        "days": "days",
    }
    return f"{names[kpi.format]}, {decimals}"


def source(catalogue: Catalogue, kpi: Kpi) -> str:
    """Return the columns of the mart that a KPI is made of."""
    columns = [kpi.numerator, kpi.denominator] if kpi.kind == "ratio" else [kpi.column or kpi.code]
    return f"{catalogue.mart}: {', '.join(column for column in columns if column)}" if catalogue.mart else ""


def column_title(catalogue: Catalogue, column: str) -> str:
    """Return what a column of the mart is called: its KPI's title where it is one."""
    for kpi in catalogue.kpis:
        if kpi.kind != "ratio" and (kpi.column or kpi.code) == column:
            return kpi.title
    return column.replace("_", " ").capitalize()
