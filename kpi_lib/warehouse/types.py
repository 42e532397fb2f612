"""One table of types: GoogleSQL, DuckDB and Arrow, and frames in and out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kpi_lib.errors import DefinitionError, FrameError
from kpi_lib.warehouse.dialect import quote

#: GoogleSQL type → DuckDB type. NUMERIC keeps BigQuery's nine decimals.
DUCKDB_TYPES: Mapping[str, str] = {
    "STRING": "VARCHAR",
    "INT64": "BIGINT",
    "FLOAT64": "DOUBLE",
    "NUMERIC": "DECIMAL(38,9)",
    "BOOL": "BOOLEAN",
    "DATE": "DATE",
    "DATETIME": "TIMESTAMP",
    "TIMESTAMP": "TIMESTAMP WITH TIME ZONE",
}
GOOGLE_TYPES: Mapping[str, str] = {duck: google for google, duck in DUCKDB_TYPES.items()}
ARROW_TYPES: Mapping[str, pa.DataType] = {
    "STRING": pa.string(),
    "INT64": pa.int64(),
    "FLOAT64": pa.float64(),
    "NUMERIC": pa.decimal128(38, 9),
    "BOOL": pa.bool_(),
    "DATE": pa.date32(),
    "DATETIME": pa.timestamp("us"),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
}
_SMALL_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
#: DuckDB types that a query may produce → the type the column is stored or returned as.
_NORMAL = {
    **{duck: duck for duck in DUCKDB_TYPES.values()},
    **dict.fromkeys((*_SMALL_INTEGERS, "HUGEINT", "UHUGEINT", '"NULL"', "NULL"), "BIGINT"),
    "FLOAT": "DOUBLE",
}


def normal_type(duck_type: str) -> str | None:
    """Return the DuckDB type that a query's output column is given, or None for lists and structs.

    Sums and counts are HUGEINT on DuckDB where GoogleSQL says INT64. A decimal of full
    width comes from NUMERIC values; a narrower one from a literal, which is FLOAT64.
    """
    if duck_type.startswith("DECIMAL("):
        return "DECIMAL(38,9)" if duck_type.startswith("DECIMAL(38,") else "DOUBLE"
    return _NORMAL.get(duck_type)


def output_columns(table: str, names: list[str], kinds: list[str]) -> str:
    """Return the select list that gives a query's columns the types they have in GoogleSQL.

    Raises
    ------
    DefinitionError
        When two columns share a name, or one holds a list or a struct.
    """
    lowered = [name.lower() for name in names]
    twice = sorted({name for name in lowered if lowered.count(name) > 1})
    if twice:
        raise DefinitionError(f"Column '{twice[0]}' is there twice.", where=table, remedy="Give it an alias.")
    casts = []
    for name, kind in zip(names, kinds, strict=True):
        wanted = normal_type(kind)
        if wanted is None:
            raise DefinitionError(
                f"Column '{name}' is a {kind}; a table holds plain values only.",
                where=table,
                remedy=f"Use one of {', '.join(DUCKDB_TYPES)}.",
            )
        column = quote(name)
        casts.append(column if wanted == kind else f"CAST({column} AS {wanted}) AS {column}")
    return ", ".join(casts)


def to_arrow(frame: pd.DataFrame, name: str, declared: Callable[[str], str | None]) -> pa.Table:
    """Return a frame as an Arrow table with explicit types.

    Parameters
    ----------
    frame
        Any frame with unique text column names.
    name
        What it is called in messages.
    declared
        Column → GoogleSQL type, or None where the frame's own type decides: whole numbers
        INT64, other numbers FLOAT64, midnights DATE, text STRING.

    Raises
    ------
    FrameError
        When a column cannot hold its type, or holds an infinite number.
    """
    if not frame.columns.is_unique:
        twice = sorted(set(frame.columns[frame.columns.duplicated()]))
        raise FrameError(f"column {', '.join(map(repr, twice))} is there twice.", where=name)
    columns = [str(column) for column in frame.columns]
    arrays = [_column(frame[column], f"{name}.{column}", declared(str(column))) for column in frame.columns]
    return pa.table(dict(zip(columns, arrays, strict=True)))


def _column(series: pd.Series, where: str, declared: str | None) -> pa.Array:
    try:
        array = pa.Array.from_pandas(series if series.dtype != "category" else series.astype(object))
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise FrameError(f"The values have no common type: {_first_line(error)}.", where=where) from error
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_floating(array.type) and pc.any(pc.is_inf(array)).as_py():
        raise FrameError("There is an infinite number.", where=where, remedy="Leave it empty instead.")
    target = ARROW_TYPES[declared] if declared else _natural(array)
    if target == array.type:
        return array
    if pa.types.is_date(target) and pa.types.is_timestamp(array.type) and not _midnights(array):
        raise FrameError("There is a time of day in a date.", where=where)
    try:
        return array.cast(target)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise FrameError(
            f"{array.type} values do not fit {declared or target}: {_first_line(error)}.", where=where
        ) from error


def _natural(array: pa.Array) -> pa.DataType:
    kind = array.type
    if pa.types.is_timestamp(kind):
        if kind.tz is not None:
            return ARROW_TYPES["TIMESTAMP"]
        return ARROW_TYPES["DATE" if _midnights(array) else "DATETIME"]
    tests: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
        (pa.types.is_boolean, "BOOL"),
        (pa.types.is_integer, "INT64"),
        (pa.types.is_floating, "FLOAT64"),
        (pa.types.is_decimal, "NUMERIC"),
        (pa.types.is_date, "DATE"),
    )
    return ARROW_TYPES[next((name for test, name in tests if test(kind)), "STRING")]


def _midnights(array: pa.Array) -> bool:
    days = pc.floor_temporal(array, unit="day")
    return pc.all(pc.equal(days, array)).as_py() is not False


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def to_frame(table: pa.Table, whole: frozenset[str] = frozenset()) -> pd.DataFrame:
    """Return an Arrow table as a frame of plain dtypes.

    Dates become ``datetime64`` at midnight, decimals float64, text ``str``. Whole numbers
    are int64, or float64 where one is missing; ``whole`` names decimal columns that are
    whole numbers (DuckDB's HUGEINT).
    """
    for index, field in enumerate(table.schema):
        if field.name in whole:
            kind = pa.int64()
        elif pa.types.is_decimal(field.type):
            # Arrow's own cast multiplies by a power of ten and is often one bit off: 0.30000000000000004.
            text = table.column(index).cast(pa.string())
            table = table.set_column(index, field.name, text.cast(pa.float64()))
            continue
        elif pa.types.is_null(field.type):
            kind = pa.float64()
        elif pa.types.is_date(field.type):
            kind = pa.timestamp("us")
        else:
            continue
        table = table.set_column(index, field.name, table.column(index).cast(kind))
    frame: pd.DataFrame = table.to_pandas()
    return frame
