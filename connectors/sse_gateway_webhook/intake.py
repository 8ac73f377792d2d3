"""Deliveries, from the requests to the gateway: they wait here until they are in the log, and none is taken twice."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import count

import anyio

from sse_gateway.connector import Inbox, Message

from .refusal import Refusal, busy


def digest(path: str, id: str) -> bytes:
    """What the window keeps of an id: 16 bytes, however long a sender makes it. Tenants that post to different paths
    may use the same ids."""
    return blake2b(f"{path}\0{id}".encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a sender sends again as a whole: an event, or many in one body."""

    messages: tuple[Message, ...]
    digest: bytes | None = None
    """Of its id; None where it has none, and is never a repeat."""


class Window:
    """Remembers deliveries: those in flight, and of those appended in the last `span` seconds the latest `entries`."""

    def __init__(self, *, span: float, entries: int) -> None:
        self._span = span
        self._entries = entries
        self._in_flight: dict[bytes, anyio.Event] = {}
        self._appended: OrderedDict[bytes, float] = OrderedDict()

    def in_flight(self, deliveries: Iterable[Delivery]) -> anyio.Event | None:
        """Set when the outcome is known of one that is in flight already; None when none is."""
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
        """They are in flight until `settled` is set."""
        for digest in digests:
            self._in_flight[digest] = settled

    def end(self, digests: Iterable[bytes], now: float, *, appended: bool) -> None:
        """They are in flight no more; those that were not appended may come again."""
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
    """What one request wants appended. `last` is the receipt of its last message."""

    messages: list[Message]
    digests: list[bytes]
    last: int
    settled: anyio.Event = field(default_factory=anyio.Event)
    appended: bool = False


class Intake:
    """Between the requests and the gateway: a queue with an answer. A request submits and waits; the gateway takes,
    appends and acknowledges.

    Receipts are numbers that rise in the order of the queue, so one acknowledgement settles all before it."""

    def __init__(self, window: Window, tally: Counter[str]) -> None:
        self._window = window
        self._tally = tally
        self._receipts = count()
        self._inbox = Inbox[_Post]()
        self._taken: deque[_Post] = deque()
        self.close()

    def open(self) -> None:
        """From now on deliveries are taken."""
        self._inbox = Inbox()

    def close(self) -> None:
        """Refuse whatever is not in the log yet: its senders will come again."""
        self._inbox.lose("not entered")
        for post in (*self._taken, *self._inbox.take()):
            self._settle(post, appended=False)
        self._taken.clear()

    def require_open(self) -> None:
        """Raises Refusal while the source is down, or draining."""
        if self._inbox.lost is not None:
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
        await self._inbox.arrival()
        posts = self._inbox.take()
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
        self._inbox.put(post)
        await post.settled.wait()
        if not post.appended:
            raise _unavailable()

    def _settle(self, post: _Post, *, appended: bool) -> None:
        post.appended = appended
        self._window.end(post.digests, anyio.current_time(), appended=appended)
        post.settled.set()


def _unavailable() -> Refusal:
    return busy("unavailable", "this source takes nothing now; try again later")
