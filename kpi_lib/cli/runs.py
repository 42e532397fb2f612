"""The commands that run something: the night and its parts."""

from __future__ import annotations

import datetime as dt
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from kpi_lib.cli.options import (
    AsOf,
    Domains,
    Limit,
    Log,
    LogFormat,
    Only,
    OutputFormat,
    ProfileName,
    Renderer,
    RendererName,
    SettingsFile,
    TableFormat,
    now,
    open_workspace,
    read_date,
    show_progress,
)
from kpi_lib.cli.output import print_frame
from kpi_lib.errors import UsageError


def nightly(
    as_of: AsOf = None,
    domain: Domains = None,
    profile: ProfileName = None,
    renderer: RendererName = Renderer.auto,
    only: Only = None,
    limit: Limit = None,
    force: Annotated[bool, typer.Option("--force", help="Run even when nothing changed.")] = False,
    settings: SettingsFile = None,
    log_format: Log = LogFormat.text,
) -> None:
    """Run the whole night: tables, gate, notebooks, pages, publish."""
    from kpi_lib.pipeline.night import run_night
    from kpi_lib.pipeline.night_types import NightOptions

    workspace = open_workspace(settings, profile, domain)
    options = NightOptions(
        as_of=read_date(as_of, "--as-of"),
        renderer=renderer.value,
        only=tuple(only or ()),
        limit=limit,
        force=force,
    )
    with show_progress(log_format) as progress:
        result = run_night(workspace, options, clock=now, progress=progress)
    for line in result.lines():
        typer.echo(line)
    raise typer.Exit(result.exit_code)


def sample(
    domain: Domains = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Last day; default: yesterday.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same data.")] = 7,
    missing: Annotated[bool, typer.Option("--missing", help="Leave existing landing files alone.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite landing files of your own.")] = False,
    settings: SettingsFile = None,
) -> None:
    """(Re)create the sample sources."""
    from kpi_lib.pipeline.sample import make_samples

    workspace = open_workspace(settings, None, domain)
    zone = ZoneInfo(workspace.settings.time_zone)
    last = read_date(until, "--until") or now().astimezone(zone).date() - dt.timedelta(days=1)
    written = make_samples(workspace, last, seed, only_missing=missing, force=force)
    for name, rows in written.items():
        folder = workspace.settings.landing / name
        typer.echo(f"{name}: {sum(rows.values()):,} rows in {len(rows)} files until {last} → {folder}")


def build(
    full: Annotated[bool, typer.Option("--full", help="Compute every as-of date again.")] = False,
    days: Annotated[int, typer.Option(min=0, help="Compute the newest N as-of dates in any case.")] = 1,
    as_of: AsOf = None,
    domain: Domains = None,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    log_format: Log = LogFormat.text,
) -> None:
    """Build marts, facts and roll-ups, gate them, and publish the tables; the pages stay as they are."""
    from kpi_lib.pipeline.night import run_build
    from kpi_lib.pipeline.night_types import NightOptions

    workspace = open_workspace(settings, profile, domain)
    options = NightOptions(as_of=read_date(as_of, "--as-of"), full=full, last_days=days)
    with show_progress(log_format) as progress:
        result = run_build(workspace, options, clock=now, progress=progress)
    for line in result.lines():
        typer.echo(line)
    raise typer.Exit(result.exit_code)


def backfill(
    start: Annotated[str, typer.Option("--from", metavar="DATE", help="First as-of date.")],
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="Last as-of date.")],
    domain: Domains = None,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    log_format: Log = LogFormat.text,
) -> None:
    """Compute a range of as-of dates again, roll-ups and the scorecard's history, and publish the tables."""
    from kpi_lib.pipeline.night import run_build
    from kpi_lib.pipeline.night_types import NightOptions

    first, last = read_date(start, "--from"), read_date(end, "--to")
    if first is None or last is None or last < first:
        raise UsageError(f"The range {start} to {end} is empty.", remedy="Give --from before --to.")
    workspace = open_workspace(settings, profile, domain)
    options = NightOptions(backfill=(first, last), last_days=0)
    with show_progress(log_format) as progress:
        result = run_build(workspace, options, clock=now, progress=progress)
    for line in result.lines():
        typer.echo(line)
    raise typer.Exit(result.exit_code)


def validate(
    as_of: AsOf = None,
    domain: Domains = None,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    output: OutputFormat = TableFormat.table,
) -> None:
    """Run the gate alone, on what is published."""
    from kpi_lib.pipeline.gate import gate_published

    workspace = open_workspace(settings, profile, domain)
    gates = [gate_published(workspace, item, read_date(as_of, "--as-of")) for item in workspace.catalogues]
    for catalogue, gate in zip(workspace.catalogues, gates, strict=True):
        frame = gate.to_frame()
        print_frame(frame if output is not TableFormat.table else frame[~frame["success"]], output)
        passed = int(frame["success"].sum())
        typer.echo(f"{catalogue.domain}: {passed} of {len(frame)} checks passed", err=True)
    for gate in gates:
        gate.raise_if_failed()


def render(
    only: Only = None,
    limit: Limit = None,
    renderer: RendererName = Renderer.auto,
    domain: Domains = None,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    log_format: Log = LogFormat.text,
) -> None:
    """Run notebooks and rendering alone, from the published tables, and publish the pages."""
    from kpi_lib.pipeline.night import run_render
    from kpi_lib.pipeline.night_types import NightOptions

    workspace = open_workspace(settings, profile, domain)
    options = NightOptions(renderer=renderer.value, only=tuple(only or ()), limit=limit)
    with show_progress(log_format) as progress:
        result = run_render(workspace, options, clock=now, progress=progress)
    for line in result.lines():
        typer.echo(line)
    raise typer.Exit(result.exit_code)
