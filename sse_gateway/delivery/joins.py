"""What is written to clients: events in wire form, made once, and joined into one message that many clients share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from prometheus_client import Counter as Metric

from ..core import Entry, Gap, Log, Notice, Position, Reader
from ..metrics import Metrics
from ..sse.sink import Message, piece
from ..sse.wire import Format

JOIN_BYTES = 65536
"""Most bytes of events in one write, which is what one blocked client keeps in memory. Granian takes seven such writes
before it blocks (458 KiB, measured)."""
_LOOK = 4
"""Looking at one client that has nothing to read costs as much time as reading so many events."""


class Batch(NamedTuple):
    """One write, and what is in it."""

    message: Message
    size: int
    """Bytes of the body."""
    events: int = 0
    oldest: float | None = None
    """When the first of its events arrived; None if it has none."""
    notices: Sequence[Notice] = ()


def control(data: bytes, notices: Sequence[Notice] = ()) -> Batch:
    """A write with control events or a heartbeat."""
    return Batch(piece(data), len(data), notices=notices)


class Tally:
    """What is to be added to the metrics. An increment there takes 0.4 µs, which is a twentieth of a delivery."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self._counts: Counter[Metric] = Counter()

    def add(self, metric: Metric, count: int = 1) -> None:
        """Count something else than a write."""
        self._counts[metric] += count

    def write(self, batch: Batch, clients: int = 1) -> None:
        """Count one write to so many clients."""
        counts, metrics = self._counts, self.metrics
        counts[metrics.sends] += clients
        counts[metrics.deliveries] += batch.events * clients
        counts[metrics.sent_bytes] += batch.size * clients
        if batch.notices:
            self.tell(batch.notices, clients)

    def tell(self, notices: Iterable[Notice], clients: int = 1) -> None:
        """Count that so many clients were told of `notices`."""
        for notice in notices:
            if isinstance(notice, Gap):
                self._counts[self.metrics.gaps.labels(notice.reason)] += clients

    def settle(self) -> None:
        """Add everything to the metrics."""
        for metric, count in self._counts.items():
            metric.inc(count)
        self._counts.clear()


Pieces = dict[tuple[Log, ...] | None, bytes]
"""Of one event: its body, and by the sources that an id names its frame, which has the id before the body."""


class Cache:
    """Keeps the pieces of the latest events, in two generations of at most `entries` and `size` bytes each (and one entry
    more). When the younger one is full the older one is dropped."""

    __slots__ = ("_bytes", "_entries", "_old", "_size", "_young")

    def __init__(self, *, entries: int = 4096, size: int = 2**22) -> None:
        """Each generation holds more than one flush can: a quarter of a log of 10,000 events and 16 MiB."""
        self._entries = entries
        self._size = size
        self._young: dict[int, Pieces] = {}
        self._old: dict[int, Pieces] = {}
        self._bytes = 0

    def get(self, seq: int) -> Pieces | None:
        """The pieces of an event; None if they were never put there, or were dropped."""
        return self._young.get(seq) or self._old.get(seq)

    def put(self, seq: int, body: bytes) -> Pieces:
        """Keep the pieces of an event for a while: for now its body."""
        if len(self._young) >= self._entries or self._bytes >= self._size:
            self._old, self._young, self._bytes = self._young, {}, 0
        self._bytes += len(body)
        pieces = self._young[seq] = {None: body}
        return pieces

    def add(self, pieces: Pieces, scope: tuple[Log, ...], frame: bytes) -> None:
        """Keep one more piece with the others."""
        pieces[scope] = frame
        self._bytes += len(frame)


class Frames:
    """The frames of one format. An event is encoded once, and framed once for each set of sources that an id names."""

    def __init__(self, format: Format, tally: Tally, max_id: int) -> None:
        self.format = format
        self.max_id = max_id
        """Bytes. A longer id is sent only once in a join, with its last event."""
        self._tally = tally
        self._cache = Cache()

    def take(self, reader: Reader, upto: Position) -> Batch | None:
        """The next write for all that stand where `reader` does; None when nothing is left up to `upto`."""
        events, lost = reader.take(JOIN_BYTES, upto)
        if lost:
            return control(self.notices(lost, reader.id), lost)
        if not events:
            return None
        data = self.join(events, reader)
        return Batch(piece(data), len(data), len(events), events[0].time)

    def join(self, events: Sequence[Entry], reader: Reader) -> bytes:
        """The bytes of `events`, which `reader` has just taken."""
        self._tally.add(self._tally.metrics.joins)
        last = reader.id_of(events[-1])
        short = len(last) <= self.max_id
        if short and reader.shares_ids:
            return b"".join(
                [*[self._frame(event, reader) for event in events[:-1]], self._frame(events[-1], reader, last)]
            )
        ids = [*[reader.id_of(event) if short else None for event in events[:-1]], last]
        return b"".join([self.format.prefix(id) + self._body(event) for id, event in zip(ids, events, strict=True)])

    def notices(self, notices: Sequence[Notice], id: str) -> bytes:
        """The bytes that tell what a client will not get. Only the last notice has the id that all of them lead to: a
        client that is cut off before it is told again."""
        *rest, last = [_describe(notice) for notice in notices]
        return b"".join([*(self.format.control(type, data) for type, data in rest), self.format.control(*last, id=id)])

    def heartbeat(self, id: str, *, moved: bool) -> bytes:
        """A sign of life: with the new id if that has `moved`, or if the format has no comments."""
        if self.format.idle is not None and not moved:
            return self.format.idle
        return self.format.control("gateway.at", id=id)

    def _frame(self, event: Entry, reader: Reader, id: str | None = None) -> bytes:
        pieces, scope = self._cache.get(event.seq) or self._encode(event), reader.subscription.scope
        frame = pieces.get(scope)
        if frame is None:
            frame = self.format.prefix(id or reader.id_of(event)) + pieces[None]
            self._cache.add(pieces, scope, frame)
        return frame

    def _body(self, event: Entry) -> bytes:
        return (self._cache.get(event.seq) or self._encode(event))[None]

    def _encode(self, event: Entry) -> Pieces:
        self._tally.add(self._tally.metrics.encodings)
        return self._cache.put(event.seq, self.format.body(event.type, event.data))


def _describe(notice: Notice) -> tuple[str, Mapping[str, object]]:
    if isinstance(notice, Gap):
        fields = {"channel": notice.channel, "reason": notice.reason, "from": notice.start, "to": notice.end}
        return "gateway.gap", {**fields, "source": notice.source, "certain": notice.certain}
    return "gateway.reset", {"source": notice.source, "reason": notice.reason}


class SharedJoins:
    """The writes of one turn to clients that read by themselves. Those at the same place share one."""

    def __init__(self) -> None:
        self.cost = 0
        """What the turn took so far, in events read."""
        self._made: dict[tuple[Frames, object, int, int], tuple[Batch | None, Position]] = {}
        """By frames, subscription, position and end: the write, and where its reader stands then."""

    def next(self, frames: Frames, reader: Reader, upto: Position) -> Batch | None:
        """The next write for `reader`, which moves on; None when it has everything up to `upto`."""
        self.cost += _LOOK
        if reader.filtered:
            return self._take(frames, reader, upto)
        key = frames, reader.subscription, reader.position.seq, upto.seq
        if key not in self._made:
            batch = self._take(frames, reader, upto)
            if not reader.shares_ids:  # it was told of a gap, which the others have to be told of too
                return batch
            self._made[key] = batch, reader.position
        batch, position = self._made[key]
        reader.move_to(position)
        return batch

    def _take(self, frames: Frames, reader: Reader, upto: Position) -> Batch | None:
        batch = frames.take(reader, upto)
        self.cost += batch.events if batch else 0
        return batch
