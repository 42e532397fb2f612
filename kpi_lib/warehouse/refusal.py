"""How a construct is refused, and the cast that every mend uses."""

from __future__ import annotations

from sqlglot import exp

from kpi_lib.errors import DefinitionError


def refusal(node: exp.Expression, what: str, remedy: str) -> DefinitionError:
    """Return the error that quotes a piece of GoogleSQL and says what is wrong with it."""
    text = " ".join(node.sql(dialect="bigquery").split())
    return DefinitionError(f"'{text[:80]}' {what}.", where="SQL", remedy=remedy)


def cast(node: exp.Expression, kind: str) -> exp.Cast:
    """Return the node cast to a DuckDB type."""
    return exp.Cast(this=node, to=exp.DataType.build(kind, dialect="duckdb"))
