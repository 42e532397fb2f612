"""How fresh each source is and how many rows each table holds: the tables of the data quality page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import pandas as pd

from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.grid import Cell, Column, Grid, Row
from kpi_lib.reporting.markup import text_html
from kpi_lib.reporting.quality_data import QualityData


def with_days(data: QualityData) -> list[tuple[Mapping[str, object], int | None]]:
    """Return the load record's rows with how many days each source is behind the as-of day."""
    found: list[tuple[Mapping[str, object], int | None]] = []
    for row in data.loads.to_dict("records"):
        through = row["complete_through"]
        days = None if pd.isna(through) else max((data.as_of - pd.Timestamp(through).date()).days, 0)
        found.append(({str(key): value for key, value in row.items()}, days))
    return found


def absent_sources(data: QualityData) -> list[str]:
    """Return the sources of which nothing is loaded."""
    loaded = set(map(str, data.loads["source"]))
    return [source.name for source in data.catalogue.sources if source.name not in loaded]


def freshness_grid(data: QualityData) -> Grid:
    """Return from and through which day each source is loaded, when, and how far behind it is."""
    required = {source.name: source.required for source in data.catalogue.sources}
    rows = [_load_row(data, row, days, required) for row, days in with_days(data)]
    rows += [
        Row((Cell(name, html=_named(name, required)), Cell("not loaded"),
             *(Cell(fmt.DASH, spoken="not loaded") for _ in range(4))))
        for name in absent_sources(data)
    ]  # fmt: skip
    columns = (
        Column("Source", number=False),
        Column("Behind", number=False),
        Column("Complete through", number=False),
        Column("Loaded", number=False),
        Column("Begins", number=False),
        Column("Rows"),
    )
    return Grid("How fresh the sources are", columns, tuple(rows))


def _named(name: str, required: Mapping[str, bool]) -> str:
    return text_html(name) + ("" if required.get(name, True) else "<small>optional</small>")


def _load_row(
    data: QualityData, row: Mapping[str, object], days: int | None, required: Mapping[str, bool]
) -> Row:
    name = str(row["source"])
    if days is None:
        behind = Cell("unknown")
    elif days:
        said = fmt.plural(days, "day")
        behind = Cell(said, html=f'<span class="badge amber">△ {said}</span>')
    else:
        behind = Cell("✓ up to date", html='<span class="good">✓</span> up to date')
    count = row["row_count"]
    return Row(
        (
            Cell(name, html=_named(name, required)),
            behind,
            Cell(_date(row["complete_through"])),
            _loaded_cell(data, row["loaded_at"]),
            Cell(_date(row["loaded_from"])),
            Cell(fmt.DASH if pd.isna(count) else f"{int(float(str(count))):,}"),  # type: ignore[call-overload]
        )
    )


def _loaded_cell(data: QualityData, value: object) -> Cell:
    if pd.isna(value):  # type: ignore[call-overload]
        return Cell(fmt.DASH, spoken="unknown")
    moment = pd.Timestamp(str(value)).to_pydatetime()
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    before = data.newest.checked_at - moment
    hours = before.total_seconds() / 3600
    ago = (
        "after the checks" if hours < 0
        else "less than an hour before the checks" if hours < 1
        else f"{fmt.plural(int(hours), 'hour')} before the checks" if hours < 48
        else f"{fmt.plural(int(hours // 24), 'day')} before the checks"
    )  # fmt: skip
    said = data.when(moment)
    return Cell(said, html=f"{text_html(said)}<small>{ago}</small>")


def _date(value: object) -> str:
    return fmt.DASH if pd.isna(value) else fmt.day(pd.Timestamp(str(value)).date())  # type: ignore[call-overload]


def rows_grid(data: QualityData) -> Grid:
    """Return how many rows each table holds."""
    rows = [
        Row((Cell(str(item["table_name"])), Cell(str(item["what"])), Cell(f"{int(item['row_count']):,}")))
        for item in data.counts.to_dict("records")
    ]
    columns = (Column("Table", number=False), Column("What it is", number=False), Column("Rows"))
    return Grid("Rows in every table", columns, tuple(rows))
