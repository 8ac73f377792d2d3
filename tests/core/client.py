"""A client of the model: what it is told and sent is held against the upstream's lists at the moment when it happens.

A later gap can so never hide an earlier silent loss.
"""

from __future__ import annotations

from collections.abc import Iterable

from sse_gateway.core import Cursor, Gap, Notice, Place, Reader, Reset
from sse_gateway.core.ids import make_tag

from .upstream import COUNTED, PRODUCED, SOURCES, Part, Replica, epoch_name, tags_of


class Client:
    """What a browser knows: its channels, its last id, and what may rightly come next of each partition."""

    def __init__(self, channels: tuple[str, ...], replica: Replica, *, earliest: bool) -> None:
        self.channels = channels
        self.replica = replica
        self.next: dict[Part, int] = dict(replica.read)
        if earliest:
            self.next = {part: offset for part, offset in replica.begun.items() if part[0] == COUNTED}
        self.epochs = {source: epoch for source, epoch in replica.epochs.items() if epoch}
        """Of the sources in which it has a place."""
        self.excused: set[tuple[Part, int, str]] = set()
        self.scope = [source for source in SOURCES if set(PRODUCED[source]) & set(channels)]
        self._reached: dict[str, dict[str, int]] = {}
        self._told: list[Gap] = []
        places = {replica.tag(source): Place({}) for source in self.epochs}
        self.reader: Reader = replica.hub.subscribe(channels, Cursor(places) if earliest else None)
        self.tell(self.reader.notices)

    def leave(self) -> None:
        self.replica.hub.unsubscribe(self.reader)

    def move(self, replica: Replica, *, farewell: bool) -> None:
        """It comes back with its id, here or elsewhere. A farewell says once more where it stood."""
        if farewell:
            self._note(self.reader.id)
        self.leave()
        cursor, self.replica = Cursor.parse(self.id), replica
        self.reader = replica.hub.subscribe(self.channels, cursor)
        self._reached.clear()
        self._told.clear()
        self.tell(self.reader.notices)
        told = {notice.source for notice in self.reader.notices if isinstance(notice, Reset)}
        for source in set(self.scope) - told:
            if tags_of(source).isdisjoint(cursor.places):
                self._restart(source)  # it had no place in it: live from now
            else:
                assert self.epochs.setdefault(source, replica.epochs[source]) == replica.epochs[source], "untold reset"
        assert not (self.reader.resumed and self.reader.notices)

    def begin(self, begun: dict[Part, int]) -> None:
        """A source that this client has no place in begins, or begins anew before it has one: it will get all of it."""
        self._reached.clear()
        self.next |= {part: offset for part, offset in begun.items() if part[0] not in self.epochs}

    def tell(self, notices: Iterable[Notice], *, live: bool = False) -> None:
        """It is told what it will not get."""
        for notice in notices:
            if isinstance(notice, Gap):
                self._excuse(notice)
            else:
                self._restart(notice.source, live=live)
        self._note(self.reader.id)

    def _restart(self, source: str, *, live: bool = False) -> None:
        """After a reset it goes on from now or, if it saw a new history begin, from there."""
        replica = self.replica
        self.epochs.pop(source, None)
        self._told.clear()
        if replica.epochs[source]:
            self.epochs[source] = replica.epochs[source]
        self._reached.clear()
        for part in replica.parts_of(source):
            self.next[part] = (replica.begun if live else replica.read).get(part, 0)

    def _excuse(self, gap: Gap) -> None:
        assert gap.channel in self.channels and gap.channel in PRODUCED[gap.source]
        assert gap not in self._told, f"told twice: {gap}"
        self._told.append(gap)
        missed = False
        for name, end in gap.end.items():
            assert gap.start[name] < end, f"an empty gap: {gap}"
            part = (gap.source, self.replica.epochs[gap.source], name)
            for offset in self.replica.offsets(part, gap.start[name], end):
                self.excused.add((part, offset, gap.channel))
                held = self.replica.upstream.messages[part][offset]
                missed |= held == gap.channel and offset >= self.next.get(part, 0)
        assert missed or not gap.certain, f"a gap that is called certain, but nothing is missing: {gap}"

    def take(self, max_bytes: int, *, now: bool) -> None:
        """It reads on: one take."""
        reader, hub = self.reader, self.replica.hub
        upto = self.replica.position(now=now)
        upto = upto if upto.seq > reader.position.seq else hub.position
        assert reader.lag() == self._lag()
        events, lost = reader.take(max_bytes, upto)
        if lost:
            assert not events
            self.tell(lost, live=True)
            return
        assert len(events) <= 1 or sum(event.weight for event in events) <= max_bytes
        assert events or reader.position == upto
        for event in events:
            (source,) = [name for name, log in self.replica.logs.items() if event in log.entries]
            self._deliver((source, self.replica.epochs[source], event.part), int(event.data))
            self._note(reader.id_of(event))
        if reader.position.seq == hub.seq:
            self._catch_up()

    def _catch_up(self) -> None:
        for part in self.replica.parts():
            if part[0] in self.scope:
                self._deliver(part, self.replica.read.get(part, 0), caught_up=True)
        self._note(self.reader.id)

    def give_up(self) -> None:
        """It stops waiting for a replica that is behind the one it came from."""
        if self.reader.position.seq == self.replica.hub.seq:
            self.tell([self.reader.give_up(log) for log in self.reader.ahead()])
            assert not self.reader.ahead()

    def _lag(self) -> tuple[int, int]:
        reader = self.reader
        entries = [
            entry for view in reader.subscription.views for entry in view.log.entries if entry.channel == view.name
        ]
        weights = [entry.weight for entry in entries if entry.seq >= reader.position.seq]
        return len(weights), sum(weights)

    def _deliver(self, part: Part, offset: int, *, caught_up: bool = False) -> None:
        """`offset` is next of its partition: all before it that this client wants were delivered, or are excused."""
        source, epoch, _ = part
        assert self.epochs.setdefault(source, epoch) == epoch, (
            f"{part} {offset}, but nothing said that this epoch began"
        )
        expected = self.next.get(part, 0)
        assert caught_up or offset >= expected, f"{part} {offset} again, {expected} was next"
        for missing in range(expected, offset):
            channel = self.replica.upstream.messages[part][missing]
            if channel in self.channels:
                assert (part, missing, channel) in self.excused, (
                    f"{part} {missing} of {channel} is missing, unannounced"
                )
        self.next[part] = max(expected, offset + (not caught_up))

    def _note(self, id: str) -> None:
        """Its id names every source in which it has a place, by the epoch that it knows, and only goes forward."""
        self.id, places = id, Cursor.parse(id).places
        for source in set(self.scope) & set(self.epochs):
            tag = make_tag(source, epoch_name(source, self.epochs[source], self.replica.hub.process))
            assert tag in places, f"{id} has lost its place in {source}"
        for tag, before in self._reached.items():
            for name, following in before.items():
                assert places[tag].next.get(name, 0) >= following, f"{id} goes back from {before}"
        self._reached = {tag: dict(place.next) for tag, place in places.items()}
