"""Deliveries between the requests and the gateway. They wait here until they are in the log, and repeats are dropped."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import count

import anyio

from sse_gateway.connector import Inbox, Message

from .request import Refusal, busy


def digest(path: str, id: str) -> bytes:
    """What the window remembers of an id: 16 bytes, however long the id is. The path is part of it, so tenants that post to
    different paths may use the same ids."""
    return blake2b(f"{path}\0{id}".encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a sender repeats as a whole: one event, or many in one body."""

    messages: tuple[Message, ...]
    digest: bytes | None = None
    """The digest of its id; None if it has no id, so that it is never a repeat."""


class Window:
    """Remembers deliveries: those in flight, and the latest `entries` of those appended in the last `span` seconds."""

    def __init__(self, *, span: float, entries: int) -> None:
        self._span = span
        self._entries = entries
        self._in_flight: dict[bytes, anyio.Event] = {}
        self._appended: OrderedDict[bytes, float] = OrderedDict()

    def in_flight(self, deliveries: Iterable[Delivery]) -> anyio.Event | None:
        """The event that is set when a delivery that is already in flight is settled; None if there is none."""
        found = (self._in_flight.get(delivery.digest) for delivery in deliveries if delivery.digest)
        return next((event for event in found if event), None)

    def fresh(self, deliveries: Sequence[Delivery], now: float) -> list[Delivery]:
        """Those that were not appended before; of two with the same id the first. A repeat renews its id."""
        self._forget(now)
        fresh: dict[object, Delivery] = {}
        for delivery in deliveries:
            if delivery.digest and delivery.digest in self._appended:
                self._remember(delivery.digest, now)
            else:
                fresh.setdefault(delivery.digest or object(), delivery)
        return list(fresh.values())

    def begin(self, digests: Iterable[bytes], settled: anyio.Event) -> None:
        """These deliveries are in flight until `settled` is set."""
        for digest in digests:
            self._in_flight[digest] = settled

    def end(self, digests: Iterable[bytes], now: float, *, appended: bool) -> None:
        """These deliveries are no longer in flight. Unless they were appended, they may come again."""
        for digest in digests:
            del self._in_flight[digest]
            if appended:
                self._remember(digest, now)
        self._forget(now)

    def _remember(self, digest: bytes, now: float) -> None:
        self._appended[digest] = now
        self._appended.move_to_end(digest)

    def _forget(self, now: float) -> None:
        while self._appended:
            oldest, time = next(iter(self._appended.items()))
            if len(self._appended) <= self._entries and now - time <= self._span:
                return
            del self._appended[oldest]


@dataclass(slots=True, eq=False)
class _Post:
    """What one request wants appended."""

    messages: list[Message]
    digests: list[bytes]
    settled: anyio.Event = field(default_factory=anyio.Event)
    appended: bool = False


class Intake:
    """A queue with an answer. A request submits and waits; the gateway takes, appends and acknowledges.

    Receipts are numbers that rise in the order of the queue, so one acknowledgement settles all before it."""

    def __init__(self, window: Window, tally: Counter[str]) -> None:
        self._window = window
        self._tally = tally
        self._receipts = count()
        self._inbox = Inbox[_Post]()
        self._taken: deque[_Post] = deque()
        self.close()

    def open(self) -> None:
        """Accept deliveries from now on."""
        self._inbox = Inbox()

    def close(self) -> None:
        """Refuse everything that is not in the log yet. Its senders will retry."""
        self._inbox.lose("not entered")
        for post in (*self._taken, *self._inbox.take()):
            self._settle(post, appended=False)
        self._taken.clear()

    def require_open(self) -> None:
        """Raises Refusal while the source is down or draining."""
        if self._inbox.lost is not None:
            raise _unavailable()

    async def submit(self, deliveries: Sequence[Delivery]) -> None:
        """Returns when all of them are in the log, from this request or an earlier one. Cancelling it withdraws none.

        Raises:
            Refusal: they could not be appended.
        """
        while (earlier := self._window.in_flight(deliveries)) is not None:
            await earlier.wait()
        fresh = self._window.fresh(deliveries, anyio.current_time())
        self._tally["duplicate"] += len(deliveries) - len(fresh)
        messages = [replace(message, receipt=next(self._receipts)) for one in fresh for message in one.messages]
        if not messages:
            return
        self.require_open()
        post = _Post(messages, [one.digest for one in fresh if one.digest])
        self._window.begin(post.digests, post.settled)
        self._inbox.put(post)
        await post.settled.wait()
        if not post.appended:
            raise _unavailable()

    async def take(self) -> list[Message]:
        """All that waits, at least one message. Cancelling it loses none."""
        await self._inbox.arrival()
        posts = self._inbox.take()
        self._taken += posts
        return [message for post in posts for message in post.messages]

    def acknowledge(self, receipt: int) -> None:
        """The message with this receipt and all before it are in the log."""
        while self._taken and self._taken[0].messages[-1].receipt <= receipt:
            self._settle(self._taken.popleft(), appended=True)

    def _settle(self, post: _Post, *, appended: bool) -> None:
        post.appended = appended
        self._window.end(post.digests, anyio.current_time(), appended=appended)
        post.settled.set()


def _unavailable() -> Refusal:
    return busy("unavailable", "this source takes nothing now; try again later")
