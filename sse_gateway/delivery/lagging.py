"""The clients that are blocked or behind: each reads by itself until it stands where its group does."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ..core import Hub, Reader
from .client import Client, Roster, State
from .joins import Batch, SharedJoins, Tally

_WRITES_A_TURN = 8
"""Writes to one client in one turn: 512 KiB, about what granian takes before it blocks."""
_TURN = 2000
"""Events read in one turn of the loop. An event that no other client shares takes 5 µs, so a turn takes about 10 ms.
When another replica drains, thousands of clients come within seconds, each at a position of its own."""


class Lagging:
    """Writes to single clients, in the task of the fan-out."""

    def __init__(self, roster: Roster, tally: Tally) -> None:
        self._roster = roster
        self._behind, self._held = roster.states[State.BEHIND], roster.states[State.HELD]
        self._tally = tally
        self._reached: object = None

    def freed(self, client: Client) -> None:
        """Let a client read on. The server calls this when it has taken a pending write."""
        if client.state is State.BLOCKED:
            self._roster.move(client, State.BEHIND)

    def write(self, client: Client, batch: Batch, now: float) -> bool:
        """Write to one client. Returns whether it took the write at once. If not, the client is now blocked."""
        client.written = now
        self._tally.write(batch)
        taken = client.connection.write(batch.message, partial(self.freed, client))
        if not taken:
            self._roster.move(client, State.BLOCKED)
        return taken

    def catch_up(self, hub: Hub, now: float) -> Iterator[Client]:
        """Write to each client that is behind. Yields those that have caught up, and those that are to leave. Clients
        for which this turn has no time left are served in the next."""
        if hub.at is not self._reached:
            self._reached = hub.at
            for client in [*self._held]:
                self._roster.move(client, State.BEHIND)
        if not self._behind:
            return
        joins = SharedJoins()
        for client in [*self._behind]:
            if joins.cost >= _TURN:
                self._roster.wake()
                return
            client.group.refresh(hub)
            # Only in a drain does a client first get what it is behind. In other cases it reconnects at its own pace.
            leaves = client.leaving is not None and client.leaving.reason != "drain"
            if leaves or self._read_on(client, client.subscriber, joins, now):
                yield client

    def _read_on(self, client: Client, reader: Reader, joins: SharedJoins, now: float) -> bool:
        """Write what a client has not read yet. Returns whether it then has everything that its group has."""
        upto = client.group.reader.position
        for _ in range(_WRITES_A_TURN):
            batch = joins.next(client.group.frames, reader, upto)
            if batch is None:
                return self._is_level(client, reader)
            if not self.write(client, batch, now):
                return False
            if joins.cost >= _TURN:
                break
        self._roster.move(client, State.BEHIND)
        return False

    def _is_level(self, client: Client, reader: Reader) -> bool:
        if not reader.filtered or client.leaving is not None:
            return True
        self._roster.move(client, State.BEHIND if client.group.unfinished else State.HELD)
        return False
