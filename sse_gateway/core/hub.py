"""The hub: all logs and channels, to publish to and to subscribe to."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .event import Entry, Event, Offsets, Position, Vector, beyond
from .ids import Cursor
from .log import Bounds, Break, Log
from .reader import Reader, Subscription


class Hub:
    """Sources publish to it, readers read from it. It never waits and does not know the time.

    It calls `wake` when the first channel with readers has news. The fan-out then calls `changed`
    (docs/architecture.md, rule 16)."""

    def __init__(self, *, process: str = "", wake: Callable[[], None] = lambda: None) -> None:
        self.wake = wake
        self.process = process
        """The epoch of the sources without offsets. It is random for each process."""
        self.seq = 0
        self.at: tuple[Vector, ...] = ()
        self.logs: list[Log] = []
        self.subscriptions: dict[tuple[str, ...], Subscription] = {}
        self.unflushed_events = 0
        """Events published to channels with readers since `changed` was last called. `unflushed_bytes` is their
        weight."""
        self.unflushed_bytes = 0
        self._vectors: list[Vector] = []
        self._position = Position(0, ())
        self._readers: dict[str, dict[Subscription, None]] = {}
        """The subscriptions to each channel. They are in a dictionary because an empty set takes 216 bytes."""
        self._scopes: dict[tuple[Log, ...], tuple[Log, ...]] = {}
        self._changed: dict[str, None] = {}

    @property
    def position(self) -> Position:
        """The present point in its order. Until it moves, all callers get the same object."""
        if self._position.seq != self.seq or self._position.at is not self.at:
            self._position = Position(self.seq, self.at)
        return self._position

    def add(self, source: str, bounds: Bounds, matches: Callable[[str], bool]) -> Log:
        """Add the log of a source, before the first subscription. `matches` says which channels the source can ever
        produce."""
        log = Log(len(self.logs), source, bounds, matches)
        self.logs.append(log)
        self._vectors.append(log.vector)
        self._stand(log)
        return log

    def begin(self, log: Log, epoch: str, offsets: Offsets) -> None:
        """The source is up and continues from `offsets`. An epoch other than the log's begins another history. In the
        same epoch, offsets that were skipped while the source was away are a loss. If the epoch is empty, the gateway
        counts."""
        epoch, counts = epoch or self.process, not epoch
        if epoch == log.epoch:
            if skipped := beyond(offsets, log.offsets()):
                self.lose(log, "upstream", skipped)
            self.advance(log, offsets)
            return
        before = self.position
        log.open(epoch, counts)
        for name, offset in offsets.items():
            log.part(name, offset)
        self._stand(log)
        if before.at[log.index].tag:
            self._break(log, "epoch", before)
            log.opened = self.seq

    def publish(self, log: Log, event: Event, *, now: float, part: str = "", offset: int | None = None) -> Entry | None:
        """Append an event to its log and its channel. `now` is the time of its arrival, in seconds of a monotonic
        clock. If `offset` is None, it is the next one. Returns None for an event that the log has had before."""
        entry = log.append(event, self.seq, now, part, offset, self._vectors)
        if entry is None:
            return None
        self.seq += 1
        self.at = entry.at
        channel = event.channel
        if channel in self._readers:
            self.unflushed_events += 1
            self.unflushed_bytes += entry.weight
            if channel not in self._changed:
                self._touch(channel)
        return entry

    def advance(self, log: Log, offsets: Offsets) -> None:
        """Take over the source's next offsets, which also move without a message. None of them moves back."""
        for name, offset in offsets.items():
            index = log.part(name)
            if offset > log.vector.next[index]:
                log.move(index, offset, log.vector.digest)
        if log.vector is not self.at[log.index]:
            self._stand(log)

    def lose(self, log: Log, reason: str, offsets: Offsets | None = None) -> None:
        """The source lost messages after the last one that it published. It continues at `offsets`, if it has offsets.
        Every reader of it is told (docs/architecture.md, rule 8)."""
        before = self.position
        if log.counts:
            log.move(0, log.vector.next[0] + 1)
        self.advance(log, offsets or {})
        self._break(log, reason, before)

    def expire(self, now: float) -> None:
        """Evict what is too old at `now`, on the same clock as `publish`."""
        for log in self.logs:
            log.expire(now)

    def subscribe(self, channels: Iterable[str], cursor: Cursor | None = None) -> Reader:
        """A reader of these channels, from now or from the place of `cursor`."""
        names = tuple(sorted(set(channels)))
        subscription = self.subscriptions.get(names)
        if subscription is None:
            subscription = self.subscriptions[names] = self._open(names)
        subscription.readers += 1
        reader = Reader(subscription, self.position)
        if cursor is not None:
            reader.resume(cursor)
        return reader

    def unsubscribe(self, reader: Reader) -> None:
        """Release what `subscribe` took for this reader."""
        subscription = reader.subscription
        subscription.readers -= 1
        if subscription.readers:
            return
        del self.subscriptions[subscription.channels]
        for channel in subscription.channels:
            del self._readers[channel][subscription]
            if not self._readers[channel]:
                del self._readers[channel]
        for view in subscription.views:
            view.readers -= 1
            view.log.release(view)

    def changed(self) -> list[Subscription]:
        """The subscriptions with news since the last call, each once."""
        channels, self._changed = self._changed, {}
        self.unflushed_events = self.unflushed_bytes = 0
        subscriptions: dict[Subscription, None] = {}
        for channel in channels:
            subscriptions.update(self._readers.get(channel, {}))
        return [*subscriptions]

    def is_changed(self, subscription: Subscription) -> bool:
        """Whether `changed` would return it."""
        return not self._changed.keys().isdisjoint(subscription.channels)

    def _open(self, names: tuple[str, ...]) -> Subscription:
        scope = tuple(log for log in self.logs if any(map(log.matches, names)))
        scope = self._scopes.setdefault(scope, scope)
        views = tuple(log.view(name) for log in scope for name in names if log.matches(name))
        subscription = Subscription(names, views, scope)
        for view in views:
            view.readers += 1
        for name in names:
            self._readers.setdefault(name, {})[subscription] = None
        return subscription

    def _stand(self, log: Log) -> None:
        self._vectors[log.index] = log.vector
        self.at = tuple(self._vectors)

    def _break(self, log: Log, reason: str, before: Position) -> None:
        end = beyond(log.offsets(), log.reached(before.at[log.index]))
        self.seq += 1
        log.add_break(Break(log, reason, before, self.position, end))
        for channel, view in log.views.items():
            if view.readers:
                self._touch(channel)

    def _touch(self, channel: str) -> None:
        quiet = not self._changed
        self._changed[channel] = None
        if quiet:
            self.wake()
