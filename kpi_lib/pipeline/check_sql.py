"""What the SQL of a domain's models asks for and its sources do not have."""

from __future__ import annotations

from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import OptimizeError, ParseError, TokenError
from sqlglot.optimizer.qualify import qualify

from kpi_lib import periods
from kpi_lib.catalogue import Catalogue, Problem
from kpi_lib.errors import did_you_mean
from kpi_lib.warehouse.tables import library_tables

_UNKNOWN = "Unknown column: "


def check_model_columns(catalogue: Catalogue) -> list[Problem]:
    """Return the columns that a model's SQL reads and no source, model or table of ours has."""
    known = {name: list(columns) for name, columns in library_tables(catalogue).items()}
    known["mart.dim_date"] = list(periods.dim_date(catalogue.calendar, "2024-01-01", "2024-01-01").columns)
    problems: list[Problem] = []
    for model in catalogue.models:
        file = catalogue.folder / "sql" / model.sql
        tree = _parse(file)
        if tree is None:
            continue
        names = {f"{table.db}.{table.name}" for table in tree.find_all(exp.Table) if table.db}
        if not names <= set(known):
            continue
        columns, found = _qualified(file, tree, {name: known[name] for name in names})
        problems += found
        if columns is None:
            continue
        known[model.table] = columns
        if model.date_column is not None and model.date_column not in columns:
            problems.append(
                Problem(
                    str(catalogue.folder / "domain.toml"),
                    f"models[{model.table}].date_column",
                    f"{model.sql} gives no column '{model.date_column}'.",
                    did_you_mean(model.date_column, columns),
                )
            )
    return problems


def _parse(file: Path) -> exp.Query | None:
    """Return the query of a file, or None where another check says what is wrong with it."""
    try:
        tree = sqlglot.parse_one(file.read_text(encoding="utf-8"), read="bigquery")
    except (ParseError, TokenError):
        return None
    return tree if isinstance(tree, exp.Query) else None


def _qualified(
    file: Path, tree: exp.Query, tables: dict[str, list[str]]
) -> tuple[list[str] | None, list[Problem]]:
    """Return the output columns of a query over known tables, or None and what is wrong with it."""
    schema: dict[str, dict[str, dict[str, str]]] = {}
    for name, columns in tables.items():
        layer, _, table = name.partition(".")
        schema.setdefault(layer, {})[table] = dict.fromkeys(columns, "STRING")
    try:
        made = qualify(tree.copy(), schema=schema, dialect="bigquery", quote_identifiers=False)
    except OptimizeError as error:
        text = str(error)
        if not text.startswith(_UNKNOWN):
            # What the optimizer does not follow is for the warehouse to judge.
            return None, []
        column = text.removeprefix(_UNKNOWN).split()[0].strip("'\"`.,")
        read = [name for columns in tables.values() for name in columns]
        aliases = [node.alias_or_name for node in tree.find_all(exp.Alias)]
        what = f"neither {', '.join(sorted(tables))} nor a WITH query has this column."
        return None, [Problem(str(file), column, what, did_you_mean(column, [*read, *aliases]))]
    columns_out = list(made.named_selects)
    return (None if "*" in columns_out else columns_out), []
