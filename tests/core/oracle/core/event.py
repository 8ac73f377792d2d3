"""An event, as a log keeps it, and the vector that says where a source stood."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .view import View

__all__ = ["OVERHEAD", "Event", "Vector", "highest"]

OVERHEAD = 16
"""Bytes that an event weighs beside its data and type: about what `event:`, `data:` and the line ends take on the wire."""


class Vector(NamedTuple):
    """Where one source stands: the next offset of each of its partitions, in the order in which its log met them."""

    tag: str = ""
    """Name and epoch of the source, hashed; empty until it has been up once."""
    names: tuple[str, ...] = ()
    """Of the partitions."""
    next: tuple[int, ...] = ()
    mark: str = ""
    """Hash of the last message id, for a source that has no offsets of its own."""

    def named(self) -> dict[str, int]:
        """The next offset by the partition's name."""
        return dict(zip(self.names, self.next, strict=True))


def highest(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    """Of two offsets for each partition the higher one; what one of them lacks is 0."""
    return tuple(map(max, zip_longest(one, other, fillvalue=0)))


class Event:
    """One event of one channel. Never changed once it is in the log; shared by all who read it."""

    __slots__ = ("at", "data", "key", "mark", "offset", "part", "seq", "time", "total", "type", "view", "weight")

    def __init__(
        self, seq: int, view: View, part: int, offset: int, type: str, data: bytes, key: str, mark: str, time: float
    ) -> None:
        self.seq = seq
        """The hub's count of events: local to this process, never sent."""
        self.view = view
        self.part = part
        """Index of the partition in the log."""
        self.offset = offset
        self.type = type
        self.data = data
        self.key = key
        self.mark = mark
        self.time = time
        """When it arrived here, in seconds of the caller's clock; never the upstream's."""
        self.weight = len(data) + len(type) + OVERHEAD
        """Bytes that it counts for in every bound."""
        self.total = view.total + self.weight
        """Running weight of its view, this event included: a lag in bytes is a subtraction."""
        self.at: tuple[Vector, ...] = ()
        """The vectors of all logs just after this event was appended."""
