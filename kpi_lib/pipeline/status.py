"""``kpi status``: what is published, how old it is, and what is stale."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo

from kpi_lib.operations.run import read_runs
from kpi_lib.pipeline.failed_night import connection_count
from kpi_lib.pipeline.workspace import Workspace


@dataclass(frozen=True)
class Status:
    """The state of a workspace.

    ``stale`` holds one sentence for each thing that is older than it may be; empty when all is well.
    ``connection`` counts the failures in a row of the connection to the warehouse.
    """

    profile: str
    output: str
    published: dict[str, Any] | None
    last_run: dict[str, Any] | None
    age_hours: float | None
    sources: tuple[dict[str, Any], ...]
    stale: tuple[str, ...]
    connection: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the state as plain data."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return the state as lines."""
        out = [f"profile:   {self.profile}, written to {self.output}"]
        if self.published is not None:
            out.append(f"published: run {self.published['run_id']}, {self.age_hours:.1f} hours ago")
            for domain, record in self.published["domains"].items():
                if "as_of" not in record:
                    continue
                gate = record["gate"]
                out.append(
                    f"{domain}: as of {record['as_of']}, watermark {record['watermark']}, "
                    f"{gate['passed']} of {gate['total']} checks passed"
                )
            out += [
                f"  {source['source']}: {source['loaded_from'][:10]} to {source['complete_through'][:10]}"
                for source in self.sources
            ]
        if self.last_run is not None:
            last = self.last_run
            out.append(f"last run:  {last['run_id']}, {last.get('kind')}, {last['status']}")
        return out + [f"stale: {item}" for item in self.stale]


def status(workspace: Workspace, now: dt.datetime) -> Status:
    """Return what is published and what is stale at an instant."""
    published = workspace.releases.record()
    runs = read_runs(workspace.runs, workspace.name)
    last = runs[0] if runs else None
    stale: list[str] = []
    age: float | None = None
    sources: list[dict[str, Any]] = []
    if published is None:
        stale.append("Nothing is published yet: run `make report` or `kpi nightly`.")
    else:
        age = (now - dt.datetime.fromisoformat(published["published_at"])).total_seconds() / 3600
        limit = workspace.settings.site.stale_after_hours
        if age > limit:
            stale.append(f"The site was published {age:.1f} hours ago; {limit:g} are allowed.")
        stale += [f"The page {page} could not be made." for page in published.get("failed", ())]
        for domain, record in published["domains"].items():
            if "error" in record:
                stale.append(f"{domain}: {record['error']}")
            if "as_of" not in record:
                continue
            sources += [{"domain": domain, **source} for source in record["sources"]]
            stale += _stale_domain(domain, record, now, workspace.settings.time_zone, limit)
        if "notice" in published:
            notice = published["notice"]
            which = "A night" if notice["failures"] == 1 else f"{notice['failures']} nights in a row"
            stale.append(f"{which} failed, last at {notice['at']}, and the pages say so: {notice['error']}")
    stale += workspace.misled
    if last is not None and last.get("status") == "failed":
        stale.append(f"The last run, {last['run_id']}, failed: {last.get('error', 'see its run.json')}")
    outage = connection_count(workspace, lambda: now).read()
    if outage.failures:
        often = f"{outage.failures} time{'' if outage.failures == 1 else 's in a row'}"
        stale.append(f"The warehouse was not reached {often} since {outage.since}: {outage.error}")
    return Status(
        workspace.name,
        str(workspace.output),
        published,
        last,
        age,
        tuple(sources),
        tuple(stale),
        asdict(outage),
    )


def _stale_domain(
    domain: str, record: dict[str, Any], now: dt.datetime, time_zone: str, limit: float
) -> list[str]:
    # A business date is complete at the end of its day, so that is where its age begins.
    zone = ZoneInfo(time_zone)
    as_of = dt.date.fromisoformat(record["as_of"])
    complete = dt.datetime.combine(as_of + dt.timedelta(days=1), dt.time(), zone)
    behind = (now - complete).total_seconds() / 3600
    if as_of > now.astimezone(zone).date():
        return [f"{domain}: the newest business date, {as_of}, has not happened yet."]
    if behind > limit + 24:
        return [f"{domain}: the newest business date is {as_of}, {behind / 24:.1f} days behind."]
    return []
