"""Landing files: one Parquet file a source and a manifest, in and out.

A user replaces any of them with an export of their own, so everything that can be wrong with
a file is looked for, and all of it is told at once.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kpi_lib.catalogue.models import Catalogue, Column, Source
from kpi_lib.errors import DataError, FrameError, RunError, did_you_mean
from kpi_lib.warehouse.conversion import ConversionError, convert
from kpi_lib.warehouse.duck import DuckDBWarehouse
from kpi_lib.warehouse.manifest import FILE as MANIFEST
from kpi_lib.warehouse.manifest import SCHEMA_VERSION, LandingError, Load, Problem, read_manifest
from kpi_lib.warehouse.tables import SOURCE_LOAD
from kpi_lib.warehouse.types import ARROW_TYPES, to_arrow

_LOG = logging.getLogger(__name__)
_EXAMPLES = 3


def load_sources(warehouse: DuckDBWarehouse, catalogue: Catalogue, landing: Path) -> pd.DataFrame:
    """Read the landing files of a domain into its source tables.

    Parameters
    ----------
    warehouse
        Open for writing.
    catalogue
        Declares the sources: columns, types, keys.
    landing
        The folder of the domain's files: ``<source>.parquet`` and ``manifest.json``.

    Returns
    -------
    pandas.DataFrame
        ``raw.source_load``, which is written too: ``source, loaded_from, complete_through,
        loaded_at, row_count``, one row a source that has a manifest entry. A source that is not
        required and has no file gets an empty table.

    Raises
    ------
    DataError
        When the folder is missing; else a :class:`~kpi_lib.warehouse.manifest.LandingError` with
        every problem of every file in ``issues``. Nothing is written then.
    """
    if not landing.is_dir():
        raise DataError(
            "There are no landing files: the folder does not exist.",
            where=str(landing),
            remedy="Run `kpi sample` for sample data, or put your own exports and a manifest.json there.",
        )
    loads, problems = read_manifest(landing, catalogue.sources)
    read = [_read_source(landing, source, source.name in loads) for source in catalogue.sources]
    problems = [*problems, *(problem for item in read for problem in item.problems)]
    if problems:
        raise LandingError(problems, landing)
    for item in read:
        warehouse.replace_arrow(f"{item.source.layer}.{item.source.name}", item.table)
    frame = _source_load(loads, {item.source.name: item.table.num_rows for item in read})
    warehouse.replace(SOURCE_LOAD, frame)
    return frame


def write_sources(
    frames: Mapping[str, pd.DataFrame], catalogue: Catalogue, landing: Path, manifest: Mapping[str, Any]
) -> tuple[Path, ...]:
    """Write source frames as landing files of their declared types.

    Parameters
    ----------
    frames
        By source name, with at least the declared columns.
    catalogue
        Declares the sources.
    landing
        The domain's folder; it is made where it is missing.
    manifest
        What ``manifest.json`` shall say: the whole document, or only its ``sources``.

    Returns
    -------
    tuple of Path
        The files, the manifest last. They appear together, after all have been written.

    Raises
    ------
    FrameError
        When a frame is of an unknown source, lacks a column or does not fit its types.
    RunError
        When the folder cannot be written.
    """
    sources = {source.name: source for source in catalogue.sources}
    document = manifest if "sources" in manifest else {"schema_version": SCHEMA_VERSION, "sources": manifest}
    tables = {name: _typed(name, frame, sources) for name, frame in frames.items()}
    finished = []
    try:
        landing.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            file = landing / f"{name}.parquet"
            pq.write_table(table, _beside(file), compression="zstd")
            finished.append(file)
        _beside(landing / MANIFEST).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        finished.append(landing / MANIFEST)
        for file in finished:
            _beside(file).replace(file)
    except OSError as error:
        for name in (*(f"{name}.parquet" for name in tables), MANIFEST):
            _beside(landing / name).unlink(missing_ok=True)
        raise RunError(
            f"The landing files cannot be written: {error.strerror or error}.",
            where=str(landing),
            remedy="Look at the free space and the permissions of the folder.",
        ) from error
    return tuple(finished)


def fingerprint(landing: Path, catalogue: Catalogue) -> str:
    """Return a hash over the content of the manifest and of every source's file.

    A file that is missing counts as such; it is for :func:`load_sources` to complain.
    """
    digest = hashlib.sha256()
    for name in (MANIFEST, *(f"{source.name}.parquet" for source in catalogue.sources)):
        digest.update(f"\n{name}\n".encode())
        try:
            with (landing / name).open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        except FileNotFoundError:
            digest.update(b"missing")
        except OSError as error:
            raise DataError(f"It cannot be read: {error.strerror}.", where=str(landing / name)) from error
    return digest.hexdigest()


@dataclass
class _Read:
    """A source as it was read: its table where all is well, else what is wrong with it."""

    source: Source
    table: pa.Table = field(default_factory=lambda: pa.table({}))
    problems: list[Problem] = field(default_factory=list)

    @property
    def file(self) -> str:
        return f"{self.source.name}.parquet"

    def problem(self, place: str, what: str, remedy: str = "") -> None:
        self.problems.append(Problem(self.file, place, what, remedy))


def _read_source(landing: Path, source: Source, has_load: bool) -> _Read:
    read = _Read(source)
    path = landing / read.file
    if not path.is_file():
        if source.required or has_load:
            read.problem("", "the file is missing.", "Export the source as Parquet, or run `kpi sample`.")
        else:
            read.table = pa.schema([(c.name, ARROW_TYPES[c.type]) for c in source.columns]).empty_table()
        return read
    found = _open(read, path)
    if found is not None:
        _take_columns(read, found)
    if not read.problems:
        _check_rows(read)
    return read


def _open(read: _Read, path: Path) -> pa.Table | None:
    """Return the declared columns of a file as they are, or None when it cannot be used."""
    if path.stat().st_size == 0:
        read.problem("", "the file is empty (0 bytes).", "Export it again.")
        return None
    try:
        with pq.ParquetFile(path) as file:
            held = file.schema_arrow.names
            wanted = [column.name for column in read.source.columns]
            extra = sorted(set(held) - set(wanted))
            for name in wanted:
                if name not in held:
                    hint = did_you_mean(name, extra) if extra else "Export it too."
                    read.problem(f"column {name}", "the column is missing.", hint)
            if extra:
                _LOG.info("%s: columns that nothing uses are ignored: %s", read.file, ", ".join(extra))
            if read.source.required and file.metadata.num_rows == 0:
                read.problem("", "it has no rows.", "Export it again.")
            return file.read(columns=[name for name in wanted if name in held])
    except (pa.ArrowException, OSError) as error:
        reason = (str(error).splitlines() or [""])[0].rstrip(".")
        read.problem("", f"it cannot be read as Parquet: {reason}.", "Export it again as Parquet.")
        return None


def _take_columns(read: _Read, found: pa.Table) -> None:
    columns = {}
    for column in read.source.columns:
        if column.name not in found.column_names:
            continue
        array = found[column.name].combine_chunks()
        try:
            columns[column.name] = convert(array, column.type)
        except ConversionError as error:
            shown = array if error.row is None else array.slice(error.row, 1)
            row = "" if error.row is None else f"in row {error.row + 1} "
            read.problem(
                f"column {column.name}",
                f"{error.what} {_shown(column, shown, row)}".strip(),
                f"Export it as {column.type}.",
            )
    read.table = pa.table(columns)


def _shown(column: Column, values: pa.Array, row: str) -> str:
    """Return example values; those of a personal column are not shown."""
    if column.personal:
        return f"It is {row.strip()}." if row else ""
    examples = pc.unique(values.drop_null()).slice(0, _EXAMPLES).to_pylist()
    return f"For example {row}{', '.join(repr(str(value)) for value in examples)}." if examples else ""


def _check_rows(read: _Read) -> None:
    for column in read.source.columns:
        nulls = read.table[column.name].null_count
        if nulls and not column.nullable:
            row = pc.index(pc.is_null(read.table[column.name]), True).as_py() + 1
            read.problem(
                f"column {column.name}",
                f"{nulls} of {read.table.num_rows} values are missing, the first in row {row}.",
                "Fill them in; this column may not be empty.",
            )
    key = list(read.source.key)
    keys = read.table.select(key).to_pandas()
    repeated = keys.duplicated(keep=False)
    if repeated.any():
        personal = {column.name for column in read.source.columns if column.personal}
        rows = [index + 1 for index in keys.index[repeated][:_EXAMPLES]]
        values = keys[repeated].drop_duplicates().head(_EXAMPLES).drop(columns=list(personal & set(key)))
        examples = "; ".join(
            ", ".join(f"{k} {v}" for k, v in row.items()) for row in values.to_dict("records")
        )
        shown = f": {examples}" if values.shape[1] else ""
        read.problem(
            f"key {', '.join(key)}",
            f"{int(repeated.sum())} rows share a key (rows {', '.join(map(str, rows))} …){shown}.",
            "A key may occur once; remove the repeated rows.",
        )


def _source_load(loads: Mapping[str, Load], rows: Mapping[str, int]) -> pd.DataFrame:
    names = [name for name in rows if name in loads]
    frame = pd.DataFrame(
        {
            "source": names,
            "loaded_from": [loads[name].loaded_from for name in names],
            "complete_through": [loads[name].complete_through for name in names],
            "loaded_at": [loads[name].loaded_at for name in names],
            "row_count": [rows[name] for name in names],
        }
    )
    return frame.astype(
        {
            "source": "str",
            "loaded_from": "datetime64[us]",
            "complete_through": "datetime64[us]",
            "loaded_at": "datetime64[us, UTC]",
            "row_count": "int64",
        }
    )


def _typed(name: str, frame: pd.DataFrame, sources: Mapping[str, Source]) -> pa.Table:
    if name not in sources:
        raise FrameError(f"There is no source '{name}'.", remedy=did_you_mean(name, sources))
    types = {column.name: column.type for column in sources[name].columns}
    missing = [column for column in types if column not in frame.columns]
    if missing:
        raise FrameError(f"Column {', '.join(map(repr, missing))} is missing.", where=name)
    return to_arrow(frame[list(types)], name, types.get)


def _beside(file: Path) -> Path:
    return file.with_name(f".{file.name}.new")
