"""What is due: timeouts, buffers, heartbeats, lifetimes and the farewells of a drain. All clients that wait are looked at
ten times a second; a timer for each would add 10 µs to every write."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from ..config import LimitsConfig
from .client import Client, Departure, Group, Roster, State

TICK = 0.1
"""Seconds between two looks, and so the most that a timeout or a farewell is late."""
_AHEAD_TIMEOUT = 5.0
"""Seconds that this replica has to reach what a client has seen elsewhere: replicas of one queue are at most this far
apart when all is well."""


class Drop(NamedTuple):
    """Cut off a client: it has not taken a write within `limits.send_timeout`."""

    client: Client


class Leave(NamedTuple):
    """Say farewell to a client, for the reason in `client.leaving`."""

    client: Client


class Beat(NamedTuple):
    """Send a heartbeat to the ready clients of a group."""

    group: Group


class BeatHeld(NamedTuple):
    """Send a heartbeat to a client that is held."""

    client: Client


class GiveUp(NamedTuple):
    """Tell a held client that this replica will not reach what its id has seen."""

    client: Client


Action = Drop | Leave | Beat | BeatHeld | GiveUp


class Timetable:
    """Decides what is due. It is told the time, and does nothing itself: it returns actions for the fan-out."""

    def __init__(self, limits: LimitsConfig, roster: Roster, now: float) -> None:
        self.next = now + TICK
        """When to ask again."""
        self.lag = 0, 0
        """Of the blocked clients, the most events and the most bytes behind, when it was last asked."""
        self._limits = limits
        self._roster = roster
        self._quiet: OrderedDict[Group, float] = OrderedDict()
        """When each group was last written to, the longest ago first."""
        self._departures: dict[int, dict[Client, None]] = {}
        """Who is to leave, by tick."""
        self._tick = _tick(now)

    def due(self, now: float) -> list[Action]:
        """What is to be done at `now`, at most one action for a client."""
        self.next = now + TICK
        return [*self._stuck(now), *self._departing(now), *self._held(now), *self._silent(now)]

    def schedule(self, client: Client, departure: Departure) -> None:
        """Let a client leave at that time, unless it leaves earlier for another reason."""
        if client.departure is None or departure.at < client.departure.at:
            self._unschedule(client)
            client.departure = departure
            self._departures.setdefault(self._tick_of(departure), {})[client] = None

    def schedule_lifetime(self, client: Client, now: float) -> None:
        """Let a client leave when its `limits.lifetime` is over, a tenth sooner or later, so that clients that came
        together do not leave together."""
        if self._limits.lifetime is not None:
            at = now + self._limits.lifetime * random.uniform(0.9, 1.1)
            self.schedule(client, Departure(at, "lifetime", self._limits.retry))

    def forget(self, client: Client) -> None:
        """Forget a client that has left, and its group if it was the last one of it."""
        self._unschedule(client)
        if not client.group.clients:
            self._quiet.pop(client.group, None)

    def watch(self, group: Group, now: float) -> None:
        """Send heartbeats to a group from now on, if it gets none yet."""
        self._quiet.setdefault(group, now)

    def touch(self, group: Group, now: float) -> None:
        """A group is written to: its next heartbeat is put off."""
        self._quiet[group] = now
        self._quiet.move_to_end(group)

    def _unschedule(self, client: Client) -> None:
        if client.departure is not None:
            self._departures.get(self._tick_of(client.departure), {}).pop(client, None)

    def _tick_of(self, departure: Departure) -> int:
        return max(_tick(departure.at), self._tick)

    def _stuck(self, now: float) -> Iterator[Action]:
        """Those whose write is pending for too long, and those that are too far behind."""
        buffer, most_events, most_bytes = self._limits.client_buffer, 0, 0
        states = self._roster.states
        for client in (*states[State.BLOCKED], *states[State.CLOSING]):
            if not client.connection.pending:
                continue
            if now - client.written > self._limits.send_timeout:
                client.leaving = Departure(now, "timeout", 0)
                yield Drop(client)
                continue
            events, weight = client.place.lag()
            most_events, most_bytes = max(most_events, events), max(most_bytes, weight)
            stays = (
                client.caught_up and client.leaving is None and (client.departure is None or client.departure.at > now)
            )
            if stays and (events > buffer.events or weight > buffer.bytes):
                client.leaving = Departure(now, "slow", self._limits.retry)
                yield Leave(client)
        self.lag = most_events, most_bytes

    def _departing(self, now: float) -> Iterator[Action]:
        while self._tick * TICK <= now:
            for client in self._departures.pop(self._tick, {}):
                if client.leaving is None:
                    client.leaving = client.departure
                    yield Leave(client)
            self._tick += 1

    def _held(self, now: float) -> Iterator[Action]:
        for client in self._roster.states[State.HELD]:
            if client.leaving is not None:
                continue
            if now - client.opened > _AHEAD_TIMEOUT:
                yield GiveUp(client)
            elif now - client.written > self._limits.heartbeat:
                yield BeatHeld(client)

    def _silent(self, now: float) -> Iterator[Action]:
        while self._quiet:
            group, written = next(iter(self._quiet.items()))
            if now - written < self._limits.heartbeat:
                return
            self.touch(group, now)
            yield Beat(group)


def _tick(moment: float) -> int:
    """The number of the first tick after a moment."""
    return int(moment / TICK) + 1
