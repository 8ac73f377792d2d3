"""What went over the wire, written so that a person can read it and no byte is lost."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

_DATE = re.compile(rb"(?i)(\r\ndate: )[^\r\n]+")
_ALLOW = re.compile(rb"(\r\nallow: )([^\r\n]+)")
_PING = re.compile(rb"(: ping - )[-+:. 0-9]+")


@contextmanager
def certain() -> Iterator[None]:
    """Jitter is half of what it may be."""
    with patch("random.uniform", lambda low, high: (low + high) / 2):
        yield


class Transcript:
    """The text of one scene: what several clients asked, and what each was sent."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def __str__(self) -> str:
        return "\n".join(self._parts)

    def messages(self, title: str, messages: Iterable[MutableMapping[str, Any]]) -> None:
        """The ASGI messages that one client was sent, each by itself."""
        self._add(title, [line for message in messages for line in _message(dict(message))])

    def bytes(self, title: str, data: bytes) -> None:
        """The bytes that one client was sent. The time of day is left out."""
        data = _ALLOW.sub(lambda match: match[1] + _sorted(match[2].decode()).encode(), _DATE.sub(rb"\1...", data))
        self._add(title, lines(data))

    def _add(self, title: str, text: Iterable[str]) -> None:
        self._parts.append("".join(f"{line}\n" for line in (f"=== {title}", *text)))


def lines(data: bytes) -> list[str]:
    """One line of text for each line of `data`, its end included. Escapes are those of Python."""
    return [line.decode("latin-1").encode("unicode_escape").decode() for line in re.findall(rb"[^\n]*\n|[^\n]+", data)]


def _message(message: dict[str, Any]) -> Iterator[str]:
    kind = message.pop("type")
    if kind.endswith(".start"):
        yield f"<<< {kind} {message.pop('status')}"
        headers = [(name.decode(), value.decode()) for name, value in message.pop("headers")]
        yield from (f"{name}: {_sorted(value) if name == 'allow' else value}" for name, value in headers)
    else:
        body, more = message.pop("body", b""), message.pop("more_body", False)
        yield f"<<< {kind} of {'...' if _PING.search(body) else len(body)} bytes, {'more follow' if more else 'the end'}"
        yield from lines(_PING.sub(rb"\1...", body))
    assert not message, f"keys that are not recorded: {message}"


def _sorted(methods: str) -> str:
    """Starlette keeps the methods of a route in a set, whose order differs from process to process."""
    return ", ".join(sorted(methods.split(", ")))
