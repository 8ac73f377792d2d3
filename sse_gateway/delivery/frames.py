"""The wire form of streams: the head of the response, the messages of its body, and events in two formats."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, MutableMapping
from typing import Any, Protocol

from ..sse import encode_body


class Format(Protocol):
    """How events look on the wire. A frame is a prefix, which holds the id, and a body, which all clients share."""

    @property
    def media_type(self) -> str: ...

    @property
    def idle(self) -> bytes | None:
        """What keeps an idle connection alive; None: only a control event does."""
        ...

    def prefix(self, id: str | None) -> bytes: ...

    def body(self, type: str, data: bytes) -> bytes: ...

    def control(
        self, type: str, data: Mapping[str, object] | None = None, *, id: str | None = None, retry: float | None = None
    ) -> bytes:
        """An event of the gateway's own. `retry` in seconds."""
        ...


class _EventStream:
    media_type = "text/event-stream"
    idle = b":\n\n"

    def prefix(self, id: str | None) -> bytes:
        return b"" if id is None else f"id: {id}\n".encode()

    def body(self, type: str, data: bytes) -> bytes:
        return encode_body(type, data)

    def control(
        self, type: str, data: Mapping[str, object] | None = None, *, id: str | None = None, retry: float | None = None
    ) -> bytes:
        hint = b"" if retry is None else b"retry: %d\n" % (retry * 1000)
        text = b"data\n" if data is None else b"data: " + _compact(data) + b"\n"
        return hint + self.prefix(id) + b"event: " + type.encode() + b"\n" + text + b"\n"


class _Ndjson:
    media_type = "application/x-ndjson"
    idle = None

    def prefix(self, id: str | None) -> bytes:
        return b"{" if id is None else b'{"id":"%s",' % id.encode()

    def body(self, type: str, data: bytes) -> bytes:
        event = b'"event":%s,' % _compact(type) if type else b""
        return event + b'"data":%s}\n' % _compact(data.decode())

    def control(
        self, type: str, data: Mapping[str, object] | None = None, *, id: str | None = None, retry: float | None = None
    ) -> bytes:
        fields: dict[str, object] = {} if id is None else {"id": id}
        fields["event"] = type
        if retry is not None:
            fields["retry"] = int(retry * 1000)
        if data is not None:
            fields["data"] = data
        return _compact(fields) + b"\n"


def _compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


EVENT_STREAM: Format = _EventStream()
NDJSON: Format = _Ndjson()


def begin_stream(format: Format) -> MutableMapping[str, Any]:
    """The ASGI message that starts the response. Nothing on the way may store, transform or buffer the body."""
    headers = [
        (b"content-type", format.media_type.encode()),
        (b"cache-control", b"no-cache, no-store, no-transform"),
        (b"x-accel-buffering", b"no"),
    ]
    return {"type": "http.response.start", "status": 200, "headers": headers}


def body(data: bytes) -> MutableMapping[str, Any]:
    """The ASGI message of a piece of the body. The same object may be sent to many clients."""
    return {"type": "http.response.body", "body": data, "more_body": True}


def jittered(seconds: float) -> float:
    """A random time of `seconds` to twice as many, so that clients that left together do not return together."""
    return seconds * random.uniform(1, 2)
