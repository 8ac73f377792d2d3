"""The report of the mistakes in a file: one line for each, and no secret in any of them.

A value of the file is quoted only by `_quoted` and `_found`, which leave out variables, secrets and the user part of a URL.
The words of an `InvalidValue` quote nothing and are always shown. Texts from libraries are shown unless they contain a
secret of the table that they are about.
"""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, time
from difflib import get_close_matches
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

from ..errors import InvalidValue
from .conflicts import Path

ModelT = TypeVar("ModelT", bound=BaseModel)

_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a table",
    "float_type": "a number",
    "greater_than": "more than {gt:.15g}",
    "greater_than_equal": "{ge:.15g} or more",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "is_instance_of": "a string",
    "less_than": "less than {lt:.15g}",
    "less_than_equal": "{le:.15g} or less",
    "list_type": "an array",
    "literal_error": "{expected}",
    "model_attributes_type": "a table",
    "model_type": "a table",
    "string_pattern_mismatch": "a string like {pattern}",
    "string_too_long": "at most {max_length} characters",
    "string_too_short": "{min_length} or more characters",
    "string_type": "a string",
    "too_long": "at most {max_length} elements",
    "too_short": "{min_length} or more elements",
    "tuple_type": "an array",
}
_PLAIN = ("bool_type", "float_type", "int_type")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCHEME = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//")


class Report:
    """Validates the tables of one parsed file and collects a line for each mistake.

    `origins` and `broken` are the `origins` and `problems` of an `Interpolation`. Further mistakes in a broken value are not
    reported.
    """

    def __init__(
        self,
        file: str,
        data: dict[str, Any],
        origins: Mapping[Path, Mapping[str, str]],
        broken: Iterable[tuple[Path, str]],
    ) -> None:
        self.lines: list[str] = []
        self._file = file
        self._data = data
        self._origins = origins
        self._models: dict[Path, type[BaseModel]] = {}
        self._broken = {path for path, _ in broken}
        for path, problem in broken:
            self.line(path, problem)

    def line(self, path: Path, text: str) -> None:
        """Add a line: the file, the key, and `text`, which quotes no value."""
        where = f"{_key(path)}: " if path else ""
        self.lines.append(f"{self._file}: {where}{' '.join(text.split())}")

    def refuse(self, path: Path, error: InvalidValue) -> None:
        """Add a line for the value at `path`. The keys that `error` names begin at the top of the file."""
        self.line(path, self._sentence(path, error.words) + self._quotes(error.keys, ()))

    def validate(
        self, model: type[ModelT], at: Path, *, without: Iterable[str] = (), known: Iterable[str] = ()
    ) -> ModelT | None:
        """The table at `at`, without the keys `without`, as `model`. If it is refused, add a line for each mistake and return
        None. `known` are other keys that this table may have."""
        self._models[at] = model
        while True:
            data = self._value(at)
            data = {key: value for key, value in data.items() if key not in without} if without else data
            try:
                return model.model_validate(data)
            except ValidationError as error:
                details = [(_path(detail, data), detail) for detail in error.errors(include_url=False)]
            if not self._read_plain_values(details, at):
                self._add_all(details, at, [*known])
                return None

    def _read_plain_values(self, details: list[tuple[Path, Any]], at: Path) -> bool:
        """Convert the texts of variables that should be numbers or booleans. Returns whether there was one."""
        changed = False
        for path, detail in details:
            if detail["type"] in _PLAIN and isinstance(detail["input"], str) and (*at, *path) in self._origins:
                plain = _plain(detail["input"])
                self._value((*at, *path[:-1]))[path[-1]] = plain
                changed = changed or plain is not detail["input"]
        return changed

    def _add_all(self, details: list[tuple[Path, Any]], at: Path, known: list[str]) -> None:
        texts: dict[Path, list[str]] = {}
        for path, detail in details:
            whole = (*at, *path)
            if detail["type"] == "extra_forbidden":
                model = self._model(whole[:-1])
                keys = [*(model.model_fields if model else ()), *(known if len(path) == 1 else ())]
                texts.setdefault(whole, []).append(unknown("key", str(whole[-1]), keys))
            elif not any(broken[: len(whole)] == whole for broken in self._broken):
                texts.setdefault(whole, []).append(self._text(detail, whole, at))
        for whole, alternatives in texts.items():
            # If an element of an array is wrong, the array is not reported as too short.
            if not any(other[: len(whole)] == whole != other for other in texts):
                self.line(whole, _either(alternatives))

    def _text(self, detail: Mapping[str, Any], path: Path, table: Path) -> str:
        error = detail.get("ctx", {}).get("error")
        if detail["type"] == "missing":
            return f"missing: {self._description(path)}"
        if isinstance(error, InvalidValue):
            return self._sentence(path, error.words) + self._quotes(error.keys, path)
        if detail["type"] in _EXPECTED:
            expected = _EXPECTED[detail["type"]].format(**detail.get("ctx", {})).replace("'", '"')
            return self._sentence(path, f"expected {expected}")
        foreign = str(error) if error else detail["msg"][:1].lower() + detail["msg"][1:]
        if self._tells(foreign, table):
            foreign = f"refused; the reason is not shown because it contains a secret: {self._description(path)}"
        return self._sentence(path, foreign)

    def _sentence(self, path: Path, words: str) -> str:
        """The value at `path` and what is wrong with it. A table is not repeated."""
        if words.startswith("expected "):
            return f"found {self._found(path)}, {words}"
        return words if isinstance(self._value(path), dict | list) else f"found {self._found(path)}: {words}"

    def _quotes(self, keys: Iterable[str], table: Path) -> str:
        """The values of these keys of a table. If the value at `table` is not a table, those of the table that contains it."""
        at = table if isinstance(self._value(table), dict) else table[:-1]
        quotes = [f"{key} = {self._quoted((*at, *key.split('.')))}" for key in keys]
        return f" ({', '.join(quotes)})" if quotes else ""

    def _quoted(self, path: Path) -> str:
        value = self._value(path)
        if isinstance(value, list | tuple) and value:
            return f"[{', '.join(self._found((*path, index)) for index in range(len(value)))}]"
        return self._found(path)

    def _found(self, path: Path) -> str:
        """The value at `path` as it is in the file, shortened. For tables and arrays, what kind it is."""
        value = self._value(path)
        if path in self._origins:
            return f"the value of {' and '.join(self._origins[path])}"
        if isinstance(value, dict):
            return "a table"
        if isinstance(value, list):
            return "an array" if value else "an empty array"
        if self._is_secret(path):
            return "a secret"
        if not isinstance(value, bool | int | float | str):
            return "a date or time" if isinstance(value, date | time) else "nothing"
        text = json.dumps(_without_user(value) if isinstance(value, str) else value, ensure_ascii=False)
        return text if len(text) <= 60 else f"{text[:57]}..."

    def _tells(self, text: str, table: Path) -> bool:
        """Whether `text` contains a secret of this table, in any of the forms in which it may be written."""
        shown = _folded(text)
        return any(_folded(form) in shown for secret in self._secrets(table) if secret for form in _forms(secret))

    def _secrets(self, table: Path) -> Iterator[str]:
        for path, leaf in _leaves(self._value(table), table):
            yield from self._origins.get(path, {}).values()
            if self._is_secret(path):
                yield str(leaf)
            yield from _user(str(leaf))

    def _value(self, path: Path) -> Any:
        """The value at `path`, or the default of that key."""
        value: Any = self._data
        for part in path:
            try:
                value = value[part]
            except (LookupError, TypeError):
                field = self._field(path)
                return field.default if field else None
        return value

    def _model(self, path: Path) -> type[BaseModel] | None:
        """The model of the table at `path`, if it is known."""
        size = max((size for size in range(len(path) + 1) if path[:size] in self._models), default=0)
        model = self._models.get(path[:size])
        for part in path[size:]:
            if model and isinstance(part, str):
                field = model.model_fields.get(part)
                types = _types(field.annotation) if field else ()
                model = next((each for each in types if isinstance(each, type) and issubclass(each, BaseModel)), None)
        return model

    def _field(self, path: Path) -> Any:
        model = self._model(path[:-1]) if path else None
        return model.model_fields.get(str(path[-1])) if model else None

    def _description(self, path: Path) -> str:
        """The description of the key at `path`."""
        field = self._field(path)
        return (field.description if field else None) or "a value is needed"

    def _is_secret(self, path: Path) -> bool:
        """Whether the key at `path`, or a key above it, holds a secret."""
        keys = (path[: depth + 1] for depth, part in enumerate(path) if isinstance(part, str))
        fields = (field for field in map(self._field, keys) if field)
        return any(each in (SecretStr, SecretBytes) for field in fields for each in _types(field.annotation))


def unknown(kind: str, key: str, known: Iterable[str]) -> str:
    """The words for a key or table that does not exist, with the one that may be meant."""
    choices = sorted(known)
    near = get_close_matches(key, choices, n=1)
    return f"unknown {kind}, " + (f"did you mean {near[0]}?" if near else f"expected one of {', '.join(choices)}")


def _either(alternatives: list[str]) -> str:
    """What pydantic says of each alternative type of a value, in one sentence."""
    first, *rest = dict.fromkeys(alternatives)
    what = first.partition(", expected ")[0]
    return " or ".join([first, *(text.removeprefix(f"{what}, expected ") for text in rest)])


def _key(path: Path) -> str:
    """`sources.demo.log` or `routes[0].path`. A key is quoted if TOML requires it."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{_name(part)}" for part in path]
    return "".join(parts).removeprefix(".")


def _name(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else json.dumps(_without_user(key))


def _without_user(text: str) -> str:
    """A URL without user and password. A password may contain a / or an @, so everything up to the last @ is left out."""
    before, at, after = text.rpartition("@")
    if not at or not ("//" in before or ":" in before):
        return text
    scheme = _SCHEME.match(before)
    return f"{scheme[0] if scheme else ''}...@{after}"


def _user(text: str) -> Iterator[str]:
    """The user and the password of a URL, each alone and both together."""
    if _without_user(text) != text:
        before = text.rpartition("@")[0]
        both = _SCHEME.sub("", before, count=1)
        yield from (both, *both.split(":", 1))


def _folded(text: str) -> str:
    return "".join(text.split()).casefold()


def _forms(secret: str) -> tuple[str, ...]:
    """The forms in which a library may write a secret in a message."""
    return secret, unquote(secret), quote(secret), quote(secret, safe=""), repr(secret)[1:-1], json.dumps(secret)[1:-1]


def _path(detail: Mapping[str, Any], data: Any) -> Path:
    """The path in the table: pydantic's location without the names of the alternatives that it tried."""
    path: list[str | int] = []
    for part in detail["loc"]:
        if part in data if isinstance(data, dict) else isinstance(data, list) and isinstance(part, int):
            data = data[part]
        elif detail["type"] != "missing" or part != detail["loc"][-1]:
            continue
        path.append(part)
    return tuple(path)


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict | list):
        for part, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, (*path, part))
    else:
        yield path, value


def _plain(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text


def _types(annotation: Any) -> Iterator[Any]:
    """An annotation and everything that it is made of."""
    yield annotation
    for argument in typing.get_args(annotation):
        yield from _types(argument)
