"""Texts with fields in braces, such as `orders.{json.customer.id}`, compiled once and rendered for each message."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

__all__ = ["MissingField", "Template"]

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")

Getter = Callable[[Mapping[str, Any]], str]


class MissingField(LookupError):
    """A message has no value for a field of a template, or one that is no text. `name` is the field's, without braces."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no value for {{{name}}}")
        self.name = name


class Template:
    """A text with fields. `allowed` holds names (`key`) and prefixes (`headers.`, for `{headers.NAME}`).

    `{{` and `}}` stand for the braces themselves. `{json.a.b}` walks into the parsed body, `{json.items.0}` into an array.
    With `composite` (for data, not for names) objects and arrays render as compact JSON, and empty texts are values too.

    Raises:
        ValueError: a name is not allowed, or a brace is not balanced.
    """

    __slots__ = ("_form", "_getters", "literals", "names", "needs_json", "text")

    def __init__(self, text: str, allowed: Collection[str], *, composite: bool = False) -> None:
        literals, names = _parse(text)
        for name in names:
            _check(name, allowed)
        self.text = text
        self.literals = literals
        """What stands before, between and after the fields: one more than there are names."""
        self.names = names
        self.needs_json = any(name.partition(".")[0] == "json" for name in names)
        """Whether the body must be parsed for it."""
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
        """Whether some rendering could give `text`: the literals stand, each field is one or more characters."""
        if not self.names:
            return text == self.literals[0]
        first, *middle, last = self.literals
        if not text.startswith(first):
            return False
        # Taking each literal where it first occurs is exact, and linear where a regular expression could go back and forth.
        end = len(first)
        for literal in middle:
            start = text.find(literal, end + 1)
            if start < 0:
                return False
            end = start + len(literal)
        return len(text) - len(last) > end and text.endswith(last)

    def overlaps(self, other: Template) -> bool:
        """Whether some text could be a rendering of both."""
        mine, theirs = _symbols(self), _symbols(other)
        ahead, seen = [(0, 0)], set[tuple[int, int]]()
        while ahead:
            state = ahead.pop()
            if state == (len(mine), len(theirs)):
                return True
            if state not in seen:
                seen.add(state)
                ahead.extend(_steps(mine, theirs, *state))
        return False


def _parse(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    literals, names, end = [""], [], 0
    for token in _TOKEN.finditer(text):
        literals[-1] += text[end : token.start()]
        end = token.end()
        if token[0] in ("{{", "}}"):
            literals[-1] += token[0][0]
        elif token[1] is None:
            raise ValueError(
                f"unbalanced {token[0]} at character {token.start() + 1} (a brace itself is written twice)"
            )
        else:
            names.append(_normal(token[1]))
            literals.append("")
    literals[-1] += text[end:]
    return tuple(literals), tuple(names)


def _normal(name: str) -> str:
    """Header names have no case: messages carry them in lower case."""
    return name.lower() if name.startswith("headers.") else name


def _check(name: str, allowed: Collection[str]) -> None:
    head, dot, tail = name.partition(".")
    keys = tail.split(".") if head == "json" else [tail]
    if head + dot in allowed and (not dot or all(keys)):
        return
    known = [f"{{{each}NAME}}" if each.endswith(".") else f"{{{each}}}" for each in sorted(allowed)]
    near = get_close_matches(head, [each.rstrip(".") for each in allowed], n=1)
    hint = f" (did you mean {near[0]}?)" if near and near[0] != head else ""
    raise ValueError(f"unknown field {{{name}}}{hint}, expected {', '.join(known) or 'none here'}")


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
    except ValueError:  # 1e999 is JSON, and read as infinity, which is not
        raise MissingField(name) from None


def _member(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(key)
    if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
        return value[int(key)]
    return None


def _symbols(template: Template) -> list[str]:
    """The template letter by letter; a field is one letter of any kind ("any") and then as many as you like ("more")."""
    first, *rest = template.literals
    return [*first, *(symbol for literal in rest for symbol in ("any", "more", *literal))]


def _steps(mine: list[str], theirs: list[str], at: int, there: int) -> Iterator[tuple[int, int]]:
    one = mine[at] if at < len(mine) else ""
    other = theirs[there] if there < len(theirs) else ""
    if one == "more":
        yield at + 1, there
        if other:
            yield at, there + 1
    elif other == "more":
        yield from ((a, b) for b, a in _steps(theirs, mine, there, at))
    elif one and other and (one == other or "any" in (one, other)):
        yield at + 1, there + 1
