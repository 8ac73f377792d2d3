"""The fan-out: one flush a turn of the loop writes what is new to all clients at the same place, as one message.

Whatever is written to a client after its opening is written by the one task of `run`: events, heartbeats, notices and
farewells. So writes never overlap, and ids only go forward.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, MutableMapping
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import anyio

from ..core import Hub, Mark
from ..sse import Connection, Send
from .bell import Bell
from .broadcast import Broadcast, Round, to_ready
from .client import Batch, Client, Group
from .lagging import Lagging
from .roster import Roster
from .stream import StreamRequest, begin_stream, body, jittered, write_opening
from .sweep import Sweep
from .tally import Tally

if TYPE_CHECKING:
    from ..config import LimitsConfig
    from ..metrics import Metrics

__all__ = ["Fanout"]

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Peers = list[tuple[str, int]]


async def _reset_nothing(peers: Peers) -> None:
    """Leave it to the kernel: TCP_USER_TIMEOUT drops whoever takes nothing."""


class Fanout:
    """Writes what `hub` holds to the clients that ask for it."""

    def __init__(
        self,
        hub: Hub,
        limits: LimitsConfig,
        metrics: Metrics,
        *,
        clock: Callable[[], float] | None = None,
        reset: Callable[[Peers], Coroutine[Any, Any, None]] = _reset_nothing,
    ) -> None:
        """`clock` gives seconds, the loop's by default. `reset` drops the sockets of clients that take nothing."""
        self.hub = hub
        self.limits = limits
        self.metrics = metrics
        self.clock = clock or asyncio.get_running_loop().time
        self.tally = Tally()
        self.roster = Roster(hub, metrics, self.tally, max_id=limits.max_id)
        self._bell = Bell()
        self._hurry = Bell()
        self.lagging = Lagging(wake=self._bell.ring, tally=self.tally)
        self.broadcast = Broadcast(self.lagging, self.tally, metrics, self.clock)
        self.sweep = Sweep(self)
        self._reset = reset
        self._unfinished: list[Group] = []
        self._flushed: list[asyncio.Future[None]] = []
        self._draining: float | None = None
        hub.wake = self._bell.ring

    @property
    def clients(self) -> int:
        """Open streams."""
        return len(self.roster.clients)

    async def run(self) -> None:
        """Flush when something is new, sweep when it is time, for ever."""
        async with anyio.create_task_group() as group:
            while True:
                await self._bell.wait(self.sweep.due - self.clock())
                if (pause := self.broadcast.pause) > 0:
                    await self._hurry.wait(pause)
                if self.clock() >= self.sweep.due:
                    peers = self.sweep.run(self.clock())
                    if peers:
                        group.start_soon(self._reset, peers)
                await self.flush()

    async def serve(
        self, request: StreamRequest, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> None:
        """The whole life of one client: from the start of the response until it has gone, or was sent away."""
        host, port = scope.get("client") or ("", 0)
        now = self.clock()
        client = self.roster.enter(request, Connection(send, peer=(host, int(port))), now)
        try:
            await send(begin_stream(request.format))
            await send(body(write_opening(client.group.frames, client.place, self.limits.retry)))
            self.tally.count_gaps(client.place.notices)
            self._welcome(client)
            while (await receive())["type"] != "http.disconnect":
                pass
        except asyncio.CancelledError:
            if not client.connection.absorb():
                raise
        finally:
            self._forget(client)

    async def flushed(self) -> None:
        """Wait until all that is published by now has been handed to the clients; the window is cut short."""
        future = asyncio.get_running_loop().create_future()
        self._flushed.append(future)
        self._bell.ring()
        self._hurry.ring()
        await future

    async def drain(self, *, spread: float, retry: float) -> None:
        """Say farewell to every client within `spread` seconds, and return when all have gone. Until then each gets what
        comes, and what it was behind. `retry` is when it comes back: in so many seconds, or up to twice as many."""
        self._draining = retry
        await self.flushed()
        self.sweep.dismiss(self.roster.clients, spread, retry)
        if self.roster.clients:
            await self.roster.empty.wait()

    def abort_all(self) -> None:
        """Drop the clients that are left."""
        for client in self.roster.clients:
            client.connection.abort("drain")

    async def flush(self) -> None:
        """One round: it fixes how far it goes, and for which groups. What comes later waits for the next."""
        waiting, self._flushed = self._flushed, []
        news = self._news(self._due(), self.hub.mark(), self.clock())
        beats = (to_ready(group, batch) for group, batch in self.sweep.heartbeats(self.clock()))
        await self.broadcast.send(chain(news, beats))
        for client in self.lagging.catch_up(self.hub.mark(), self.clock()):
            self._join(client)
        self.tally.settle(self.metrics)
        for future in waiting:
            if not future.done():
                future.set_result(None)
        if self._unfinished:
            self._bell.ring()

    def dismiss(self, client: Client, reason: str) -> None:
        """Let a client leave: now, or as soon as it takes anything."""
        if client.reader is None:
            self._say_farewell(client, reason)
        elif client.leaving is None:
            client.leaving = reason
            self.lagging.free(client)

    def write(self, client: Client, data: bytes) -> None:
        """Write to one client of the lagging set that has nothing pending."""
        client.written = client.connection.since = self.clock()
        self.tally.count(Batch(body(data), len(data)))
        if client.connection.write(body(data), partial(self.lagging.free, client)):
            self.lagging.free(client)

    def _due(self) -> list[Group]:
        """The groups that have something to read. Nobody who comes may move one on before its turn."""
        groups = [*dict.fromkeys([*self._unfinished, *self.roster.groups_of(self.hub.changed())])]
        self._unfinished = []
        for group in groups:
            group.unfinished = True
        return groups

    def _news(self, groups: Iterable[Group], mark: Mark, now: float) -> Iterator[Round]:
        for group in groups:
            if batch := group.take(mark):
                self.sweep.touch(group, now)
                self._unfinished += [group] if group.unfinished else []
                yield to_ready(group, batch)

    def _welcome(self, client: Client) -> None:
        now = self.clock()
        if self._draining is not None:
            self.sweep.dismiss([client], spread=0, retry=self._draining)
        elif self.limits.lifetime is not None:
            self.sweep.schedule_lifetime(client, now)
        self.sweep.watch(client.group, now)
        self.lagging.add(client, now)

    def _forget(self, client: Client) -> None:
        empty = self.roster.leave(client)
        client.connection.reason = client.connection.reason or "client"
        self.lagging.discard(client)
        self.sweep.unschedule(client)
        if empty is not None:
            self.sweep.forget(empty)

    def _join(self, client: Client) -> None:
        """A client has read all that its group has been sent, or is to leave."""
        if client.leaving is not None:
            self._say_farewell(client, client.leaving)
            return
        self.lagging.discard(client)
        client.reader, client.caught_up = None, True
        client.group.ready[client] = client.connection.send

    def _say_farewell(self, client: Client, reason: str) -> None:
        """End a stream in order, with the id to come back with."""
        form, id = client.group.frames.format, client.place.id
        client.reader = client.place.fork()
        client.group.ready.pop(client, None)
        bye = form.control("gateway.bye", {"reason": reason}, id=id, retry=jittered(client.retry))
        client.connection.finish(bye, reason)
        self.lagging.add(client, self.clock())
