"""The clients that are blocked or behind: each reads on by itself until it stands with its group again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial

from ..core import Mark, Subscriber
from .client import Batch, Client, Group, take_batch
from .tally import Tally

__all__ = ["Lagging"]

_JOINS_A_TURN = 8
"""Writes to one client before the others have their turn: half a MiB, what granian takes before it blocks."""

Joins = dict[tuple[Group, int, int], tuple[Batch | None, Mark]]
"""By group, position and end: the write, and where its reader stands then."""


class Lagging:
    """The lagging set. Only the fan-out's own task writes to its clients."""

    def __init__(self, *, wake: Callable[[], None], tally: Tally) -> None:
        self.clients: dict[Client, None] = {}
        self.held: dict[Client, None] = {}
        """Those that have nothing to read until this replica has reached what they want."""
        self._freed: deque[Client] = deque()
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

    def free(self, client: Client) -> None:
        """It takes more. Called by the server when a pending write is done."""
        self._freed.append(client)
        self._wake()

    def blocked(self) -> list[Client]:
        """Those with a pending write."""
        return [client for client in self.clients if client.connection.pending]

    def catch_up(self, mark: Mark, now: float) -> Iterator[Client]:
        """Give each client that takes more its next writes, and return those that have caught up or are to leave. `mark`
        is where the hub stands. Clients at the same place share one join."""
        joins: Joins = {}
        freed, self._freed = dict.fromkeys([*self._freed, *self.held]), deque()
        for client in freed:
            if client in self.clients and client.open and not client.connection.pending:
                client.group.refresh(mark)
                if client.leaves_at_once or (client.reader and self._read_on(client, client.reader, joins, now)):
                    yield client

    def _read_on(self, client: Client, reader: Subscriber, joins: Joins, now: float) -> bool:
        upto = client.group.mark
        for _ in range(_JOINS_A_TURN):
            batch = _next(client.group, reader, upto, joins)
            if batch is None:
                return self._is_level(client, reader)
            client.written = now
            self._tally.count(batch)
            if not client.connection.write(batch.message, partial(self.free, client)):
                client.connection.since = now
                return False
        self.free(client)
        return False

    def _is_level(self, client: Client, reader: Subscriber) -> bool:
        if reader.filtered and client.leaving is None:
            self.held[client] = None
            return False
        return True


def _next(group: Group, reader: Subscriber, upto: Mark, joins: Joins) -> Batch | None:
    if reader.filtered:
        return take_batch(group.frames, reader, upto)
    key = group, reader.position, upto.seq
    if key not in joins:
        batch = take_batch(group.frames, reader, upto)
        if reader.wanted is not None:  # it was told of a gap: the others have to be told too
            return batch
        joins[key] = batch, Mark(reader.position, reader.at)
    batch, (reader.position, reader.at) = joins[key]
    return batch
