"""The exception tree: every message says what is wrong, where, and what to do next.

Each class carries the exit code the command line ends with, so that no other place
has to know which mistake means which code (``0`` fine, ``1`` a report failed or
something is stale, ``2`` the call or the definitions are wrong, ``3`` the data did not
pass the gate, ``4`` the warehouse could not be reached).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class KpiError(Exception):
    """Base of every error a user can cause or has to act on.

    Parameters
    ----------
    what
        One sentence: what is wrong.
    where
        File, key, table or row; empty when the message already says it.
    remedy
        What to do next; empty when there is nothing to add.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what = what
        self.where = where
        self.remedy = remedy
        parts = [f"{where}: {what}" if where else what]
        if remedy:
            parts.append(remedy)
        super().__init__("\n  → ".join(parts))


class UsageError(KpiError):
    """The call is wrong: an impossible date, an unknown option value, a missing file."""


class DefinitionError(KpiError):
    """A TOML, CSV, JSON, SQL or notebook definition is wrong.

    Parameters
    ----------
    issues
        Every problem found, so that the user mends them in one go.
    """

    def __init__(
        self, what: str, *, where: str = "", remedy: str = "", issues: Iterable[object] = ()
    ) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.issues = tuple(issues)


class FrameError(KpiError):
    """A frame breaks its contract: columns, types, keys, finite values."""


class DataError(KpiError):
    """The source data cannot be used: missing, unreadable, mistyped, or rejected by the gate."""

    exit_code: ClassVar[int] = 3


class GateError(DataError):
    """The gate found a critical failure; nothing of the domain is published."""


class ReportError(KpiError):
    """A notebook, a renderer or an output check failed."""

    exit_code: ClassVar[int] = 1


class StaleError(KpiError):
    """What is published is older than it may be."""

    exit_code: ClassVar[int] = 1


class RunError(KpiError):
    """A run cannot start or finish: another one holds the lock, the disk is full."""

    exit_code: ClassVar[int] = 1


class WarehouseError(KpiError):
    """The warehouse cannot be reached, opened, read or written."""

    exit_code: ClassVar[int] = 4


class AccessError(KpiError):
    """The warehouse answered and refused: project, credentials, permission, location, limit on bytes."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a remedy that names the closest known names, or lists them when none is close.

    Parameters
    ----------
    name
        What the user wrote.
    known
        The names that would have been right.

    Returns
    -------
    str
        ``"Did you mean 'a'?"`` or ``"Known: a, b, c."``
    """
    names = sorted({str(item) for item in known})
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return "Did you mean " + " or ".join(f"'{item}'" for item in close) + "?"
    shown = ", ".join(names[:12])
    return f"Known: {shown}{', …' if len(names) > 12 else ''}." if names else "None is defined."
