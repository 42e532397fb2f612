"""Vega for the site: one file, from the package that draws the static charts, so that both draw alike."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from kpi_lib.errors import ReportError

NAME = "vega.js"
_PACKAGE = "vl-convert-python"
_TIMEOUT_S = 120
#: Makes the one function that pages call.
_EXPORT = "window.vegaEmbed = vegaEmbed;"
_NOTICE = (
    "/* Vega, Vega-Lite and Vega-Embed, with D3: (c) their authors, BSD-3-Clause and ISC licences; "
    "put together by vl-convert {version}. */"
)
_MAKE = "import sys, vl_convert; sys.stdout.buffer.write(vl_convert.javascript_bundle(sys.argv[1]).encode())"


def write_bundle(folder: Path, cache: Path | None = None) -> Path:
    """Write the bundle into a site's ``assets`` folder where it is not there yet.

    Putting it together takes a second, so it is kept in the folder ``cache`` under the version of the
    drawing package.
    """
    target = folder / NAME
    if target.is_file():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    version = importlib.metadata.version(_PACKAGE)
    kept = cache / f"vega-{version}.js" if cache else None
    if kept is not None and kept.is_file():
        shutil.copyfile(kept, target)
        return target
    text = made(version)
    for path in (target, *([kept] if kept else [])):
        _write_whole(path, text)
    return target


def made(version: str) -> str:
    """Return the bundle, in a scope of its own.

    Raises
    ------
    ReportError
        When the drawing package cannot make it.
    """
    # In a process of its own: once the package has run in a process, the children that it forks hang.
    command = [sys.executable, "-c", _MAKE, _EXPORT]
    done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=False)
    if done.returncode:
        raise ReportError(
            f"The script of the interactive charts could not be made: {done.stderr.decode().strip()[-300:]}.",
            where=_PACKAGE,
            remedy=f"Install it again: pip install --force-reinstall {_PACKAGE}.",
        )
    return f"{_NOTICE.format(version=version)}\n(() => {{{done.stdout.decode()}}})();\n"


def _write_whole(path: Path, text: str) -> None:
    """Write in one step: nights and tests may make the same file at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).chmod(0o644)
    Path(name).replace(path)
