"""The catalogue of figures as a document, and whether one that was written is current."""

from __future__ import annotations

from pathlib import Path

from kpi_lib.catalogue import Settings, load_catalogue
from kpi_lib.errors import UsageError
from kpi_lib.operations.release import storage_error
from kpi_lib.operations.run import write_atomic
from kpi_lib.reporting.definitions_page import catalogue_markdown


def definitions_markdown(settings: Settings, domains: tuple[str, ...] = ()) -> str:
    """Return every definition of some domains, by default of all in ``kpi.toml``, as Markdown."""
    chosen = domains or settings.domains
    return catalogue_markdown([load_catalogue(settings.domain_folder(name)) for name in chosen])


def write_definitions_file(settings: Settings, file: Path, domains: tuple[str, ...] = ()) -> Path:
    """Write that document.

    Raises
    ------
    UsageError
        When its folder does not exist.
    """
    if not file.parent.is_dir():
        raise UsageError(
            "The folder does not exist.", where=str(file.parent), remedy="Make it, or name another one."
        )
    text = definitions_markdown(settings, domains)
    try:
        write_atomic(file, text)
    except OSError as error:
        raise storage_error(error, file) from error
    return file
