"""The frames of events in one format, their cache, and the joins that clients share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..core import Event, Gap, Log, Notice, Subscriber
from ..core.subscriber import write_id
from ..sse.wire import Format
from .cache import Cache
from .tally import Tally

_CACHE = {"entries": 4096, "size": 2**22}
"""More than one flush can hold: a quarter of a log of 10,000 events and 16 MiB."""


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
