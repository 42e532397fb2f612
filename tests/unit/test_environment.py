"""environment.yml and pyproject.toml describe one environment."""

from __future__ import annotations

import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
CONDA_NAMES = {"python-duckdb": "duckdb", "python-tzdata": "tzdata"}
CONDA_ONLY = {"python", "make", "quarto", "pip"}


def conda() -> dict[str, str]:
    data = yaml.safe_load((ROOT / "environment.yml").read_text())
    lines = [item for item in data["dependencies"] if isinstance(item, str)]
    lines += next(item for item in data["dependencies"] if isinstance(item, dict))["pip"]
    found = {}
    for line in lines:
        if not line.startswith("-e"):
            requirement = Requirement(line)
            found[CONDA_NAMES.get(requirement.name, requirement.name)] = str(requirement.specifier)
    return found


def test_same_packages_and_floors() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pip = {Requirement(line).name: str(Requirement(line).specifier) for line in project["dependencies"]}
    assert {name: floor for name, floor in conda().items() if name not in CONDA_ONLY} == pip


def test_conda_python_is_the_floor() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert conda()["python"] == project["requires-python"]


def test_quarto_is_named() -> None:
    assert "quarto" in conda()
