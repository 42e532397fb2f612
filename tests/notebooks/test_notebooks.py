"""The notebooks stay thin: literals, then calls of the library; no logic, no outputs."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import nbformat
import pytest

import kpi_lib
from kpi_lib.reporting.parameters import check_notebook

ROOT = Path(__file__).resolve().parents[2] / "notebooks"
ALL = sorted(ROOT.rglob("*.ipynb"))
REPORTS = [path for path in ALL if "reports" in path.relative_to(ROOT).parts]
LOGIC = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.If,
    ast.IfExp,
    ast.Try,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)
WRANGLING = {"merge", "groupby", "join", "pivot", "pivot_table", "melt", "apply", "eval", "exec", "sql"}
SQL = re.compile(r"\bselect\b.+\bfrom\b", re.IGNORECASE | re.DOTALL)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def code(path: Path) -> list[str]:
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code" and cell.source.strip()]


def test_there_are_notebooks() -> None:
    assert REPORTS and len(ALL) > len(REPORTS)


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_it_is_valid_and_stripped(path: Path) -> None:
    nbformat.validate(json.loads(path.read_text(encoding="utf-8")))
    for cell in nbformat.read(path, as_version=4).cells:
        assert cell.get("outputs", []) == [] and cell.get("execution_count") is None
        assert set(cell.metadata) <= {"tags"}


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_it_holds_no_logic(path: Path) -> None:
    for source in code(path):
        nodes = list(ast.walk(ast.parse(source)))
        assert not [type(node).__name__ for node in nodes if isinstance(node, LOGIC)], source
        called = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        assert not called & WRANGLING, source
        texts = [
            node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        assert path not in REPORTS or not any(SQL.search(text) for text in texts), source
        for node in nodes:
            if isinstance(node, ast.Import):
                assert [name.name for name in node.names] == ["kpi_lib"], source
            assert not isinstance(node, ast.ImportFrom), source


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_it_calls_only_public_names(path: Path) -> None:
    for source in code(path):
        for node in ast.walk(ast.parse(source)):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "kpi"
            ):
                assert node.attr in kpi_lib.__all__, f"kpi.{node.attr}"


@pytest.mark.parametrize("path", REPORTS, ids=name_of)
def test_a_report_has_parameters_one_statement_a_cell_and_the_token(path: Path) -> None:
    check_notebook(path, {"as_of": "2026-11-20", "domain": "winery", "profile": "local", "warehouse": "x"})
    first, *rest = code(path)
    assert first.startswith("domain = ")
    assert all(len(ast.parse(source).body) == 1 for source in rest)
    assert rest[-1].strip() == "kpi.complete()"
