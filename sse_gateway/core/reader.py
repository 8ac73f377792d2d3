"""A reader of a set of channels: the events after its position, what it has lost, and the id of its position."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from operator import attrgetter
from typing import NamedTuple

from . import loss
from .event import Entry, Offsets, Position, Vector, beyond, higher
from .ids import Cursor, Place, write_id, write_place
from .log import Break, Log, View
from .loss import Notice, Reset

_SEQ = attrgetter("seq")


@dataclass(slots=True, eq=False)
class Subscription:
    """A set of channels that clients asked for. All clients that asked for the same channels share it."""

    channels: tuple[str, ...]
    views: tuple[View, ...]
    scope: tuple[Log, ...]
    """The logs that can produce these channels. The ids name these sources (docs/architecture.md, rule 6)."""
    readers: int = 0


class Taken(NamedTuple):
    """What a reader got: events or losses, never both. It got neither if it already stood where it was to read to."""

    events: list[Entry]
    lost: tuple[Notice, ...] = ()
    """What it will never get. The reader's id is then the one to return with after this."""


class Wanted(NamedTuple):
    """The first offset of each partition of one source that is still to be delivered, in the history of `tag`."""

    tag: str
    next: Offsets

    def above(self, vector: Vector) -> bool:
        """Whether it lies above `vector` in any partition, or in another history."""
        return vector.tag != self.tag or bool(beyond(self.next, vector.named()))

    def below(self, vector: Vector) -> bool:
        """Whether it lies below `vector`, which is of the same history, in any partition."""
        return bool(beyond(vector.named(), self.next))

    def over(self, vector: Vector) -> dict[str, int]:
        """The higher offset of each partition: this one, or that of `vector` if it is of the same history."""
        return higher(vector.named() if vector.tag == self.tag else {}, self.next)


_EVERYTHING: Mapping[Log, Wanted] = {}


class Reader:
    """Reads a subscription from `position` on. After a resume or a gap it also has a filter, what is wanted of each
    source: it skips the events below, until its position has passed it in every source (docs/architecture.md, rule
    1)."""

    __slots__ = ("_wanted", "notices", "position", "resumed", "subscription")

    def __init__(self, subscription: Subscription, position: Position) -> None:
        self.subscription = subscription
        self.position = position
        self.notices: tuple[Notice, ...] = ()
        """What it is to be told first: what its resume could not honour."""
        self.resumed = False
        """Whether it resumed and misses nothing."""
        self._wanted = _EVERYTHING

    def fork(self) -> Reader:
        """Another reader at the same position with the same filter, without notices."""
        other = Reader(self.subscription, self.position)
        other._wanted = self._wanted
        return other

    def move_to(self, position: Position) -> None:
        """Continue from `position`, without a filter."""
        self.position, self._wanted = position, _EVERYTHING

    def resume(self, cursor: Cursor) -> None:
        """Continue from the place of `cursor`: from the first entry that is held, without those below what it wants."""
        now = self.position
        wanted, resets = _judge(cursor, self.subscription.scope, now.at)
        self.position, self._wanted = Position(0, (Vector(),) * len(now.at)), wanted
        self.notices = (*resets, *self._pass_over(-1))
        self.resumed = not self.notices and self._next_break(now.seq) is None

    @property
    def id(self) -> str:
        """The id with which a client returns to this position."""
        return self._write_id(self.position.at)

    def id_of(self, entry: Entry) -> str:
        """The id after `entry`, which is one of those that were taken last (docs/architecture.md, rules 2 and 3)."""
        return self._write_id(entry.at)

    @property
    def shares_ids(self) -> bool:
        """Whether it has no filter, so that its events have the same ids as for every other reader of its scope."""
        return not self._wanted

    @property
    def filtered(self) -> bool:
        """Whether it still has a filter. A filter that its position has passed is dropped first."""
        self._settle()
        return bool(self._wanted)

    def take(self, max_bytes: int, upto: Position) -> Taken:
        """The next events up to `upto`, in the order of publishing: at most `max_bytes` of weight, or one event. A loss
        is returned alone, before the events that follow it, and only once. `upto` must not lie before its own
        position."""
        if self._wanted:
            self._settle()
        seq = self.position.seq
        for view in self.subscription.views:
            if view.evicted > seq or view.log.broken > seq:
                return self._take_beside_loss(max_bytes, upto)
        return Taken(self._read(max_bytes, upto))

    def lag(self) -> tuple[int, int]:
        """The events after its position that are held, and their bytes of weight."""
        events = weight = 0
        for view in self.subscription.views:
            first = view.find(self.position.seq)
            if first < len(view.entries):
                events += len(view.entries) - first
                weight += view.total - view.entries[first].total
        return events, weight

    def ahead(self) -> list[Log]:
        """The sources in which it wants more than this replica has read."""
        return [log for log in self.subscription.scope if (wanted := self._filter(log)) and wanted.above(log.vector)]

    def give_up(self, log: Log) -> Reset:
        """Drop the filter of a source: the reader continues with what this replica reads next."""
        self._wanted = {each: wanted for each, wanted in self._wanted.items() if each is not log}
        return Reset(log.source, "ahead")

    def _write_id(self, at: tuple[Vector, ...]) -> str:
        scope, wanted = self.subscription.scope, self._wanted
        if not wanted:
            return write_id([log.text(at[log.index]) for log in scope])
        return write_id([self._write_place(log, at[log.index], wanted.get(log)) for log in scope])

    def _write_place(self, log: Log, vector: Vector, wanted: Wanted | None) -> str:
        """The part of an id for a source at `vector`, or at what is wanted of it where that is higher."""
        if wanted is None or not wanted.above(vector):
            return log.text(vector)
        following = wanted.over(vector)
        return write_place(wanted.tag, following, log.digest_before(following.get("", 0)))

    def _take_beside_loss(self, max_bytes: int, upto: Position) -> Taken:
        if lost := self._renew() or self._pass_over(self.position.seq):
            return Taken([], lost)
        item = self._next_break(upto.seq)
        if item is None:
            return Taken(self._read(max_bytes, upto))
        if item.before.seq > self.position.seq and (events := self._read(max_bytes, item.before)):
            return Taken(events)
        gaps = loss.find_broken(self.subscription.views, item, self._reached(item.log))
        self.position = item.after
        return Taken([], tuple(gaps))

    def _renew(self) -> tuple[Notice, ...]:
        """Continue in the new history of each source that has one, and say so at once: the log holds nothing of the
        earlier one, and until this is told, the id keeps its place in it."""
        seq = self.position.seq
        stale = [log for log in self.subscription.scope if seq < log.opened and self._filter(log) is None]
        self._wanted = {**self._wanted, **{log: Wanted(log.vector.tag, dict(log.begun)) for log in stale}}
        return tuple([Reset(log.source, "epoch") for log in stale])

    def _pass_over(self, since: int) -> tuple[Notice, ...]:
        """Move the filter above what the logs no longer hold, and return the gaps."""
        reached = {log: self._reached(log) for log in self.subscription.scope}
        gaps, after = loss.find(self.subscription.views, reached, since)
        if after:
            wanted = {log: Wanted(log.vector.tag, following) for log, following in after.items()}
            self._wanted = {**self._wanted, **wanted}
        return tuple(gaps)

    def _next_break(self, limit: int) -> Break | None:
        """The first break before the seq `limit` that it has not been told of."""
        seq, scope = self.position.seq, self.subscription.scope
        items = [item for log in scope for item in log.breaks if seq <= item.before.seq < limit]
        crossed = [item for item in items if beyond(item.end, self._reached(item.log))]
        return min(crossed, key=attrgetter("before.seq"), default=None)

    def _read(self, max_bytes: int, limit: Position) -> list[Entry]:
        seq, views = self.position.seq, self.subscription.views
        runs = [self._run(view, limit.seq) for view in views if view.entries and view.entries[-1].seq >= seq]
        events: list[Entry] = []
        weight = 0
        for entry in runs[0] if len(runs) == 1 else merge(*runs, key=_SEQ):
            weight += entry.weight
            if weight > max_bytes and events:
                self.position = Position(events[-1].seq + 1, events[-1].at)
                return events
            events.append(entry)
        self.position = limit
        return events

    def _run(self, view: View, limit: int) -> Iterator[Entry]:
        """The entries of one view from its position to `limit`, without those below the filter."""
        entries, seq, newest = view.entries, self.position.seq, view.entries[-1].seq
        near = len(entries) - 1 - (newest - seq)  # each seq is used once, so no more than this many entries follow
        first = bisect_left(entries, seq, lo=max(near, view.head), key=_SEQ)
        last = len(entries) if newest < limit else view.find(limit)
        wanted = self._filter(view.log)
        if wanted is None:
            return map(entries.__getitem__, range(first, last))  # islice would walk through all earlier entries
        index, following = view.log.index, wanted.next
        first = bisect_left(entries, True, lo=first, key=lambda each: wanted.below(each.at[index]))
        run = map(entries.__getitem__, range(first, last))
        return (each for each in run if each.offset >= following.get(each.part, 0))

    def _filter(self, log: Log) -> Wanted | None:
        """What is wanted of a source, if that is in its present history."""
        wanted = self._wanted.get(log)
        return wanted if wanted is not None and wanted.tag == log.vector.tag else None

    def _reached(self, log: Log) -> Offsets:
        """The next offset of each partition of a source that it has not dealt with."""
        vector, wanted = self.position.at[log.index], self._filter(log)
        return log.reached(vector) if wanted is None else wanted.over(vector)

    def _settle(self) -> None:
        """Drop the filter if the position has passed it in every source."""
        at = self.position.at
        if not any(wanted.above(at[log.index]) for log, wanted in self._wanted.items()):
            self._wanted = _EVERYTHING


def _judge(cursor: Cursor, scope: tuple[Log, ...], at: tuple[Vector, ...]) -> tuple[dict[Log, Wanted], list[Reset]]:
    """What a cursor wants of each source of the scope, and what of it can't be honoured. `at` holds the vectors of all
    logs.

    Each replica merges its sources in an order of its own, so a cursor can only be a filter, not a position in this
    hub."""
    tags = {vector.tag for vector in at}
    strangers = {tag: place for tag, place in cursor.places.items() if tag not in tags}
    places = {log: _find_place(log, cursor, strangers) for log in scope}
    # A source that the id does not name is live from now. A partition that it does not name is new.
    wanted = {
        log: Wanted(log.vector.tag, log.offsets() if place is None else place.next)
        for log, place in places.items()
        if log.vector.tag
    }
    unknown = [tag for tag, place in strangers.items() if not any(place.digest in log.digests for log in scope)]
    if not unknown:
        return wanted, []
    unnamed = [Reset(log.source, "epoch") for log, place in places.items() if place is None]
    return wanted, unnamed or [Reset(tag, "unknown") for tag in unknown]


def _find_place(log: Log, cursor: Cursor, strangers: Mapping[str, Place]) -> Place | None:
    """The place of a log in a cursor: by its tag or, if the gateway counts the source, by the last message's digest."""
    place = cursor.places.get(log.vector.tag)
    if place is None and log.counts:
        known = [log.digests[other.digest] for other in strangers.values() if other.digest in log.digests]
        place = Place({"": max(known)}) if known else None
    return place
