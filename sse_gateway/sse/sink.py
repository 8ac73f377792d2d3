"""The connection to one client: ordered writes, each of which is done or pending, and an end with a reason.

A sink has one of two owners. A response writes from its own task with `deliver`, which waits for its turn and until the server
has taken the message. A fan-out writes to thousands of clients from one task with `write`, which never waits.

`write` calls the server's `send` once, without a task. What the call returns tells whether the server has taken the message.
Granian does the work during the call. It returns an object that is already done, or a future when its queue of four frames is
full. Other servers return a coroutine, which `write` drives to its end or to the first future that it awaits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, MutableMapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, ClassVar

from .loop import loop_of
from .peer import Peer

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def piece(data: bytes) -> Message:
    """The ASGI message for one piece of a body. The same message may be sent to many clients."""
    return {"type": "http.response.body", "body": data, "more_body": True}


def last_piece(data: bytes) -> Message:
    """The ASGI message that ends a body."""
    return {"type": "http.response.body", "body": data, "more_body": False}


@dataclass(eq=False, slots=True)
class AsgiSink:
    """The sink of a client behind an ASGI server, created in the task of the request. Its owner either calls `write`, only
    while nothing is pending, or `deliver`."""

    send: Send
    peer: Peer | None = field(default=None, kw_only=True)
    pending: bool = field(default=False, init=False)
    """Whether the server has not taken the last write yet."""
    since: float = field(default=0.0, init=False)
    """When the last write began. `deliver` sets it, in seconds of the monotonic clock."""
    reason: str | None = field(default=None, init=False)
    """Why this side ended the stream. None while it is open."""
    freed: Callable[[], None] | None = field(default=None, init=False)
    """Called when a pending write is done, also when the client has disconnected."""
    finished: ClassVar[type[object] | None] = None
    """The class of what the server's `send` returns when it has taken a message at once; None until one was seen. Comparing
    classes is the fastest test that `write` can make."""
    _aborted: bool = field(default=False, init=False)
    _task: asyncio.Task[Any] | None = field(default_factory=asyncio.current_task, init=False)
    """The task of the request, which `abort` cancels."""
    _timeout: float | None = field(default=None, init=False)
    _late: Callable[[], None] | None = field(default=None, init=False)
    _alarm: asyncio.TimerHandle | None = field(default=None, init=False)
    _waiting: deque[asyncio.Future[None]] | None = field(default=None, init=False)

    def limit(self, timeout: float | None, late: Callable[[], None] | None) -> None:
        """Call `late` when a delivery has been pending for `timeout` seconds. One timer serves all writes, because a cancel
        scope for each write costs more than the write."""
        self._timeout, self._late = timeout, late
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    async def deliver(self, message: Message, *, limited: bool = True) -> None:
        """Send one ASGI message after those before it, and wait until the server takes it. `limited`: the limit applies."""
        if self.pending:
            await self._turn()
        self.pending = True
        self.since = monotonic()
        if self._timeout is not None and self._alarm is None and limited:
            self._alarm = asyncio.get_running_loop().call_later(self._timeout, self._check)
        try:
            await self.send(message)
        finally:
            if self._waiting:
                self._pass_on()
            else:
                self.pending = False

    def write(self, message: Message, freed: Callable[[], None] | None = None) -> bool:
        """Send one ASGI message. Returns whether the server has taken it. If not, it is pending until `freed` is called,
        which may be passed here or set later."""
        outcome = self.send(message)
        return outcome.__class__ is AsgiSink.finished or self.follow(outcome, freed)

    def follow(self, outcome: Awaitable[None], freed: Callable[[], None] | None = None) -> bool:
        """Do the same with the return value of a `send` that the caller has called."""
        if freed is not None:
            self.freed = freed
        if hasattr(outcome, "add_done_callback"):
            self.pending = not outcome.done()  # type: ignore[attr-defined]  # granian's own future
            if self.pending:
                outcome.add_done_callback(self._done)
            return not self.pending
        self.pending = not self._step(outcome.__await__())
        if not self.pending and not isinstance(outcome, Coroutine):
            AsgiSink.finished = outcome.__class__
        return not self.pending

    def finish(self, body: bytes, reason: str) -> None:
        """Send the last piece of the body. The request's task receives `http.disconnect` when the server has taken it. `body`
        must not be empty: granian takes an empty last piece at once, even while frames before it are queued."""
        self.reason, self.freed = reason, None
        self.write(last_piece(body))

    def abort(self, reason: str) -> None:
        """Cancel the request's task, for a client that takes nothing. `absorb` distinguishes this cancellation from others."""
        self.reason = reason
        if self._task is not None and not self._aborted:
            self._aborted = self._task.cancel()

    def time_out(self) -> None:
        """Abort, and reset the connection, which the server would keep open as long as the client reads nothing."""
        self.abort("timeout")
        self.reset()

    def reset(self) -> None:
        """Reset the connection, unless another stream of this event loop uses it."""
        loop_of(asyncio.get_running_loop()).reset(self.peer)

    def absorb(self) -> bool:
        """Whether the cancellation that reached the request's task came from `abort`, so that it must not propagate."""
        return self._aborted and self._task is not None and not self._task.uncancel()

    async def _turn(self) -> None:
        """Wait for the turn that `_pass_on` gives. `pending` stays set meanwhile."""
        if self._waiting is None:
            self._waiting = deque()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.pending = False

    def _check(self) -> None:
        self._alarm = None
        if not self.pending or self._timeout is None or self._late is None:
            return
        left = self.since + self._timeout - monotonic()
        if left <= 0:
            self._late()
        else:
            self._alarm = asyncio.get_running_loop().call_later(left, self._check)

    def _step(self, steps: Iterator[Any]) -> bool:
        """Drive a coroutine to its end (returns True) or to the next future that it awaits, and continue when that is done."""
        try:
            waits_for = next(steps)
        except StopIteration:
            return True
        if waits_for is None:
            asyncio.get_running_loop().call_soon(self._resume, steps)
        else:
            waits_for._asyncio_future_blocking = False  # as asyncio.Task does with a future that is awaited
            waits_for.add_done_callback(lambda _: self._resume(steps))
        return False

    def _resume(self, steps: Iterator[Any]) -> None:
        if self._step(steps):
            self._done(None)

    def _done(self, _: object) -> None:
        self.pending = False
        if self.freed is not None:
            self.freed()


Connection = AsgiSink
"""The public name of the class."""
