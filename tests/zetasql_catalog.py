"""Google's own SQL analyzer over our logical tables, for tests.

>>> checker = GoogleSql.of(load_catalogue("winery"))     # sources, dims, facts, dashboard
>>> checker.columns("SELECT order_id FROM raw.stg_order WHERE order_date <= @as_of")
{'order_id': 'INT64'}
>>> checker.add_models(catalogue)                         # analyzes each SQL file, adds its table

``evaluate`` runs a query on Google's reference implementation: a second opinion that
shares no code with DuckDB or sqlglot.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
from zetasql.api import Analyzer, CatalogBuilder, TableBuilder, TypeFactory
from zetasql.core import ZetaSqlLocalService
from zetasql.core.exceptions import ZetaSQLError
from zetasql.types import (
    AnalyzerOptions,
    LanguageOptions,
    ProductMode,
    SimpleCatalog,
    TypeKind,
    ZetaSQLBuiltinFunctionOptions,
)

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.warehouse.tables import PARAMETERS, library_tables
from tests.zetasql_module import use_compiled_module

_KINDS = {
    name: TypeKind[f"TYPE_{'DOUBLE' if name == 'FLOAT64' else name}"]
    for name in ("STRING", "INT64", "FLOAT64", "NUMERIC", "BOOL", "DATE", "DATETIME", "TIMESTAMP")
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_PARSERS: dict[str, Callable[[str], Any]] = {
    "STRING": str,
    "INT64": int,
    "FLOAT64": float,
    "NUMERIC": Decimal,
    "BOOL": lambda text: text == "true",
    "DATE": dt.date.fromisoformat,
    "DATETIME": dt.datetime.fromisoformat,
    "TIMESTAMP": lambda text: dt.datetime.fromisoformat(text.replace("+00", "+00:00")),
}


class GoogleSqlError(AssertionError):
    """The analyzer refuses a statement; the message says where."""


class GoogleSql:
    """A catalog of logical tables, and the analyzer over it."""

    def __init__(self, tables: Mapping[str, Mapping[str, str]] | None = None) -> None:
        use_compiled_module()
        self.tables: dict[str, dict[str, str]] = {}
        self._language = LanguageOptions.maximum_features()
        self._language.product_mode = ProductMode.PRODUCT_EXTERNAL
        self._catalog: SimpleCatalog | None = None
        for name, columns in (tables or {}).items():
            self.add_table(name, columns)

    @classmethod
    def of(cls, catalogue: Catalogue, *, models: bool = False) -> GoogleSql:
        """Return a checker that knows every declared table of a domain (and, asked for, its SQL models)."""
        checker = cls(library_tables(catalogue))
        checker.add_frame("mart.dim_date", _dim_date(catalogue))
        if models:
            checker.add_models(catalogue)
        return checker

    def add_table(self, name: str, columns: Mapping[str, str]) -> None:
        """Add or replace a logical table (``layer.table``) of GoogleSQL types."""
        self.tables[name] = dict(columns)
        self._catalog = None

    def add_frame(self, name: str, frame: pd.DataFrame) -> None:
        """Add a table with the types that a frame's columns get in the warehouse."""
        self.add_table(name, {str(column): _frame_type(frame[column]) for column in frame.columns})

    def add_models(self, catalogue: Catalogue) -> None:
        """Analyze the domain's SQL models in order and add each one's output as a table."""
        for model in catalogue.models:
            self.add_table(model.table, self.columns_of(catalogue.folder / "sql" / model.sql))

    def columns_of(self, file: Path, parameters: Mapping[str, str] = PARAMETERS) -> dict[str, str]:
        """Return the output columns of a ``.sql`` file with one statement."""
        try:
            return self.columns(file.read_text(encoding="utf-8"), parameters)
        except GoogleSqlError as error:
            raise GoogleSqlError(f"{file.name}: {error}") from error

    def columns(self, sql: str, parameters: Mapping[str, str] = PARAMETERS) -> dict[str, str]:
        """Return output column → GoogleSQL type of a statement, or raise :class:`GoogleSqlError`."""
        try:
            statement = Analyzer(self._options(parameters), self._built()).analyze_statement(
                sql.rstrip(";\n ")
            )
        except ZetaSQLError as error:
            raise GoogleSqlError(str(error)) from error
        return {
            item.name: _NAMES.get(item.column.type.type_kind, str(item.column.type.type_kind))
            for item in statement.output_column_list
        }

    def evaluate(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a query without tables or parameters on Google's reference implementation."""
        types = list(self.columns(sql, {}).items())
        texts = ", ".join(f"CAST({name} AS STRING)" for name, _ in types)
        service = ZetaSqlLocalService.get_instance()
        try:
            answer = service.evaluate_query(
                sql=f"SELECT {texts} FROM ({sql})", options=self._options({}), simple_catalog=self._built()
            )
        except ZetaSQLError as error:
            raise GoogleSqlError(str(error)) from error
        if answer.content.table_data is None:
            return []
        return [
            tuple(
                None if cell.string_value is None else _PARSERS[kind](cell.string_value)
                for cell, (_, kind) in zip(row.cell, types, strict=True)
            )
            for row in answer.content.table_data.row
        ]

    def _options(self, parameters: Mapping[str, str]) -> AnalyzerOptions:
        return AnalyzerOptions(
            language_options=self._language,
            default_timezone="UTC",
            query_parameters=[
                AnalyzerOptions.QueryParameter(name=name, type=TypeFactory.create_simple_type(_KINDS[kind]))
                for name, kind in parameters.items()
            ],
        )

    def _built(self) -> SimpleCatalog:
        if self._catalog is None:
            layers: dict[str, CatalogBuilder] = {}
            for name, columns in self.tables.items():
                layer, _, table = name.partition(".")
                builder = TableBuilder(table)
                for column, kind in columns.items():
                    builder.add_column(column, _KINDS[kind])
                layers.setdefault(layer, CatalogBuilder(layer)).add_table(builder.build())
            functions = ZetaSQLBuiltinFunctionOptions(language_options=self._language)
            self._catalog = CatalogBuilder("logical").with_builtin_functions(functions).build()
            self._catalog.catalog = [layer.build() for layer in layers.values()]
        return self._catalog


def _dim_date(catalogue: Catalogue) -> pd.DataFrame:
    from kpi_lib.periods import dim_date

    return dim_date(catalogue.calendar, dt.date(2023, 12, 1), dt.date(2024, 3, 31))


def _frame_type(column: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(column):
        return "BOOL"
    if pd.api.types.is_integer_dtype(column):
        return "INT64"
    if pd.api.types.is_numeric_dtype(column):
        return "FLOAT64"
    if pd.api.types.is_datetime64_dtype(column):
        return "DATE"
    return "STRING"
