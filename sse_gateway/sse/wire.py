"""The wire forms of events: the event stream (WHATWG HTML, section 9.2.6) and NDJSON (one JSON object per line)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

DEFAULT_SEPARATOR = "\r\n"

_SEPARATORS = ("\r\n", "\r", "\n")
_LINE_END = re.compile(rb"\r\n|\r|\n")  # U+2028 and similar characters are data
_TEXT_LINE_END = re.compile("\r\n|\r|\n")
_FORGING = re.compile("[\r\n\0]")


def encode_data(data: bytes) -> bytes:
    """A payload as `data:` lines, one for each of its lines."""
    if b"\n" in data or b"\r" in data:
        data = _LINE_END.sub(b"\ndata: ", data)
    return b"data: " + data + b"\n"


def encode_body(type: str, data: bytes) -> bytes:
    """An event without its id: `event:` (left out if the type is empty), the `data:` lines and the blank line.

    Raises:
        ValueError: the type contains a line break or NUL, which would forge a field.
    """
    if not type:
        return encode_data(data) + b"\n"
    if "\n" in type or "\r" in type or "\0" in type:
        raise ValueError("an event's type is one line without NUL")
    return b"event: " + type.encode() + b"\n" + encode_data(data) + b"\n"


def encode_fields(
    data: Any = None,
    event: str | int | None = None,
    id: str | int | None = None,
    retry: int | None = None,
    comment: Any = None,
    sep: str = DEFAULT_SEPARATOR,
) -> bytes:
    """One event, with its fields in the order of sse-starlette: comment, id, event, data, retry, blank line.

    Line breaks and NUL are removed from `id` and `event`. `data` and `comment` are sent as their `str()`.

    Raises:
        TypeError: `retry` is not an integer, or `id` or `event` is neither text nor an integer.
        UnicodeEncodeError: a lone surrogate.
    """
    # The common case is inlined, because one call per field doubles the cost.
    text = "" if comment is None else _lines(": ", str(comment), sep)
    if id is not None:
        text = f"{text}id: {id if id.__class__ is str and id.isprintable() else one_line(id)}{sep}"
    if event is not None:
        text = f"{text}event: {event if event.__class__ is str and event.isprintable() else one_line(event)}{sep}"
    if data is not None:
        line = data if data.__class__ is str else str(data)
        one = "\n" not in line and "\r" not in line
        text = f"{text}data: {line}{sep}" if one else text + _lines("data: ", line, sep)
    if retry is not None:
        if not isinstance(retry, int):
            raise TypeError("retry argument must be int")
        text = f"{text}retry: {_digits(retry)}{sep}"
    return f"{text}{sep}".encode()


def require_separator(sep: object) -> None:
    """Raise ValueError unless `sep` is None or one of the three line endings of an event stream."""
    if sep is not None and sep not in _SEPARATORS:
        raise ValueError(f"sep must be one of: \\r\\n, \\r, \\n, got: {sep}")


def one_line(value: object) -> str:
    """Text or an integer as the value of `id` or `event`. Line breaks are removed because they would forge a field, and NUL
    because clients ignore a field that contains it."""
    if isinstance(value, str):
        # the `str()` of an enumeration's member is not its value
        return value if value.__class__ is str and value.isprintable() else _FORGING.sub("", value)
    if isinstance(value, int):
        return _digits(value)
    raise TypeError(f"expected a string or an integer, got {type(value).__name__}")


def _lines(name: str, text: str, sep: str) -> str:
    return name + _TEXT_LINE_END.sub(lambda _: sep + name, text) + sep


def _digits(value: int) -> str:
    # clients ignore `retry: True`, but would take its digit for a millisecond
    return str(value) if isinstance(value, bool) else int.__repr__(value)


class Format:
    """How events look on the wire: as the event stream, unless a subclass says otherwise. A frame is a prefix, which holds
    the id, and a body, which is the same for all clients."""

    media_type = "text/event-stream"
    idle: bytes | None = b":\n\n"
    """What is sent to keep an idle connection alive. None: a control event is sent instead."""

    def prefix(self, id: str | None) -> bytes:
        """The part of a frame before its body."""
        return b"" if id is None else f"id: {id}\n".encode()

    def body(self, type: str, data: bytes) -> bytes:
        """The part of a frame that depends on the event alone."""
        return encode_body(type, data)

    def control(
        self, type: str, data: Mapping[str, object] | None = None, *, id: str | None = None, retry: float | None = None
    ) -> bytes:
        """A whole event about the stream itself. `retry` is in seconds."""
        hint = b"" if retry is None else b"retry: %d\n" % (retry * 1000)
        text = b"data\n" if data is None else encode_data(compact(data).encode())
        return hint + self.prefix(id) + b"event: " + type.encode() + b"\n" + text + b"\n"


class _Ndjson(Format):
    media_type = "application/x-ndjson"
    idle = None

    def prefix(self, id: str | None) -> bytes:
        return b"{" if id is None else b'{"id":"%s",' % id.encode()

    def body(self, type: str, data: bytes) -> bytes:
        event = f'"event":{compact(type)},' if type else ""
        return f'{event}"data":{compact(data.decode())}}}\n'.encode()

    def control(
        self, type: str, data: Mapping[str, object] | None = None, *, id: str | None = None, retry: float | None = None
    ) -> bytes:
        fields: dict[str, object] = {} if id is None else {"id": id}
        fields["event"] = type
        if retry is not None:
            fields["retry"] = int(retry * 1000)
        if data is not None:
            fields["data"] = data
        return f"{compact(fields)}\n".encode()


EVENT_STREAM = Format()
NDJSON = _Ndjson()


def compact(value: object) -> str:
    """JSON on one line, without spaces. Raises TypeError for what is not JSON, and ValueError for NaN and infinities."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
