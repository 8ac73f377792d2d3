"""The wire form of events in two formats, its cache, and the joins that clients share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Protocol

from ..core import Event, Gap, Log, Notice, Subscriber
from ..core.subscriber import write_id
from ..sse import encode_body
from .cache import Cache
from .tally import Tally

__all__ = ["EVENT_STREAM", "NDJSON", "Format", "Frames"]

_CACHE = {"entries": 4096, "size": 2**22}
"""More than one flush can hold: a quarter of a log of 10,000 events and 16 MiB."""


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


class Frames:
    """The frames of one format: an event is encoded once, and framed once for each set of sources that an id names."""

    def __init__(self, format: Format, tally: Tally, max_id: int) -> None:
        self.format = format
        self.max_id = max_id
        """Bytes: a longer id is sent once in a join, on its last event."""
        self._tally = tally
        self._bodies = Cache[int](**_CACHE)
        self._framed = Cache[tuple[int, tuple[Log, ...]]](**_CACHE)

    def join(self, events: Sequence[Event], reader: Subscriber) -> bytes:
        """One write with all of `events`, which `reader` has just taken."""
        self._tally.joins += 1
        last = reader.id_of(events[-1])
        if len(last) > self.max_id:
            bodies = [self.format.prefix(None) + self._body(event) for event in events[:-1]]
            return b"".join([*bodies, self.format.prefix(last), self._body(events[-1])])
        if reader.wanted is not None:
            return b"".join([self.format.prefix(reader.id_of(event)) + self._body(event) for event in events])
        scope = reader.subscription.scope
        return b"".join([self._frame(event, scope) for event in events])

    def notices(self, notices: Sequence[Notice], id: str) -> bytes:
        """One write with what a client will not get. Only the last one has the id that all of them lead to: a client that
        is cut off before it is told again."""
        *rest, last = [_describe(notice) for notice in notices]
        return b"".join([*(self.format.control(type, data) for type, data in rest), self.format.control(*last, id=id)])

    def _frame(self, event: Event, scope: tuple[Log, ...]) -> bytes:
        frame = self._framed.get((event.seq, scope))
        if frame is None:
            frame = self.format.prefix(write_id(scope, event.at)) + self._body(event)
            self._framed.put((event.seq, scope), frame)
        return frame

    def _body(self, event: Event) -> bytes:
        body = self._bodies.get(event.seq)
        if body is None:
            self._tally.encodings += 1
            body = self.format.body(event.type, event.data)
            self._bodies.put(event.seq, body)
        return body


def _describe(notice: Notice) -> tuple[str, Mapping[str, object]]:
    if isinstance(notice, Gap):
        fields = {"channel": notice.channel, "reason": notice.reason, "from": notice.start, "to": notice.end}
        return "gateway.gap", {**fields, "source": notice.source, "certain": notice.certain}
    return "gateway.reset", {"source": notice.source, "reason": notice.reason}
