"""What a night is asked for, what it leaves behind, and a domain on its way through it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kpi_lib.catalogue import Catalogue
from kpi_lib.errors import DataError, KpiError
from kpi_lib.pipeline.build import Built
from kpi_lib.pipeline.gate import summary
from kpi_lib.quality import GateResult


@dataclass(frozen=True)
class NightOptions:
    """What was asked for; see the command line's help."""

    as_of: dt.date | None = None
    renderer: str = "auto"
    only: tuple[str, ...] = ()
    limit: int | None = None
    force: bool = False
    full: bool = False
    last_days: int = 1
    backfill: tuple[dt.date, dt.date] | None = None


@dataclass(frozen=True)
class NightResult:
    """What a run left behind."""

    run_id: str
    status: str
    site: Path
    pdfs: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    exit_code: int = 0

    def lines(self) -> list[str]:
        """Return the result as lines for the command line."""
        out = [*self.notes, *(f"failed: {item}" for item in self.failed)]
        if self.site.is_file():
            out.append(f"site: {self.site}")
        return out + [f"pdf:  {pdf}" for pdf in self.pdfs]


@dataclass
class DomainRun:
    """One domain on its way through the night."""

    catalogue: Catalogue
    fingerprint: str = ""
    built: Built | None = None
    gate: GateResult | None = None
    error: KpiError | None = None
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The domain's name."""
        return self.catalogue.domain

    def is_past(self, published: Mapping[str, Any] | None) -> bool:
        """Whether a date was made that is older than the published one, which the sources still reach."""
        if self.error is not None or not published or "as_of" not in published:
            return False
        return bool(self.record["as_of"] < published["as_of"] <= self.record["watermark"])

    def make_record(self) -> dict[str, Any]:
        """Return what the release remembers of this domain.

        Raises
        ------
        DataError
            When it was not built.
        """
        built, gate = self.built, self.gate
        if built is None or gate is None:
            raise DataError("The domain was not built.", where=self.name)
        return {
            "as_of": str(built.span.as_of),
            "watermark": str(built.span.watermark),
            "first_day": str(built.span.first_day),
            "fingerprint": self.fingerprint,
            "cause": built.cause,
            "sources": [
                {key: str(value) for key, value in row.items()} for row in built.loads.to_dict("records")
            ],
            "gate": summary(gate),
        }

    def note(self) -> str:
        """Return how the domain ended, in one line."""
        gate = self.record["gate"]
        line = f"{self.name}: as of {self.record['as_of']}, {gate['passed']} of {gate['total']} checks passed"
        if not gate["warnings"]:
            return line
        return f"{line}, {gate['warnings']} warning{'s' if gate['warnings'] > 1 else ''}"
