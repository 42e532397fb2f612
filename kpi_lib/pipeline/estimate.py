"""What a night would read in BigQuery, on paper: table sizes × the SQL files that name them.

BigQuery bills the columns that a query names, over all rows of its tables, by the logical size of each type,
and no less than 10 MiB for each table of a query. Joins, filters and partitions are left out, so the true
figure is smaller; retries are left out too.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kpi_lib.catalogue import Catalogue
from kpi_lib.catalogue.dashboard_kpis import render_sql
from kpi_lib.catalogue.scorecard import scorecard_of
from kpi_lib.errors import UsageError
from kpi_lib.operations.release import WAREHOUSE
from kpi_lib.pipeline.scorecard_days import year_of
from kpi_lib.pipeline.workspace import Workspace
from kpi_lib.warehouse import DuckDBWarehouse
from kpi_lib.warehouse.dialect import translate
from kpi_lib.warehouse.joblog import SMALLEST_BILL, human
from kpi_lib.warehouse.protocol import Warehouse
from kpi_lib.warehouse.tables import DASHBOARD, FACTS, physical_layers

#: Bytes of a value of each type; a text has two more than its characters.
WIDTHS: Mapping[str, float] = {
    "INT64": 8, "FLOAT64": 8, "DATE": 8, "DATETIME": 8, "TIMESTAMP": 8, "NUMERIC": 16, "BOOL": 1,
}  # fmt: skip
_TEXT = 2.0


@dataclass(frozen=True)
class TableSize:
    """A table: rows, and bytes a row of each column."""

    rows: int
    widths: Mapping[str, float]

    def read(self, columns: frozenset[str] | None) -> float:
        """Return the bytes of these columns, or of all."""
        chosen = self.widths if columns is None else {key: self.widths[key] for key in columns}
        return self.rows * sum(chosen.values())


@dataclass(frozen=True)
class Reading:
    """One query of a night: what it is and the bytes of each table that it reads."""

    what: str
    tables: Mapping[str, float]

    @property
    def bytes(self) -> float:
        """What it reads."""
        return sum(self.tables.values())

    @property
    def billed(self) -> float:
        """What is billed: no less than the smallest bill for each table."""
        return sum(max(size, SMALLEST_BILL) for size in self.tables.values())


def readings(
    warehouse: Warehouse, catalogue: Catalogue, expectations: Path, as_of: dt.date, entities: int
) -> list[Reading]:
    """Return the queries of a domain's night with the bytes that each would read.

    Parameters
    ----------
    warehouse
        Published, for the sizes; open for reading.
    catalogue
        The domain.
    expectations
        Its folder of suites, for the gate's profiles and reconciliations.
    as_of
        The business date; SQL names the columns of its fiscal year.
    entities
        How many entities the wide mart, the facts and the roll-ups are thought to have.
    """
    layers = physical_layers(catalogue)
    sizes: dict[str, TableSize] = {}

    def size(table: str) -> TableSize:
        if table not in sizes:
            grows = table in (catalogue.mart, FACTS, DASHBOARD)
            factor = entities / max(len(catalogue.entities), 1) if grows else 1.0
            sizes[table] = measure(warehouse, table, factor)
        return sizes[table]

    found = []
    for what, sql in _queries(catalogue, expectations, as_of):
        named = [table for table in translate(sql, layers).tables if warehouse.exists(table)]
        found.append(Reading(what, {table: size(table).read(_named(size(table), sql)) for table in named}))
    if catalogue.kpis:
        facts, dates = size(FACTS).read(None), size(DASHBOARD).read(frozenset({"as_of_date"}))
        mart = {catalogue.mart: size(catalogue.mart).read(None)} if warehouse.exists(catalogue.mart) else {}
        found.append(Reading("mart, whether facts can be made of it", mart))
        found.append(Reading("facts, made of the mart", mart))
        found.append(Reading("facts of the last night, to see what changed", {FACTS: facts, **mart}))
        found.append(Reading("facts that the roll-up needs", {FACTS: facts}))
        found.append(Reading("facts that pages show", {FACTS: facts}))
        found.append(Reading("dates of the dashboard", {DASHBOARD: dates}))
    return found


def measure(warehouse: Warehouse, table: str, factor: float = 1.0) -> TableSize:
    """Return the size of a table, its rows multiplied by a factor."""
    columns = warehouse.columns(table)
    texts = [name for name, kind in columns.items() if kind == "STRING"]
    asked = ", ".join(f"AVG(COALESCE(LENGTH(`{name}`), 0)) AS `{name}`" for name in texts)
    row = warehouse.query(f"SELECT COUNT(*) AS kpi_rows{f', {asked}' if texts else ''} FROM {table}").iloc[0]  # noqa: S608
    lengths = {name: 0.0 if row[name] != row[name] else float(row[name]) for name in texts}
    widths = {
        name: lengths[name] + _TEXT if name in lengths else WIDTHS.get(kind, 8.0)
        for name, kind in columns.items()
    }
    return TableSize(round(int(row["kpi_rows"]) * factor), widths)


def _queries(catalogue: Catalogue, expectations: Path, as_of: dt.date) -> Iterator[tuple[str, str]]:
    folder = catalogue.folder / "sql"
    for model in catalogue.models:
        yield f"model {model.table}", (folder / model.sql).read_text(encoding="utf-8")
    card = scorecard_of(catalogue)
    if card is not None:
        year = year_of(catalogue, as_of)
        for model in card.models:
            yield f"model {model.table}", (folder / model.sql).read_text(encoding="utf-8")
        for view in card.views:
            yield f"view {view.table}", render_sql(view.text, year, (year - 1, year))
        for metric in card.metrics:
            yield f"metric {metric.key}", render_sql(metric.text, year)
    for kind in ("profiles", "reconciliations"):
        for file in sorted((expectations / kind).glob("*.sql")):
            yield f"gate {kind} {file.stem}", file.read_text(encoding="utf-8")


def _named(size: TableSize, sql: str) -> frozenset[str] | None:
    """Return the columns whose names occur in a query; None for all of them."""
    code = re.sub(r"--.*", "", sql)
    if re.search(r"SELECT\s+\*|\w\.\*", code):
        return None
    words = set(re.findall(r"\w+", code))
    return frozenset(name for name in size.widths if name in words)


@dataclass(frozen=True)
class Night:
    """A night on paper."""

    entities: int
    queries: int
    bytes: float
    billed: float

    def line(self, price: float) -> str:
        """Return it as a line; ``price`` in dollars per TiB."""
        return (
            f"{self.entities:>8,} entities: {self.queries} queries read {human(self.bytes)}, "
            f"billed {human(self.billed)}, ${self.billed / 2**40 * price:,.2f} a night"
        )


def nights(workspace: Workspace, entities: Sequence[int]) -> list[Night]:
    """Return what a night would read with so many entities, from the sizes of what is published.

    Raises
    ------
    UsageError
        When nothing is published yet.
    """
    record = workspace.releases.record()
    if record is None:
        raise UsageError("Nothing is published yet, so there are no sizes.", remedy="Run `kpi nightly`.")
    made = []
    for count in entities:
        found: list[Reading] = []
        for catalogue in workspace.catalogues:
            as_of = dt.date.fromisoformat(record["domains"][catalogue.domain]["as_of"])
            file = workspace.releases.link / WAREHOUSE
            with DuckDBWarehouse.open(file, physical_layers(catalogue), read_only=True) as warehouse:
                found += readings(warehouse, catalogue, workspace.expectations(catalogue), as_of, count)
        made.append(
            Night(count, len(found), sum(item.bytes for item in found), sum(item.billed for item in found))
        )
    return made
