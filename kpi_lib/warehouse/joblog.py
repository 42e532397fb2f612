"""What the jobs of a run read, took and were allowed to: the account in the run record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from kpi_lib.catalogue.profiles import BigQueryProfile
from kpi_lib.errors import AccessError

# BigQuery bills no less than this for a table that a query reads.
SMALLEST_BILL = 10 * 2**20


@dataclass(frozen=True)
class JobEntry:
    """One job: ``kind`` is query, load, copy or extract; ``tries`` counts calls until it was answered."""

    job_id: str
    kind: str
    domain: str
    step: str
    bytes_processed: int
    bytes_billed: int
    seconds: float
    tries: int
    rows: int | None = None
    cached: bool = False


@dataclass
class JobLog:
    """The jobs of a run and the bytes that are left to it.

    Parameters
    ----------
    maximum_bytes
        What one query may read.
    budget
        What all of them may.
    """

    maximum_bytes: int
    budget: int
    jobs: list[JobEntry] = field(default_factory=list)

    @classmethod
    def of(cls, profile: BigQueryProfile) -> JobLog:
        """Return an empty account with the limits of a profile."""
        return cls(int(profile.maximum_bytes_billed), int(profile.byte_budget))

    @property
    def bytes_billed(self) -> int:
        """What has been billed so far."""
        return sum(job.bytes_billed for job in self.jobs)

    @property
    def left(self) -> int:
        """What the run may still read."""
        return max(self.budget - self.bytes_billed, 0)

    def allow(self, estimate: int, where: str, step: str) -> int:
        """Return what BigQuery may bill for a query of this estimate at most.

        Raises
        ------
        AccessError
            When the query, or the run with it, would read more than the profile allows.
        """
        if estimate > self.maximum_bytes:
            raise AccessError(
                f"{step} would read {human(estimate)}; one query may read {human(self.maximum_bytes)}.",
                where=where,
                remedy="Raise maximum_bytes_billed of the profile if that is right.",
            )
        if estimate > self.left or self.left < SMALLEST_BILL:
            raise AccessError(
                f"{step} would read {human(estimate)}; of the run's {human(self.budget)} there are "
                f"{human(self.left)} left after {len(self.jobs)} jobs.",
                where=where,
                remedy="Raise byte_budget of the profile if that is right; nothing was published.",
            )
        return min(self.maximum_bytes, self.left)

    def add(self, entry: JobEntry) -> None:
        """Write a job down."""
        self.jobs.append(entry)

    def as_dict(self) -> Mapping[str, Any]:
        """Return the account for the run record."""
        return {
            "jobs": len(self.jobs),
            "bytes_processed": sum(job.bytes_processed for job in self.jobs),
            "bytes_billed": self.bytes_billed,
            "byte_budget": self.budget,
            "seconds": round(sum(job.seconds for job in self.jobs), 3),
            "tries": sum(job.tries for job in self.jobs),
            "list": [asdict(job) for job in self.jobs],
        }


def human(size: float) -> str:
    """Return a number of bytes for people: ``12.3 MiB``."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} TiB"
