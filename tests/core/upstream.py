"""What the sources of the model hold, as plain lists, and one replica that reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sse_gateway.core import Bounds, Entry, Event, Hub, Log, Position
from sse_gateway.core.ids import make_tag

CHANNELS = ("a", "b", "c")
SOURCES: Mapping[str, tuple[str, ...]] = {"orders": ("0", "1"), "audit": ("0",), "hooks": ("",)}
"""The partitions that each begins with."""
PRODUCED: Mapping[str, str] = {"orders": "ab", "audit": "abc", "hooks": "bc"}
"""The channels that each can produce."""
COUNTED = "hooks"
REPLICAS = 2
MAX_EPOCHS = 6
Part = tuple[str, int, str]
"""Source, epoch and partition."""


def epoch_name(source: str, epoch: int, process: str) -> str:
    """What the hub of `process` calls an epoch."""
    return process if source == COUNTED else f"e{epoch}"


def tags_of(source: str) -> set[str]:
    """Every tag that an id may name a source by."""
    places = [(epoch, f"process-{number}") for epoch in range(1, MAX_EPOCHS + 1) for number in range(REPLICAS)]
    return {make_tag(source, epoch_name(source, epoch, process)) for epoch, process in places}


@dataclass
class Upstream:
    """Every message that ever was, by partition: the channel it maps to, or None where it maps to none."""

    messages: dict[Part, list[str | None]] = field(default_factory=dict)

    def open(self, source: str, epoch: int) -> list[Part]:
        """The partitions of a source in one epoch."""
        for name in SOURCES[source]:
            self.messages.setdefault((source, epoch, name), [])
        return [part for part in self.messages if part[:2] == (source, epoch)]

    def grow(self, source: str, epoch: int) -> None:
        """A partition is added."""
        self.messages.setdefault((source, epoch, str(len(self.open(source, epoch)))), [])


class Replica:
    """A hub, and what it has read of the upstream."""

    def __init__(self, hub: Hub, upstream: Upstream, bounds: Bounds) -> None:
        self.upstream = upstream
        self.hub = hub
        self.logs: dict[str, Log] = {
            source: self.hub.add(source, bounds, PRODUCED[source].__contains__) for source in SOURCES
        }
        self.epochs = dict.fromkeys(SOURCES, 0)
        """By source; 0 until it is up."""
        self.read: dict[Part, int] = {}
        self.begun: dict[Part, int] = {}
        self.counts: list[int] = []
        """Of the counted source, which message each count was."""
        self.flushed = self.hub.position

    def parts(self) -> list[Part]:
        """The partitions that it reads now."""
        return [part for part in self.upstream.messages if part[1] == self.epochs[part[0]]]

    def parts_of(self, source: str) -> list[Part]:
        return [part for part in self.parts() if part[0] == source]

    def tag(self, source: str) -> str:
        return make_tag(source, epoch_name(source, self.epochs[source], self.hub.process))

    def position(self, *, now: bool) -> Position:
        """How far a flush goes: to the head, or to what the head was a while ago."""
        return self.hub.position if now else self.flushed

    def renew(self, source: str, skipped: int) -> dict[Part, int]:
        """The source is up for the first time, or was made anew upstream. Returns where it begins."""
        self.epochs[source] += 1
        parts = self.upstream.open(source, self.epochs[source])
        begun = {part: min(skipped, len(self.upstream.messages[part])) for part in parts}
        self.read |= begun
        self.begun |= begun
        self._begin(source)
        return begun

    def rejoin(self, source: str, skipped: int) -> None:
        """The connection was lost, and some messages with it."""
        for part in self.parts_of(source):
            lost = 0 if source == COUNTED else skipped
            self.read[part] = min(self.read.get(part, 0) + lost, len(self.upstream.messages[part]))
        self._begin(source)

    def _begin(self, source: str) -> None:
        offsets = {} if source == COUNTED else {part[2]: self.read[part] for part in self.parts_of(source)}
        epoch = "" if source == COUNTED else epoch_name(source, self.epochs[source], "")
        self.hub.begin(self.logs[source], epoch, offsets)

    def next(self, part: Part) -> int | None:
        """The number of the next message of a partition, if there is one."""
        offset = self.read.get(part, 0)
        return offset if offset < len(self.upstream.messages[part]) else None

    def consume(self, part: Part, now: float, *, lazy: bool) -> None:
        """Read the next message of a partition. A lazy one does not say that it passed one that maps to no channel."""
        offset, (source, _, name) = self.next(part), part
        if offset is None:
            return
        self.read[part] = offset + 1
        if self.upstream.messages[part][offset] is not None:
            self._count(part, offset)
            assert self._publish(part, offset, now) is not None
        elif source != COUNTED and not lazy:
            self.hub.advance(self.logs[source], {name: offset + 1})

    def repeat(self, part: Part, offset: int, now: float) -> None:
        """A message is delivered again."""
        known = part[0] != COUNTED and offset < self.read.get(part, 0)
        if known and self.upstream.messages[part][offset] is not None:
            assert self._publish(part, offset, now) is None

    def _publish(self, part: Part, offset: int, now: float) -> Entry | None:
        source, _, name = part
        channel = self.upstream.messages[part][offset]
        assert channel is not None
        event = Event(channel, b"%d" % offset, id=f"m{offset}" if offset % 5 else None)
        place = None if source == COUNTED else offset
        return self.hub.publish(self.logs[source], event, now=now, part=name, offset=place)

    def lose(self, parts: Iterable[Part]) -> None:
        """Miss the next message of each of these partitions of one source for ever, and know it."""
        lost = {part: offset for part in parts if (offset := self.next(part)) is not None}
        for part, offset in lost.items():
            self.read[part] = offset + 1
            self._count(part, offset)
        for source in {part[0] for part in lost}:
            offsets = {} if source == COUNTED else {part[2]: offset + 1 for part, offset in lost.items()}
            self.hub.lose(self.logs[source], "upstream", offsets)

    def _count(self, part: Part, offset: int) -> None:
        if part[0] == COUNTED:
            self.counts.append(offset)

    def offsets(self, part: Part, start: int, end: int) -> range:
        """The messages between two offsets of the hub, which counts those of one source itself."""
        if part[0] != COUNTED:
            return range(start, end)
        lowest = self.counts[start - 1] + 1 if start else 0
        return range(lowest, self.counts[end - 1] + 1 if end else 0)
