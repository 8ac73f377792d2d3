"""What is due: timeouts, buffers, heartbeats, lifetimes and the farewells of a drain. It checks the waiting clients ten
times a second, because a timer for each would add 10 µs to every write."""

from __future__ import annotations

import random
from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

from ..config import LimitsConfig
from .client import Client, Departure, Group, Roster, State

_TICKS = 10
"""Checks per second: a timeout or a farewell is at most 0.1 s late."""
_AHEAD_TIMEOUT = 5.0
"""Seconds for which a client waits until this replica has read what the client has seen elsewhere. Replicas of one
queue are normally less than this apart."""


class Drop(NamedTuple):
    """Abort a client: it has not taken a write within `limits.send_timeout`."""

    client: Client


class Leave(NamedTuple):
    """Send a client its farewell, for the reason in `client.leaving`."""

    client: Client


class Beat(NamedTuple):
    """Send a heartbeat to the ready clients of a group."""

    group: Group


class BeatHeld(NamedTuple):
    """Send a heartbeat to a client that is held."""

    client: Client


class GiveUp(NamedTuple):
    """Tell a held client that this replica has not reached what its id names."""

    client: Client


Action = Drop | Leave | Beat | BeatHeld | GiveUp


class Timetable:
    """Decides what is due. It is told the time, and returns actions for the fan-out to carry out."""

    def __init__(self, limits: LimitsConfig, roster: Roster, now: float) -> None:
        self.lag = 0, 0
        """The largest lag of the blocked clients at the last check, in events and in bytes."""
        self._limits = limits
        self._roster = roster
        self._tick = _tick(now) + 1
        self._wheel: dict[int, dict[Client | Group, None]] = {}
        """By tick, the clients that are to leave and the groups that may need a heartbeat."""

    @property
    def next(self) -> float:
        """When to call `due` next."""
        return self._tick / _TICKS

    def due(self, now: float) -> list[Action]:
        """What is to be done at `now`: at most one action for each client."""
        return [*self._stuck(now), *self._held(now), *self._turn(now)]

    def schedule(self, client: Client, departure: Departure) -> None:
        """Let a client leave at the time of `departure`, unless an earlier departure is scheduled."""
        if client.departure is None or departure.at < client.departure.at:
            self.forget(client)
            client.departure = departure
            self._enter(departure.at, client)

    def schedule_lifetime(self, client: Client, now: float) -> None:
        """Let a client leave after `limits.lifetime`, 10 % earlier or later, so that clients that came together do not
        leave together."""
        if self._limits.lifetime is not None:
            at = now + self._limits.lifetime * random.uniform(0.9, 1.1)
            self.schedule(client, Departure(at, "lifetime", self._limits.retry))

    def watch(self, group: Group, now: float) -> None:
        """Send heartbeats to a group from now on, for as long as it has clients."""
        if group.written is None:
            group.written = now
            self._enter(now + self._limits.heartbeat, group)

    def forget(self, client: Client) -> None:
        """Remove the departure that is scheduled for a client."""
        if client.departure is not None:
            self._wheel.get(max(_tick(client.departure.at), self._tick), {}).pop(client, None)

    def _enter(self, at: float, entry: Client | Group) -> None:
        self._wheel.setdefault(max(_tick(at), self._tick), {})[entry] = None

    def _turn(self, now: float) -> Iterator[Action]:
        while self.next <= now:
            entries = self._wheel.pop(self._tick, {})
            self._tick += 1
            for entry in entries:
                if isinstance(entry, Group):
                    yield from self._look_at(entry, now)
                elif entry.leaving is None:
                    entry.leaving = entry.departure
                    yield Leave(entry)

    def _look_at(self, group: Group, now: float) -> Iterator[Action]:
        """A heartbeat, if the group was silent for `limits.heartbeat`. It is checked again for as long as it has
        clients."""
        if not group.clients or group.written is None:
            return
        if now - group.written >= self._limits.heartbeat:
            group.written = now
            yield Beat(group)
        self._enter(group.written + self._limits.heartbeat, group)

    def _stuck(self, now: float) -> Iterator[Action]:
        """The clients whose write has been pending for too long, and those that are too far behind."""
        buffer, most_events, most_bytes = self._limits.client_buffer, 0, 0
        states = self._roster.states
        for client in (*states[State.BLOCKED], *states[State.CLOSING]):
            if not client.connection.pending:
                continue
            if now - client.written > self._limits.send_timeout:
                client.leaving = Departure(now, "timeout", 0)
                yield Drop(client)
                continue
            events, weight = client.subscriber.lag()
            most_events, most_bytes = max(most_events, events), max(most_bytes, weight)
            due = client.departure is not None and client.departure.at <= now
            stays = client.caught_up and client.leaving is None and not due
            if stays and (events > buffer.events or weight > buffer.bytes):
                client.leaving = Departure(now, "slow", self._limits.retry)
                yield Leave(client)
        self.lag = most_events, most_bytes

    def _held(self, now: float) -> Iterator[Action]:
        for client in self._roster.states[State.HELD]:
            if client.departure is not None and client.departure.at <= now:
                continue
            if now - client.opened > _AHEAD_TIMEOUT:
                yield GiveUp(client)
            elif now - client.written > self._limits.heartbeat:
                yield BeatHeld(client)


def _tick(moment: float) -> int:
    """The number of the first tick at or after `moment`."""
    return ceil(moment * _TICKS)
