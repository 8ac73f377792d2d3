"""What time does to clients: one look at all that wait, ten times a second, instead of a timer for each (10 µs a write)."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .client import Batch, Client, Group
from .stream import body

if TYPE_CHECKING:
    from .fanout import Fanout

__all__ = ["TICK", "Sweep"]

TICK = 0.1
"""Seconds between sweeps: how late a timeout or a farewell may be."""
_AHEAD_TIMEOUT = 5.0
"""Seconds that this replica has to reach what a client has seen elsewhere: replicas of one queue are at most this far
apart when all is well."""


class Sweep:
    """Timeouts, buffers, heartbeats, lifetimes and the farewells of a drain. Part of the fan-out's one task."""

    def __init__(self, fanout: Fanout) -> None:
        self._fanout = fanout
        self._limits = fanout.limits
        self._metrics = fanout.metrics
        self.due = fanout.clock() + TICK
        self._quiet: OrderedDict[Group, float] = OrderedDict()
        self._departures: dict[int, dict[Client, str]] = {}
        self._tick = _tick(fanout.clock())

    def run(self, now: float) -> list[tuple[str, int]]:
        """Everything that is due. Returns the addresses of clients whose sockets are to be dropped."""
        self.due = now + TICK
        peers = [client.connection.peer for client in self._overdue(now) if client.connection.peer]
        self._watch_buffers()
        self._watch_held(now)
        self._depart(now)
        return peers

    def watch(self, group: Group, now: float) -> None:
        """A group has a client; if it is the first one, it is quiet from now on."""
        self._quiet.setdefault(group, now)

    def touch(self, group: Group, now: float) -> None:
        """Something was written to all of a group: it is not quiet."""
        self._quiet[group] = now
        self._quiet.move_to_end(group)

    def forget(self, group: Group) -> None:
        """A group is no more."""
        self._quiet.pop(group, None)

    def heartbeats(self, now: float) -> Iterator[tuple[Group, Batch]]:
        """A sign of life for each group that was quiet for `limits.heartbeat`: where its cursor has moved without an event
        for it, the new id."""
        while self._quiet:
            group, written = next(iter(self._quiet.items()))
            if now - written < self._limits.heartbeat:
                return
            self.touch(group, now)
            before = group.reader.id
            if group.ready and group.refresh(self._fanout.hub.mark()):
                data = _sign_of_life(group, before, group.reader.id)
                yield group, Batch(body(data), len(data))

    def schedule_lifetime(self, client: Client, now: float) -> None:
        """Let a client leave after `limits.lifetime`, a tenth sooner or later, so that those who came together part."""
        self.schedule(
            client, "lifetime", now + (self._limits.lifetime or 0) * random.uniform(0.9, 1.1), self._limits.retry
        )

    def schedule(self, client: Client, reason: str, due: float, retry: float) -> None:
        """Let a client leave at `due`, in seconds of the fan-out's clock."""
        self.unschedule(client)
        client.departs, client.retry = max(_tick(due), self._tick), retry
        self._departures.setdefault(client.departs, {})[client] = reason

    def unschedule(self, client: Client) -> None:
        """It has gone already."""
        if client.departs is not None and client.departs in self._departures:
            self._departures[client.departs].pop(client, None)

    def dismiss(self, clients: Iterable[Client], spread: float, retry: float) -> None:
        """Let all of them leave, at some time within `spread` seconds."""
        now = self._fanout.clock()
        for client in clients:
            self.schedule(client, "drain", now + random.uniform(0, spread), retry)

    def _overdue(self, now: float) -> Iterator[Client]:
        lagging = self._fanout.lagging
        for client in lagging.blocked():
            if now - client.connection.since > self._limits.send_timeout:
                self._metrics.send_timeouts.inc()
                self._metrics.evictions.labels("timeout").inc()
                client.connection.abort("timeout")
                lagging.discard(client)
                yield client

    def _watch_buffers(self) -> None:
        buffer, most_events, most_bytes = self._limits.client_buffer, 0, 0
        for client in self._fanout.lagging.blocked():
            events, weight = client.reader.lag() if client.reader else (0, 0)
            most_events, most_bytes = max(most_events, events), max(most_bytes, weight)
            stays = client.open and client.caught_up and client.leaving is None
            if stays and (events > buffer.events or weight > buffer.bytes):
                self._metrics.evictions.labels("slow").inc()
                client.retry = self._limits.retry
                self._fanout.dismiss(client, "slow")
        self._metrics.clients_lagging.set(len(self._fanout.lagging.clients))
        self._metrics.lag_events.set(most_events)
        self._metrics.lag_bytes.set(most_bytes)

    def _watch_held(self, now: float) -> None:
        for client in [client for client in self._fanout.lagging.held if not client.connection.pending]:
            reader, frames = client.reader, client.group.frames
            if reader is None:
                continue
            if now - client.opened > _AHEAD_TIMEOUT:
                notices = [reader.give_up(log) for log in reader.ahead()]
                if notices:
                    self._fanout.write(client, frames.notices(notices, reader.id))
            elif now - client.written > self._limits.heartbeat:
                self._fanout.write(client, _sign_of_life(client.group, reader.id, reader.id))

    def _depart(self, now: float) -> None:
        while self._tick * TICK <= now:
            for client, reason in self._departures.pop(self._tick, {}).items():
                self._fanout.dismiss(client, reason)
            self._tick += 1


def _tick(moment: float) -> int:
    """The number of the first sweep after a moment."""
    return int(moment / TICK) + 1


def _sign_of_life(group: Group, before: str, id: str) -> bytes:
    form = group.frames.format
    return form.idle if form.idle is not None and id == before else form.control("gateway.at", id=id)
