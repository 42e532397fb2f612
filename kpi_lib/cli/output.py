"""Results on stdout: a frame as a table, CSV or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from kpi_lib.cli.options import TableFormat

if TYPE_CHECKING:
    import pandas as pd


def print_frame(frame: pd.DataFrame, output: TableFormat) -> None:
    """Write a frame; CSV with cells that start no formula."""
    from kpi_lib.reporting.exports import safe_csv

    if output is TableFormat.csv:
        typer.echo(safe_csv(frame), nl=False)
    elif output is TableFormat.json:
        typer.echo(frame.to_json(orient="records", date_format="iso", date_unit="s", indent=2))
    elif len(frame):
        typer.echo(_as_table(frame))


def print_changes(frame: pd.DataFrame, output: TableFormat, rows: int) -> None:
    """Write changed values, newest first; of a table the first ``rows``."""
    shown = frame if output is not TableFormat.table else frame.head(rows)
    if output is TableFormat.table and len(frame):
        shown = shown.assign(published_at=shown["published_at"].dt.strftime("%Y-%m-%d %H:%M UTC"))
    print_frame(shown, output)
    more = f", the first {len(shown)} shown (--rows, --format csv)" if len(shown) < len(frame) else ""
    typer.echo(f"{len(frame):,} published values changed{more}", err=True)


def _as_table(frame: pd.DataFrame) -> str:
    return frame.to_string(
        index=False, na_rep="–", max_colwidth=60, float_format=lambda value: f"{value:,.2f}"
    )
