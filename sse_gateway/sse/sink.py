"""Where the bytes of one client go: ordered writes that are done or pending, and an end with a reason.

A sink has one of two kinds of owner. A response writes from its own task: `deliver` waits for its turn and until the server
has taken the message. A fan-out writes to thousands of clients from one task: `write` never waits.

`write` is one call of the server's `send`, made without a task. What the call returns says whether the server has taken the
message. Granian does the work at the call and returns something already done, or a future where its four frames are full.
Other servers return a coroutine, which is driven by hand to its end or to the first future that it waits for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, MutableMapping
from time import monotonic
from typing import Any, Protocol

from .loop import loop_of
from .peer import Peer

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Sink(Protocol):
    """What a fan-out writes one client's messages to."""

    peer: Peer | None
    pending: bool
    """Whether the last write is not taken yet. Nothing may be written meanwhile."""
    since: float
    """When the last write began, in seconds of the owner's clock. The owner sets it."""
    reason: str | None
    """Why this side ended it. None while it is open."""
    freed: Callable[[], None] | None
    """Called when a write that was pending is done, also where the client has gone."""

    def write(self, message: Message) -> bool:
        """Write one ASGI message. Returns whether it is taken; if not, it is pending."""
        ...

    def finish(self, body: bytes, reason: str) -> None:
        """Write the last piece of the body. The client sees a whole answer."""
        ...

    def abort(self, reason: str) -> None:
        """End now. The client sees a broken connection, or nothing."""
        ...

    def time_out(self) -> None:
        """The client took nothing for too long: end now, for `timeout`, and be rid of its connection."""
        ...


def piece(data: bytes) -> Message:
    """The ASGI message of one piece of a body. One message may go to many clients."""
    return {"type": "http.response.body", "body": data, "more_body": True}


def last_piece(data: bytes) -> Message:
    """The ASGI message that ends a body."""
    return {"type": "http.response.body", "body": data, "more_body": False}


class AsgiSink:
    """A client that an ASGI server writes to. Its owner calls `write` only while nothing is pending, or only `deliver`."""

    __slots__ = (
        "_aborted",
        "_alarm",
        "_late",
        "_task",
        "_timeout",
        "_waiting",
        "freed",
        "pending",
        "peer",
        "reason",
        "send",
        "since",
    )

    finished: type[object] | None = None
    """The class of what the server's `send` returns when it is done at once, where one was seen: a quick test in `write`."""

    def __init__(self, send: Send, *, peer: Peer | None = None) -> None:
        """Made by the request's own task, which `abort` cancels."""
        self.send = send
        self.peer = peer
        self.pending = False
        self.since = 0.0
        self.reason: str | None = None
        self.freed: Callable[[], None] | None = None
        self._aborted = False
        self._task = asyncio.current_task()
        self._timeout: float | None = None
        self._late: Callable[[], None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._waiting: deque[asyncio.Future[None]] | None = None

    def limit(self, timeout: float | None, late: Callable[[], None] | None) -> None:
        """From now on call `late` when a delivery has been pending for `timeout` seconds. One timer serves all writes of
        that time: a cancel scope for each would cost more than the write."""
        self._timeout, self._late = timeout, late
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    async def deliver(self, message: Message, *, limited: bool = True) -> None:
        """Send one ASGI message when those before it are done, and wait until the server has taken it. `limited`: no longer
        than the limit."""
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
        which may be given here or set afterwards."""
        outcome = self.send(message)
        return outcome.__class__ is AsgiSink.finished or self.follow(outcome, freed)

    def follow(self, outcome: Awaitable[None], freed: Callable[[], None] | None = None) -> bool:
        """The same for what a call of `send` has returned."""
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
        """Send the end of the body. The request's task sees `http.disconnect` when the server has taken it. `body` must not
        be empty: granian takes an empty end at once, even where frames wait before it."""
        self.reason, self.freed = reason, None
        self.write(last_piece(body))

    def abort(self, reason: str) -> None:
        """Cancel the request's task; `absorb` there tells this cancellation from others. For a client that takes nothing."""
        self.reason = reason
        if self._task is not None and not self._aborted:
            self._aborted = self._task.cancel()

    def time_out(self) -> None:
        """Abort, and reset the connection, which the server would keep for as long as the client reads nothing."""
        self.abort("timeout")
        self.reset()

    def reset(self) -> None:
        """Reset the connection, unless another stream of this event loop goes over it."""
        loop_of(asyncio.get_running_loop()).reset(self.peer)

    def absorb(self) -> bool:
        """Whether the cancellation that reached the request's task was `abort`'s, and so ends here."""
        return self._aborted and self._task is not None and not self._task.uncancel()

    async def _turn(self) -> None:
        """Wait for the turn that `_pass_on` gives; `pending` then stays set, for whoever waited."""
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
        """Drive a coroutine to its end (True) or to the next future that it waits for, and go on when that is done."""
        try:
            waits_for = next(steps)
        except StopIteration:
            return True
        if waits_for is None:
            asyncio.get_running_loop().call_soon(self._resume, steps)
        else:
            waits_for._asyncio_future_blocking = False  # what a Task does with the future that it is handed
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
"""The name that the library's users know."""
