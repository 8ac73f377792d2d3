"""The table of values in the chart's README, made from the comments in values.yaml that begin with two dashes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from .rendering import CHART

README = CHART / "README.md"

_TEXT = (CHART / "values.yaml").read_text()
_KEY = re.compile(r"( *)([A-Za-z]+):")
_BLOCK = re.compile(r"(<!-- values -->\n).*?(?=<!-- end -->)", re.DOTALL)


@dataclass
class _Reader:
    """Line by line: where we are, and the comment that stands above the next key."""

    path: list[str] = field(default_factory=list)
    comment: list[str] = field(default_factory=list)

    def read(self, line: str) -> tuple[str, str] | None:
        """The key of this line and its comment, if it has one."""
        text = line.strip()
        if text.startswith("#"):
            self.comment = [text[5:]] if text.startswith("# -- ") else [*self.comment, text[2:]] if self.comment else []
            return None
        comment, self.comment = " ".join(self.comment), []
        if not (match := _KEY.match(line)):
            return None
        self.path = [*self.path[: len(match[1]) // 2], match[2]]
        return (".".join(self.path), comment) if comment else None


def documented() -> dict[str, str]:
    """What the comments say, by key."""
    reader = _Reader()
    return dict(found for line in _TEXT.splitlines() if (found := reader.read(line)))


def leaves(value: Any = None, path: str = "") -> Iterator[str]:
    """Every key that has no keys below it."""
    table = yaml.safe_load(_TEXT) if not path else value
    if not isinstance(table, dict) or not table:
        yield path
        return
    for key, each in table.items():
        yield from leaves(each, f"{path}.{key}".removeprefix("."))


def written(readme: str) -> str:
    """The README with its table as it has to be."""
    rows = (f"| `{key}` | {_default(key)} | {comment} |\n" for key, comment in documented().items())
    table = "".join(["| value | default | |\n|---|---|---|\n", *rows])
    return _BLOCK.sub(lambda match: match[1] + table, readme)


def _default(key: str) -> str:
    value = yaml.safe_load(_TEXT)
    for part in key.split("."):
        value = value[part]
    return f"`{json.dumps(value)}`"
