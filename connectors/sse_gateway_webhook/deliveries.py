"""Deliveries, and the window in which none is taken twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import anyio

from sse_gateway.connector import Message

__all__ = ["Delivery", "Window", "digest"]


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
