"""Why a number is missing, how it changed, which days it covers: the small print of a figure."""

from __future__ import annotations

import datetime as dt
import re

from kpi_lib.catalogue.models import Kpi
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.data import Figure

_WORD = re.compile(r"[^\W\d_]+")


def why_no_value(figure: Figure) -> str:
    """Return in words why a figure has no value, or is not whole; empty when it is."""
    return _reason(figure.reason, figure.missing_days, figure.start, figure.end, figure.kpi)


def why_no_prior(figure: Figure) -> str:
    """Return in words why a figure has no prior value, or why that is not whole; empty when it is."""
    words = _reason(
        figure.prior_reason, figure.prior_missing_days, figure.prior_start, figure.prior_end, figure.kpi
    )
    if not words:
        return ""
    if figure.prior_reason in ("no_history", "no_counterpart", "no_target") or figure.prior_end is None:
        return words
    return f"{words} in {figure.prior_end.year}"


def why_no_change(figure: Figure, currency: str = "USD") -> str:
    """Return in words why a figure has no change against its prior value; empty when it has."""
    if figure.delta_reason is None:
        return ""
    if figure.reason:
        return why_no_value(figure)
    if figure.prior_reason:
        return why_no_prior(figure)
    when = _on_prior(figure)
    if figure.delta_reason == "zero_base" and figure.value == 0:
        return f"both were zero, now and {when}"
    base = {"zero_base": f"it was zero {when}", "negative_base": f"it was below zero {when}"}
    words = base.get(figure.delta_reason, figure.delta_reason.replace("_", " "))
    return f"{words}; the difference is {fmt.signed(figure.delta, figure.kpi, currency)}"


def prior_days(figure: Figure) -> str:
    """Return the days a figure is compared with: a span, or of a stock its last day."""
    if figure.prior_start is None or figure.prior_end is None:
        return "the prior year"
    return fmt.span(figure.prior_end if figure.kpi.kind == "last" else figure.prior_start, figure.prior_end)


def _on_prior(figure: Figure) -> str:
    one_day = figure.kpi.kind == "last" or figure.prior_start == figure.prior_end
    return f"{'on' if one_day and figure.prior_end else 'over'} {prior_days(figure)}"


def _reason(code: str | None, days: int, start: dt.date | None, end: dt.date | None, kpi: Kpi) -> str:
    if code is None:
        return ""
    if code == "partial":
        if kpi.kind == "last":
            return f"last known value, {fmt.plural(days, 'day')} old"
        total = f" of {fmt.days_in(start, end)}" if start and end else ""
        return f"{days}{total} {'day' if days == 1 and not total else 'days'} missing"
    return {
        "not_loaded": "no data for these days",
        "zero_denominator": "nothing to divide by",
        "not_started": "not started yet",
        "no_history": "no data a year earlier",
        "no_target": "no target for these days",
        "no_counterpart": "no matching days a year earlier",
    }.get(code, code.replace("_", " "))


def changed(figure: Figure, currency: str = "USD") -> fmt.Change:
    """Return how a figure's change against its prior value is shown."""
    return fmt.change(figure.delta, figure.delta_pct, figure.kpi, why_no_change(figure, currency))


def moved(figure: Figure, currency: str = "USD") -> str:
    """Return a figure's change for a sentence: ``down 11.8 %``."""
    change = changed(figure, currency)
    if change.arrow == fmt.LEVEL:
        return "level"
    return f"{'up' if change.arrow == fmt.UP else 'down'} {change.text}"


def versus(figure: Figure) -> str:
    """Return what a figure is compared with: ``vs 2025``."""
    return f"vs {figure.prior_end.year}" if figure.prior_end else "vs prior year"


def dates(figure: Figure) -> str:
    """Return both spans in full: ``1–20 Nov 2026 vs 1–20 Nov 2025``."""
    if figure.start is None or figure.end is None:
        return ""
    text = fmt.span(figure.start, figure.end)
    if figure.prior_start and figure.prior_end:
        text += f" vs {fmt.span(figure.prior_start, figure.prior_end)}"
    return text


def in_sentence(title: str) -> str:
    """Return a title as it stands within a sentence: ``wine club orders``, ``eCommerce``."""
    return _WORD.sub(
        lambda word: word[0].lower() if word[0][0].isupper() and word[0][1:].islower() else word[0], title
    )


def at_start(text: str) -> str:
    """Return a sentence with a capital first letter (``eCommerce`` keeps its own)."""
    first = text.split(" ", 1)[0]
    return text if any(letter.isupper() for letter in first) else text[:1].upper() + text[1:]
