"""The fan-out: a flush writes what is new to all clients at the same position, as one message.

After the opening, only the task of `run` writes to a client: events, heartbeats, notices and the farewell. So writes
never overlap, and ids only move forward.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import anyio

from ..config import LimitsConfig
from ..core import Hub
from ..metrics import Metrics
from ..sse import Connection, Send
from ..sse.stream import Broadcast, Stream
from .client import Client, Departure, Group, Roster, State, StreamRequest
from .joins import Batch, Tally, control
from .lagging import Lagging
from .timetable import Action, Beat, BeatHeld, Drop, GiveUp, Leave, Timetable

_SLICE = 500
"""Sends in one turn of the loop, or up to twice as many. One takes 10 µs, so a turn takes about 8 ms."""
_MAX_WINDOW = 0.05
"""The longest time between flushes while clients block, in seconds. At 2 million deliveries a second the median latency
fell from 53 to 19 ms."""
_BLOCKED_SHARE = 100
"""The window grows when more than one in this many clients blocks."""


class Fanout:
    """Writes what `hub` holds to the clients that asked for it."""

    def __init__(
        self, hub: Hub, limits: LimitsConfig, metrics: Metrics, *, clock: Callable[[], float] | None = None
    ) -> None:
        """`clock` returns seconds. By default it is the clock of the loop."""
        self.hub = hub
        self.clock = clock or asyncio.get_running_loop().time
        self.window = 0.0
        """Seconds between two flushes. While clients block, longer windows make fewer and larger writes."""
        self.limits = limits
        self._metrics = metrics
        self._bell = _Bell()
        self._hurry = _Bell()
        self.tally = Tally(metrics)
        """Settled ten times a second, and before the metrics are read."""
        self.roster = Roster(hub, self.tally, max_id=limits.max_id, wake=self._bell.ring)
        self.timetable = Timetable(limits, self.roster, self.clock())
        self._lagging = Lagging(self.roster, self.tally)
        self._unfinished: list[Group] = []
        self._flushed: list[asyncio.Future[None]] = []
        self.draining: float | None = None
        """The `retry` of the drain that has begun."""
        self._ended = self.clock()
        hub.wake = self._bell.ring

    @property
    def clients(self) -> int:
        """The number of open streams."""
        return len(self.roster.clients)

    async def run(self) -> None:
        """Flush when something is new or due. It never returns."""
        while True:
            self._bell.ring_in(self.timetable.next - self.clock())
            await self._bell.wait()
            if (pause := self._ended + self.window - self.clock()) > 0:
                with anyio.move_on_after(pause):
                    await self._hurry.wait()
            await self.flush()

    def feed(self, request: StreamRequest) -> Broadcast:
        """What feeds the response to `request`."""
        return _Feed(self, request)

    async def flushed(self) -> None:
        """Wait until all events published before this call are written to the clients. It cuts the window short."""
        future = asyncio.get_running_loop().create_future()
        self._flushed.append(future)
        self._bell.ring()
        self._hurry.ring()
        await future

    async def drain(self, *, spread: float, retry: float) -> None:
        """Send every client a farewell within `spread` seconds, and return when all have left. Until then each gets
        what is published and what it was behind. The farewell says to reconnect in `retry` seconds, or up to twice as
        many."""
        self.draining = retry
        await self.flushed()
        now = self.clock()
        for client in self.roster.clients:
            self.timetable.schedule(client, Departure(now + random.uniform(0, spread), "drain", retry))
        if self.roster.clients:
            await self.roster.empty.wait()

    def abort_all(self) -> None:
        """Abort the clients that are left."""
        for client in self.roster.clients:
            client.connection.abort("drain")
            self.roster.move(client, State.GONE)

    async def flush(self) -> None:
        """Write what is new to the groups with news, do what is due, and let the others catch up. How far it goes, and
        for which groups, is fixed at its start (docs/architecture.md, rule 18)."""
        waiting, self._flushed = self._flushed, []
        await self._broadcast(self._news())
        if (now := self.clock()) >= self.timetable.next:
            self.tally.settle()
            await self._carry_out(self.timetable.due(now), now)
        now = self.clock()
        for client in self._lagging.catch_up(self.hub, now):
            if client.leaving is None:
                self.roster.move(client, State.READY)
            else:
                self._say_farewell(client, client.leaving, now)
        for future in waiting:
            if not future.done():
                future.set_result(None)
        if self._unfinished:
            self._bell.ring()

    def _news(self) -> Iterator[tuple[Group, Batch]]:
        upto, now = self.hub.position, self.clock()
        groups = dict.fromkeys([*self._unfinished, *self.roster.groups_of(self.hub.changed())])
        self._unfinished = []
        for group in groups:
            group.unfinished = True  # so that a client that comes meanwhile does not move it
        for group in groups:
            if batch := group.take(upto):
                group.written = now
                if group.unfinished:
                    self._unfinished.append(group)
                yield group, batch

    async def _broadcast(self, rounds: Iterable[tuple[Group, Batch]]) -> None:
        """Write each batch to the ready clients of its group, in as many turns of the loop as it takes. Each batch is
        made when its turn comes."""
        sent = blocked = turn = 0
        oldest: float | None = None
        for group, batch in rounds:
            if batch.oldest is not None:
                oldest = batch.oldest if oldest is None else min(oldest, batch.oldest)
            clients = [*group.ready.items()]
            for start in range(0, len(clients), _SLICE):
                part = clients[start : start + _SLICE]
                if start:  # some may have left since the last turn
                    part = [(client, send) for client, send in part if client in group.ready]
                blocked += self._send(group, batch, part)
                sent, turn = sent + len(part), turn + len(part)
                if turn >= _SLICE:
                    turn = 0
                    await asyncio.sleep(0)
        self._ended = self.clock()
        if oldest is not None:  # a flush of heartbeats alone is not counted
            self.tally.add(self._metrics.flushes)
            self._metrics.delivery_latency.observe(max(self._ended - oldest, 0))
        if sent:
            self._adapt(blocked, sent)

    def _send(self, group: Group, batch: Batch, clients: list[tuple[Client, Send]]) -> int:
        """Write one batch to ready clients. Returns how many of them block."""
        message, done = batch.message, Connection.finished
        self.tally.write(batch, len(clients))
        unclear = [(client, outcome) for client, send in clients if (outcome := send(message)).__class__ is not done]
        blocked = 0
        for client, outcome in unclear:
            if not client.connection.follow(outcome, partial(self._lagging.freed, client)):
                blocked += 1
                client.written = self.clock()
                self.roster.move(client, State.BLOCKED)
        return blocked

    def _adapt(self, blocked: int, sent: int) -> None:
        if blocked * _BLOCKED_SHARE > sent:
            window = min(max(self.window * 2, 0.001), _MAX_WINDOW)
        else:
            window = self.window * 0.9 if self.window > 0.0005 else 0.0
        if window != self.window:
            self.window = window
            self._metrics.flush_window.set(window)

    async def _carry_out(self, actions: list[Action], now: float) -> None:
        for action in actions:
            match action:
                case Drop(client):
                    self._metrics.send_timeouts.inc()
                    self._metrics.evictions.labels("timeout").inc()
                    client.connection.time_out()
                    self.roster.move(client, State.GONE)
                case Leave(client):
                    self._dismiss(client, now)
                case BeatHeld(client):
                    data = client.group.frames.heartbeat(client.subscriber.id, moved=False)
                    self._lagging.write(client, control(data), now)
                case GiveUp(client):
                    self._give_up(client, now)
        self._metrics.clients_lagging.set(self.roster.lagging)
        self._metrics.lag_events.set(self.timetable.lag[0])
        self._metrics.lag_bytes.set(self.timetable.lag[1])
        await self._broadcast(self._beats(action.group for action in actions if isinstance(action, Beat)))

    def _beats(self, groups: Iterable[Group]) -> Iterator[tuple[Group, Batch]]:
        for group in groups:
            before = group.reader.id
            if group.ready and group.refresh(self.hub):
                id = group.reader.id
                yield group, control(group.frames.heartbeat(id, moved=id != before))

    def _give_up(self, client: Client, now: float) -> None:
        reader = client.subscriber
        if notices := [reader.give_up(log) for log in reader.ahead()]:
            data = client.group.frames.notices(notices, reader.id)
            if self._lagging.write(client, control(data), now):
                self.roster.move(client, State.BEHIND)

    def _dismiss(self, client: Client, now: float) -> None:
        """Send a client its farewell, now or as soon as it takes a write."""
        if client.leaving is not None and client.leaving.reason == "slow":
            self._metrics.evictions.labels("slow").inc()
        if client.state is State.READY and client.leaving is not None:
            self._say_farewell(client, client.leaving, now)
        elif client.state is State.HELD:
            self.roster.move(client, State.BEHIND)

    def _say_farewell(self, client: Client, departure: Departure, now: float) -> None:
        """End a stream in order, with the id to reconnect with."""
        client.written = now
        client.connection.finish(client.farewell(departure), departure.reason)
        self.roster.move(client, State.CLOSING)


class _Feed(Broadcast):
    """Feeds the response of one client."""

    __slots__ = ("_client", "_fanout", "_request")

    def __init__(self, fanout: Fanout, request: StreamRequest) -> None:
        self._fanout = fanout
        self._request = request

    def begin(self, stream: Stream) -> bytes:
        self._client = self._fanout.roster.enter(self._request, stream.sink, self._fanout.clock())
        return self._client.opening(self._fanout.limits.retry)

    def ready(self, stream: Stream) -> None:
        fanout, client, now = self._fanout, self._client, self._fanout.clock()
        fanout.tally.tell(client.subscriber.notices)
        if fanout.draining is None:
            fanout.timetable.schedule_lifetime(client, now)
        else:
            fanout.timetable.schedule(client, Departure(now, "drain", fanout.draining))
        fanout.timetable.watch(client.group, now)
        fanout.roster.move(client, State.BEHIND)

    def ended(self, stream: Stream) -> None:
        self._fanout.timetable.forget(self._client)
        self._fanout.roster.leave(self._client)


class _Bell:
    """Any task rings it, and one task awaits it. It is a bare future, because an event takes five times as long (8
    µs)."""

    def __init__(self) -> None:
        self._rung = False
        self._waiting: asyncio.Future[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None

    def ring(self) -> None:
        """Wake the waiting task, or let the next wait return at once."""
        self._rung = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def ring_in(self, seconds: float) -> None:
        """Ring after some time, unless a timer is already set: one timer serves many waits."""
        if self._alarm is None:
            # at least 1 ms, because a timer that fires early by a rounding error would be set again and again
            self._alarm = asyncio.get_running_loop().call_later(max(seconds, 0.001), self._ring_alarm)

    def _ring_alarm(self) -> None:
        self._alarm = None
        self.ring()

    async def wait(self) -> None:
        """Return when it has rung since the last wait, but never in the same turn of the loop."""
        if self._rung:
            await asyncio.sleep(0)
        else:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        self._rung = False
