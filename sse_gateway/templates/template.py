"""A template: parsed and checked once, rendered for each message."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any

from ..errors import InvalidValue
from .channels import matches, overlap

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")

Getter = Callable[[Mapping[str, Any]], str]


class MissingField(LookupError):
    """A message has no value for a field of a template, or one that is not text. `name` is the field, without braces."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no value for {{{name}}}")
        self.name = name


class Template:
    """A text with fields. `allowed` holds names (`key`) and prefixes (`headers.`, for `{headers.NAME}`).

    `{{` and `}}` stand for the braces themselves. `{json.a.b}` walks into the parsed body, `{json.items.0}` into an array.
    With `composite` (for data, not for names) objects and arrays render as compact JSON, and an empty text is a value too.

    Raises:
        InvalidValue: a name is not allowed, or a brace is not balanced. It names the place in the text, not the text.
    """

    __slots__ = ("_form", "_getters", "literals", "names", "needs_json", "text")

    def __init__(self, text: str, allowed: Collection[str], *, composite: bool = False) -> None:
        literals, names = _parse(text, allowed)
        self.text = text
        self.literals = literals
        """What stands before, between and after the fields: one more than there are names."""
        self.names = names
        self.needs_json = any(name.partition(".")[0] == "json" for name in names)
        """Whether rendering needs the parsed body."""
        self._form = "%s".join(literal.replace("%", "%%") for literal in literals)
        self._getters = tuple(_getter(name, composite=composite) for name in names)

    def __repr__(self) -> str:
        return f"Template({self.text!r})"

    def render(self, fields: Mapping[str, Any]) -> str:
        """The text for one message. Strings stand as they are, numbers and booleans as in JSON.

        Raises:
            MissingField: a value is absent, null, empty, or an object or array.
        """
        if not self._getters:
            return self.literals[0]
        return self._form % tuple([get(fields) for get in self._getters])

    def matches(self, text: str) -> bool:
        """Whether some rendering could give `text`; each field is one or more characters."""
        return matches(self.literals, text)

    def overlaps(self, other: Template) -> bool:
        """Whether some text could be a rendering of both."""
        return overlap(self.literals, other.literals)


def _parse(text: str, allowed: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    literals, names, end = [""], [], 0
    for token in _TOKEN.finditer(text):
        literals[-1] += text[end : token.start()]
        end, place = token.end(), token.start() + 1
        if token[0] in ("{{", "}}"):
            literals[-1] += token[0][0]
        elif token[1] is None:
            raise InvalidValue(f"unbalanced {token[0]} at character {place} (a brace itself is written twice)")
        else:
            # Header names have no case: messages carry them in lower case.
            name = token[1].lower() if token[1].startswith("headers.") else token[1]
            _check(name, allowed, place)
            names.append(name)
            literals.append("")
    literals[-1] += text[end:]
    return tuple(literals), tuple(names)


def _check(name: str, allowed: Collection[str], place: int) -> None:
    head, dot, tail = name.partition(".")
    keys = tail.split(".") if head == "json" else [tail]
    if head + dot in allowed and (not dot or all(keys)):
        return
    known = [f"{{{each}NAME}}" if each.endswith(".") else f"{{{each}}}" for each in sorted(allowed)]
    near = get_close_matches(head, [each.rstrip(".") for each in allowed], n=1)
    hint = f" (did you mean {near[0]}?)" if near and near[0] != head else ""
    raise InvalidValue(f"unknown field at character {place}{hint}, expected {', '.join(known) or 'none here'}")


def _getter(name: str, *, composite: bool) -> Getter:
    head, *keys = name.split(".") if name.startswith("json.") else name.split(".", 1)

    def get(fields: Mapping[str, Any]) -> str:
        value = fields.get(head)
        for key in keys:
            value = _member(value, key)
        if isinstance(value, str) and (value or composite):
            return value
        if value is None or (isinstance(value, (str, dict, list)) and not composite):
            raise MissingField(name)
        return _compact(value, name)

    return get


def _compact(value: Any, name: str) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:  # 1e999 is valid JSON and is read as infinity, which can't be written as JSON
        raise MissingField(name) from None


def _member(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(key)
    if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
        return value[int(key)]
    return None
