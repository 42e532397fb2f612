"""The ``parameters`` cell of a report notebook, and the values that may be put into it."""

from __future__ import annotations

import ast
import datetime as dt
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kpi_lib.errors import DefinitionError, UsageError, did_you_mean

Scalar = str | int | float | bool | None
_DATE_NAME = re.compile(r"(as_of|since|until)|.*_(date|day)")


def check_notebook(path: Path, parameters: Mapping[str, Scalar]) -> Any:
    """Read a notebook and check it and the values it is to run with.

    Parameters
    ----------
    path
        The notebook.
    parameters
        What will be injected.

    Returns
    -------
    nbformat.NotebookNode
        The notebook as read.

    Raises
    ------
    DefinitionError
        When the file is no notebook or has not exactly one ``parameters`` cell of literals.
    UsageError
        When a name is unknown or a value is not a JSON scalar of the right kind.
    """
    import nbformat

    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    except FileNotFoundError:
        raise DefinitionError("The notebook does not exist.", where=str(path)) from None
    except (OSError, ValueError, TypeError, AttributeError, nbformat.ValidationError) as error:
        raise DefinitionError(f"This is not a notebook: {error}.", where=str(path)) from error
    known = _defaults(notebook, path)
    for name, value in parameters.items():
        _check_value(name, value, known, path)
    return notebook


def parameter_cells(notebook: Any) -> list[int]:
    """Return where the cells tagged ``parameters`` are."""
    return [
        place for place, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ())
    ]


def _defaults(notebook: Any, path: Path) -> dict[str, Scalar]:
    """Return the names and literal values of the one ``parameters`` cell."""
    places = parameter_cells(notebook)
    if len(places) != 1:
        raise DefinitionError(
            f"It has {len(places)} cells tagged 'parameters'; exactly one is needed.", where=str(path)
        )
    defaults: dict[str, Scalar] = {}
    try:
        for line in ast.parse(notebook.cells[places[0]].source).body:
            if not (isinstance(line, ast.Assign) and len(line.targets) == 1):
                raise ValueError(f"line {line.lineno} is no plain assignment")
            target = line.targets[0]
            if not isinstance(target, ast.Name):
                raise ValueError(f"line {line.lineno} assigns to no plain name")
            defaults[target.id] = ast.literal_eval(line.value)
    except (SyntaxError, ValueError) as error:
        raise DefinitionError(
            f"Its 'parameters' cell holds more than literals: {error}.",
            where=str(path),
            remedy='Write only lines like: as_of = ""',
        ) from error
    return defaults


def _check_value(name: str, value: Scalar, known: Mapping[str, Scalar], path: Path) -> None:
    where = f"{path.name}, parameter '{name}'"
    if not name.isidentifier() or name not in known:
        raise UsageError(
            "The notebook does not know this parameter.", where=where, remedy=did_you_mean(name, known)
        )
    if isinstance(value, dt.date):
        raise UsageError("A date is passed as ISO text.", where=where, remedy=f"Pass '{value.isoformat()}'.")
    if value is not None and not isinstance(value, str | int | float | bool):
        raise UsageError(f"{type(value).__name__} is not text, a number, true, false or null.", where=where)
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{value} is not a finite number.", where=where, remedy="Pass null for missing.")
    default = known[name]
    if default is not None and value is not None and not _same_kind(value, default):
        raise UsageError(
            f"{value!r} is {type(value).__name__}; the notebook's default is {type(default).__name__}.",
            where=where,
        )
    if isinstance(value, str) and value and _DATE_NAME.fullmatch(name):
        from kpi_lib.periods import iso_day

        try:
            iso_day(value)
        except ValueError:
            raise UsageError(
                f"'{value}' is not a date.", where=where, remedy="Write it as YYYY-MM-DD."
            ) from None


def _same_kind(value: Scalar, default: Scalar) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    return isinstance(value, type(default))
