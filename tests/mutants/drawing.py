"""Which mutants there are, and which of them are tried."""

from __future__ import annotations

import ast
import difflib
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator, operator_names

Span = tuple[tuple[int, int], tuple[int, int]]
"""Line (from 1) and column (from 0) of the first character, and of the one after the last."""


class _DropCall(Operator):  # type: ignore[misc]  # cosmic-ray has no types
    """A statement that only calls something is left out: cosmic-ray has nothing of the kind, and these survive most."""

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        if node.type == "simple_stmt" and node.children[0].type in ("atom_expr", "power"):
            yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        indent = node.get_first_leaf().prefix
        node.children[0] = get_ast("pass").children[0]
        node.children[0].prefix = indent
        return node

    @classmethod
    def examples(cls) -> tuple[Any, ...]:
        return ()


@dataclass(frozen=True)
class Mutant:
    """One module with one change."""

    path: str
    """Of the module, from the root of the project."""
    line: int
    operator: str
    before: str
    after: str

    @property
    def diff(self) -> str:
        """The change, with a line on each side."""
        lines = difflib.unified_diff(
            self.before.splitlines(), self.after.splitlines(), self.path, self.path, "", "", 1, ""
        )
        return "\n".join(lines)

    @property
    def change(self) -> tuple[str, str, str]:
        """What it is known by, wherever in its module it stands: the path, the lines before and the lines after."""
        lines = difflib.ndiff(self.before.splitlines(), self.after.splitlines())
        kept = [(line[:1], " ".join(line[1:].split())) for line in lines if line[:1] in "-+"]
        before, after = ("\n".join(text for sign, text in kept if sign == wanted) for wanted in "-+")
        return self.path, before, after


def draw(root: Path, folders: Iterable[str], count: int, seed: int) -> list[Mutant]:
    """`count` mutants, each of another place in the code; folders that do not exist are passed over. The same seed draws
    the same ones from the same code."""
    places: dict[tuple[str, Span], list[tuple[str, int]]] = {}
    for path in sorted(path for folder in folders for path in _modules(root / folder)):
        for place, operator, occurrence in _candidates(path.read_text()):
            places.setdefault((str(path.relative_to(root)), place), []).append((operator, occurrence))
    chance = random.Random(seed)
    drawn = chance.sample(sorted(places), min(count, len(places)))
    mutants = [_mutant(root, path, place, *chance.choice(places[path, place])) for path, place in drawn]
    return sorted(mutants, key=lambda mutant: (mutant.path, mutant.line))


def _modules(path: Path) -> list[Path]:
    return [path] if path.is_file() else [*path.rglob("*.py")]


def _operators() -> dict[str, Operator]:
    """Those that need no arguments, less those that compare numbers by identity, which holds for small ones."""
    names = [name for name in operator_names() if not re.search("_(Eq|NotEq|Lt|LtE|Gt|GtE)_Is(Not)?$", name)]
    classes = {name: get_operator(name) for name in names}
    found = {name: each() for name, each in classes.items() if not each.arguments() and not name.endswith("/NoOp")}
    return {**found, "drop-call": _DropCall()}


_OPERATORS = _operators()


def _candidates(code: str) -> Iterator[tuple[Span, str, int]]:
    """Everything that can be changed, but what only declares: nothing evaluates an annotation, and whether a dataclass is
    frozen, or a parameter has to be named, is seen in no behaviour."""
    nodes, ignored = [*ast_nodes(get_ast(code))], _declarations(code)
    parents = ("param", "parameters")
    stars = {node.start_pos for node in nodes if node.type == "operator" and node.parent.type in parents}
    for name, operator in _OPERATORS.items():
        spans = (span for node in nodes for span in operator.mutation_positions(node))
        for occurrence, span in enumerate(spans):
            if span[0] not in stars and not any(start <= span[0] and span[1] <= end for start, end in ignored):
                yield span, name, occurrence


def _declarations(code: str) -> list[Span]:
    nodes: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.arg | ast.AnnAssign):
            nodes.append(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            nodes.append(node.returns)
        elif isinstance(node, ast.ClassDef):
            calls = [each for each in node.decorator_list if isinstance(each, ast.Call)]
            nodes += [keyword.value for call in calls for keyword in call.keywords]
    return [
        ((node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0))
        for node in nodes
        if node is not None
    ]


def _mutant(root: Path, path: str, place: Span, operator: str, occurrence: int) -> Mutant:
    code = (root / path).read_text()
    return Mutant(path, place[0][0], operator, code, mutate_code(code, _OPERATORS[operator], occurrence))
