"""DuckDB's exceptions told as ours: what is wrong, where, what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from kpi_lib.errors import DataError, DefinitionError, KpiError, WarehouseError

_REBUILD = "Restore it from a backup, or move it away and run `make report` to build it again."


@contextmanager
def told(path: Path, doing: str = "") -> Iterator[None]:
    """Turn any DuckDB error of the block into a :class:`~kpi_lib.errors.KpiError`.

    Parameters
    ----------
    path
        The warehouse file, for the message.
    doing
        The table or query at work; empty when the file itself is.
    """
    try:
        yield
    except duckdb.Error as error:
        raise explain(error, path, doing) from error
    except OSError as error:
        raise WarehouseError(
            f"{error.strerror or error}.", where=str(error.filename or path), remedy=_DISK
        ) from error


_DISK = "Look at the free space and the permissions of its folder."


def explain(error: duckdb.Error, path: Path, doing: str = "") -> KpiError:
    """Return the error of ours that says what a DuckDB error means."""
    text = " ".join(str(error).split("\n\nLINE ")[0].split())
    text = re.sub(r"^[A-Za-z ]*Error: ", "", text)
    where = f"{path} ({doing})" if doing else str(path)
    for pattern, message, remedy in _KNOWN:
        if re.search(pattern, text):
            return WarehouseError(message.format(text=text), where=where, remedy=remedy)
    if isinstance(error, duckdb.OutOfMemoryException):
        return WarehouseError(
            f"There is not enough memory: {text}", where=where, remedy="Close other programs and try again."
        )
    if isinstance(error, (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)):
        return DefinitionError(_without_hint(text), where=where)
    if isinstance(error, (duckdb.DataError, duckdb.InvalidInputException)):
        return DataError(_without_hint(text), where=where)
    return WarehouseError(text, where=where)


def _without_hint(text: str) -> str:
    """DuckDB's own advice is about settings that the user does not see."""
    return re.split(r" Use TRY\(| You might need| Either add it", text)[0]


_KNOWN = (
    (
        r"Conflicting lock",
        "The warehouse is in use by another process: {text}",
        "Wait until it has finished, or close the notebook that holds it.",
    ),
    (
        r"different configuration",
        "The warehouse is already open in this process in another mode.",
        "Close the other connection first.",
    ),
    (r"not a valid DuckDB database|Serialization Error", "This is no DuckDB database.", _REBUILD),
    (
        r"Corrupt|checksum|Could not read enough bytes|storage version|Failed to (load|deserialize)",
        "The warehouse file is damaged: {text}",
        _REBUILD,
    ),
    (
        r"database does not exist",
        "There is no warehouse yet.",
        "Run `make report` (or `kpi nightly`) to build and publish one.",
    ),
    (r"Is a directory", "This is a folder, not a warehouse file.", "Name a file in the profile's path."),
    (
        r"No space left|File too large|Disk quota|Could not write",
        "The disk is full or cannot be written: {text}",
        "Free some space and run again; what is published has not been touched.",
    ),
    (
        r"attached in read-only mode",
        "The warehouse has been opened for reading only.",
        "Only a run writes: `kpi nightly`, `kpi build`, `kpi backfill`.",
    ),
    (
        r"Permission denied|Read-only file system|read-only mode|Cannot open file",
        "The warehouse cannot be opened or written: {text}",
        _DISK,
    ),
)
