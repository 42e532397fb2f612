"""What the gate found: one row a rule, in words a manager understands."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import pandas as pd

from kpi_lib.errors import GateError

Severity: TypeAlias = Literal["critical", "warning", "info"]
Kind: TypeAlias = Literal["expectation", "reconciliation"]
Cell: TypeAlias = str | int | float | bool | None
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
ROWS_IN_MESSAGE = 5


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one rule.

    Parameters
    ----------
    table
        The table the rule is about.
    name
        The rule's name, unique within its table.
    column
        The column the rule is about; empty when it is about rows or several columns.
    severity
        What a failure means: ``critical`` stops publishing, ``warning`` is shown, ``info`` recorded.
    success
        Whether the rule holds.
    expected, observed
        The rule and what was found, in words.
    failing
        The first rows that break the rule, without personal data.
    kind
        An expectation of a suite, or a reconciliation of tables with one another.
    remedy
        What to do about a failure.
    """

    table: str
    name: str
    column: str
    severity: Severity
    success: bool
    expected: str
    observed: str
    failing: tuple[Mapping[str, Cell], ...] = ()
    kind: Kind = "expectation"
    remedy: str = ""

    @property
    def where(self) -> str:
        """Table, column and rule, for a message."""
        place = f"{self.table}.{self.column}" if self.column else self.table
        return f"{place} [{self.name}]"

    def as_dict(self) -> dict[str, object]:
        """Return the result as plain JSON values, named like the columns of ``dq_results``."""
        return {
            "table_name": self.table,
            "check_name": self.name,
            "column_name": self.column,
            "kind": self.kind,
            "severity": self.severity,
            "success": self.success,
            "expected": self.expected,
            "observed": self.observed,
            "remedy": self.remedy,
            "failing": [dict(row) for row in self.failing],
        }


@dataclass(frozen=True)
class GateResult:
    """Every rule's outcome for one domain and as-of date."""

    domain: str
    as_of: dt.date
    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Whether no critical rule failed."""
        return not self.failures("critical")

    @property
    def counts(self) -> dict[str, int]:
        """``total``, ``passed``, and the failures: ``failed_critical``, ``warnings``, ``infos``."""
        failed = Counter(result.severity for result in self.results if not result.success)
        return {
            "total": len(self.results),
            "passed": len(self.results) - failed.total(),
            "failed_critical": failed["critical"],
            "warnings": failed["warning"],
            "infos": failed["info"],
        }

    def failures(self, severity: Severity | None = None) -> tuple[CheckResult, ...]:
        """Return the rules that do not hold, of one severity or the most severe first."""
        failed = [
            result for result in self.results if not result.success and severity in (None, result.severity)
        ]
        return tuple(sorted(failed, key=lambda result: SEVERITIES.index(result.severity)))

    def to_frame(self) -> pd.DataFrame:
        """Return one row a rule as stored in ``ops.dq_results``; ``failing`` is JSON text."""
        rows = [
            {
                "domain": self.domain,
                "as_of_date": pd.Timestamp(self.as_of),
                **result.as_dict(),
                "failing": json.dumps([dict(row) for row in result.failing], ensure_ascii=False),
            }
            for result in self.results
        ]
        columns = ["domain", "as_of_date", *CheckResult("", "", "", "info", True, "", "").as_dict()]
        return pd.DataFrame(rows, columns=columns)

    def to_json(self, checked_at: dt.datetime | None = None) -> str:
        """Return the outcome as JSON text for the run's folder, with the instant of the checks."""
        content = {
            "schema_version": 1,
            "domain": self.domain,
            **({"checked_at": checked_at.isoformat()} if checked_at else {}),
            "as_of": self.as_of.isoformat(),
            "passed": self.passed,
            "counts": self.counts,
            "results": [result.as_dict() for result in self.results],
        }
        return json.dumps(content, ensure_ascii=False, indent=2)

    def raise_if_failed(self) -> None:
        """Raise :class:`~kpi_lib.errors.GateError` that lists every critical failure and its first rows."""
        failed = self.failures("critical")
        if not failed:
            return
        rules = "rule" if len(failed) == 1 else "rules"
        listed = "\n".join(_describe(result) for result in failed)
        raise GateError(
            f"{len(failed)} critical {rules} of {len(self.results)} failed as of {self.as_of}:\n{listed}",
            where=self.domain,
            remedy="Nothing was published. Mend the data named above and run again.",
        )


def _describe(result: CheckResult) -> str:
    lines = [f"  • {result.where}: {result.expected}", f"    Found: {result.observed}"]
    for row in result.failing[:ROWS_IN_MESSAGE]:
        cells = (f"{key}={'null' if value is None else value}" for key, value in row.items())
        lines.append("      " + ", ".join(cells))
    if result.remedy:
        lines.append(f"    → {result.remedy}")
    return "\n".join(lines)
