"""The way of a round to its clients: slices that never hold the loop, and a wait between rounds while clients block."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from ..sse import Connection, Send
from .client import Batch, Client, Group
from .lagging import Lagging
from .tally import Tally

if TYPE_CHECKING:
    from ..metrics import Metrics

__all__ = ["Broadcast", "Round", "to_ready"]

Round = tuple[Group, Batch, list[tuple[Client, Send]]]
"""What is written to which clients of a group."""

_SLICE = 500
"""Sends in one turn of the loop, or up to twice as many: about 8 ms (one costs 10 µs), so that a broadcast to many never
holds the loop."""
_MAX_WINDOW = 0.05
"""Seconds between flushes at most, while clients block: p50 fell from 53 to 19 ms at 2 million deliveries a second."""
_BLOCKED_SHARE = 100
"""One client in so many may block before the window grows."""


def to_ready(group: Group, batch: Batch) -> Round:
    """A round for all clients that are ready now."""
    return group, batch, [*group.ready.items()]


class Broadcast:
    """Writes rounds to ready clients. Those that do not take them at once go over to the lagging set."""

    def __init__(self, lagging: Lagging, tally: Tally, metrics: Metrics, clock: Callable[[], float]) -> None:
        self.window = 0.0
        """Seconds between two flushes, for more to come together."""
        self._lagging = lagging
        self._tally = tally
        self._metrics = metrics
        self._clock = clock
        self._ended = clock()

    @property
    def pause(self) -> float:
        """Seconds until the next flush may begin. After a quiet time there are none to wait, whatever the window."""
        return self._ended + self.window - self._clock()

    async def send(self, rounds: Iterable[Round]) -> None:
        """All of a flush, in as many turns of the loop as it takes. A round is asked for when it is its turn."""
        sent = blocked = turn = 0
        oldest: float | None = None
        for group, batch, clients in rounds:
            oldest = _older(oldest, batch.oldest)
            for start in range(0, len(clients), _SLICE):
                part = [(client, send) for client, send in clients[start : start + _SLICE] if client in group.ready]
                blocked += self._send(group, batch, part)
                sent, turn = sent + len(part), turn + len(part)
                if turn >= _SLICE:
                    turn = 0
                    await asyncio.sleep(0)
        self._settle(sent, blocked, oldest)

    def _send(self, group: Group, batch: Batch, clients: list[tuple[Client, Send]]) -> int:
        """Write one batch to ready clients. Returns how many it left blocked."""
        message, done, now = batch.message, Connection.finished, self._clock()
        self._tally.count(batch, len(clients))
        unclear = [(client, outcome) for client, send in clients if (outcome := send(message)).__class__ is not done]
        blocked = 0
        for client, outcome in unclear:
            if not client.connection.follow(outcome, partial(self._lagging.free, client)):
                blocked += 1
                del group.ready[client]
                client.reader = group.reader.fork()
                self._lagging.add(client, now)
        return blocked

    def _settle(self, sent: int, blocked: int, oldest: float | None) -> None:
        self._ended = self._clock()
        if oldest is not None:  # heartbeats are no news
            self._metrics.flushes.inc()
            self._metrics.delivery_latency.observe(max(self._ended - oldest, 0))
        if sent:
            self._adapt(blocked, sent)

    def _adapt(self, blocked: int, sent: int) -> None:
        if blocked * _BLOCKED_SHARE > sent:
            self.window = min(max(self.window * 2, 0.001), _MAX_WINDOW)
        else:
            self.window = self.window * 0.9 if self.window > 0.0005 else 0.0
        self._metrics.flush_window.set(self.window)


def _older(one: float | None, other: float | None) -> float | None:
    return one if other is None or (one is not None and one < other) else other
