"""Which modules of a connector's package use private parts of its library."""

from __future__ import annotations

import ast
import re
from collections.abc import Set
from pathlib import Path

_DOCUMENTED = {"abc", "commands", "common", "errors", "exceptions"}
"""Modules of the libraries that their users are meant to import from."""


def private_parts(package: Path, *, public: Set[str]) -> dict[str, set[str]]:
    """What each module of `package` imports of the libraries `public` beside what they document, and which attributes it
    uses that begin with an underscore and are not those of an object of its own. Modules without any are left out."""
    found: dict[str, set[str]] = {}
    for path in sorted(package.glob("*.py")):
        tree = ast.parse(path.read_text())
        own = {name for node in ast.walk(tree) for name in _defined(node)}
        parts = {part for node in ast.walk(tree) for part in _imported(node, public)}
        parts |= {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and re.match("_[^_]", node.attr) and node.attr not in own
        }
        if parts:
            found[path.name] = parts
    return found


def _defined(node: ast.AST) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return {node.name}
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
        return {node.attr}
    return set()


def _imported(node: ast.AST, libraries: Set[str]) -> set[str]:
    if not isinstance(node, ast.ImportFrom) or node.module is None:
        return set()
    library, _, module = node.module.partition(".")
    if library not in libraries or module in ({""} | _DOCUMENTED):
        return {name.name for name in node.names if library == "pamqp" and name.name == "decode"}
    return {node.module}
