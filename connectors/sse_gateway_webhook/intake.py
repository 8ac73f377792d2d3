"""Between the requests and the gateway: deliveries wait here until they are in the log."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import anyio

from sse_gateway.connector import Message

from .deliveries import Delivery, Window
from .refusal import Refusal, busy

__all__ = ["Intake"]


@dataclass(slots=True, eq=False)
class _Post:
    """What one request wants appended. `last` is the receipt of its last message."""

    messages: list[Message]
    digests: list[bytes]
    last: int
    settled: anyio.Event = field(default_factory=anyio.Event)
    appended: bool = False


class Intake:
    """A queue with an answer. A request submits and waits; the gateway takes, appends and acknowledges.

    Receipts are numbers that rise in the order of the queue, so one acknowledgement settles all before it."""

    def __init__(self, window: Window, tally: Counter[str]) -> None:
        self._window = window
        self._tally = tally
        self._open = False
        self._receipts = count()
        self._queue: deque[_Post] = deque()
        self._taken: deque[_Post] = deque()
        self._arrived = anyio.Event()

    def open(self) -> None:
        """From now on deliveries are taken."""
        self._open = True

    def close(self) -> None:
        """Refuse whatever is not in the log yet: its senders will come again."""
        self._open = False
        for post in (*self._taken, *self._queue):
            self._settle(post, appended=False)
        self._taken.clear()
        self._queue.clear()

    def require_open(self) -> None:
        """Raises Refusal while the source is down, or draining."""
        if not self._open:
            raise _unavailable()

    async def submit(self, deliveries: Sequence[Delivery]) -> None:
        """Returns when all of them are in the log, by this request or an earlier one. Being cancelled takes none back.

        Raises:
            Refusal: they could not be appended now.
        """
        while (earlier := self._window.in_flight(deliveries)) is not None:
            await earlier.wait()
        fresh = self._window.fresh(deliveries, anyio.current_time())
        self._tally["duplicate"] += len(deliveries) - len(fresh)
        if any(delivery.messages for delivery in fresh):
            await self._append(fresh)

    async def take(self) -> list[Message]:
        """All that waits, at least one message. Being cancelled loses none."""
        while not self._queue:
            self._arrived = anyio.Event()
            await self._arrived.wait()
        posts, self._queue = self._queue, deque()
        self._taken += posts
        return [message for post in posts for message in post.messages]

    def acknowledge(self, receipt: int) -> None:
        """The message with this receipt and all before it are in the log."""
        while self._taken and self._taken[0].last <= receipt:
            self._settle(self._taken.popleft(), appended=True)

    async def _append(self, deliveries: Sequence[Delivery]) -> None:
        self.require_open()
        messages = [
            replace(message, receipt=next(self._receipts)) for delivery in deliveries for message in delivery.messages
        ]
        digests = [delivery.digest for delivery in deliveries if delivery.digest]
        post = _Post(messages, digests, messages[-1].receipt)
        self._window.begin(digests, post.settled)
        self._queue.append(post)
        self._arrived.set()
        await post.settled.wait()
        if not post.appended:
            raise _unavailable()

    def _settle(self, post: _Post, *, appended: bool) -> None:
        post.appended = appended
        self._window.end(post.digests, anyio.current_time(), appended=appended)
        post.settled.set()


def _unavailable() -> Refusal:
    return busy("unavailable", "this source takes nothing now; try again later")
