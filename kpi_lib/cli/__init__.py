"""The command line: parse, call the pipeline, print, exit with the right code.

This package is the only reader of the clock.
"""

from __future__ import annotations

import sys

import typer

from kpi_lib.cli import definitions, questions, runs
from kpi_lib.cli.targets import targets_app
from kpi_lib.errors import KpiError

__all__ = ["app", "main"]

app = typer.Typer(
    name="kpi",
    help="Daily KPIs: build them, gate them, report them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)

for _command in (
    runs.nightly,
    runs.sample,
    runs.build,
    runs.backfill,
    runs.validate,
    runs.render,
    questions.status,
    questions.query,
    questions.compare,
    questions.restatements,
    definitions.check,
    definitions.definitions,
    definitions.doctor,
    definitions.scheduled_query,
    definitions.estimate,
):
    app.command()(_command)
app.add_typer(targets_app, name="targets")


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
