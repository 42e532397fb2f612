"""Where the engine's source can be changed a little, and how."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.Pow: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
_NAMES = {
    "minimum": "maximum",
    "maximum": "minimum",
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "argmax": "argmin",
    "left": "right",
    "right": "left",
    "rint": "trunc",
}
# Arguments that guard the code itself, or only say how much work is done at once.
_GUARDS = frozenset({"strict", "copy", "over", "invalid", "cells", "max_workers"})


@dataclass(frozen=True)
class Site:
    """One change: ``apply`` makes it in a freshly parsed tree of the same source.

    Parameters
    ----------
    lines
        Lines of the statement that holds it; empty for what runs on import.
    line, before, after
        For the report.
    apply
        Takes the tree, changes it in place.
    """

    lines: frozenset[int]
    line: int
    before: str
    after: str
    apply: Callable[[ast.Module], None]


def sites(source: str) -> list[Site]:
    """Return every change that is tried, in the order of the source."""
    tree = ast.parse(source)
    kept = _kept_as_they_are(tree)
    statements = _statement_lines(tree)
    found = []
    for place, node in enumerate(ast.walk(tree)):
        if id(node) in kept:
            continue
        for number, (after, _) in enumerate(_changes(node)):
            found.append(
                Site(
                    statements.get(id(node), frozenset()),
                    node.lineno,
                    ast.unparse(node),
                    after,
                    _applier(place, number),
                )
            )
    return sorted(found, key=lambda site: site.line)


def _applier(place: int, number: int) -> Callable[[ast.Module], None]:
    def apply(tree: ast.Module) -> None:
        node = next(node for index, node in enumerate(ast.walk(tree)) if index == place)
        replacement = list(_changes(node))[number][1]()
        for parent in ast.walk(tree):
            for name, value in ast.iter_fields(parent):
                if value is node:
                    setattr(parent, name, replacement)
                elif isinstance(value, list):
                    setattr(parent, name, [replacement if item is node else item for item in value])
        ast.fix_missing_locations(tree)

    return apply


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[], ast.AST]]]:
    """Yield what the node may become: as text, and as a node made on demand."""
    for text in _texts(node):
        yield text, lambda text=text: ast.copy_location(_parsed(text, node), node)


def _parsed(text: str, node: ast.AST) -> ast.AST:
    statement = ast.parse(text).body[0]
    return statement.value if isinstance(node, ast.expr) and isinstance(statement, ast.Expr) else statement


def _texts(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Compare(left=left, ops=[op, *ops], comparators=comparators) if type(op) in _OTHER:
            yield ast.unparse(ast.Compare(left, [_OTHER[type(op)](), *ops], comparators))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OTHER:
            yield ast.unparse(ast.BinOp(left, _OTHER[type(op)](), right))
        case ast.BoolOp(op=op, values=values):
            yield ast.unparse(ast.BoolOp(_OTHER[type(op)](), values))
        case ast.UnaryOp(op=ast.Not() | ast.Invert() | ast.USub(), operand=operand):
            yield ast.unparse(operand)
        case ast.Constant(value=bool() as value):
            yield str(not value)
        case ast.Constant(value=int() | float() as value):
            yield repr(value + 1)
        case ast.Constant(value=("left" | "right") as value):
            yield repr(_NAMES[value])
        case ast.Attribute(value=value, attr=name) if name in _NAMES:
            yield ast.unparse(ast.Attribute(value, _NAMES[name], ast.Load()))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in _NAMES:
            yield ast.unparse(ast.Call(ast.Name(_NAMES[name], ast.Load()), args, keywords))
        case ast.AugAssign() | ast.Assign(targets=[ast.Subscript()]):
            yield "pass"
        case ast.Expr(value=ast.Call()):
            yield "pass"
        case ast.IfExp(test=ast.Name() | ast.Call() | ast.Attribute()):
            yield ast.unparse(ast.IfExp(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse))


def _kept_as_they_are(tree: ast.Module) -> set[int]:
    """Return the nodes that carry no behaviour of ours: annotations, messages, decorators, guards."""
    roots: list[ast.AST | None] = []
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign(annotation=annotation):
                roots.append(annotation)
            case ast.FunctionDef(args=args, returns=returns, decorator_list=decorators):
                roots += [returns, *decorators, *(arg.annotation for arg in [*args.args, *args.kwonlyargs])]
            case ast.ClassDef(decorator_list=decorators):
                roots += decorators
            case ast.Raise() | ast.Assert():
                roots.append(node)
            case ast.keyword(arg=name) if name in _GUARDS:
                roots.append(node)
            case ast.Assign(targets=[ast.Name(id=name)]) if name == "_BLOCK":
                roots.append(node)
    return {id(node) for root in roots if root is not None for node in ast.walk(root)}


def _statement_lines(tree: ast.Module) -> dict[int, frozenset[int]]:
    """Return for each node inside a function the lines of its own statement."""
    found: dict[int, frozenset[int]] = {}
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for statement in ast.walk(ast.Module(function.body, [])):
            if isinstance(statement, ast.stmt):
                body = getattr(statement, "body", None)
                last = body[0].lineno - 1 if body else statement.end_lineno or statement.lineno
                lines = frozenset(range(statement.lineno, max(last, statement.lineno) + 1))
                # Inner statements come later in the walk, so each node ends with its own.
                found |= dict.fromkeys((id(node) for node in ast.walk(statement)), lines)
    return found
