"""Targets: what a figure should reach in a period, kept in ``targets.json`` with the history of every change.

The file is edited by hand, by ``kpi targets set`` or in JupyterLab. Reading refuses a file that is
half-written or holds anything that is not understood, naming every problem; writing replaces the whole
file in one step.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from kpi_lib.catalogue.checks import Problem
from kpi_lib.catalogue.models import WHOLE, Catalogue, Kpi, Target, _Model
from kpi_lib.catalogue.scorecard import Metric, refusal, scorecard_of
from kpi_lib.catalogue.settings import find_root, load_settings
from kpi_lib.errors import DefinitionError, UsageError, did_you_mean
from kpi_lib.periods import STANDARD_WINDOWS, Calendar, Window
from kpi_lib.periods.calendars import as_days, bounds, fiscal_year

__all__ = [
    "SCHEMA_VERSION", "WHOLE", "Change", "Target", "Targets", "check_targets", "faults", "load_targets",
    "period_bounds", "period_window", "project_targets", "read_rows", "read_targets", "subject", "subjects",
    "unit_of",
]  # fmt: skip
SCHEMA_VERSION = 1
#: A target above ten times the whole is a percent written in points.
_MOST_SHARE = 10
_PERIOD = re.compile(
    r"FY(?P<fiscal>\d{4})|(?P<year>\d{4})(?:-Q(?P<quarter>[1-4])|-(?P<month>0[1-9]|1[0-2]))?"
)


class Change(_Model):
    """One change of a target: when, who, old and new (None: there was none, or it was removed)."""

    at: str
    who: str
    domain: str
    metric: str
    entity: str
    period: str
    old: dict[str, Any] | None
    new: dict[str, Any] | None


@dataclass(frozen=True)
class Targets:
    """The content of ``targets.json``."""

    file: Path
    targets: tuple[Target, ...] = ()
    history: tuple[Change, ...] = ()

    def of(self, domain: str) -> tuple[Target, ...]:
        """Return the targets of a domain."""
        return tuple(target for target in self.targets if target.domain == domain)


def period_bounds(period: str, calendar: Calendar) -> tuple[dt.date, dt.date]:
    """Return the first and the last day of a period.

    Raises
    ------
    UsageError
        When the period is not written as one of ``FY2026``, ``2026``, ``2026-Q4``, ``2026-11``.
    """
    found = _PERIOD.fullmatch(period)
    year = int(found["fiscal"] or found["year"]) if found else 0
    if found is None or not 1990 <= year <= 2100:
        raise UsageError(
            f"'{period}' is no period.", remedy="Write FY2026 (a fiscal year), 2026, 2026-Q4 or 2026-11."
        )
    if found["fiscal"]:
        candidates = as_days([dt.date(year + shift, month, 15) for shift in (-1, 0) for month in (3, 9)])
        years = fiscal_year(candidates, calendar)
        first, last = bounds(candidates[years == year][:1], calendar, "year", fiscal=True)
        return first[0].astype(dt.date), last[0].astype(dt.date)
    month = int(found["month"] or 0) or 3 * int(found["quarter"] or 1) - 2
    grain: Literal["month", "quarter", "year"] = (
        "month" if found["month"] else "quarter" if found["quarter"] else "year"
    )
    first, last = bounds(as_days(dt.date(year, month, 1)), calendar, grain, fiscal=False)
    return first[0].astype(dt.date), last[0].astype(dt.date)


def period_window(period: str) -> Window:
    """Return the standard window that runs through a period: ``fytd``, ``qtd``, ``mtd`` or ``ytd``."""
    name = (
        "fytd" if period.startswith("FY") else "qtd" if "Q" in period else "mtd" if "-" in period else "ytd"
    )
    return STANDARD_WINDOWS[name]


def unit_of(item: Kpi | Metric, currency: str) -> str:
    """Return the unit that a target for a KPI or metric is written in."""
    if item.format == "percent":
        return item.unit or "points"
    return {"currency": currency, "number": "count", "multiplier": "times", "days": "days"}[item.format]


def subject(catalogue: Catalogue, key: str) -> Kpi | Metric:
    """Return the KPI or metric of this name.

    Raises
    ------
    DefinitionError
        When the domain has neither.
    """
    known = subjects(catalogue)
    if key in known:
        return known[key]
    raise DefinitionError(
        f"Domain '{catalogue.domain}' has no metric or KPI '{key}'.", remedy=did_you_mean(key, known)
    )


def subjects(catalogue: Catalogue) -> dict[str, Kpi | Metric]:
    """Return everything in a domain that a target can be set for, by name."""
    card = scorecard_of(catalogue)
    kpis: dict[str, Kpi | Metric] = {kpi.code: kpi for kpi in catalogue.kpis}
    return kpis | {metric.key: metric for metric in (card.metrics if card else ())}


def read_targets(file: Path) -> Targets:
    """Read ``targets.json``; a file that is not there holds no targets.

    Raises
    ------
    DefinitionError
        When it cannot be read as a whole: half-written, no JSON, an unknown or wrong value, a target
        given twice. ``issues`` names every problem.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Targets(file)
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError(f"The targets cannot be read: {error}.", where=str(file)) from error
    try:
        data = json.loads(text, parse_constant=_no_number)
    except ValueError as error:
        raise DefinitionError(
            f"This is no JSON, or only a part of it: {error}.",
            where=str(file),
            remedy="Restore the file from version control; nothing was changed.",
        ) from error
    problems: list[Problem] = []
    if not isinstance(data, dict) or data.get("schema_version") != SCHEMA_VERSION:
        what = f"it must be an object with schema_version {SCHEMA_VERSION}."
        raise refusal([Problem(str(file), "schema_version", what)], "the targets", str(file))
    for name in sorted(set(data) - {"schema_version", "targets", "history"}):
        remedy = did_you_mean(name, ("targets", "history"))
        problems.append(Problem(str(file), name, "this key is unknown.", remedy))
    targets = read_rows(file, "targets", Target, data.get("targets", []), problems)
    history = read_rows(file, "history", Change, data.get("history", []), problems)
    seen = set()
    for target in targets:
        if target.key in seen:
            problems.append(Problem(str(file), " ".join(target.key), "this target is given twice."))
        seen.add(target.key)
        problems += [Problem(str(file), " ".join(target.key), what) for what in faults(target)]
    if problems:
        raise refusal(problems, "the targets", str(file))
    return Targets(file, targets, history)


def check_targets(targets: Targets, catalogues: Sequence[Catalogue]) -> list[Problem]:
    """Return what is wrong with the targets of these domains: names, units, directions, periods."""
    problems = []
    for catalogue in catalogues:
        for target in targets.of(catalogue.domain):
            place = f"{target.metric} {target.entity} {target.period}"
            for what, remedy in _misfits(target, catalogue):
                problems.append(Problem(str(targets.file), place, what, remedy))
    return problems


def load_targets(file: Path, catalogues: Sequence[Catalogue]) -> Targets:
    """Read ``targets.json`` and check it against domains; raises as :func:`read_targets` does."""
    targets = read_targets(file)
    problems = check_targets(targets, catalogues)
    if problems:
        raise refusal(problems, "the targets", str(file))
    return targets


def project_targets(catalogue: Catalogue) -> tuple[Target, ...]:
    """Return a domain's targets from the file that ``kpi.toml`` names; none outside a project.

    Raises
    ------
    DefinitionError
        As :func:`load_targets` does.
    """
    if find_root() is None:
        return ()
    return load_targets(load_settings().targets, (catalogue,)).of(catalogue.domain)


def read_rows(file: Path, key: str, make: Any, rows: object, problems: list[Problem]) -> Any:
    """Return models made of rows; what cannot be made is added to the problems."""
    if not isinstance(rows, list):
        problems.append(Problem(str(file), key, "this must be a list."))
        return ()
    made = []
    for number, row in enumerate(rows):
        try:
            made.append(make.model_validate(row))
        except ValidationError as error:
            for item in error.errors():
                place = ".".join(map(str, (f"{key}[{number}]", *item["loc"])))
                unknown = item["type"] == "extra_forbidden"
                remedy = did_you_mean(str(item["loc"][-1]), make.model_fields) if unknown else ""
                problems.append(Problem(str(file), place, f"{item['msg']}.", remedy))
    return tuple(made)


def faults(target: Target) -> Iterable[str]:
    """Return what is wrong with a target whatever it is for."""
    if not math.isfinite(target.target):
        yield "the target is no finite number."
    if target.amber > target.green:
        yield f"amber ({target.amber:g}) must not be above green ({target.green:g})."
    if _PERIOD.fullmatch(target.period) is None:
        yield f"'{target.period}' is no period; write FY2026, 2026, 2026-Q4 or 2026-11."


def _misfits(target: Target, catalogue: Catalogue) -> Iterable[tuple[str, str]]:
    try:
        item = subject(catalogue, target.metric)
    except DefinitionError as error:
        yield error.what, error.remedy
        return
    unit = unit_of(item, catalogue.currency)
    if target.unit != unit:
        yield f"the unit is '{unit}', not '{target.unit}'.", f"Write the target in {unit}."
    if unit == "fraction" and abs(target.target) > _MOST_SHARE:
        yield f"the target is {target.target:.0%}; a percent is a fraction here.", "Write 1.05 for 105 %."
    if item.direction != "neutral" and target.direction != item.direction:
        yield f"the direction is '{item.direction}', not '{target.direction}'.", "Write the same one."
    if isinstance(item, Kpi):
        codes = [entity.code for entity in catalogue.entities]
        if target.entity not in codes:
            yield f"there is no entity '{target.entity}'.", did_you_mean(target.entity, codes)
    else:
        card = scorecard_of(catalogue)
        names = [owner.person_name for owner in card.owners_of(item.key)] if card else []
        if target.entity not in (WHOLE, *names):
            yield f"there is no entity '{target.entity}'.", f"Write {WHOLE}."
        if not target.period.startswith("FY"):
            yield "a metric's target is for a fiscal year.", f"Write FY{target.period[:4]}."


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a number")
