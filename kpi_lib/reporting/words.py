"""Sentences made by rule from real numbers: the headline, what stands under it, why something is missing."""

from __future__ import annotations

import calendar
import datetime as dt

from kpi_lib.catalogue.models import Kpi
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.contributions import Contribution, contributions
from kpi_lib.reporting.data import Figure, ReportData
from kpi_lib.reporting.markup import Prose, Run, muted, strong
from kpi_lib.reporting.reasons import at_start, changed, in_sentence, moved, why_no_prior, why_no_value

#: A part is named in the headline when it makes at least this share of the whole change.
LEADING_SHARE = 0.5
#: An unfavourable change from this size on, over a base that matters, is one to watch.
WATCH_CHANGE = 0.10
WATCH_BASE_SHARE = 0.01
WATCH_BASE_COUNT = 10


def month_complete(day: dt.date) -> bool:
    """Return whether a day is the last of its month."""
    return day.day == calendar.monthrange(day.year, day.month)[1]


def headline(data: ReportData, kpi: Kpi) -> str:
    """Return the sentence that says how the month to date stands against a year earlier."""
    prefix = "" if data.entity.id == 0 else f"{data.entity.name}: "
    return prefix + _headline(data, data.row(kpi.code, "mtd"))


def _headline(data: ReportData, figure: Figure) -> str:
    kpi, month = figure.kpi, f"{data.as_of:%B}"
    if figure.value is None:
        return f"{month} has no figure yet: {why_no_value(figure)}"
    value = fmt.amount(figure.value, kpi, data.currency)
    stands = f"{month} {'closed' if month_complete(data.as_of) else 'stands'} at {value}"
    if kpi.kind == "last":
        stands = f"{value} on {data.as_of.day} {month}"
    if figure.reason:
        return f"{stands}: {why_no_value(figure)}"
    change = changed(figure, data.currency)
    if not change.known:
        return f"{stands}{_without_change(figure, data.currency)}"
    if figure.value < 0 or (figure.prior or 0) < 0:
        return f"{stands}, against {fmt.amount(figure.prior, kpi, data.currency)} last year"
    how = against(change, kpi)
    if kpi.kind != "sum":
        return f"{stands}, {how} last year"
    if month_complete(data.as_of):
        return f"{month} closed {how} last year{_led_by(data, figure)}"
    if data.as_of.day == 1:
        return f"{month} opens {how} the same day last year{_led_by(data, figure)}"
    verb = "is" if change.arrow == fmt.LEVEL else "is running"
    return f"{month} {verb} {how} last year{_led_by(data, figure)}"


def _without_change(figure: Figure, currency: str) -> str:
    if figure.prior_reason in ("no_history", "not_loaded"):
        return "; there is no earlier year to compare it with"
    if figure.prior_reason == "partial":
        return "; last year’s figures are incomplete"
    if figure.delta_reason == "zero_base" and figure.value == 0:
        return ", as in the same days of last year"
    if figure.delta_reason == "zero_base":
        return ", after nothing in the same days of last year"
    if figure.delta_reason == "negative_base":
        return f", against {fmt.amount(figure.prior, figure.kpi, currency)} last year"
    return "; last year has no figure to compare it with"


def against(change: fmt.Change, kpi: Kpi) -> str:
    """Return a change as a sentence has it before what it is compared with: ``8.3 % ahead of``."""
    if change.arrow == fmt.LEVEL:
        return "level with"
    race = kpi.direction == "up" and kpi.kind == "sum"
    up, down = ("ahead of", "behind") if race else ("above", "below")
    return f"{change.text} {up if change.arrow == fmt.UP else down}"


def _leaders(data: ReportData, figure: Figure) -> list[Contribution]:
    """Return the one or two parts that make most of the whole change, or none."""
    if figure.kpi.code != data.catalogue.headline or not figure.delta or not figure.whole:
        return []
    whole = figure.delta
    same = [part for part in contributions(data) if part.figure.delta and part.figure.delta * whole > 0]
    same.sort(key=lambda part: -abs(part.figure.delta or 0))
    for count in (1, 2):
        made = sum(abs(part.figure.delta or 0) for part in same[:count])
        if len(same) >= count and made >= LEADING_SHARE * abs(whole):
            return same[:count]
    return []


def _led_by(data: ReportData, figure: Figure) -> str:
    leaders = _leaders(data, figure)
    if not leaders or changed(figure, data.currency).arrow == fmt.LEVEL:
        return ""
    names = fmt.listed([in_sentence(part.kpi.title) for part in leaders])
    up = (figure.delta or 0) > 0
    return f", {'led' if up else 'held back'} by {names}"


def lede(data: ReportData, kpi: Kpi) -> Prose:
    """Return the dates and amounts behind the headline, what made the difference, what to watch."""
    figure = data.row(kpi.code, "mtd")
    runs: list[str | Run] = [*standing(data, figure)]
    if kpi.code == data.catalogue.headline:
        names = [f"{in_sentence(item.kpi.title)} ({moved(item, data.currency)})" for item in to_watch(data)]
        if names:
            runs.append(muted(f" To watch: {fmt.listed(names)}."))
    return Prose.of(*runs)


def standing(data: ReportData, figure: Figure, *, parts: bool = True) -> list[str | Run]:
    """Return a figure with its dates, what it is compared with and the difference; with its main part."""
    kpi = figure.kpi
    if figure.start is None or figure.end is None:
        return [f"There is no figure for {kpi.name} in this window."]
    when = fmt.long_span(figure.start, figure.end)
    if figure.value is None:
        return [f"{kpi.name} for {when} has no value: {why_no_value(figure)}."]
    value = strong(fmt.amount(figure.value, kpi, data.currency))
    start: list[str | Run] = [f"{kpi.name} for {when} is ", value]
    if kpi.kind == "last":
        start = [f"{kpi.name} on {figure.end.day} {figure.end:%B} is ", value]
    if figure.reason:
        return [*start, f" ({why_no_value(figure)}); it is not compared with an earlier year."]
    if figure.prior is None or figure.prior_reason or figure.prior_start is None or figure.prior_end is None:
        return [*start, f". It has no comparison: {why_no_prior(figure) or 'no prior value'}."]
    prior = fmt.amount(figure.prior, kpi, data.currency)
    tail = f", against {prior} {_same_days(data, figure.prior_start, figure.prior_end, kpi)}"
    return [*start, f"{tail}{_more_or_less(data, figure, parts)}."]


def _same_days(data: ReportData, start: dt.date, end: dt.date, kpi: Kpi) -> str:
    if kpi.kind == "last":
        return f"on {fmt.long_span(end, end, year=True)}"
    count = fmt.days_in(start, end)
    if month_complete(data.as_of):
        return f"in {end:%B %Y}"
    if count == data.as_of.day:
        return f"in the same {count} days of {end.year}" if count > 1 else f"on the same day of {end.year}"
    return f"in {fmt.long_span(start, end, year=True)}"


def _more_or_less(data: ReportData, figure: Figure, parts: bool) -> str:
    step = fmt.signed(figure.delta, figure.kpi, data.currency)
    if figure.delta is None or step[:1] not in ("+", fmt.MINUS):
        return ""
    if figure.kpi.kind in ("ratio", "average"):
        return f": {step[1:]} {'higher' if figure.delta > 0 else 'lower'}"
    main = _main_part(data, figure) if parts else ""
    return f": {step[1:]} {'more' if figure.delta > 0 else 'less'}{main}"


def _main_part(data: ReportData, figure: Figure) -> str:
    leaders = _leaders(data, figure)
    if not leaders:
        return ""
    part, whole = leaders[0], abs(figure.delta or 0)
    step = abs(part.figure.delta or 0)
    money = fmt.amount(step, part.kpi, data.currency)
    name = in_sentence(part.kpi.title)
    rest = fmt.signed(step - whole, part.kpi, data.currency)
    if not rest.startswith("+"):
        return f", {money if rest.startswith(fmt.MINUS) else 'all'} of it from {name}"
    up = (figure.delta or 0) > 0
    return (
        f". {at_start(name)} alone {'gained' if up else 'lost'} {money};"
        f" the rest {'lost' if up else 'gained'} {rest[1:]}"
    )


def to_watch(data: ReportData, most: int = 2) -> list[Figure]:
    """Return the KPIs whose month to date is unfavourable by a tenth or more over a base that matters."""
    whole = data.row(data.kpi().code, "mtd").prior or 0.0
    found = []
    for kpi in data.catalogue.kpis:
        figure = data.row(kpi.code, "mtd")
        if kpi.total or kpi.code == data.catalogue.headline or not figure.whole:
            continue
        if figure.delta_pct is None or abs(figure.delta_pct) < WATCH_CHANGE or kpi.kind == "ratio":
            continue
        base = abs(figure.prior or 0.0)
        matters = base >= WATCH_BASE_SHARE * whole if kpi.format == "currency" else base >= WATCH_BASE_COUNT
        if matters and changed(figure, data.currency).tone == "bad":
            found.append(figure)
    found.sort(key=lambda figure: -abs(figure.delta_pct or 0.0))
    return found[:most]
