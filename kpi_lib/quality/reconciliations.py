"""Reconciliations: SQL that must return no row, and the words of its header."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kpi_lib.errors import DefinitionError, did_you_mean
from kpi_lib.quality.results import SEVERITIES, Severity

HEADER_KEYS = ("name", "severity", "table", "says", "remedy")
_ENTRY = re.compile(r"^--\s*(?P<key>[a-z_]+):\s*(?P<value>.*)$")


@dataclass(frozen=True)
class Reconciliation:
    """A SELECT whose every row is a difference that must not be.

    Parameters
    ----------
    name
        Unique within the domain.
    severity
        What a difference means.
    says
        The rule in plain words.
    sql
        GoogleSQL over logical tables.
    origin
        The file it was read from, or what it was derived from; for messages.
    table
        The table that carries the difference.
    remedy
        What to do about a difference.
    """

    name: str
    severity: Severity
    says: str
    sql: str
    origin: str
    table: str = ""
    remedy: str = ""


def read_reconciliations(folder: Path) -> tuple[Reconciliation, ...]:
    """Read every ``*.sql`` of a folder, in the order of their names.

    Each file begins with a header, up to the first line that is no comment or an empty one;
    a comment line without a key continues the one before::

        -- name: orders_in_one_line
        -- severity: critical
        -- says: Each order is in exactly one line of the mart.

    Raises
    ------
    DefinitionError
        Naming the file and the key that is missing, unknown or used twice.
    """
    read = tuple(_read(path) for path in sorted(folder.glob("*.sql")))
    seen: dict[str, str] = {}
    for item in read:
        if item.name in seen:
            raise DefinitionError(
                f"The name '{item.name}' is also used by {seen[item.name]}.", where=f"{item.origin}, name"
            )
        seen[item.name] = item.origin
    return read


def _read(path: Path) -> Reconciliation:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError(f"The file cannot be read: {error}.", where=str(path)) from error
    header: dict[str, str] = {}
    key = ""
    ends = (index for index, line in enumerate(lines) if not line.startswith("-- "))
    length = next(ends, len(lines))
    for line in lines[:length]:
        entry = _ENTRY.match(line)
        if entry is not None:
            key = entry["key"]
            if key not in HEADER_KEYS:
                raise DefinitionError(
                    f"'{key}' is no key of the header.",
                    where=str(path),
                    remedy=did_you_mean(key, HEADER_KEYS),
                )
            header[key] = entry["value"].strip()
        elif key:
            header[key] = f"{header[key]} {line.lstrip('- ').strip()}".strip()
    for needed in ("name", "severity", "says"):
        if not header.get(needed):
            raise DefinitionError(
                f"The header does not say '{needed}'.",
                where=str(path),
                remedy=f"Begin the file with a line '-- {needed}: …'.",
            )
    severity = next((known for known in SEVERITIES if known == header["severity"]), None)
    if severity is None:
        raise DefinitionError(
            f"'{header['severity']}' is no severity.",
            where=f"{path}, severity",
            remedy=did_you_mean(header["severity"], SEVERITIES),
        )
    sql = "\n".join(lines[length:]).strip().rstrip(";")
    if not sql:
        raise DefinitionError("There is no SELECT below the header.", where=str(path))
    return Reconciliation(
        name=header["name"],
        severity=severity,
        says=header["says"],
        sql=sql,
        origin=str(path),
        table=header.get("table", ""),
        remedy=header.get("remedy", ""),
    )
