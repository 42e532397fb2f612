"""The commands that ask what is published."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from kpi_lib.cli.options import (
    AsOf,
    DomainName,
    EntityKey,
    KpiKey,
    OutputFormat,
    Pattern,
    ProfileName,
    Rows,
    SettingsFile,
    TableFormat,
    now,
    open_reader,
    open_workspace,
    read_date,
    read_key,
)
from kpi_lib.cli.output import print_changes, print_frame
from kpi_lib.errors import UsageError


def status(
    profile: ProfileName = None,
    settings: SettingsFile = None,
    output: OutputFormat = TableFormat.table,
) -> None:
    """Say what is published, how old it is, and what is stale (exit code 1 when something is)."""
    from kpi_lib.pipeline.status import status as read_status

    state = read_status(open_workspace(settings, profile, None), now())
    if output is TableFormat.json:
        typer.echo(json.dumps(state.as_dict(), indent=2, default=str))
    else:
        for line in state.lines():
            typer.echo(line)
    raise typer.Exit(1 if state.stale else 0)


def query(
    pattern: Annotated[Pattern, typer.Argument(help="today, series or payload.")],
    kpi: Annotated[str | None, typer.Option(help="A KPI's code or id.")] = None,
    entity: EntityKey = "ALL",
    since: Annotated[str | None, typer.Option(metavar="DATE", help="For series: first as-of date.")] = None,
    as_of: AsOf = None,
    domain: DomainName = None,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    output: OutputFormat = TableFormat.table,
) -> None:
    """Ask the published warehouse: today's dashboard, one KPI over time, or the JSON payloads."""
    if pattern is Pattern.series and kpi is None:
        raise UsageError("A series needs a KPI.", remedy="Name it: --kpi total_daily_revenue.")
    with open_reader(settings, profile, domain) as wh:
        if pattern is Pattern.today:
            frame = wh.today(as_of=read_date(as_of, "--as-of"), entity=read_key(entity))
        elif pattern is Pattern.payload:
            frame = wh.payload(as_of=read_date(as_of, "--as-of"), entity=read_key(entity))
        else:
            frame = wh.series(
                read_key(kpi or ""),
                since=read_date(since, "--since"),
                until=read_date(as_of, "--as-of"),
                entity=read_key(entity),
            )
        if kpi is not None and "kpi_code" in frame:
            frame = frame[frame["kpi_code"] == wh.catalogue.kpi(read_key(kpi)).code]
    if frame.empty:
        typer.echo("no rows", err=True)
    print_frame(frame, output)


def compare(
    first: Annotated[str, typer.Argument(help="The earlier publication: a date, an instant or a run id.")],
    second: Annotated[str, typer.Argument(help="The later one.")],
    as_of: AsOf = None,
    kpi: KpiKey = None,
    entity: EntityKey = "ALL",
    domain: DomainName = None,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    rows: Rows = 50,
    output: OutputFormat = TableFormat.table,
) -> None:
    """Say what differs between two publications: old, new, difference and cause."""
    with open_reader(settings, profile, domain) as wh:
        frame = wh.compare(
            first, second, read_date(as_of, "--as-of"), kpi and read_key(kpi), read_key(entity)
        )
    print_changes(frame, output, rows)


def restatements(
    since: Annotated[str | None, typer.Option(metavar="DATE", help="Published from this day on.")] = None,
    as_of: AsOf = None,
    kpi: KpiKey = None,
    entity: EntityKey = "ALL",
    domain: DomainName = None,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    rows: Rows = 50,
    output: OutputFormat = TableFormat.table,
) -> None:
    """List the published values that a later publication changed, newest first."""
    with open_reader(settings, profile, domain) as wh:
        frame = wh.restatements(since, read_date(as_of, "--as-of"), kpi and read_key(kpi), read_key(entity))
    print_changes(frame, output, rows)
