"""`${NAME}` and `${NAME:-default}` in the strings of the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Interpolation", "Path"]

Path = tuple[str | int, ...]
"""Where a value stands in the file: keys, and indexes of arrays."""

_REFERENCE = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?")


@dataclass
class Interpolation:
    """Puts the environment into a parsed file, and remembers where, since what comes from there is never shown."""

    environ: Mapping[str, str]
    origins: dict[Path, str] = field(default_factory=dict)
    """The references, such as "${PORT}", of each value that has any."""
    problems: list[tuple[Path, str]] = field(default_factory=list)

    def apply(self, value: Any, path: Path = ()) -> Any:
        """`value` with all references replaced in its strings. `$${` stands for `${` itself; a variable that is unset or
        empty takes its default, as in a shell. What is missing or malformed is noted in `problems`."""
        if isinstance(value, dict):
            return {key: self.apply(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.apply(item, (*path, index)) for index, item in enumerate(value)]
        return self._text(value, path) if isinstance(value, str) else value

    def _text(self, text: str, path: Path) -> str:
        names: list[str] = []

        def replace(match: re.Match[str]) -> str:
            name, default = match[1], match[2]
            if match[0] == "$${":
                return "${"
            if name is None:
                self.problems.append(
                    (path, "found ${ without a name and }, expected ${NAME}; ${ itself is written $${")
                )
                return ""
            names.append(f"${{{name}}}")
            value = self.environ.get(name)
            if not value and default is not None:
                return str(default)
            if value is None:
                self.problems.append((path, f"the variable {name} is not set; set it, or write ${{{name}:-default}}"))
            return value or ""

        result = _REFERENCE.sub(replace, text)
        if names:
            self.origins[path] = " and ".join(names)
        return result
