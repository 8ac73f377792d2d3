"""What is wrong with a file: one line for each thing, none with a secret or a value from the environment in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .fields import description, is_secret, table_at
from .interpolation import Interpolation, Path
from .wording import expected, found, tells, unknown

__all__ = ["Problems"]

ModelT = TypeVar("ModelT", bound=BaseModel)

_PLAIN = ("bool_type", "float_type", "int_type")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Problems:
    """Checks tables against their models and collects what is wrong, beginning with what could not be interpolated."""

    def __init__(self, file: str, interpolation: Interpolation) -> None:
        self.lines: list[str] = []
        self._file = file
        self._origins = interpolation.origins
        self._broken = {path for path, _ in interpolation.problems}
        for path, problem in interpolation.problems:
            self.add(path, problem)

    def add(self, path: Path, text: str) -> None:
        """One line: the file, the key and what is wrong there."""
        where = f"{_key(path)}: " if path else ""
        self.lines.append(f"{self._file}: {where}{' '.join(text.split())}")

    def validate(self, model: type[ModelT], data: Any, at: Path = (), known: Iterable[str] = ()) -> ModelT | None:
        """The table `data`, which stands at `at`, as its model; None, and a line for each wrong key, if it is refused.
        `known` are keys that are right in this table, though not the model's own."""
        try:
            return model.model_validate(data)
        except ValidationError as error:
            if self._read_plain_values(error, data, at):
                return self.validate(model, data, at, known)
            self._add_all(error, _Table(model, data, at, known))
            return None

    def _read_plain_values(self, error: ValidationError, data: Any, at: Path) -> bool:
        """Variables are texts; where one stands for a number or a boolean, put that in its place. False if none did."""
        changed = False
        for detail in error.errors(include_url=False):
            path, value = _path(detail, data), detail["input"]
            if detail["type"] in _PLAIN and isinstance(value, str) and (*at, *path) in self._origins:
                plain = _plain(value)
                _value(data, path[:-1])[path[-1]] = plain
                changed = changed or plain is not value
        return changed

    def _add_all(self, error: ValidationError, table: _Table) -> None:
        texts: dict[Path, list[str]] = {}
        for detail in error.errors(include_url=False):
            path = _path(detail, table.data)
            if detail["type"] == "extra_forbidden" or not self._is_broken((*table.at, *path)):
                texts.setdefault(path, []).append(self._text(detail, path, table))
        for path, alternatives in texts.items():
            # An array with a wrong element is not too short as well.
            if not any(other[: len(path)] == path != other for other in texts):
                self.add((*table.at, *path), _either(alternatives))

    def _is_broken(self, path: Path) -> bool:
        """Whether a value in it has been complained about already."""
        return any(broken[: len(path)] == path for broken in self._broken)

    def _text(self, detail: ErrorDetails, path: Path, table: _Table) -> str:
        if detail["type"] == "extra_forbidden":
            return unknown("key", str(path[-1]), table.keys(path[:-1]))
        if detail["type"] == "missing":
            return f"missing: {description(table.model, path)}"
        value, wanted, hidden = _value(table.data, path), expected(detail), self._hidden(path, table)
        if any(tells(wanted, secret) for secret in hidden.values()):
            wanted = (
                f"refused for a reason that is not shown, because it holds a secret: {description(table.model, path)}"
            )
        if isinstance(value, dict | list) and not wanted.startswith("expected "):
            return wanted
        origin = self._origins.get((*table.at, *path))
        what = f"the value of {origin}" if origin else "a secret" if path in hidden else found(value)
        return f"found {what}{', ' if wanted.startswith('expected ') else ': '}{wanted}"

    def _hidden(self, path: Path, table: _Table) -> dict[Path, Any]:
        """What must not be shown of the value at `path`."""
        return {
            place: leaf
            for place, leaf in _leaves(_value(table.data, path), path)
            if (*table.at, *place) in self._origins or is_secret(table.model, place)
        }


@dataclass(frozen=True)
class _Table:
    """A table that was refused."""

    model: type[BaseModel]
    data: Any
    at: Path
    known: Iterable[str]

    def keys(self, path: Path) -> Iterable[str]:
        """The keys that are known in the table in it at `path`."""
        table = table_at(self.model, path)
        return [*(table.model_fields if table else ()), *(() if path else self.known)]


def _either(alternatives: list[str]) -> str:
    """What pydantic says of each type that a value may have, in one sentence."""
    first, *rest = dict.fromkeys(alternatives)
    what = first.partition(", expected ")[0]
    return " or ".join([first, *(text.removeprefix(f"{what}, expected ") for text in rest)])


def _key(path: Path) -> str:
    """`sources.demo.log` or `routes[0].path`; a key that needs quotes in TOML has them."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{_quoted(part)}" for part in path]
    return "".join(parts).removeprefix(".")


def _quoted(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else json.dumps(key)


def _path(detail: ErrorDetails, data: Any) -> Path:
    """Where in the table: pydantic's location without the names of the alternatives that it tried."""
    path: list[str | int] = []
    for part in detail["loc"]:
        inside = part in data if isinstance(data, dict) else isinstance(data, list) and isinstance(part, int)
        if inside:
            data = data[part]
        if inside or (detail["type"] == "missing" and part == detail["loc"][-1]):
            path.append(part)
    return tuple(path)


def _value(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    items: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
    else:
        yield path, value
    for part, item in items:
        yield from _leaves(item, (*path, part))


def _plain(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text
