"""JSON that is checked and split, but kept as the sender's own text: numbers keep their digits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NoReturn

_SPACES = frozenset(" \t\n\r")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


# Nothing here computes with the numbers. As text they cost nothing, and may have any length.
_decoder = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse)


def check(text: str) -> None:
    """Raises ValueError unless `text` is one JSON value."""
    _, end = _value(text, _skip(text, 0))
    _finish(text, end)


def elements(text: str) -> Iterator[str]:
    """The text of each element of the array `text`. Raises ValueError if it is not an array."""
    at = _pass(text, 0, "[")
    while not text.startswith("]", at):
        _, end = _value(text, at)
        yield text[at:end]
        at = _next(text, end, "]")
    _finish(text, at + 1)


def members(text: str) -> Iterator[tuple[str, Any, str]]:
    """Name, value and the text of the value, of each member of the object `text`; numbers come as strings.

    Raises ValueError if it is not an object.
    """
    at = _pass(text, 0, "{")
    while not text.startswith("}", at):
        name, end = _value(text, at)
        if text[at] != '"':
            raise ValueError("the name of a member is a string")
        at = _pass(text, end, ":")
        value, end = _value(text, at)
        yield name, value, text[at:end]
        at = _next(text, end, "}")
    _finish(text, at + 1)


def _value(text: str, at: int) -> tuple[Any, int]:
    try:
        return _decoder.raw_decode(text, at)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in _SPACES:
        at += 1
    return at


def _pass(text: str, at: int, mark: str) -> int:
    at = _skip(text, at)
    if not text.startswith(mark, at):
        raise ValueError(f"expected {mark} at character {at}")
    return _skip(text, at + 1)


def _next(text: str, at: int, close: str) -> int:
    """Where the next item begins, or where `close` is."""
    at = _skip(text, at)
    if text.startswith(close, at):
        return at
    at = _pass(text, at, ",")
    if text.startswith(close, at):
        raise ValueError(f"a comma before {close}")
    return at


def _finish(text: str, at: int) -> None:
    if _skip(text, at) != len(text):
        raise ValueError("something follows the value")
