"""A reader of a set of channels: what follows its position, what it has lost, the id that says where it stands."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from operator import attrgetter
from typing import NamedTuple

from . import loss
from .event import Entry, Position, Vector
from .ids import write_id, write_place
from .log import Break, Log, View
from .loss import Notice, Reset

_SEQ = attrgetter("seq")


@dataclass(slots=True, eq=False)
class Subscription:
    """The set of channels that clients asked for: one object for all who asked for the same."""

    channels: tuple[str, ...]
    views: tuple[View, ...]
    scope: tuple[Log, ...]
    """The logs that can produce these channels, by the configuration alone: what the id names."""
    readers: int = 0


class Taken(NamedTuple):
    """What a reader got: events or losses, never both; neither only where it stands as far as it was to read."""

    events: list[Entry]
    lost: tuple[Notice, ...] = ()
    """What it will never get. The reader's id is the one that this leads to."""


class Wanted(NamedTuple):
    """Of one source, by partition, the first offset that is still to be delivered, in the history that `tag` names."""

    tag: str
    next: Mapping[str, int]

    def above(self, vector: Vector) -> bool:
        """Whether more is wanted than lies below `vector`, which is of another history or stands lower."""
        return vector.tag != self.tag or bool(loss.beyond(self.next, vector.named()))

    def below(self, vector: Vector) -> bool:
        """Whether anything that is wanted lies below `vector`, which is of the same history."""
        return bool(loss.beyond(vector.named(), self.next))

    def over(self, vector: Vector) -> dict[str, int]:
        """By partition, what is wanted or, if it is more, what lies below `vector`."""
        return loss.higher(vector.named() if vector.tag == self.tag else {}, self.next)


_EVERYTHING: Mapping[Log, Wanted] = {}


class Reader:
    """`position` says where it stands in the hub's order. After a resume or a gap it has a filter too: what is still wanted
    of each source. It skips what lies below, until its whole position has passed it."""

    __slots__ = ("_wanted", "notices", "position", "resumed", "subscription")

    def __init__(self, subscription: Subscription, position: Position) -> None:
        self.subscription = subscription
        self.position = position
        self.notices: tuple[Notice, ...] = ()
        """What a resume could not honour."""
        self.resumed = False
        """Whether it asked to resume and misses nothing."""
        self._wanted = _EVERYTHING

    def fork(self) -> Reader:
        """Another reader at the same place, which was told nothing."""
        other = Reader(self.subscription, self.position)
        other._wanted = self._wanted
        return other

    def move_to(self, position: Position) -> None:
        """Go on from `position`, without a filter."""
        self.position, self._wanted = position, _EVERYTHING

    def resume(self, wanted: Mapping[Log, Wanted], resets: Iterable[Reset]) -> None:
        """Go on from the first entry that is held, less what lies below `wanted`."""
        now = self.position
        self.position, self._wanted = Position(0, (Vector(),) * len(now.at)), wanted
        self.notices = (*resets, *self._pass_over(-1))
        self.resumed = not self.notices and self._next_break(now.seq) is None

    @property
    def id(self) -> str:
        """The id that leads back here."""
        return self._write_id(self.position.at)

    def id_of(self, entry: Entry) -> str:
        """The id of a client that has read `entry`, of those that were taken last."""
        return self._write_id(entry.at)

    @property
    def shares_ids(self) -> bool:
        """Whether its entries have the ids that they have for every reader of the same scope: no filter is left."""
        return not self._wanted

    @property
    def filtered(self) -> bool:
        """Whether it still passes over events that lie below what is wanted, so that it can share nothing with others."""
        self._settle()
        return bool(self._wanted)

    def take(self, max_bytes: int, upto: Position) -> Taken:
        """The events that follow, up to `upto`, in the order of publishing: at most `max_bytes` of weight, or one event.
        A loss comes alone, before the events that follow it. It is told once. `upto` is never before its own position."""
        if self._wanted:
            self._settle()
        seq = self.position.seq
        for view in self.subscription.views:
            if view.evicted > seq or view.log.broken > seq:
                return self._take_beside_loss(max_bytes, upto)
        return Taken(self._read(max_bytes, upto))

    def lag(self) -> tuple[int, int]:
        """How far behind the head of its channels it is, of what is still held: events, and bytes of weight."""
        events = weight = 0
        for view in self.subscription.views:
            first = view.find(self.position.seq)
            if first < len(view.entries):
                events += len(view.entries) - first
                weight += view.total - view.entries[first].total
        return events, weight

    def ahead(self) -> list[Log]:
        """The sources of which it wants what this replica has not reached."""
        return [log for log in self.subscription.scope if (wanted := self._filter(log)) and wanted.above(log.vector)]

    def give_up(self, log: Log) -> Reset:
        """Stop waiting for a source to reach what is wanted of it: it goes on from here."""
        self._wanted = {each: wanted for each, wanted in self._wanted.items() if each is not log}
        return Reset(log.source, "ahead")

    def _write_id(self, at: tuple[Vector, ...]) -> str:
        scope, wanted = self.subscription.scope, self._wanted
        if not wanted:
            return write_id([log.text(at[log.index]) for log in scope])
        return write_id([self._write_place(log, at[log.index], wanted.get(log)) for log in scope])

    def _write_place(self, log: Log, vector: Vector, wanted: Wanted | None) -> str:
        """Where it stood in a source at `vector`, no lower than what is wanted of it."""
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
        gaps = loss.find_broken(self.subscription.views, self._reached(item.log), item)
        self.position = item.after
        return Taken([], tuple(gaps))

    def _renew(self) -> tuple[Notice, ...]:
        """Tell at once where a history is over: nothing of it is held, and its place in an id must not move on."""
        seq = self.position.seq
        stale = [log for log in self.subscription.scope if seq < log.opened and self._filter(log) is None]
        self._wanted = {**self._wanted, **{log: Wanted(log.vector.tag, dict(log.begun)) for log in stale}}
        return tuple([Reset(log.source, "epoch") for log in stale])

    def _pass_over(self, since: int) -> tuple[Notice, ...]:
        """Count what is no longer held as dealt with, and tell it."""
        reached = {log: self._reached(log) for log in self.subscription.scope}
        gaps, after = loss.find(self.subscription.views, reached, since)
        if after:
            wanted = {log: Wanted(log.vector.tag, following) for log, following in after.items()}
            self._wanted = {**self._wanted, **wanted}
        return tuple(gaps)

    def _next_break(self, limit: int) -> Break | None:
        """The first that it has not dealt with, before the seq `limit`."""
        seq, scope = self.position.seq, self.subscription.scope
        items = [item for log in scope for item in log.breaks if seq <= item.before.seq < limit]
        crossed = [item for item in items if loss.beyond(item.end, self._reached(item.log))]
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
        """What one view has from its position to `limit`, less what lies below what is wanted."""
        entries, seq, newest = view.entries, self.position.seq, view.entries[-1].seq
        near = len(entries) - 1 - (newest - seq)  # no seq is taken twice: no more than so many are at or after this one
        first = bisect_left(entries, seq, lo=max(near, view.head), key=_SEQ)
        last = len(entries) if newest < limit else view.find(limit)
        wanted = self._filter(view.log)
        if wanted is None:
            return map(entries.__getitem__, range(first, last))  # islice walks all before it
        index, following = view.log.index, wanted.next
        first = bisect_left(entries, True, lo=first, key=lambda each: wanted.below(each.at[index]))
        run = map(entries.__getitem__, range(first, last))
        return (each for each in run if each.offset >= following.get(each.part, 0))

    def _filter(self, log: Log) -> Wanted | None:
        """What is wanted of a source in its present history."""
        wanted = self._wanted.get(log)
        return wanted if wanted is not None and wanted.tag == log.vector.tag else None

    def _reached(self, log: Log) -> Mapping[str, int]:
        """By partition, the next offset of a source that it has not dealt with."""
        vector, wanted = self.position.at[log.index], self._filter(log)
        return log.reached(vector) if wanted is None else wanted.over(vector)

    def _settle(self) -> None:
        """Drop the filter once the position lies above it everywhere."""
        at = self.position.at
        if not any(wanted.above(at[log.index]) for log, wanted in self._wanted.items()):
            self._wanted = _EVERYTHING
