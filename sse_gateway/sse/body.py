"""The messages of one response: its head, the events, and its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, MutableMapping
from time import monotonic
from typing import Any

from .event import ensure_bytes
from .sink import Connection

__all__ = ["Body", "head"]

_SLICE = 0.002
"""Seconds that a stream may go on without giving way. Neither a server's `send` nor an iterable has to wait for anything,
so a tight loop would else never learn that its client has gone, and starve everybody."""


def head(status: int, headers: list[tuple[bytes, bytes]], scope: Mapping[str, Any]) -> MutableMapping[str, Any]:
    """The first message. HTTP/2 and later have no `Connection` header, and forbid it."""
    if str(scope.get("http_version", "1.1")) >= "2":
        headers = [(name, value) for name, value in headers if name != b"connection"]
    return {"type": "http.response.start", "status": status, "headers": headers}


class Body:
    """What is written to one connection, the only way to it: nothing comes before the head or after the end."""

    __slots__ = ("_head", "_opening", "_yielded", "bytes", "connection", "ended", "events", "pings", "size", "started")

    def __init__(self, connection: Connection, head: MutableMapping[str, Any], opening: bytes) -> None:
        """`opening` is sent behind the head, unless it is empty."""
        self.connection = connection
        self.started = False
        self.ended = False
        self.events = 0
        self.bytes = 0
        self.size = 0
        """Of the last message, in bytes."""
        self.pings = 0
        self._head = head
        self._opening = opening
        self._yielded = 0.0

    @property
    def queued(self) -> int:
        """Bytes that the server has not taken yet."""
        return self.size if self.connection.pending else 0

    async def start(self) -> None:
        """Send the head and the opening. No send timeout holds for the head."""
        head, self._head, self.started = self._head, {}, True
        try:
            await self.connection.deliver(head, limited=False)
        except BaseException:
            self.ended = True  # whether the server has it can't be known, and nothing may come without it
            raise
        self._yielded = monotonic()
        if self._opening:
            await self.send(self._opening)

    async def write_all(self, iterator: AsyncIterator[Any], sep: str) -> None:
        """Send what an iterator gives, until it ends or the connection has a reason to."""
        connection, deliver = self.connection, self.connection.deliver
        async for item in iterator:
            chunk = ensure_bytes(item, sep)
            if connection.reason is not None:  # the iterator has kept the cancellation to itself
                return
            if not self.started:
                await self.start()
            self.size = size = len(chunk)
            await deliver({"type": "http.response.body", "body": chunk, "more_body": True})
            self.events += 1
            self.bytes += size
            if connection.since - self._yielded > _SLICE:
                await self._give_way()

    async def write(self, chunk: bytes) -> None:
        """Send one event."""
        if not self.started:
            await self.start()
        await self.send(chunk)
        self.events += 1
        if self.connection.since - self._yielded > _SLICE:
            await self._give_way()

    async def send(self, chunk: bytes) -> None:
        """Send what is no event."""
        self.size = len(chunk)
        await self.connection.deliver({"type": "http.response.body", "body": chunk, "more_body": True})
        self.bytes += len(chunk)

    async def end(self, farewell: bytes = b"") -> None:
        """Send the last message, after the head if nothing was sent yet."""
        if not self.started:
            await self.start()
        self.ended = True
        await self.connection.deliver({"type": "http.response.body", "body": farewell, "more_body": False})

    async def _give_way(self) -> None:
        await asyncio.sleep(0)
        self._yielded = monotonic()
