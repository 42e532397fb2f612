"""The command line: parse, call the pipeline, print, exit with the right code.

This module and the one of targets are the only ones that read the clock.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from kpi_lib.cli_targets import targets_app
from kpi_lib.errors import KpiError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from kpi_lib.pipeline.workspace import Workspace

app = typer.Typer(
    name="kpi",
    help="Daily KPIs: build them, gate them, report them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)


app.add_typer(targets_app, name="targets")


class Renderer(StrEnum):
    """Which renderer draws the pages."""

    auto = "auto"
    quarto = "quarto"
    embedded = "embedded"


class LogFormat(StrEnum):
    """How progress is written to stderr."""

    text = "text"
    json = "json"


class TableFormat(StrEnum):
    """How a result is written to stdout."""

    table = "table"
    csv = "csv"
    json = "json"


class Pattern(StrEnum):
    """The query patterns."""

    today = "today"
    series = "series"
    payload = "payload"


AsOf = Annotated[str | None, typer.Option("--as-of", metavar="DATE", help="Business date, YYYY-MM-DD.")]
Domains = Annotated[list[str] | None, typer.Option("--domain", help="A domain; may be repeated.")]
ProfileName = Annotated[str | None, typer.Option("--profile", help="A profile of kpi.toml.")]
SettingsFile = Annotated[Path | None, typer.Option("--settings", help="Another kpi.toml.")]
Log = Annotated[LogFormat, typer.Option("--log-format", help="Progress as text or as JSON lines.")]
RendererName = Annotated[Renderer, typer.Option("--renderer", help="Who draws the pages.")]
Only = Annotated[list[str] | None, typer.Option("--only", help="Only this report; may be repeated.")]
Rows = Annotated[int, typer.Option("--rows", min=1, help="Of a table, show at most N rows.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="At most N pages of each report.")]


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@app.command()
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
    from kpi_lib.pipeline.night import NightOptions, run_night

    workspace = _workspace(settings, profile, domain)
    options = NightOptions(
        as_of=_date(as_of, "--as-of"),
        renderer=renderer.value,
        only=tuple(only or ()),
        limit=limit,
        force=force,
    )
    with _progress(log_format) as progress:
        result = run_night(workspace, options, clock=_now, progress=progress)
    for line in result.lines():
        typer.echo(line)
    raise typer.Exit(result.exit_code)


@app.command()
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

    workspace = _workspace(settings, None, domain)
    zone = ZoneInfo(workspace.settings.time_zone)
    last = _date(until, "--until") or _now().astimezone(zone).date() - dt.timedelta(days=1)
    written = make_samples(workspace, last, seed, only_missing=missing, force=force)
    for name, rows in written.items():
        folder = workspace.settings.landing / name
        typer.echo(f"{name}: {sum(rows.values()):,} rows in {len(rows)} files until {last} → {folder}")


@app.command()
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
    from kpi_lib.pipeline.night import NightOptions, run_build

    workspace = _workspace(settings, profile, domain)
    options = NightOptions(as_of=_date(as_of, "--as-of"), full=full, last_days=days)
    with _progress(log_format) as progress:
        result = run_build(workspace, options, clock=_now, progress=progress)
    for line in result.lines():
        typer.echo(line)


@app.command()
def backfill(
    start: Annotated[str, typer.Option("--from", metavar="DATE", help="First as-of date.")],
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="Last as-of date.")],
    domain: Domains = None,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    log_format: Log = LogFormat.text,
) -> None:
    """Compute the roll-ups of a range of as-of dates again and publish the tables."""
    from kpi_lib.pipeline.night import NightOptions, run_build

    first, last = _date(start, "--from"), _date(end, "--to")
    if first is None or last is None or last < first:
        raise UsageError(f"The range {start} to {end} is empty.", remedy="Give --from before --to.")
    workspace = _workspace(settings, profile, domain)
    options = NightOptions(backfill=(first, last), last_days=0)
    with _progress(log_format) as progress:
        result = run_build(workspace, options, clock=_now, progress=progress)
    for line in result.lines():
        typer.echo(line)


@app.command()
def validate(
    as_of: AsOf = None,
    domain: Domains = None,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    output: Annotated[TableFormat, typer.Option("--format")] = TableFormat.table,
) -> None:
    """Run the gate alone, on what is published."""
    from kpi_lib.pipeline.gate import gate_published

    workspace = _workspace(settings, profile, domain)
    gates = [gate_published(workspace, item, _date(as_of, "--as-of")) for item in workspace.catalogues]
    for catalogue, gate in zip(workspace.catalogues, gates, strict=True):
        frame = gate.to_frame()
        _print_frame(frame if output is not TableFormat.table else frame[~frame["success"]], output)
        passed = int(frame["success"].sum())
        typer.echo(f"{catalogue.domain}: {passed} of {len(frame)} checks passed", err=True)
    for gate in gates:
        gate.raise_if_failed()


@app.command()
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
    from kpi_lib.pipeline.night import NightOptions, run_render

    workspace = _workspace(settings, profile, domain)
    options = NightOptions(renderer=renderer.value, only=tuple(only or ()), limit=limit)
    with _progress(log_format) as progress:
        result = run_render(workspace, options, clock=_now, progress=progress)
    for line in result.lines():
        typer.echo(line)
    raise typer.Exit(result.exit_code)


@app.command()
def status(
    profile: ProfileName = None,
    settings: SettingsFile = None,
    output: Annotated[TableFormat, typer.Option("--format")] = TableFormat.table,
) -> None:
    """Say what is published, how old it is, and what is stale (exit code 1 when something is)."""
    from kpi_lib.pipeline.status import status as read_status

    state = read_status(_workspace(settings, profile, None), _now())
    if output is TableFormat.json:
        typer.echo(json.dumps(state.as_dict(), indent=2, default=str))
    else:
        for line in state.lines():
            typer.echo(line)
    raise typer.Exit(1 if state.stale else 0)


@app.command()
def query(
    pattern: Annotated[Pattern, typer.Argument(help="today, series or payload.")],
    kpi: Annotated[str | None, typer.Option(help="A KPI's code or id.")] = None,
    entity: Annotated[str, typer.Option(help="An entity's code or id.")] = "ALL",
    since: Annotated[str | None, typer.Option(metavar="DATE", help="For series: first as-of date.")] = None,
    as_of: AsOf = None,
    domain: Annotated[str | None, typer.Option("--domain", help="A domain.")] = None,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    output: Annotated[TableFormat, typer.Option("--format")] = TableFormat.table,
) -> None:
    """Ask the published warehouse: today's dashboard, one KPI over time, or the JSON payloads."""
    from kpi_lib.catalogue import load_settings
    from kpi_lib.warehouse import connect

    if pattern is Pattern.series and kpi is None:
        raise UsageError("A series needs a KPI.", remedy="Name it: --kpi total_daily_revenue.")
    with connect(profile=profile, domain=domain, settings=load_settings(settings)) as wh:
        if pattern is Pattern.today:
            frame = wh.today(as_of=_date(as_of, "--as-of"), entity=_key(entity))
        elif pattern is Pattern.payload:
            frame = wh.payload(as_of=_date(as_of, "--as-of"), entity=_key(entity))
        else:
            frame = wh.series(
                _key(kpi or ""),
                since=_date(since, "--since"),
                until=_date(as_of, "--as-of"),
                entity=_key(entity),
            )
        if kpi is not None and "kpi_code" in frame:
            frame = frame[frame["kpi_code"] == wh.catalogue.kpi(_key(kpi)).code]
    if frame.empty:
        typer.echo("no rows", err=True)
    _print_frame(frame, output)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(help="The earlier publication: a date, an instant or a run id.")],
    second: Annotated[str, typer.Argument(help="The later one.")],
    as_of: AsOf = None,
    kpi: Annotated[str | None, typer.Option(help="Only this KPI: a code or id.")] = None,
    entity: Annotated[str, typer.Option(help="An entity's code or id.")] = "ALL",
    domain: Annotated[str | None, typer.Option("--domain", help="A domain.")] = None,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    rows: Rows = 50,
    output: Annotated[TableFormat, typer.Option("--format")] = TableFormat.table,
) -> None:
    """Say what differs between two publications: old, new, difference and cause."""
    from kpi_lib.catalogue import load_settings
    from kpi_lib.warehouse import connect

    with connect(profile=profile, domain=domain, settings=load_settings(settings)) as wh:
        frame = wh.compare(first, second, _date(as_of, "--as-of"), kpi and _key(kpi), _key(entity))
    _print_changes(frame, output, rows)


@app.command()
def restatements(
    since: Annotated[str | None, typer.Option(metavar="DATE", help="Published from this day on.")] = None,
    as_of: AsOf = None,
    kpi: Annotated[str | None, typer.Option(help="Only this KPI: a code or id.")] = None,
    entity: Annotated[str, typer.Option(help="An entity's code or id.")] = "ALL",
    domain: Annotated[str | None, typer.Option("--domain", help="A domain.")] = None,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    rows: Rows = 50,
    output: Annotated[TableFormat, typer.Option("--format")] = TableFormat.table,
) -> None:
    """List the published values that a later publication changed, newest first."""
    from kpi_lib.catalogue import load_settings
    from kpi_lib.warehouse import connect

    with connect(profile=profile, domain=domain, settings=load_settings(settings)) as wh:
        frame = wh.restatements(since, _date(as_of, "--as-of"), kpi and _key(kpi), _key(entity))
    _print_changes(frame, output, rows)


@app.command()
def check(
    domain: Domains = None,
    settings: SettingsFile = None,
) -> None:
    """Check the definitions and report every problem at once."""
    from kpi_lib.catalogue import load_settings
    from kpi_lib.pipeline.check import check as check_definitions

    loaded = load_settings(settings)
    names = tuple(domain or loaded.domains)
    problems = check_definitions(loaded, names)
    for problem in problems:
        typer.echo(str(problem))
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        typer.echo(f"{len(errors)} problem{'s' if len(errors) > 1 else ''} found.", err=True)
        raise typer.Exit(2)
    typer.echo(f"The definitions of {', '.join(names)} are fine.")


@app.command()
def doctor(profile: ProfileName = None, settings: SettingsFile = None) -> None:
    """Say what is installed, found and reachable."""
    from kpi_lib.pipeline.doctor import examine

    findings = examine(settings, profile)
    for finding in findings:
        typer.echo(str(finding))
    raise typer.Exit(max((finding.exit_code for finding in findings), default=0))


def _workspace(settings: Path | None, profile: str | None, domains: Sequence[str] | None) -> Workspace:
    from kpi_lib.catalogue import load_settings
    from kpi_lib.pipeline.workspace import Workspace

    return Workspace(load_settings(settings), profile, tuple(domains or ()))


def _date(text: str | None, option: str) -> dt.date | None:
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(
            f"'{text}' is no date.", where=option, remedy="Write it as YYYY-MM-DD, e.g. 2026-11-20."
        ) from error


def _key(text: str) -> str | int:
    return int(text) if text.isdecimal() else text


def _print_frame(frame: pd.DataFrame, output: TableFormat) -> None:
    from kpi_lib.reporting.exports import safe_csv

    if output is TableFormat.csv:
        typer.echo(safe_csv(frame), nl=False)
    elif output is TableFormat.json:
        typer.echo(frame.to_json(orient="records", date_format="iso", date_unit="s", indent=2))
    elif len(frame):
        typer.echo(_as_table(frame))


def _print_changes(frame: pd.DataFrame, output: TableFormat, rows: int) -> None:
    shown = frame if output is not TableFormat.table else frame.head(rows)
    if output is TableFormat.table and len(frame):
        shown = shown.assign(published_at=shown["published_at"].dt.strftime("%Y-%m-%d %H:%M UTC"))
    _print_frame(shown, output)
    more = f", the first {len(shown)} shown (--rows, --format csv)" if len(shown) < len(frame) else ""
    typer.echo(f"{len(frame):,} published values changed{more}", err=True)


def _as_table(frame: pd.DataFrame) -> str:
    return frame.to_string(
        index=False, na_rep="–", max_colwidth=60, float_format=lambda value: f"{value:,.2f}"
    )


def _progress(log_format: LogFormat) -> Any:
    from kpi_lib.operations.progress import make_progress

    return make_progress(log_format.value, interactive=sys.stderr.isatty())


def main() -> None:
    """Run the command line; the entry point of ``kpi``."""
    try:
        app()
    except KpiError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("stopped; what is published is unchanged", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)


if __name__ == "__main__":
    main()
