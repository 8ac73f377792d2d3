"""Events, their entries in a log, and the offsets that say where a source stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

OVERHEAD = 16
"""Bytes added to each event's weight for `event:`, `data:` and the line ends on the wire."""

Offsets = Mapping[str, int]
"""The next offset of each partition, by the partition's name."""


class Vector(NamedTuple):
    """Where one source stands: the next offset of each partition, in the order in which the log first saw them."""

    tag: str = ""
    """Hash of the source's name and epoch. Empty until the source has been up once."""
    names: tuple[str, ...] = ()
    """The names of the partitions."""
    next: tuple[int, ...] = ()
    digest: str = ""
    """Hash of the last message's id. Only a source without offsets has one."""

    def named(self) -> dict[str, int]:
        """The next offset by the partition's name."""
        return dict(zip(self.names, self.next, strict=True))


class Position(NamedTuple):
    """A point in the hub's order: every event below `seq` is dealt with. `at` holds the vectors of all logs there."""

    seq: int
    at: tuple[Vector, ...]


@dataclass(slots=True)
class Event:
    """What a source publishes. It is never changed. It is not frozen, because that takes 1 µs more per event."""

    channel: str
    data: bytes
    type: str = ""
    key: str = ""
    id: str | None = None
    """The message's own id, if it has one. An entry has None, because the log keeps the digest only."""


class Entry(Event):
    """An event in its log. It is never changed, and all readers share it."""

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
        """The hub's count of events. It is local to this process and never sent."""
        self.part = part
        """The name of the partition."""
        self.offset = offset
        self.time = time
        """When it arrived here, in seconds of the caller's clock, never the upstream's."""
        self.weight = len(data) + len(type) + OVERHEAD
        """Bytes that it counts for in every bound."""
        self.total = total
        """Weight of all earlier events of its channel in this log, so that a lag in bytes is one subtraction."""
        self.at = at
        """The vectors of all logs just after it was appended."""


def beyond(end: Offsets, reached: Offsets) -> dict[str, int]:
    """The partitions of `end` that lie above `reached`."""
    return {name: following for name, following in end.items() if following > reached.get(name, 0)}


def higher(one: Offsets, other: Offsets) -> dict[str, int]:
    """The higher of two offsets for each partition."""
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in (*one, *other)}
