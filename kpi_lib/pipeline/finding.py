"""One thing that ``kpi doctor`` looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What was found: ``✓`` fine, ``✗`` wrong, ``·`` worth knowing."""

    mark: str
    what: str
    exit_code: int = 0

    def __str__(self) -> str:
        """Return the finding as a line."""
        return f"{self.mark} {self.what}"
