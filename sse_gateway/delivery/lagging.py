"""The clients that are blocked or behind: each reads on by itself until it stands with its group again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial

from ..core import Mark, Subscriber
from .client import Batch, Client, Group, take_batch
from .tally import Tally

__all__ = ["Lagging"]

_JOINS_A_TURN = 8
"""Writes to one client before the others have their turn: half a MiB, what granian takes before it blocks."""
_TURN = 2000
"""Events that are read in one turn of the loop: about 10 ms (one that nobody shares costs 5 µs). After a drain elsewhere
thousands come back within seconds, and each has a place of its own."""
_CLIENT = 4
"""Events that looking at one client costs as much as."""


class Lagging:
    """The lagging set. Only the fan-out's own task writes to its clients."""

    def __init__(self, *, wake: Callable[[], None], tally: Tally) -> None:
        self.clients: dict[Client, None] = {}
        self.held: dict[Client, None] = {}
        """Those that have nothing to read until this replica has reached what they want."""
        self._freed: OrderedDict[Client, None] = OrderedDict()
        self._reached: object = None
        self._wake = wake
        self._tally = tally

    def add(self, client: Client, now: float) -> None:
        """A client that is not, or not yet, where its group is."""
        self.clients[client] = None
        client.connection.since = now
        if not client.connection.pending:
            self.free(client)

    def discard(self, client: Client) -> None:
        """It has gone, or stands with its group again."""
        self.clients.pop(client, None)
        self.held.pop(client, None)
        self._freed.pop(client, None)

    def free(self, client: Client) -> None:
        """It takes more. Called by the server when a pending write is done."""
        self._freed[client] = None
        self._wake()

    def blocked(self) -> list[Client]:
        """Those with a pending write."""
        return [client for client in self.clients if client.connection.pending]

    def catch_up(self, mark: Mark, now: float) -> Iterator[Client]:
        """Give each client that takes more its next writes, and return those that have caught up or are to leave; as many
        as have room in one turn. `mark` is where the hub stands. Clients at the same place share one join."""
        if mark.at is not self._reached:
            self._reached = mark.at
            self._freed.update(self.held)
        joins = _Joins()
        for _ in range(len(self._freed)):
            if joins.cost >= _TURN:
                self._wake()
                return
            client, _ = self._freed.popitem(last=False)
            if client in self.clients and client.open and not client.connection.pending:
                client.group.refresh(mark)
                if client.leaves_at_once or (client.reader and self._read_on(client, client.reader, joins, now)):
                    yield client

    def _read_on(self, client: Client, reader: Subscriber, joins: _Joins, now: float) -> bool:
        upto = client.group.mark
        for _ in range(_JOINS_A_TURN):
            batch = joins.next(client.group, reader, upto)
            if batch is None:
                return self._is_level(client, reader)
            client.written = now
            self._tally.count(batch)
            if not client.connection.write(batch.message, partial(self.free, client)):
                client.connection.since = now
                return False
            if joins.cost >= _TURN:
                break
        self.free(client)
        return False

    def _is_level(self, client: Client, reader: Subscriber) -> bool:
        if not reader.filtered or client.leaving is not None:
            return True
        self.held[client] = None
        if client.group.unfinished:
            self.free(client)
        return False


class _Joins:
    """What is read in one turn. `cost` is what it took, in events."""

    def __init__(self) -> None:
        self.cost = 0
        self._shared: dict[tuple[Group, int, int], tuple[Batch | None, Mark]] = {}
        """By group, position and end: the write, and where its reader stands then."""

    def next(self, group: Group, reader: Subscriber, upto: Mark) -> Batch | None:
        """The next write for a client of `group`; None when it has all up to there."""
        self.cost += _CLIENT
        if reader.filtered:
            return self._take(group, reader, upto)
        key = group, reader.position, upto.seq
        if key not in self._shared:
            batch = self._take(group, reader, upto)
            if reader.wanted is not None:  # it was told of a gap: the others have to be told too
                return batch
            self._shared[key] = batch, Mark(reader.position, reader.at)
        batch, (reader.position, reader.at) = self._shared[key]
        return batch

    def _take(self, group: Group, reader: Subscriber, upto: Mark) -> Batch | None:
        batch = take_batch(group.frames, reader, upto)
        self.cost += batch.events if batch else 0
        return batch
