"""A stream with content of its own, which runs in the request's task until the content, the client, the server or a limit ends
it."""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable, Coroutine
from time import monotonic
from typing import Any, Literal, Protocol, cast

import anyio

from .content import AsyncContentStream, Feed, PushConnection, Reading
from .event import ensure_bytes
from .loop import count
from .servers import check_server, this_loop, timed_out
from .sink import Message, Receive, Send, piece
from .stream import CloseReason, Stream

logger = logging.getLogger(__name__)

_IN_ORDER = frozenset({"shutdown", "evicted", "expired"})
"""Reasons for which this side ends a stream although its client may still read."""
_LAST_MESSAGE = 0.5
"""Seconds for the last message when the server stops, so that a client that takes nothing does not delay the exit."""
_PATIENCE = 0.05
"""Seconds to wait for the body of the request before the content is read. If the content asks whether the client is connected
while the body is on its way, granian reports a false disconnect. If the application has read the body, it never comes."""
_SLICE = 0.002
"""Seconds for which a stream may run without yielding to other tasks. A server's `send` and an iterable may return without
waiting, so a tight loop would never notice that its client has disconnected, and would starve all other tasks."""
_EARLY = 0.005
"""Seconds by which a timer may be early. uvloop's clock does not advance within one iteration of the loop."""


class Options(Protocol):
    """The part of `EventSourceResponse` that a stream needs. The descriptions are there."""

    active: bool
    body_iterator: AsyncContentStream
    feed: Feed | None
    sep: str
    data_sender_callable: Callable[[], Awaitable[None]] | None
    send_timeout: float | None
    shutdown_event: anyio.Event | None
    shutdown_grace_period: float
    cleanup_timeout: float | None
    wait_for_first: bool
    on_shutdown: Literal["close", "finish", "farewell"]
    lifetime: float | None
    opening: bytes

    @property
    def ping_interval(self) -> float: ...

    def make_ping(self) -> bytes: ...

    def make_farewell(self) -> bytes: ...

    async def call_back(self, reason: CloseReason, disconnect: Message | None) -> None: ...


class Iterated(Stream):
    """A stream whose content runs in the request's own task, while another task waits for the disconnect.

    An early end cancels the request's task once, so that the content can still wait for its own cleanup. After
    `cleanup_timeout` the task is cancelled repeatedly.
    """

    def __init__(self, response: Options, head: Message, scope: Message, receive: Receive, send: Send) -> None:
        super().__init__(head, scope, send, response.opening)
        self.events = 0
        self.bytes = 0
        self.pings = 0
        self._size = 0
        """Bytes of the last piece."""
        self._yielded = monotonic()
        self._receive = receive
        self._requested: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the body of the request has come, or nobody waits for it any longer."""
        self._response = response
        self._loop = this_loop()
        self._reading = Reading(response.body_iterator, response.cleanup_timeout)
        self._push = PushConnection(self, response.sep) if response.feed is not None else None
        self._sender: asyncio.Task[None] | None = None
        self._last: anyio.CancelScope | None = None
        """Limits the time for the last message."""
        self._group = asyncio.TaskGroup()  # a task group of anyio takes 3 KB more per idle connection
        self._tasks: list[asyncio.Task[None]] = []
        self._timers: dict[CloseReason, asyncio.TimerHandle] = {}
        self._pinging: asyncio.TimerHandle | None = None
        self._stuck = False

    @property
    def reason(self) -> CloseReason | None:
        """Why the stream ends. None while it is open."""
        return cast("CloseReason | None", self.sink.reason)

    @property
    def queued(self) -> int:
        """Bytes that the server has not taken yet."""
        return self._size if self.sink.pending else 0

    @property
    def counts(self) -> tuple[int, int, int]:
        """Events, bytes and pings that were sent."""
        return self.events, self.bytes, self.pings

    async def run(self) -> None:
        """Run the stream from its head to its end.

        Raises:
            SendTimeoutError: the client took nothing for `send_timeout` seconds.
            Exception: the content, `data_sender_callable`, a callback or the server's `send` raised it.
        """
        try:
            await self._run_tasks()
            if not self.ended and (self.reason in _IN_ORDER or not self.started):
                await self._end_in_order()  # also if the client has gone, because middleware requires a response
        finally:
            self._settle("error")
            self._loop.leave(self)
            if self._loop.ending:
                self._loop.linger(self.peer)
            count(self, self.reason or "error")
            for timer in self._timers.values():
                timer.cancel()
            if self._push is not None:
                self._push.ended()
            if not self._loop.gone:
                await self._response.call_back(self.reason or "error", self.disconnect)
        if self.reason == "timeout":
            raise timed_out(self._response.send_timeout)

    async def send(self, data: bytes) -> None:
        """Send a piece of the body that is not an event."""
        self._size = len(data)
        await super().send(data)
        self.bytes += len(data)

    async def write(self, chunk: bytes) -> None:
        """Send one event."""
        if not self.started:
            await self.start()
        await self.send(chunk)
        self.events += 1
        if self.sink.since - self._yielded > _SLICE:
            await self._give_way()

    def asked(self) -> None:
        """The body of the request has come, or is not awaited any longer."""
        if not self._requested.done():
            self._requested.set_result(None)

    def interrupt(self, reason: CloseReason) -> None:
        """End the stream early. May be called by any task or timer of its event loop."""
        if self.reason is None:
            self._response.active = False
            self._stuck = self.sink.pending
            if self._sender is not None:
                self._sender.cancel()  # before the content closes its channel, which would raise an error in the sender
            self._reading.hurry()
            if reason == "timeout":
                self.sink.time_out()
            else:
                self.sink.abort(reason)

    def shut_down(self) -> None:
        """The server stops. End the stream as the response is configured."""
        if self._last is not None:
            self._last.deadline = min(self._last.deadline, asyncio.get_running_loop().time() + _LAST_MESSAGE)
            return
        response = self._response
        if response.shutdown_event is not None:
            response.shutdown_event.set()
        if response.on_shutdown == "finish":
            return
        grace = response.shutdown_grace_period
        self._end_in(random.uniform(0, grace) if response.on_shutdown == "farewell" else grace, "shutdown")

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a task that is cancelled when the stream ends. An exception of the task ends the stream."""
        task = self._group.create_task(coroutine)
        self._tasks.append(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.remove(task)
        if not task.cancelled() and task.exception() is not None:
            self._settle("error")  # at once, so that other tasks can push nothing until the content is cancelled
            self._reading.hurry()

    async def _run_tasks(self) -> None:
        response, failure = self._response, None
        try:
            async with self._group:
                if response.send_timeout is not None:
                    self.sink.limit(response.send_timeout, lambda: self.interrupt("timeout"))
                self.spawn(self._wait_for_disconnect())
                if response.data_sender_callable is not None:
                    self._sender = self.spawn(_call(response.data_sender_callable))
                self._loop.enter(self)
                try:
                    await self._read()
                finally:
                    for task in self._tasks:
                        task.cancel()
        except BaseExceptionGroup as errors:
            failure = errors  # middleware must see the exception itself instead of a group of one
            while isinstance(failure, BaseExceptionGroup) and len(failure.exceptions) == 1:
                failure = failure.exceptions[0]
        if failure is not None:  # outside of the handler, so that the context of the exception does not change
            raise failure

    async def _read(self) -> None:
        """Send the stream until its content ends or something ends it early. Close the content."""
        cancelled = ours = False
        try:
            await self._pump()
            ours = self._absorb()  # the content may have suppressed a cancellation
        except BaseException as error:
            cancelled, ours = isinstance(error, asyncio.CancelledError), self._absorb()
            if not (cancelled and ours):
                self._settle("shutdown" if cancelled and self._loop.ending else "error")
                raise
        finally:
            if self._pinging is not None:
                self._pinging.cancel()
                self._pinging = None
            self.sink.limit(None, None)
            if self._sender is not None:
                self._sender.cancel()
            if not self._loop.gone:
                await self._reading.close(cancelled=cancelled, shield=not ours)

    def _absorb(self) -> bool:
        """Whether the cancellation came from `interrupt`, and no other came after it."""
        self._reading.forgive()
        return self.sink.absorb()

    async def _pump(self) -> None:
        response, served = self._response, not self._response.active
        if not response.wait_for_first:
            await self.start()
        if response.lifetime is not None:  # what may end the stream at once starts after the head, which would be lost
            self._end_in(response.lifetime * random.uniform(0.9, 1), "expired")
        if self._loop.ending:
            self.shut_down()
        patience = asyncio.get_running_loop().call_later(_PATIENCE, self.asked)
        await self._requested
        patience.cancel()
        self._arm_ping(response.ping_interval)
        if served:  # a response can be sent once
            await asyncio.sleep(0)
        elif self._push is not None and response.feed is not None:
            await response.feed(self._push)
        else:
            await self._write_all()
        if self.reason is None:
            self.sink.limit(response.send_timeout, self._reset)
            await self.end()
            self._settle("finished")
        else:  # if the task has cancelled itself and has not waited since, the cancellation is raised here
            await asyncio.sleep(0)

    async def _write_all(self) -> None:
        """Send what the content yields, until the content or the stream ends."""
        sink, deliver, sep = self.sink, self.sink.deliver, self._response.sep
        async for item in self._reading:
            chunk = ensure_bytes(item, sep)
            if sink.reason is not None:  # the content has suppressed the cancellation
                return
            if not self.started:
                await self.start()
            self._size = size = len(chunk)
            await deliver(piece(chunk))
            self.events += 1
            self.bytes += size
            if sink.since - self._yielded > _SLICE:
                await self._give_way()

    async def _give_way(self) -> None:
        await asyncio.sleep(0)
        self._yielded = monotonic()

    async def _end_in_order(self) -> None:
        response, stopping = self._response, self.reason == "shutdown"
        farewell = response.make_farewell() if stopping else b""
        if self._stuck and not farewell:  # granian takes an empty last piece at once, even while frames are queued
            farewell = f":{response.sep}{response.sep}".encode()
        with anyio.move_on_after(_LAST_MESSAGE if stopping else response.send_timeout) as self._last:
            await self.end(farewell)
        if self._last.cancelled_caught:
            self._reset()

    async def _wait_for_disconnect(self) -> None:
        await self.listen(self._receive)
        if "shutdown" in self._timers:
            return  # uvicorn 0.43 and 0.44 report it for every client when they stop; the grace ends the stream anyway
        logger.debug("Got event: http.disconnect. Stop streaming.")
        self.interrupt("client")

    def _reset(self) -> None:
        self._loop.leave(self)  # otherwise this stream itself would keep the connection
        self.sink.reset()

    def _end_in(self, delay: float, reason: CloseReason) -> None:
        if delay <= 0:
            self.interrupt(reason)
        elif reason not in self._timers:
            self._timers[reason] = asyncio.get_running_loop().call_later(delay, self.interrupt, reason)

    def _arm_ping(self, delay: float) -> None:
        if 0 < delay < math.inf:
            self._pinging = asyncio.get_running_loop().call_later(delay, self._look_for_silence)

    def _look_for_silence(self) -> None:
        interval = self._response.ping_interval
        left = self.sink.since + interval - monotonic()
        check_server(self._loop)
        if self.sink.pending or not self.started:
            self._arm_ping(interval)
        elif left > _EARLY:
            self._arm_ping(left)
        else:
            self.spawn(self._ping())

    async def _ping(self) -> None:
        chunk = self._response.make_ping()
        if not (self.sink.pending or self.ended):
            self.pings += 1
            await self.send(chunk)
        if self._pinging is not None:
            self._arm_ping(self._response.ping_interval)

    def _settle(self, reason: CloseReason) -> None:
        self._response.active = False
        if self.reason is None:
            self.sink.reason = reason


async def _call(function: Callable[[], Awaitable[None]]) -> None:
    await function()
