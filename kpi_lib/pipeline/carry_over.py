"""Bring the published pages along that a run does not make anew."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from kpi_lib.pipeline.private import carry_downloads, carry_private


def carry_over(
    current: Path,
    staged: Path,
    *,
    everything: bool,
    domains: Sequence[str],
    made: Collection[tuple[str, str]],
    documents: Collection[str],
) -> None:
    """Copy from the published release what this run leaves as it is.

    Parameters
    ----------
    current, staged
        The folders of the published release and of the one being made.
    everything
        The whole site is taken first; what the run makes is written over it.
    domains
        The domains that this run makes no pages of.
    made
        The as-of date and the name of each domain that this run makes.
    documents
        The file names of the PDFs that this run makes.
    """
    if everything:
        shutil.copytree(current / "site", staged / "site", dirs_exist_ok=True)
        carry_private(current, staged, None)
    for name in domains:
        if (current / "site" / name).is_dir():
            shutil.copytree(current / "site" / name, staged / "site" / name, dirs_exist_ok=True)
        carry_private(current, staged, name)
        carry_downloads(current, staged, name)
    # Pages of other dates are never written again, so a second name for the same file is safe.
    for folder in (current / "site" / "archive").glob("*/*/"):
        if (folder.parent.name, folder.name) not in made:
            shutil.copytree(
                folder,
                staged / folder.relative_to(current),
                copy_function=_link_or_copy,
                dirs_exist_ok=True,
            )
    for file in (current / "pdf").glob("*.pdf"):
        if file.name not in documents:
            _link_or_copy(str(file), str(staged / "pdf" / file.name))
        elif everything:
            shutil.copy2(file, staged / "pdf" / file.name)


def _link_or_copy(source: str, target: str) -> None:
    Path(target).unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
