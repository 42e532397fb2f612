"""What the commands share: their options, and how a text becomes a date, a key, a workspace."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kpi_lib.errors import UsageError

if TYPE_CHECKING:
    from kpi_lib.operations.progress import Reporter
    from kpi_lib.pipeline.workspace import Workspace
    from kpi_lib.warehouse.reader import Reader


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
DomainName = Annotated[str | None, typer.Option("--domain", help="A domain.")]
ProfileName = Annotated[str | None, typer.Option("--profile", help="A profile of kpi.toml.")]
SettingsFile = Annotated[Path | None, typer.Option("--settings", help="Another kpi.toml.")]
Log = Annotated[LogFormat, typer.Option("--log-format", help="Progress as text or as JSON lines.")]
RendererName = Annotated[Renderer, typer.Option("--renderer", help="Who draws the pages.")]
Only = Annotated[list[str] | None, typer.Option("--only", help="Only this report; may be repeated.")]
KpiKey = Annotated[str | None, typer.Option(help="Only this KPI: a code or id.")]
EntityKey = Annotated[str, typer.Option(help="An entity's code or id.")]
OutputFormat = Annotated[TableFormat, typer.Option("--format", help="How the result is written.")]
Rows = Annotated[int, typer.Option("--rows", min=1, help="Of a table, show at most N rows.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="At most N pages of each report.")]


def now() -> dt.datetime:
    """Read the clock."""
    return dt.datetime.now(dt.UTC)


def open_workspace(settings: Path | None, profile: str | None, domains: Sequence[str] | None) -> Workspace:
    """Return the workspace of a call; no domain named means all of ``kpi.toml``."""
    from kpi_lib.catalogue import load_settings
    from kpi_lib.pipeline.workspace import Workspace

    return Workspace(load_settings(settings), profile, tuple(domains or ()))


def open_reader(settings: Path | None, profile: str | None, domain: str | None) -> Reader:
    """Return the published warehouse, open for reading."""
    from kpi_lib.catalogue import load_settings
    from kpi_lib.warehouse import connect

    return connect(profile=profile, domain=domain, settings=load_settings(settings))


def read_date(text: str | None, option: str) -> dt.date | None:
    """Return a date given to an option.

    Raises
    ------
    UsageError
        When it is not written as YYYY-MM-DD.
    """
    from kpi_lib.periods import iso_day

    if text is None:
        return None
    try:
        return iso_day(text.strip())
    except ValueError as error:
        raise UsageError(
            f"'{text}' is no date.", where=option, remedy="Write it as YYYY-MM-DD, e.g. 2026-11-20."
        ) from error


def read_key(text: str) -> str | int:
    """Return a code, or an id where only digits were given."""
    return int(text) if text.isdecimal() else text


def show_progress(log_format: LogFormat) -> Reporter:
    """Return a context that writes progress to stderr."""
    from kpi_lib.operations.progress import make_progress

    return make_progress(log_format.value, interactive=sys.stderr.isatty())
