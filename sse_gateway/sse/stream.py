"""One stream: it feeds a response from its content, until the content, the client, the server or a limit ends it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Literal, cast

import anyio

from .body import Body, head
from .eviction import timed_out
from .listener import Listener, Message, Receive
from .peer import peer_of
from .pings import Pings
from .push import PushConnection
from .reading import Reading
from .shutdown import heed_server, this_loop
from .sink import Connection, Send
from .statistics import count

if TYPE_CHECKING:
    from .response import EventSourceResponse

__all__ = ["CloseReason", "Stream"]

CloseReason = Literal["finished", "client", "shutdown", "timeout", "error", "evicted", "expired"]

logger = logging.getLogger(__name__)

_IN_ORDER = frozenset({"shutdown", "evicted", "expired"})
"""Reasons for which this side ends a stream whose client may be well."""
_LAST_MESSAGE = 0.5
"""Seconds for the last message when the server stops: a client that takes nothing must not hold it."""


class Stream:
    """The life of one response. Its content runs in the request's own task; another task waits for the disconnect.

    What ends a stream early cancels the request's task once, so that the content may still wait for its own cleanup, and
    cancels it for good when that has taken `cleanup_timeout`.
    """

    __slots__ = (
        "__weakref__",
        "_group",
        "_last",
        "_listener",
        "_loop",
        "_pings",
        "_reading",
        "_sender",
        "_stuck",
        "_tasks",
        "_timers",
        "body",
        "connection",
        "peer",
        "push",
        "response",
    )

    def __init__(self, response: EventSourceResponse, scope: Message, receive: Receive, send: Send) -> None:
        self.peer = peer_of(scope)
        self.connection = Connection(send, peer=self.peer)
        self.body = Body(self.connection, head(response.status_code, response.raw_headers, scope), response.opening())
        self.push = PushConnection(self) if response.feed is not None else None
        self.response = response
        self._listener = Listener(receive)
        self._pings = Pings(self)
        self._loop = this_loop()
        self._reading = Reading(response)
        self._sender: asyncio.Task[None] | None = None
        self._last: anyio.CancelScope | None = None
        """Around the last message."""
        self._group = asyncio.TaskGroup()  # an anyio one costs 3 KB more for an idle connection
        self._tasks: list[asyncio.Task[None]] = []
        self._timers: dict[CloseReason, asyncio.TimerHandle] = {}
        self._stuck = False

    @property
    def reason(self) -> CloseReason | None:
        """Why the stream ends; None while it goes on."""
        return cast("CloseReason | None", self.connection.reason)

    async def run(self) -> None:
        """All of it.

        Raises:
            SendTimeoutError: the client took nothing for `send_timeout` seconds.
            Exception: whatever the content, `data_sender_callable`, a callback or the server's `send` raised.
        """
        try:
            await self._run_tasks()
            if not self.body.ended and (self.reason in _IN_ORDER or not self.body.started):
                await self._end_in_order()  # to a client that has gone too: middleware insists on a response
        finally:
            self._settle("error")
            self._leave()
            if not self._loop.gone:
                await self.response.call_back(self.reason or "error", self._listener.disconnect)
        if self.reason == "timeout":
            raise timed_out(self.response.send_timeout)

    def interrupt(self, reason: CloseReason) -> None:
        """End the stream early. From its loop's thread, in any task or timer."""
        if self.reason is None:
            self.response.active = False
            self._stuck = self.connection.pending
            if self._sender is not None:
                self._sender.cancel()  # before the content is closed, so that it is not told of a broken channel
            self._reading.hurry()
            self.connection.abort(reason)

    def shut_down(self) -> None:
        """The server stops: end as the response says."""
        if self._last is not None:
            self._last.deadline = min(self._last.deadline, asyncio.get_running_loop().time() + _LAST_MESSAGE)
            return
        response = self.response
        if response.shutdown_event is not None:
            response.shutdown_event.set()
        if response.on_shutdown == "finish":
            return
        grace = response.shutdown_grace_period
        self._end_in(random.uniform(0, grace) if response.on_shutdown == "farewell" else grace, "shutdown")

    def heed_server(self) -> None:
        """Look whether the server stops."""
        heed_server(self._loop)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a task that ends with the stream at the latest. What it raises ends the stream."""
        task = self._group.create_task(coroutine)
        self._tasks.append(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.remove(task)
        if not task.cancelled() and task.exception() is not None:
            self._settle("error")  # now, and not when the content sees it: until then others may push
            self._reading.hurry()

    async def _run_tasks(self) -> None:
        failure: BaseException | None = None
        try:
            async with self._group:
                self._begin()
                try:
                    await self._read()
                finally:
                    for task in self._tasks:
                        task.cancel()
        except BaseExceptionGroup as errors:
            failure = _only(errors)
        if failure is not None:  # out here, so that its context stays its own
            raise failure

    def _begin(self) -> None:
        response = self.response
        if response.send_timeout is not None:
            self.connection.limit(response.send_timeout, self._time_out)
        self.spawn(self._listener.run(self._lose_client))
        if response.data_sender_callable is not None:
            self._sender = self.spawn(_call(response.data_sender_callable))
        self._loop.enter(self)

    async def _read(self) -> None:
        """From the first message to the last, or to where the stream was ended."""
        cancelled = ours = False
        try:
            await self._pump()
            ours = self._absorb()  # the content may have kept a cancellation to itself
        except BaseException as error:
            cancelled, ours = isinstance(error, asyncio.CancelledError), self._absorb()
            if not (cancelled and ours):
                self._settle("shutdown" if cancelled and self._loop.ending else "error")
                raise
        finally:
            self._pings.stop()
            self.connection.limit(None, None)
            if self._sender is not None:
                self._sender.cancel()
            if not self._loop.gone:
                await self._reading.close(cancelled=cancelled, shield=not ours)

    def _absorb(self) -> bool:
        """Whether the cancellation was `interrupt`'s, and no other came after it."""
        self._reading.expiry.forgive()
        return self.connection.absorb()

    async def _pump(self) -> None:
        if not self.response.wait_for_first:
            await self.body.start()
        self._set_limits()
        await self._listener.first()
        self._pings.start()
        await self._reading.run(self.body, self.push)
        if self.reason is None:
            self.connection.limit(self.response.send_timeout, self._reset)
            await self.body.end()
            self._settle("finished")
        else:  # a task that was cancelled by itself, and has waited for nothing since, sees it here
            await asyncio.sleep(0)

    def _set_limits(self) -> None:
        """What may end the stream at once: not before its head, which would be lost."""
        if self.response.lifetime is not None:
            self._end_in(self.response.lifetime * random.uniform(0.9, 1), "expired")
        if self._loop.ending:
            self.shut_down()

    async def _end_in_order(self) -> None:
        response, stopping = self.response, self.reason == "shutdown"
        farewell = response.make_farewell() if stopping else b""
        if self._stuck and not farewell:  # granian takes an empty end at once, also where frames wait
            farewell = f":{response.sep}{response.sep}".encode()
        with anyio.move_on_after(_LAST_MESSAGE if stopping else response.send_timeout) as self._last:
            await self.body.end(farewell)
        if self._last.cancelled_caught:
            self._reset()

    def _lose_client(self) -> None:
        if "shutdown" in self._timers:
            return  # uvicorn 0.43 and 0.44 say so of everybody when they stop; the grace ends it in any case
        logger.debug("Got event: http.disconnect. Stop streaming.")
        self.interrupt("client")

    def _time_out(self) -> None:
        if self.reason is None:
            self.interrupt("timeout")
            self._reset()

    def _reset(self) -> None:
        self._loop.leave(self)  # only another stream of this client can keep its connection
        self._loop.reset(self.peer)

    def _end_in(self, delay: float, reason: CloseReason) -> None:
        if delay <= 0:
            self.interrupt(reason)
        elif reason not in self._timers:
            self._timers[reason] = asyncio.get_running_loop().call_later(delay, self.interrupt, reason)

    def _settle(self, reason: CloseReason) -> None:
        self.response.active = False
        if self.reason is None:
            self.connection.reason = reason

    def _leave(self) -> None:
        self._loop.leave(self)
        if self._loop.ending:
            self._loop.linger(self.peer)
        count(self.body, self.reason or "error")
        for timer in self._timers.values():
            timer.cancel()
        if self.push is not None:
            self.push.ended()
        if self.response.limiter is not None:
            self.response.limiter.leave()


async def _call(function: Callable[[], Awaitable[None]]) -> None:
    await function()


def _only(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """What middleware is to see: the exception itself, not a group of one."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
