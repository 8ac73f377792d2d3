"""One open stream, and the groups of those that stand at the same place."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from ..core import Mark, Notice, Subscriber, Subscription
from ..errors import Lagged
from ..sse import Connection, Send
from .frames import Frames
from .stream import body

__all__ = ["Batch", "Client", "Group", "take_batch"]

JOIN_BYTES = 65536
"""Of one write: what one blocked client can pin. Granian takes seven such before it blocks (458 KiB, measured)."""


class Client:
    """A connection and where it stands: in its group's `ready`, or with a reader of its own while it is blocked or behind."""

    __slots__ = (
        "caught_up",
        "connection",
        "departs",
        "group",
        "leaving",
        "opened",
        "reader",
        "retry",
        "route",
        "written",
    )

    def __init__(self, connection: Connection, group: Group, reader: Subscriber, route: str, now: float) -> None:
        self.connection = connection
        self.group = group
        self.reader: Subscriber | None = reader
        """None while it is ready: the group's reader is its own."""
        self.route = route
        self.opened = now
        self.written = now
        """When something was last written to it while it had a reader of its own."""
        self.caught_up = False
        """Whether it was ready once: before that it may be as far behind as it asked to be."""
        self.leaving: str | None = None
        """Why it will get a farewell as soon as it takes one."""
        self.retry = 0.0
        """Seconds, at least, after which the farewell tells it to come back."""
        self.departs: int | None = None
        """The tick at which it is to leave."""

    @property
    def open(self) -> bool:
        """Whether it can still be written to."""
        return self.connection.reason is None

    @property
    def place(self) -> Subscriber:
        """Where it stands."""
        return self.reader or self.group.reader

    @property
    def leaves_at_once(self) -> bool:
        """Whether it leaves without what it is behind: all but a drain send it away to come back at its own pace."""
        return self.leaving is not None and self.leaving != "drain"


@dataclass(frozen=True, slots=True)
class Batch:
    """One write, and what is in it."""

    message: MutableMapping[str, Any]
    size: int
    """Bytes."""
    events: int = 0
    oldest: float | None = None
    """When the first of its events arrived."""
    notices: tuple[Notice, ...] = ()


def take_batch(frames: Frames, reader: Subscriber, upto: Mark) -> Batch | None:
    """The next write for whoever stands where `reader` does; None when nothing is left up to there."""
    try:
        while not (events := reader.take(JOIN_BYTES, upto)):
            if reader.position >= upto.seq:
                return None
    except Lagged as lagged:
        data = frames.notices(lagged.notices, reader.id)
        return Batch(body(data), len(data), notices=lagged.notices)
    data = frames.join(events, reader)
    return Batch(body(data), len(data), len(events), events[0].time)


class Group:
    """All clients of one subscription in one format. Those that are ready stand where `reader` does."""

    __slots__ = ("clients", "frames", "reader", "ready", "unfinished")

    def __init__(self, frames: Frames, reader: Subscriber) -> None:
        self.frames = frames
        self.reader = reader
        self.ready: dict[Client, Send] = {}
        self.clients = 0
        self.unfinished = False
        """Whether its ready clients have something to read that they are still to be sent."""

    @property
    def subscription(self) -> Subscription:
        return self.reader.subscription

    @property
    def mark(self) -> Mark:
        """Where its ready clients stand."""
        return Mark(self.reader.position, self.reader.at)

    def refresh(self, mark: Mark) -> bool:
        """Move on to `mark` if nothing of these channels waits for a flush. Whether it could."""
        if self.unfinished or any(view.dirty for view in self.subscription.views):
            return False
        self.reader.position, self.reader.at = mark
        return True

    def take(self, upto: Mark) -> Batch | None:
        """The next write for the ready clients."""
        if not self.ready:
            self.reader.position, self.reader.at = upto
            self.reader.wanted, self.unfinished = None, False
            return None
        batch = take_batch(self.frames, self.reader, upto)
        self.unfinished = self.reader.position < upto.seq
        return batch
