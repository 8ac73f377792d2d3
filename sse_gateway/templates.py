"""Texts with fields in braces, such as `orders.{json.customer.id}`, and the names of channels, which are written with them.

A template is parsed and checked once, when the configuration is loaded, and rendered for each message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from .errors import InvalidValue

CHANNEL = re.compile(r"[A-Za-z0-9._:~@=+-]{1,200}")
"""A channel's name. It needs no escaping in a URL, an event id or a log line, so no header can forge another name."""

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class MissingField(LookupError):
    """A message has no value for a field of a template, or has one that is not text. `name` is the field, without braces."""

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
        """The text for one message. Strings are rendered as they are, numbers and booleans as in JSON.

        Raises:
            MissingField: a value is absent, null, empty, or an object or array.
        """
        return self._form % tuple([get(fields) for get in self._getters])

    def matches(self, text: str) -> bool:
        """Whether the template can render to `text`. A field renders to one or more characters."""
        first, *others = self.literals
        if not others:
            return text == first
        *middle, last = others
        if not text.startswith(first):
            return False
        # To take each literal where it first occurs is exact. It is also linear, which a regular expression is not.
        end = len(first)
        for literal in middle:
            start = text.find(literal, end + 1)
            if start < 0:
                return False
            end = start + len(literal)
        return len(text) - len(last) > end and text.endswith(last)

    def overlaps(self, other: Template) -> bool:
        """Whether both templates can render to the same text."""
        mine, theirs = _symbols(self.literals), _symbols(other.literals)
        ahead, seen = [(0, 0)], set[tuple[int, int]]()
        while ahead:
            state = ahead.pop()
            if state == (len(mine), len(theirs)):
                return True
            if state not in seen:
                seen.add(state)
                ahead.extend(_steps(mine, theirs, *state))
        return False


def _symbols(literals: Sequence[str]) -> list[str]:
    """The characters of the template. A field is one character of any kind ("any"), then any number of them ("more")."""
    first, *rest = literals
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


def _getter(name: str, *, composite: bool) -> Callable[[Mapping[str, Any]], str]:
    head, *keys = name.split(".") if name.startswith("json.") else name.split(".", 1)

    def get(fields: Mapping[str, Any]) -> str:
        value = fields.get(head)
        for key in keys:
            value = _member(value, key)
        if isinstance(value, str) and (value or composite):
            return value
        if value is None or (isinstance(value, (str, dict, list)) and not composite):
            raise MissingField(name)
        try:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        except ValueError:  # 1e999 is valid JSON and is read as infinity, which can't be written as JSON
            raise MissingField(name) from None

    return get


def _member(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(key)
    if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
        return value[int(key)]
    return None
