"""Making targets and writing ``targets.json``: validated, in one step, with who changed what."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

from kpi_lib.catalogue.checks import Problem
from kpi_lib.catalogue.models import Catalogue, Kpi
from kpi_lib.catalogue.scorecard import Metric, refusal
from kpi_lib.catalogue.targets import (
    SCHEMA_VERSION,
    WHOLE,
    Change,
    Target,
    Targets,
    check_targets,
    faults,
    read_rows,
    read_targets,
    unit_of,
)
from kpi_lib.errors import RunError, UsageError


def make_target(
    catalogue: Catalogue,
    item: Kpi | Metric,
    *,
    period: str,
    value: float,
    entity: str = WHOLE,
    direction: str | None = None,
    green: float = 1.0,
    amber: float = 0.95,
) -> Target:
    """Return a target in the unit and, by default, the direction of what it is for.

    Raises
    ------
    DefinitionError
        When a value is not one that a target may have.
    """
    name = item.code if isinstance(item, Kpi) else item.key
    values = {
        "domain": catalogue.domain, "metric": name, "entity": entity, "period": period, "target": value,
        "unit": unit_of(item, catalogue.currency), "direction": direction or item.direction,
        "green": green, "amber": amber,
    }  # fmt: skip
    problems: list[Problem] = []
    made = read_rows(Path("the new target"), name, Target, [values], problems)
    if problems:
        raise refusal(problems, "the target")
    target: Target = made[0]
    return target


def set_target(
    file: Path,
    catalogue: Catalogue,
    target: Target | None,
    *,
    key: tuple[str, str, str, str] | None = None,
    who: str,
    at: dt.datetime,
) -> Targets:
    """Add, change or (with ``target`` None and a ``key``) remove a target, and remember who did it.

    Parameters
    ----------
    file
        ``targets.json``; it is made where it is missing.
    catalogue
        The target's domain.
    target
        What it shall be.
    key
        Which target to remove.
    who, at
        For the history; ``at`` is aware.

    Raises
    ------
    DefinitionError
        When the file or the new target is wrong; the file is then as it was.
    UsageError
        When a target to remove is not there.
    """
    held = read_targets(file)
    place = target.key if target is not None else key
    if place is None:
        raise UsageError("Neither a target nor the name of one is given.")
    old = next((item for item in held.targets if item.key == place), None)
    if target is None and old is None:
        raise UsageError(f"There is no target {' '.join(place[1:])}.", where=str(file))
    kept = [item for item in held.targets if item.key != place]
    made = Targets(file, tuple(sorted([*kept, *([target] if target else [])], key=lambda item: item.key)))
    if target is not None:
        wrong = [Problem(str(file), " ".join(place), what) for what in faults(target)]
        problems = wrong or check_targets(Targets(file, (target,)), (catalogue,))
        if problems:
            raise refusal(problems, "the target", str(file))
    if old == target:
        return held
    change = Change(
        at=at.astimezone(dt.UTC).isoformat(timespec="seconds"), who=who,
        domain=place[0], metric=place[1], entity=place[2], period=place[3],
        old=_terms(old), new=_terms(target),
    )  # fmt: skip
    written = Targets(file, made.targets, (*held.history, change))
    _write(written)
    return written


def _terms(target: Target | None) -> dict[str, Any] | None:
    names = {"target", "unit", "direction", "green", "amber"}
    return target.model_dump(include=names) if target else None


def _write(targets: Targets) -> None:
    document = {
        "schema_version": SCHEMA_VERSION,
        "targets": [target.model_dump() for target in targets.targets],
        "history": [change.model_dump() for change in targets.history],
    }
    file = targets.file
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            json.dump(document, stream, indent=2, ensure_ascii=False, allow_nan=False)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    except OSError as error:
        raise RunError(
            f"The targets cannot be written: {error.strerror or error}.",
            where=str(file),
            remedy="The file is as it was; look at the free space and the permissions of its folder.",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
