"""``kpi sample``: (re)create the sample sources of a domain."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

from kpi_lib.catalogue import Catalogue
from kpi_lib.errors import UsageError
from kpi_lib.periods import DATE_DIMENSION
from kpi_lib.pipeline.workspace import Workspace
from kpi_lib.warehouse import write_sources

#: The longest history that a generator makes.
SAMPLE_YEARS = 6


def make_samples(
    workspace: Workspace, until: dt.date, seed: int, *, only_missing: bool = False, force: bool = False
) -> dict[str, dict[str, int]]:
    """Write sample landing files for every domain that has a generator.

    Parameters
    ----------
    workspace
        Settings and domains.
    until
        The last business date of the sample.
    seed
        Same seed and date, same files.
    only_missing
        Leave a domain alone that has landing files already.
    force
        Overwrite landing files that this generator did not make.

    Returns
    -------
    dict
        Rows by source, by domain; only domains that were written.
    """
    first, last = DATE_DIMENSION
    if not first.replace(year=first.year + SAMPLE_YEARS) <= until <= last:
        raise UsageError(
            f"Sample data cannot end on {until}.",
            where="--until",
            remedy=f"Choose a date from {first.replace(year=first.year + SAMPLE_YEARS)} to {last}.",
        )
    written = {}
    for catalogue in workspace.catalogues:
        landing = workspace.landing(catalogue)
        if only_missing and (landing / "manifest.json").is_file():
            continue
        module = _generator(catalogue)
        if module is None:
            if only_missing:
                continue
            raise UsageError(
                f"Domain '{catalogue.domain}' has no sample data.",
                where=str(catalogue.folder),
                remedy=f"Put its Parquet files and manifest.json into {landing}.",
            )
        if not force:
            _refuse_own_files(landing)
        sample = module.make(until, seed=seed)
        write_sources(sample.frames, catalogue, landing, sample.manifest)
        written[catalogue.domain] = {name: len(frame) for name, frame in sample.frames.items()}
    return written


def _refuse_own_files(landing: Path) -> None:
    """Refuse to overwrite exports of the user's own: a sample's manifest says that it is one."""
    manifest = landing / "manifest.json"
    if not manifest.is_file():
        return
    try:
        made_here = bool(json.loads(manifest.read_text(encoding="utf-8")).get("sample"))
    except (ValueError, AttributeError):
        made_here = False
    if not made_here:
        raise UsageError(
            "These landing files are not sample data.",
            where=str(landing),
            remedy="Nothing was changed. Add --force to overwrite them.",
        )


def _generator(catalogue: Catalogue) -> ModuleType | None:
    file: Path = catalogue.folder / "sample.py"
    if not file.is_file():
        return None
    name = f"kpi_lib_sample_{catalogue.domain}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name while they are made.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
