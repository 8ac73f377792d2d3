"""A cursor over a set of channels: what follows it, what it has lost, the id that says where it stands."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from itertools import filterfalse
from operator import attrgetter
from typing import NamedTuple

from . import loss
from .cursor import MAX_LENGTH, UNREADABLE, VERSION, write_place
from .errors import Lagged
from .event import Event, Vector
from .log import Break, Log
from .notice import Notice, Reset
from .view import View

__all__ = ["Mark", "Subscriber", "Subscription", "Wanted", "exceeds", "write_id"]

_SEQ = attrgetter("seq")

Wanted = dict[Log, tuple[str, dict[str, int]]]
"""By source, its tag and, by partition, the first offset that is still to be delivered."""


class Mark(NamedTuple):
    """A point in the hub's order: all below `seq` is dealt with, and the logs then stood at `at`."""

    seq: int
    at: tuple[Vector, ...]


class Subscription:
    """The set of channels that clients asked for: one object for all who asked for the same."""

    __slots__ = ("channels", "readers", "scope", "views")

    def __init__(self, channels: tuple[str, ...], views: tuple[View, ...], scope: tuple[Log, ...]) -> None:
        self.channels = channels
        self.views = views
        self.scope = scope
        """The logs that can produce these channels, by the configuration alone: what the id names."""
        self.readers = 0


def exceeds(wanted: Mapping[str, int], reached: Mapping[str, int]) -> bool:
    """Whether more is wanted of any partition than was reached."""
    return any(following > reached.get(name, 0) for name, following in wanted.items())


def write_id(scope: Iterable[Log], at: tuple[Vector, ...], wanted: Wanted | None = None) -> str:
    """The id of a position: where each source of the scope stood, no lower than what is wanted of it. UNREADABLE, if that
    is too long."""
    if wanted is None:
        places = [log.text(at[log.index]) for log in scope]
    else:
        places = [_write_wanted(log, at[log.index], wanted) for log in scope]
    id = VERSION + "".join(sorted(places))
    return id if len(id) <= MAX_LENGTH else UNREADABLE


def _write_wanted(log: Log, vector: Vector, wanted: Wanted) -> str:
    tag, following = wanted.get(log, (vector.tag, {}))
    if vector.tag == tag and not exceeds(following, vector.named()):
        return log.text(vector)
    pairs = _higher(following, vector, tag)
    return write_place(tag, pairs, log.mark_before(pairs.get("", 0)))


def _higher(wanted: Mapping[str, int], vector: Vector, tag: str) -> dict[str, int]:
    """By partition, what is wanted or, if it is more, what was reached. A vector of another tag was taken before."""
    reached = vector.named() if vector.tag == tag else {}
    return {name: max(wanted.get(name, 0), reached.get(name, 0)) for name in (*reached, *wanted)}


class Subscriber:
    """A reader's place: `position` in the hub's order, `at` in every source, and, after a resume or a gap, what is still
    `wanted`: a filter that stays until the whole position has passed it."""

    __slots__ = ("at", "notices", "position", "resumed", "subscription", "wanted")

    def __init__(self, subscription: Subscription, mark: Mark, wanted: Wanted | None = None) -> None:
        self.subscription = subscription
        self.position, self.at = mark
        self.wanted = wanted
        self.notices: tuple[Notice, ...] = ()
        """What a resume could not honour."""
        self.resumed = False
        """Whether it asked to resume and misses nothing."""

    def fork(self) -> Subscriber:
        """Another reader at the same place."""
        wanted = None
        if self.wanted is not None:
            wanted = {log: (tag, dict(following)) for log, (tag, following) in self.wanted.items()}
        return Subscriber(self.subscription, Mark(self.position, self.at), wanted)

    @property
    def id(self) -> str:
        """The id that leads back here."""
        return write_id(self.subscription.scope, self.at, self.wanted)

    def id_of(self, event: Event) -> str:
        """The id of a client that has read `event`, of those that were taken last."""
        return write_id(self.subscription.scope, event.at, self.wanted)

    @property
    def filtered(self) -> bool:
        """Whether it still passes over events that lie below what is wanted, so that it can share nothing with others."""
        self._settle()
        return self.wanted is not None

    def take(self, max_bytes: int, upto: Mark) -> list[Event]:
        """The events that follow, up to `upto`, in the order of publishing: at most `max_bytes` of weight, or one event.
        It may return less than there is, where a loss must be told first: the next call tells it. `upto` is never before
        its own place.

        Raises:
            Lagged: events that had not been read are gone. It is said once; the next call goes on after them.
        """
        self._settle()
        self._check_renewed()
        self._check_evicted()
        item = self._next_break(upto.seq)
        if item is not None and item.seq == self.position:
            self._pass(item)
        return self._read(max_bytes, upto if item is None else Mark(item.seq, item.at))

    def lag(self) -> tuple[int, int]:
        """How far behind the head of its channels it is, of what is still held: events, and bytes of weight."""
        events = weight = 0
        for view in self.subscription.views:
            first = view.find(self.position)
            if first < len(view.events):
                oldest = view.events[first]
                events += len(view.events) - first
                weight += view.total - oldest.total + oldest.weight
        return events, weight

    def ahead(self) -> list[Log]:
        """The sources of which it wants what this replica has not reached."""
        return [log for log in self.subscription.scope if exceeds(self._filter(log) or {}, log.positions())]

    def give_up(self, log: Log) -> Reset:
        """Stop waiting for a source to reach what is wanted of it: it goes on from here."""
        if self.wanted is not None:
            self.wanted.pop(log, None)
        return Reset(log.source, "ahead")

    def cursor(self, log: Log) -> dict[str, int]:
        """By partition, the next offset of a source that it has not dealt with."""
        vector, wanted = self.at[log.index], self._filter(log)
        return log.reached(vector) if wanted is None else _higher(wanted, vector, log.vector.tag)

    def want(self, log: Log, end: Mapping[str, int]) -> None:
        """Count what lies below `end` as dealt with."""
        self.wanted = self.wanted or {}
        _, following = self.wanted.setdefault(log, (log.vector.tag, self.cursor(log)))
        for name, number in end.items():
            following[name] = max(number, following.get(name, 0))

    def _read(self, max_bytes: int, limit: Mark) -> list[Event]:
        events: list[Event] = []
        weight = 0
        for event in self._following(limit.seq):
            weight += event.weight
            if events and weight > max_bytes:
                self.position, self.at = events[-1].seq + 1, events[-1].at
                return events
            events.append(event)
        self.position, self.at = limit
        return events

    def _following(self, limit: int) -> Iterator[Event]:
        runs = []
        for view in self.subscription.views:
            first = self._first(view)
            if first < len(view.events) and view.events[first].seq < limit:
                runs.append(map(view.events.__getitem__, range(first, view.find(limit))))  # islice walks all before it
        following = runs[0] if len(runs) == 1 else merge(*runs, key=_SEQ)
        return following if self.wanted is None else filterfalse(self._is_old, following)

    def _first(self, view: View) -> int:
        """Index of the first event that may be new: all before it lie below the position, or below what is wanted."""
        first, index, wanted = view.find(self.position), view.log.index, self._filter(view.log)
        if wanted is None:
            return first
        return bisect_left(view.events, True, lo=first, key=lambda event: exceeds(event.at[index].named(), wanted))

    def _is_old(self, event: Event) -> bool:
        log = event.view.log
        return event.offset < (self._filter(log) or {}).get(log.vector.names[event.part], 0)

    def _filter(self, log: Log) -> dict[str, int] | None:
        """What is wanted of a source in its present history."""
        tag, following = (self.wanted or {}).get(log, ("", None))
        return following if tag == log.vector.tag else None

    def _settle(self) -> None:
        """Drop the filter once the position lies above it everywhere."""
        if self.wanted is not None and not any(map(self._awaits, self.subscription.scope)):
            self.wanted = None

    def _awaits(self, log: Log) -> bool:
        vector = self.at[log.index]
        tag, following = (self.wanted or {}).get(log, (vector.tag, {}))
        return vector.tag != tag or exceeds(following, vector.named())

    def _check_renewed(self) -> None:
        """Tell at once where a history is over: nothing of it is held, and its place in an id must not move on."""
        stale = [log for log in self.subscription.scope if self.position < log.opened and self._filter(log) is None]
        if stale:
            self.wanted = (self.wanted or {}) | {log: (log.vector.tag, log.reached(Vector())) for log in stale}
            raise Lagged([Reset(log.source, "epoch") for log in stale])

    def _check_evicted(self) -> None:
        gaps = loss.find_evicted(self)
        if gaps:
            raise Lagged(gaps)

    def _next_break(self, limit: int) -> Break | None:
        logs = [log for log in self.subscription.scope if log.breaks and log.breaks[-1].seq >= self.position]
        items = [item for log in logs for item in log.breaks if self.position <= item.seq < limit]
        return next((item for item in sorted(items, key=_SEQ) if loss.crosses(self, item)), None) if items else None

    def _pass(self, item: Break) -> None:
        gaps = loss.find_broken(self, item)
        self.position = item.seq + 1
        self.at = (*item.at[: item.log.index], item.after, *item.at[item.log.index + 1 :])
        raise Lagged(gaps)
