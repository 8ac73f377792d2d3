"""Channel names: what is one, and which names a template can render to.

A template is given here by its literals: what stands before, between and after its fields, one more than there are fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

CHANNEL = re.compile(r"[A-Za-z0-9._:~@=+-]{1,200}")
"""A channel's name. It needs no escaping in a URL, an event id or a log line, so that no header can forge another name."""


def matches(literals: Sequence[str], text: str) -> bool:
    """Whether some rendering could give `text`: the literals stand in it, and each field is one or more characters."""
    first, *others = literals
    if not others:
        return text == first
    *middle, last = others
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


def overlap(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether some text could be a rendering of both."""
    mine, theirs = _symbols(one), _symbols(other)
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
    """The template letter by letter. A field is one letter of any kind ("any"), then any number of them ("more")."""
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
