"""An event, its entry in a log, and where the sources stood at that moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple

OVERHEAD = 16
"""Bytes that an event weighs beside its data and type: about what `event:`, `data:` and the line ends take on the wire."""


class Vector(NamedTuple):
    """Where one source stands: the next offset of each of its partitions, in the order in which its log met them."""

    tag: str = ""
    """Name and epoch of the source, hashed; empty until it has been up once."""
    names: tuple[str, ...] = ()
    """Of the partitions."""
    next: tuple[int, ...] = ()
    digest: str = ""
    """Of the last message's id, for a source that has no offsets of its own."""

    def named(self) -> dict[str, int]:
        """The next offset by the partition's name."""
        return dict(zip(self.names, self.next, strict=True))


class Position(NamedTuple):
    """A point in the hub's order: all below `seq` is dealt with, and the logs then stood at `at`."""

    seq: int
    at: tuple[Vector, ...]


@dataclass(slots=True)
class Event:
    """What a source publishes. Never changed once it is made; not frozen, which would take a µs more for each event."""

    channel: str
    data: bytes
    type: str = ""
    key: str = ""
    id: str | None = None
    """The message's own id, where it has one. An entry has none: the log keeps its digest."""


class Entry(Event):
    """An event in its log. Never changed once it is there; shared by all who read it."""

    __slots__ = ("at", "offset", "part", "seq", "time", "total", "weight")

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __init__(
        self, event: Event, seq: int, part: str, offset: int, time: float, total: int, at: tuple[Vector, ...]
    ) -> None:
        self.channel = event.channel
        self.data = data = event.data
        self.type = type = event.type
        self.key = event.key
        self.id = None
        self.seq = seq
        """The hub's count of events: local to this process, never sent."""
        self.part = part
        """The name of its partition."""
        self.offset = offset
        self.time = time
        """When it arrived here, in seconds of the caller's clock; never the upstream's."""
        self.weight = len(data) + len(type) + OVERHEAD
        """Bytes that it counts for in every bound."""
        self.total = total
        """Weight of all events of its channel in this log before it: a lag in bytes is a subtraction."""
        self.at = at
        """The vectors of all logs just after it was appended."""


def highest(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    """Of two offsets for each partition the higher one; what one of them lacks is 0."""
    return tuple(map(max, zip_longest(one, other, fillvalue=0)))
