"""One client on the wire: ordered writes that are done or pending, and an end with a reason.

It has two kinds of owner. A response writes from its own task: `deliver` waits for its turn and until the server has
taken the message. The fan-out writes to thousands from one task: `write` never waits.

Such a write is one call of the server's `send`, made without a task. What comes back says if the server took the message:
granian does the work at the call and answers with something already done, unless its four frames are full, then with a
future; other servers answer with a coroutine, which is driven by hand to its end or to the first future it waits for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, MutableMapping
from time import monotonic
from typing import Any

__all__ = ["Connection", "Send"]

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Steps = Iterator[Any]


class Connection:
    """The writes of one client. Whoever owns it calls `write` only while nothing is pending, or only `deliver`."""

    __slots__ = (
        "_aborted",
        "_alarm",
        "_freed",
        "_late",
        "_task",
        "_timeout",
        "_waiting",
        "pending",
        "peer",
        "reason",
        "send",
        "since",
    )

    finished: type[object] | None = None
    """The class of what the server's `send` returns when it is done at once, once it was seen: to look no further."""

    def __init__(self, send: Send, *, peer: tuple[str, int] | None = None) -> None:
        """Made by the request's own task, which then waits for `http.disconnect`. `peer` is address and port."""
        self.send = send
        self.peer = peer
        self.pending = False
        self.since = 0.0
        """When the last write began, in seconds of the owner's clock; the owner sets it, or `deliver` by the monotonic."""
        self.reason: str | None = None
        """Why it was closed from this side; None while it is open."""
        self._aborted = False
        self._freed: Callable[[], None] | None = None
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

    async def deliver(self, message: MutableMapping[str, Any], *, limited: bool = True) -> None:
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

    def write(self, message: MutableMapping[str, Any], freed: Callable[[], None]) -> bool:
        """Send one ASGI message. True: the server has taken it. False: it is pending, and `freed` is called when it is not
        (also when the client has gone: only `http.disconnect` tells)."""
        outcome = self.send(message)
        return outcome.__class__ is Connection.finished or self.follow(outcome, freed)

    def follow(self, outcome: Awaitable[None], freed: Callable[[], None]) -> bool:
        """The same for what a call of `send` has returned."""
        self._freed = freed
        if hasattr(outcome, "add_done_callback"):
            self.pending = not outcome.done()  # type: ignore[attr-defined]  # granian's own future
            if self.pending:
                outcome.add_done_callback(self._done)
            return not self.pending
        self.pending = not self._step(outcome.__await__())
        if not self.pending and not isinstance(outcome, Coroutine):
            Connection.finished = outcome.__class__
        return not self.pending

    def finish(self, body: bytes, reason: str) -> None:
        """Send the last message and the end of the body. The request's task then sees `http.disconnect`, when the server
        has taken it. Never empty: an empty end is taken at once even where frames wait before it."""
        self.reason = reason
        self.write({"type": "http.response.body", "body": body, "more_body": False}, lambda: None)

    def abort(self, reason: str) -> None:
        """End without a word: the client takes nothing. The request's task is cancelled, and `absorb` knows it."""
        self.reason = reason
        if self._task is not None and not self._aborted:
            self._aborted = self._task.cancel()

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

    def _step(self, steps: Steps) -> bool:
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

    def _resume(self, steps: Steps) -> None:
        if self._step(steps):
            self._done(None)

    def _done(self, _: object) -> None:
        self.pending = False
        if self._freed is not None:
            self._freed()
