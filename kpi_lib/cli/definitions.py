"""The commands that look at definitions and surroundings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kpi_lib.cli.options import AsOf, Domains, ProfileName, SettingsFile, now, open_workspace, read_date
from kpi_lib.errors import UsageError


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


def definitions(
    domain: Domains = None,
    write: Annotated[
        Path | None, typer.Option("--write", help="Write the document to this file instead of printing it.")
    ] = None,
    settings: SettingsFile = None,
) -> None:
    """Print what every figure means, as one Markdown document."""
    from kpi_lib.catalogue import load_settings
    from kpi_lib.pipeline.definitions import definitions_markdown, write_definitions_file

    loaded, names = load_settings(settings), tuple(domain or ())
    if write is None:
        typer.echo(definitions_markdown(loaded, names), nl=False)
    else:
        typer.echo(f"written: {write_definitions_file(loaded, write, names)}")


def doctor(profile: ProfileName = None, settings: SettingsFile = None) -> None:
    """Say what is installed, found and reachable."""
    from kpi_lib.pipeline.doctor import examine

    findings = examine(settings, profile)
    for finding in findings:
        typer.echo(str(finding))
    raise typer.Exit(max((finding.exit_code for finding in findings), default=0))


def scheduled_query(
    domain: Annotated[str, typer.Option("--domain", help="A domain with a scorecard.")],
    as_of: AsOf = None,
    profile: ProfileName = None,
    settings: SettingsFile = None,
) -> None:
    """Write the stored procedure that refreshes dashboard_kpis within BigQuery, for one fiscal year."""
    from kpi_lib.catalogue import BigQueryProfile
    from kpi_lib.pipeline.scheduled_query import script

    workspace = open_workspace(settings, profile, [domain])
    chosen = workspace.settings.profile(profile)
    if not isinstance(chosen, BigQueryProfile):
        raise UsageError(
            "A stored procedure belongs into BigQuery.",
            where="--profile",
            remedy="Name a profile of kind bigquery.",
        )
    day = read_date(as_of, "--as-of") or now().date()
    typer.echo(script(workspace.catalogues[0], chosen, day), nl=False)


def estimate(
    entities: Annotated[
        list[int] | None,
        typer.Option("--entities", min=1, help="So many entities; may be repeated."),
    ] = None,
    price: Annotated[float, typer.Option(min=0, help="Dollars per TiB that BigQuery asks.")] = 6.25,
    domain: Domains = None,
    profile: ProfileName = None,
    settings: SettingsFile = None,
) -> None:
    """Say what a night would read and cost in BigQuery, on paper, from the sizes of what is published."""
    from kpi_lib.pipeline.estimate import nights

    for night in nights(open_workspace(settings, profile, domain), tuple(entities or (1, 10, 1000))):
        typer.echo(night.line(price))
    typer.echo("An upper bound; docs/runbook-bigquery.md has the formula.", err=True)
