"""`Event`: strict, immutable, encoded once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from .encoding import DEFAULT_SEPARATOR, encode_fields, require_separator

__all__ = ["Event"]

_MAX_RETRY = 2**31 - 1
"""Milliseconds: browsers keep it in 32 bits."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event, checked when it is made: what it holds is what a client gets.

    Text and bytes (UTF-8) are sent as they are; any other `data` is sent as JSON. None is no data, and an event without
    data is none to a browser. `retry` is in milliseconds. `sep` overrides the separator of the response.

    Raises:
        ValueError: a line break or NUL in `id` or `event`, a negative, boolean or too long `retry`, a separator that ends
            no line, NaN, bytes that are not UTF-8, a lone surrogate.
        TypeError: a field of another type, or data that can't be written as JSON.
    """

    data: Any = None
    event: str | None = field(default=None, kw_only=True)
    id: str | int | None = field(default=None, kw_only=True)
    retry: int | None = field(default=None, kw_only=True)
    comment: str | None = field(default=None, kw_only=True)
    sep: str | None = field(default=None, kw_only=True)
    _wire: dict[str, bytes] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        require_separator(self.sep)
        _require_line("event", self.event, str)
        _require_line("id", self.id, str, int)
        _require_retry(self.retry)
        if not isinstance(self.comment, str | None):
            raise TypeError(f"comment must be text, got {type(self.comment).__name__}")
        self._wire["\n"] = encode_fields(
            _text(self.data), event=self.event, id=self.id, retry=self.retry, comment=self.comment, sep="\n"
        )

    def encode(self, sep: str | None = None) -> bytes:
        """Its wire form. `sep` is the response's separator, for an event that has none of its own."""
        sep = self.sep or sep or DEFAULT_SEPARATOR
        wire = self._wire.get(sep)
        if wire is None:
            require_separator(sep)
            wire = self._wire[sep] = self._wire["\n"].replace(b"\n", sep.encode())
        return wire


def _text(data: object) -> str | None:
    if data is None or isinstance(data, str):
        return data
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data).decode()
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _require_line(name: str, value: object, *types: type) -> None:
    if value is None:
        return
    if not isinstance(value, types) or isinstance(value, bool):
        raise TypeError(f"{name} must be {' or '.join(kind.__name__ for kind in types)}, got {type(value).__name__}")
    if isinstance(value, str) and any(character in value for character in "\r\n\0"):
        raise ValueError(f"{name} must be one line without NUL")


def _require_retry(retry: object) -> None:
    if retry is None:
        return
    if not isinstance(retry, int):
        raise TypeError(f"retry must be int, got {type(retry).__name__}")
    if isinstance(retry, bool) or not 0 <= retry <= _MAX_RETRY:
        raise ValueError(f"retry must be milliseconds from 0 to {_MAX_RETRY}, got {retry}")
