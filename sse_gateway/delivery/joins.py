"""What is written to clients: events in wire form, made once, and joined into one message that many clients share
(docs/architecture.md, rules 14 to 17)."""

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
"""The weight of the events in one write is at most this (docs/architecture.md, rules 17 and 19). Granian takes seven
such writes before it blocks (458 KiB, measured)."""
_CACHED_EVENTS = 4096
_CACHED_BYTES = 2**22
"""A generation of the cache holds more than one flush can: a quarter of a log of 10,000 events and 16 MiB."""
_LOOK = 4
"""To look at a client that has nothing to read takes as long as to read this many events."""


class Batch(NamedTuple):
    """One write, and what is in it."""

    message: Message
    size: int
    """Bytes of the body."""
    events: int = 0
    oldest: float | None = None
    """When the first of its events arrived. None if it has no events."""
    notices: Sequence[Notice] = ()


def control(data: bytes, notices: Sequence[Notice] = ()) -> Batch:
    """A write of control events or a heartbeat."""
    return Batch(piece(data), len(data), notices=notices)


class Tally:
    """Counts that are added to the metrics later, because an increment there takes 0.4 µs, a twentieth of a
    delivery."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self._counts: Counter[Metric] = Counter()

    def add(self, metric: Metric, count: int = 1) -> None:
        """Count something other than a write."""
        self._counts[metric] += count

    def write(self, batch: Batch, clients: int = 1) -> None:
        """Count one write to `clients` clients."""
        counts, metrics = self._counts, self.metrics
        counts[metrics.sends] += clients
        counts[metrics.deliveries] += batch.events * clients
        counts[metrics.sent_bytes] += batch.size * clients
        if batch.notices:
            self.tell(batch.notices, clients)

    def tell(self, notices: Iterable[Notice], clients: int = 1) -> None:
        """Count that `clients` clients were told of `notices`."""
        for notice in notices:
            if isinstance(notice, Gap):
                self._counts[self.metrics.gaps.labels(notice.reason)] += clients

    def settle(self) -> None:
        """Add all counts to the metrics."""
        for metric, count in self._counts.items():
            metric.inc(count)
        self._counts.clear()


Pieces = dict[tuple[Log, ...] | None, bytes]
"""Of one event: its body under None, and under the sources that an id names its frame, which is the id and the body."""


class Frames:
    """The frames of one format. An event is encoded once, and framed once for each set of sources that an id names.

    The latest ones are cached in two generations. When the younger one is full, the older one is dropped."""

    def __init__(self, format: Format, tally: Tally, max_id: int) -> None:
        self.format = format
        self.max_id = max_id
        """Bytes. A longer id is sent once in a join, with the last event (docs/architecture.md, rule 15)."""
        self._tally = tally
        self._young: dict[int, Pieces] = {}
        """By the seq of the event."""
        self._old: dict[int, Pieces] = {}
        self._bytes = 0
        """Of the younger generation."""

    def take(self, reader: Reader, upto: Position) -> Batch | None:
        """The next write for all clients at the position of `reader`. None if nothing is left up to `upto`."""
        events, lost = reader.take(JOIN_BYTES, upto)
        if lost:
            return control(self.notices(lost, reader.id), lost)
        if not events:
            return None
        data = self.join(events, reader)
        return Batch(piece(data), len(data), len(events), events[0].time)

    def join(self, events: Sequence[Entry], reader: Reader) -> bytes:
        """The bytes of `events`, which `reader` took last."""
        self._tally.add(self._tally.metrics.joins)
        last = reader.id_of(events[-1])
        short = len(last) <= self.max_id
        if short and reader.shares_ids:
            frames = [self._frame(event, reader) for event in events[:-1]]
            return b"".join([*frames, self._frame(events[-1], reader, last)])
        ids = [*[reader.id_of(event) if short else None for event in events[:-1]], last]
        return b"".join(
            [self.format.prefix(id) + self._pieces(event)[None] for id, event in zip(ids, events, strict=True)]
        )

    def notices(self, notices: Sequence[Notice], id: str) -> bytes:
        """The bytes that say what a client will not get. Only the last notice has the id after all of them: a client
        that is cut off before it is told again (docs/architecture.md, rule 4)."""
        *rest, last = [_describe(notice) for notice in notices]
        return b"".join([*(self.format.control(type, data) for type, data in rest), self.format.control(*last, id=id)])

    def heartbeat(self, id: str, *, moved: bool) -> bytes:
        """A heartbeat: with the id if it has `moved`, or if the format has no comments."""
        if self.format.idle is not None and not moved:
            return self.format.idle
        return self.format.control("gateway.at", id=id)

    def _frame(self, event: Entry, reader: Reader, id: str | None = None) -> bytes:
        pieces, scope = self._pieces(event), reader.subscription.scope
        frame = pieces.get(scope)
        if frame is None:
            frame = pieces[scope] = self.format.prefix(id or reader.id_of(event)) + pieces[None]
            self._bytes += len(frame)
        return frame

    def _pieces(self, event: Entry) -> Pieces:
        pieces = self._young.get(event.seq) or self._old.get(event.seq)
        if pieces is None:
            self._tally.add(self._tally.metrics.encodings)
            if len(self._young) >= _CACHED_EVENTS or self._bytes >= _CACHED_BYTES:
                self._old, self._young, self._bytes = self._young, {}, 0
            pieces = self._young[event.seq] = {None: self.format.body(event.type, event.data)}
            self._bytes += len(pieces[None])
        return pieces


def _describe(notice: Notice) -> tuple[str, Mapping[str, object]]:
    if isinstance(notice, Gap):
        fields = {"channel": notice.channel, "reason": notice.reason, "from": notice.start, "to": notice.end}
        return "gateway.gap", {**fields, "source": notice.source, "certain": notice.certain}
    return "gateway.reset", {"source": notice.source, "reason": notice.reason}


class SharedJoins:
    """The writes of one turn to clients that read by themselves. Clients at the same position share a write."""

    def __init__(self) -> None:
        self.cost = 0
        """What the turn has taken so far, as a number of events read."""
        self._made: dict[tuple[Frames, object, int, int], tuple[Batch | None, Position]] = {}
        """By frames, subscription, position and end: the write, and the position of its reader after it."""

    def next(self, frames: Frames, reader: Reader, upto: Position) -> Batch | None:
        """The next write for `reader`, which moves on. None if it has everything up to `upto`."""
        self.cost += _LOOK
        if reader.filtered:
            return self._take(frames, reader, upto)
        key = frames, reader.subscription, reader.position.seq, upto.seq
        if key not in self._made:
            batch = self._take(frames, reader, upto)
            if not reader.shares_ids:  # it was told of a gap, and the others have to be told too
                return batch
            self._made[key] = batch, reader.position
        batch, position = self._made[key]
        reader.move_to(position)
        return batch

    def _take(self, frames: Frames, reader: Reader, upto: Position) -> Batch | None:
        batch = frames.take(reader, upto)
        self.cost += batch.events if batch else 0
        return batch
