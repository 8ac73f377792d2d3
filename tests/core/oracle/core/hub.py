"""All logs and channels: publish and subscribe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from .cursor import Cursor
from .event import Event, Vector
from .log import Bounds, Break, Log
from .resume import resume
from .subscriber import Mark, Subscriber, Subscription
from .view import View

__all__ = ["Hub", "HubStatistics", "LogStatistics"]


@dataclass(frozen=True, slots=True)
class LogStatistics:
    """What one source's log holds and has let go."""

    source: str
    epoch: str | None
    events: int
    bytes: int
    channels: int
    published: int
    evicted: Mapping[str, int]
    """Events by reason."""
    next: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class HubStatistics:
    """A moment of the hub."""

    published: int
    """Events and breaks."""
    subscriptions: int
    logs: tuple[LogStatistics, ...]


class Hub:
    """Sources publish into it, subscribers read from it. Nothing in it waits, and nothing in it knows the time.

    `wake` is called when the first channel with readers has something new; whoever it wakes calls `changed`.
    """

    def __init__(self, *, process: str = "", wake: Callable[[], None] = lambda: None) -> None:
        self.wake = wake
        self.process = process
        """The epoch of the sources that have no offsets: random, once for each process."""
        self.seq = 0
        self.at: tuple[Vector, ...] = ()
        self.logs: list[Log] = []
        self.subscriptions: dict[tuple[str, ...], Subscription] = {}
        self.unflushed_events = 0
        """Events published to channels with readers since `changed` was last called; `unflushed_bytes` is their weight."""
        self.unflushed_bytes = 0
        self._dirty: list[View] = []

    def add(self, source: str, bounds: Bounds, matches: Callable[[str], bool]) -> Log:
        """The log of one more source, before anybody subscribes. `matches` says which channels it can ever produce."""
        log = Log(len(self.logs), source, bounds, matches)
        self.logs.append(log)
        self.at = (*self.at, log.vector)
        return log

    def begin(self, log: Log, epoch: str, positions: Mapping[str, int]) -> None:
        """The source is up and goes on from `positions`. Another epoch than before begins another history; offsets that
        were passed over while it was away are a loss. An empty epoch: the gateway counts."""
        epoch, counts = epoch or self.process, not epoch
        if epoch == log.epoch:
            reached = log.positions()
            skipped = {name: offset for name, offset in positions.items() if offset > reached.get(name, 0)}
            if skipped:
                self.lose(log, "upstream", skipped)
            self.advance(log, positions)
            return
        before, at = log.vector, self.at
        log.open(epoch, counts)
        for name, offset in positions.items():
            log.part(name, offset)
        self._stand(log)
        if before.tag:
            self._break(log, "epoch", before, at)
            log.opened = self.seq

    def publish(
        self,
        log: Log,
        channel: str,
        *,
        data: bytes,
        now: float,
        type: str = "",
        part: str = "",
        offset: int | None = None,
        key: str = "",
        id: str | None = None,
    ) -> Event | None:
        """Append one event to the log and to its channel. `now` is the time of its arrival, in seconds of a clock that
        only goes forward. Returns None for an event that the log has had before."""
        index = log.part(part)
        following = log.vector.next[index]
        if offset is None:
            offset = following
        elif offset < following:
            return None
        view = log.view(channel)
        event = Event(self.seq, view, index, offset, type, data, key, log.mark(id), now)
        self.seq += 1
        log.append(event)
        self._stand(log)
        event.at = self.at
        if view.subscriptions:
            self.unflushed_events += 1
            self.unflushed_bytes += event.weight
            self._touch(view)
        log.trim()
        return event

    def advance(self, log: Log, positions: Mapping[str, int]) -> None:
        """Take over the source's next offsets, which also move without a message."""
        for name, offset in positions.items():
            index = log.part(name)
            if offset > log.vector.next[index]:
                log.move(index, offset, log.vector.mark)
        self._stand(log)

    def lose(self, log: Log, reason: str, positions: Mapping[str, int] | None = None) -> None:
        """The source lost messages between what it last published and what comes next, at `positions` where it has
        offsets. Every reader of it is told."""
        before, at = log.vector, self.at
        if log.counts:
            log.move(0, log.vector.next[0] + 1)
        self.advance(log, positions or {})
        self._break(log, reason, before, at)

    def expire(self, now: float) -> None:
        """Evict what is too old at `now`, on the clock of `publish`."""
        for log in self.logs:
            log.expire(now)

    def subscribe(self, channels: Iterable[str], cursor: Cursor | None = None) -> Subscriber:
        """A reader of these channels: from now, or from where `cursor` stands."""
        names = tuple(sorted(set(channels)))
        subscription = self.subscriptions.get(names)
        if subscription is None:
            subscription = self.subscriptions[names] = self._open(names)
        subscription.readers += 1
        return Subscriber(subscription, self.mark()) if cursor is None else resume(subscription, cursor, self.at)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """The reader is gone."""
        subscription = subscriber.subscription
        subscription.readers -= 1
        if not subscription.readers:
            del self.subscriptions[subscription.channels]
            for view in subscription.views:
                del view.subscriptions[subscription]
                view.log.release(view)

    def mark(self) -> Mark:
        """Now, in the hub's order."""
        return Mark(self.seq, self.at)

    def changed(self) -> list[View]:
        """The channels with readers to which something was published since the last call."""
        views, self._dirty = self._dirty, []
        for view in views:
            view.dirty = False
        self.unflushed_events = self.unflushed_bytes = 0
        return views

    def statistics(self) -> HubStatistics:
        """What it holds now."""
        return HubStatistics(self.seq, len(self.subscriptions), tuple(_statistics(log) for log in self.logs))

    def _open(self, names: tuple[str, ...]) -> Subscription:
        scope = tuple(log for log in self.logs if any(map(log.matches, names)))
        views = tuple(log.view(name) for log in scope for name in names if log.matches(name))
        subscription = Subscription(names, views, scope)
        for view in views:
            view.subscriptions[subscription] = None
        return subscription

    def _stand(self, log: Log) -> None:
        self.at = (*self.at[: log.index], log.vector, *self.at[log.index + 1 :])

    def _break(self, log: Log, reason: str, before: Vector, at: tuple[Vector, ...]) -> None:
        log.add_break(Break(self.seq, log, reason, before, log.vector, at))
        self.seq += 1
        for view in log.views.values():
            if view.subscriptions:
                self._touch(view)

    def _touch(self, view: View) -> None:
        if not view.dirty:
            view.dirty = True
            self._dirty.append(view)
            if len(self._dirty) == 1:
                self.wake()


def _statistics(log: Log) -> LogStatistics:
    held = sum(1 for view in log.views.values() if view.events)
    return LogStatistics(
        log.source, log.epoch, len(log.events), log.bytes, held, log.published, dict(log.evicted), log.positions()
    )
