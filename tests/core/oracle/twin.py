"""A hub and its readers that do everything twice, in today's core and in the one before, and compare all that is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sse_gateway.core import Bounds, Cursor, Entry, Event, Gap, Hub, Log, Notice, Position, Reader, Reset, Taken

from . import core
from .core.errors import Lagged


class Both(Position):
    """A position in today's hub, and the mark at the same point of the one before."""

    old: core.Mark


class TwinHub:
    """What the model uses of a hub, by two of them."""

    def __init__(self, *, process: str) -> None:
        self.process = process
        self._woken = [0, 0]
        self._new = Hub(process=process, wake=lambda: self._wake(0))
        self._old = core.Hub(process=process, wake=lambda: self._wake(1))
        self._groups: dict[tuple[str, ...], TwinReader] = {}
        self._opened: set[tuple[str, ...]] = set()
        """Since the last flush. Today's hub may know of news in their channels that came before them."""

    def _wake(self, which: int) -> None:
        self._woken[which] += 1

    @property
    def seq(self) -> int:
        return self._new.seq

    @property
    def position(self) -> Both:
        both = Both(*self._new.position)
        both.old = self._old.mark()
        return both

    def add(self, source: str, bounds: Bounds, matches: Callable[[str], bool]) -> Log:
        self._old.add(source, core.Bounds(bounds.max_events, bounds.max_bytes, bounds.max_age), matches)
        return self._new.add(source, bounds, matches)

    def begin(self, log: Log, epoch: str, offsets: Mapping[str, int]) -> None:
        self._new.begin(log, epoch, offsets)
        self._old.begin(self._old.logs[log.index], epoch, offsets)
        self.compare()

    def publish(self, log: Log, event: Event, *, now: float, part: str, offset: int | None) -> Entry | None:
        entry = self._new.publish(log, event, now=now, part=part, offset=offset)
        old = self._old.publish(
            self._old.logs[log.index],
            event.channel,
            data=event.data,
            now=now,
            type=event.type,
            part=part,
            offset=offset,
            key=event.key,
            id=event.id,
        )
        assert (entry is None) == (old is None)
        self.compare()
        return entry

    def advance(self, log: Log, offsets: Mapping[str, int]) -> None:
        self._new.advance(log, offsets)
        self._old.advance(self._old.logs[log.index], offsets)
        self.compare()

    def lose(self, log: Log, reason: str, offsets: Mapping[str, int]) -> None:
        self._new.lose(log, reason, offsets)
        self._old.lose(self._old.logs[log.index], reason, offsets)
        self.compare()

    def expire(self, now: float) -> None:
        self._new.expire(now)
        self._old.expire(now)
        self.compare()

    def subscribe(self, channels: Iterable[str], cursor: Cursor | None = None) -> TwinReader:
        places = None if cursor is None else {t: core.cursor.Place(p.next, p.digest) for t, p in cursor.places.items()}
        old = self._old.subscribe(channels, None if places is None else core.Cursor(places))
        reader = TwinReader(self._new.subscribe(channels, cursor), old)
        if reader.subscription.readers == 1:
            self._opened.add(reader.subscription.channels)
        self.compare()
        return reader

    def unsubscribe(self, reader: TwinReader) -> None:
        self._new.unsubscribe(reader.new)
        self._old.unsubscribe(reader.old)
        self.compare()

    def flush(self) -> None:
        """What a fan-out does: one reader for each subscription reads what is new, or is moved on where nothing is."""
        upto = self.position
        for channels, reader in [*self._groups.items()]:
            if reader.new.subscription.readers == 1:
                self.unsubscribe(self._groups.pop(channels))
            else:
                changed = self._new.is_changed(reader.new.subscription)
                before = any(view.dirty for view in reader.old.subscription.views)
                assert changed == before or (changed and channels in self._opened)
                if not changed:
                    reader.move_to(upto)
        new = [subscription.channels for subscription in self._new.changed()]
        old = {subscription.channels for view in self._old.changed() for subscription in view.subscriptions}
        assert len(new) == len(set(new))
        assert old <= {*new} <= old | self._opened
        self._opened.clear()
        for channels in self._new.subscriptions:
            reader = self._groups.get(channels) or self._groups.setdefault(channels, self.subscribe(channels))
            while reader.position.seq < upto.seq:
                reader.take(60, upto)
        self.compare()

    def compare(self) -> None:
        """All that the two hold."""
        new, old = self._new, self._old
        assert [*map(tuple, new.at)] == [*map(tuple, old.at)]
        assert self._woken[0] == self._woken[1]
        assert (new.seq, {*new.subscriptions}) == (old.seq, {*old.subscriptions})
        assert (new.unflushed_events, new.unflushed_bytes) == (old.unflushed_events, old.unflushed_bytes)
        for log, b in zip(new.logs, old.logs, strict=True):
            assert (log.epoch, log.bytes, log.published, log.evicted) == (b.epoch, b.bytes, b.published, b.evicted)
            assert (meant(log, log.forgotten), log.digests) == (meant(log, b.forgotten), b.marks)
            assert [(each.before.seq, each.reason) for each in log.breaks] == [(e.seq, e.reason) for e in b.breaks]
            assert [*log.views] == [*b.views]
            for view, past in zip(log.views.values(), b.views.values(), strict=True):
                assert (view.evicted, view.reason, meant(log, view.base)) == (
                    past.evicted,
                    past.reason,
                    meant(log, past.base),
                )
                assert view.floor() == b.named_parts(past.floor())
                assert [entry.seq for entry in view.entries] == [event.seq for event in past.events]


class TwinReader:
    """What the model uses of a reader, by two of them."""

    def __init__(self, new: Reader, old: core.Subscriber) -> None:
        self.new = new
        self.old = old
        self.subscription = new.subscription
        self.compare()

    @property
    def position(self) -> Position:
        return self.new.position

    @property
    def notices(self) -> tuple[Notice, ...]:
        return self.new.notices

    @property
    def resumed(self) -> bool:
        return self.new.resumed

    @property
    def id(self) -> str:
        return self.new.id

    def id_of(self, entry: Entry) -> str:
        return self.new.id_of(entry)

    def lag(self) -> tuple[int, int]:
        return self.new.lag()

    def ahead(self) -> list[Log]:
        return self.new.ahead()

    def give_up(self, log: Log) -> Reset:
        (old,) = [each for each in self.old.subscription.scope if each.source == log.source]
        reset = self.new.give_up(log)
        assert told(reset) == told(self.old.give_up(old))
        self.compare()
        return reset

    def move_to(self, position: Both) -> None:
        self.new.move_to(position)
        self.old.position, self.old.at = position.old
        self.old.wanted = None
        self.compare()

    def take(self, max_bytes: int, upto: Both) -> Taken:
        """Read on, and a fork of each too, which must go the same way."""
        fork = TwinReader(self.new.fork(), self.old.fork())
        taken = self._take(max_bytes, upto)
        assert fork._take(max_bytes, upto) == taken
        assert fork.id == self.id
        return taken

    def _take(self, max_bytes: int, upto: Both) -> Taken:
        taken = self.new.take(max_bytes, upto)
        assert bool(taken.events) + bool(taken.lost) == 1 or (taken == ([], ()) and self.new.position == upto)
        events, lost = self._take_old(max_bytes, upto.old)
        assert [*map(told, taken.lost)] == [*map(told, lost)]
        assert [told_of(entry) for entry in taken.events] == [
            (e.view.name, e.seq, e.view.log.vector.names[e.part], e.offset, e.type, e.data, e.key, e.weight)
            for e in events
        ]
        assert [self.new.id_of(entry) for entry in taken.events] == [self.old.id_of(event) for event in events]
        self.compare()
        return taken

    def _take_old(self, max_bytes: int, upto: core.Mark) -> tuple[list[core.Event], tuple[core.Notice, ...]]:
        """Until something comes: the one before returned less than there was where a loss was to be told first."""
        try:
            while not (events := self.old.take(max_bytes, upto)) and self.old.position < upto.seq:
                pass
        except Lagged as lagged:
            return [], lagged.notices
        return events, ()

    def compare(self) -> None:
        """Where the two stand."""
        new, old = self.new, self.old
        assert new.id == old.id
        assert (new.position.seq, [*map(tuple, new.position.at)]) == (old.position, [*map(tuple, old.at)])
        assert (new.resumed, new.lag()) == (old.resumed, old.lag())
        assert [*map(told, new.notices)] == [*map(told, old.notices)]
        assert [log.source for log in new.ahead()] == [log.source for log in old.ahead()]
        assert new.fork().filtered == old.fork().filtered  # which may drop the filter


def told(value: Any) -> tuple[object, ...]:
    """A notice of either, to compare."""
    kind = "Gap" if isinstance(value, Gap) else value.__class__.__name__
    return (kind, *(getattr(value, name) for name in value.__slots__))


def told_of(entry: Entry) -> tuple[object, ...]:
    """All that a client or the fan-out can see of an event."""
    return entry.channel, entry.seq, entry.part, entry.offset, entry.type, entry.data, entry.key, entry.weight


def meant(log: Log, offsets: Mapping[str, int] | tuple[int, ...]) -> dict[str, int]:
    """Offsets by the name of the partition, of which a 0 says nothing."""
    named = offsets if isinstance(offsets, Mapping) else dict(zip(log.parts, offsets, strict=False))
    return {name: offset for name, offset in named.items() if offset}
