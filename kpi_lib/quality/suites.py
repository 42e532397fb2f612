"""Read the expectation suites of a domain and check their form, without the heavy library.

A suite is plain Great Expectations JSON. Its ``meta`` adds what the gate needs:

``profile``
    On the suite, and on an expectation that needs another frame: the SQL file, beside the
    suite, whose result is validated.
``name``, ``says``, ``remedy``
    On each expectation: its name, the rule in plain words, what to do when it fails.
``column``
    The source column the rule is about, when the profile's column is named otherwise.
``rows``
    The profile columns that identify a failing row.
``fails``
    What was found, as a template with ``{failing}`` and ``{rows}`` (how many rows of the profile fail,
    and are there), ``{total}`` (their values added up) and ``{when}`` (their days).
"""

from __future__ import annotations

import json
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kpi_lib.errors import DefinitionError, did_you_mean
from kpi_lib.quality.results import SEVERITIES, Severity

TEMPLATE_FIELDS = ("failing", "rows", "total", "when")


@dataclass(frozen=True)
class Rule:
    """One expectation of a suite, with the words of its ``meta``."""

    type: str
    kwargs: Mapping[str, Any]
    severity: Severity
    name: str
    says: str
    profile: Path
    remedy: str = ""
    column: str = ""
    rows: tuple[str, ...] = ()
    fails: str = ""


@dataclass(frozen=True)
class Suite:
    """The rules of one table."""

    table: str
    file: Path
    rules: tuple[Rule, ...] = field(default=())


def read_suites(folder: Path) -> tuple[Suite, ...]:
    """Read every ``*.json`` of a domain's expectations folder, in the order of their names.

    Raises
    ------
    DefinitionError
        Naming the file and the key: unreadable JSON, a missing or unknown severity, a missing
        name or wording, a name given twice, a profile that is not there.
    """
    return tuple(_read(path) for path in sorted(folder.glob("*.json")))


def _read(path: Path) -> Suite:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(
            f"This is no JSON: {error}.",
            where=str(path),
            remedy="Mend the place it names, or restore the file from version control.",
        ) from error
    except OSError as error:
        raise DefinitionError(f"The file cannot be read: {error.strerror}.", where=str(path)) from error
    if not isinstance(content, dict) or not isinstance(content.get("expectations"), list):
        raise DefinitionError("A suite is an object with a list 'expectations'.", where=str(path))
    meta = _table(content.get("meta", {}), path, "meta")
    default = _profile(meta["profile"], path, "meta.profile") if "profile" in meta else None
    rules = tuple(
        _rule(item, path, f"expectations[{index}]", default)
        for index, item in enumerate(content["expectations"])
    )
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            raise DefinitionError(
                f"The name '{rule.name}' is given to two expectations.", where=f"{path}, meta.name"
            )
        seen.add(rule.name)
    return Suite(table=path.stem, file=path, rules=rules)


def _rule(item: object, path: Path, key: str, default: Path | None) -> Rule:
    content = _table(item, path, key)
    meta = _table(content.get("meta", {}), path, f"{key}.meta")
    kind = _text(content, "type", path, key)
    name = _text(meta, "name", path, f"{key}.meta")
    place = f"{key} '{name}'"
    severity = content.get("severity")
    if severity is None:
        raise DefinitionError(
            f"Expectation '{name}' has no severity.",
            where=f"{path}, {place}.severity",
            remedy=f"Say one of: {', '.join(SEVERITIES)}.",
        )
    if severity not in SEVERITIES:
        raise DefinitionError(
            f"'{severity}' is no severity.",
            where=f"{path}, {place}.severity",
            remedy=did_you_mean(str(severity), SEVERITIES),
        )
    profile = _profile(meta["profile"], path, f"{place}.meta.profile") if "profile" in meta else default
    if profile is None:
        raise DefinitionError(
            "Neither the suite nor this expectation names a profile.",
            where=f"{path}, {place}.meta.profile",
            remedy='Add "meta": {"profile": "profiles/<table>.sql"} to the suite.',
        )
    kwargs = _table(content.get("kwargs", {}), path, f"{place}.kwargs")
    rows = meta.get("rows", [])
    if not isinstance(rows, list) or not all(isinstance(column, str) for column in rows):
        raise DefinitionError("'rows' is a list of column names.", where=f"{path}, {place}.meta.rows")
    return Rule(
        type=kind,
        kwargs=kwargs,
        severity=severity,
        name=name,
        says=_text(meta, "says", path, f"{place}.meta"),
        profile=profile,
        remedy=str(meta.get("remedy", "")),
        column=str(meta.get("column", kwargs.get("column", ""))),
        rows=tuple(rows),
        fails=_template(str(meta.get("fails", "")), f"{path}, {place}.meta.fails"),
    )


def _table(value: object, path: Path, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DefinitionError(f"'{key}' must be an object.", where=str(path))
    return value


def _text(content: Mapping[str, Any], name: str, path: Path, key: str) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not value.strip():
        raise DefinitionError(f"'{name}' is missing or no text.", where=f"{path}, {key}.{name}")
    return value


def _profile(value: object, path: Path, key: str) -> Path:
    profile = path.parent / str(value)
    if not profile.is_file():
        known = [item.relative_to(path.parent).as_posix() for item in path.parent.glob("profiles/*.sql")]
        raise DefinitionError(
            f"There is no profile '{value}'.",
            where=f"{path}, {key}",
            remedy=did_you_mean(str(value), known),
        )
    return profile


def _template(text: str, where: str) -> str:
    try:
        fields = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    except ValueError as error:
        raise DefinitionError(f"The template cannot be read: {error}.", where=where) from error
    for name in fields:
        if name not in TEMPLATE_FIELDS:
            raise DefinitionError(
                f"'{{{name}}}' cannot be filled in.", where=where, remedy=did_you_mean(name, TEMPLATE_FIELDS)
            )
    return text
