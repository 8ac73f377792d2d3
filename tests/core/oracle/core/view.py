"""One channel in one log: its events, and what is known of those that are gone."""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from typing import TYPE_CHECKING

from .event import Event

if TYPE_CHECKING:
    from .log import Log
    from .subscriber import Subscription

__all__ = ["View"]

_SEQ = attrgetter("seq")
_SLACK = 16
"""A view holds at most one evicted event to so many of its own: taking them out of its list one by one costs its length."""


class View:
    """One channel in one log."""

    __slots__ = (
        "base",
        "dirty",
        "events",
        "evicted",
        "head",
        "log",
        "lost",
        "name",
        "reason",
        "subscriptions",
        "total",
    )

    def __init__(self, log: Log, name: str) -> None:
        self.log = log
        self.name = name
        self.events: list[Event] = []  # with a head index: an empty deque takes 768 bytes
        self.head = 0
        self.total = 0
        """Running weight of all events that were ever appended, in bytes."""
        self.evicted = 0
        """The seq after the last event that was evicted, or after the last loss that was forgotten."""
        self.reason = ""
        """Why the last event was evicted."""
        self.lost: dict[int, int] = {}
        """By partition, the next offset after the last event that was evicted."""
        self.base = log.forgotten
        """Below these offsets the log no longer knows what this channel had."""
        self.subscriptions: dict[Subscription, None] = {}  # an empty set takes 216 bytes
        self.dirty = False

    def find(self, seq: int) -> int:
        """Index of the first event at or after `seq`."""
        return bisect_left(self.events, seq, lo=self.head, key=_SEQ)

    def floor(self) -> dict[int, int]:
        """By partition, the offset from which on it is certain that nothing of this channel is missing."""
        floor = dict(enumerate(self.log.begun))
        for part, following in (*enumerate(self.base), *self.lost.items()):
            floor[part] = max(floor[part], following)
        return floor

    def drop_first(self, reason: str) -> None:
        """Forget the oldest event, which the log has just evicted."""
        event = self.events[self.head]
        self.evicted, self.reason = event.seq + 1, reason
        self.lost[event.part] = event.offset + 1
        self.head += 1
        if self.head * _SLACK > len(self.events):
            del self.events[: self.head]
            self.head = 0
