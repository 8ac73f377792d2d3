"""Reading a body within its limits of size and time, and within the budget for what is not yet in the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import anyio
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from .refusal import Refusal, busy


class Pending:
    """How many bodies, and how many of their bytes, are being read or wait to be appended. Both have a bound, so
    neither many slow uploads nor a stalled log can fill the memory."""

    def __init__(self, *, max_bodies: int, max_bytes: int) -> None:
        self.bodies = 0
        self.bytes = 0
        self._max_bodies = max_bodies
        self._max_bytes = max_bytes

    @contextmanager
    def admit(self) -> Iterator[Charge]:
        """One body more, for as long as the context lasts; what was charged to it is released at its end.

        Raises:
            Refusal: there are as many as may be.
        """
        if self.bodies >= self._max_bodies:
            raise busy("pending_bodies", "too many bodies wait to be appended; try again later")
        charge = Charge(self)
        self.bodies += 1
        try:
            yield charge
        finally:
            self.bodies -= 1
            self.bytes -= charge.bytes

    def fits(self, size: int) -> bool:
        """Is there room for `size` bytes more?"""
        return self.bytes + size <= self._max_bytes


class Charge:
    """The bytes that one body takes of the budget."""

    def __init__(self, pending: Pending) -> None:
        self.bytes = 0
        self._pending = pending

    def require(self, size: int) -> None:
        """Find room for `size` bytes more without taking it.

        Raises:
            Refusal: there is none.
        """
        if not self._pending.fits(size):
            raise busy("pending_bytes", "too many bytes wait to be appended; try again later")

    def grow(self, size: int) -> None:
        """Take `size` bytes more.

        Raises:
            Refusal: there is no room for them.
        """
        self.require(size)
        self.bytes += size
        self._pending.bytes += size


class Body:
    """The body of one request, which has `timeout` seconds from now on to come."""

    def __init__(self, receive: Receive, headers: Mapping[str, str], *, max_bytes: int, timeout: float) -> None:
        self._receive = receive
        self._declared = _length(headers)
        self._awaited = "expect" in headers
        self._max_bytes = max_bytes
        self._timeout = timeout
        self._deadline = anyio.current_time() + timeout
        self._received = 0
        self._complete = False

    async def read(self, charge: Charge) -> bytes:
        """All of it. Its bytes are charged as they come.

        Raises:
            Refusal: it is too large (413), too slow (408), or the budget is spent (503).
            ClientDisconnect: the sender went away first.
        """
        self._require_size(self._declared)
        charge.require(self._declared)
        body = bytearray()  # not a list of chunks: a sender may make each of them one byte
        try:
            with anyio.fail_after(self._deadline - anyio.current_time()):
                while not self._complete:
                    chunk = await self._chunk()
                    self._require_size(self._received)
                    charge.grow(len(chunk))
                    body += chunk
        except TimeoutError:
            raise Refusal(408, "body_timeout", f"the body took longer than {self._timeout:g} s") from None
        return bytes(body)

    async def discard(self) -> None:
        """Take in what still comes of a refused one. Many senders read only when they have written: if we answered and
        closed before, they would find a reset connection and no answer. One that will be too large is not waited for,
        nor one that is held back for our `100 Continue`."""
        if self._awaited or self._declared > self._max_bytes:
            return
        with anyio.move_on_after(self._deadline - anyio.current_time()):
            while not self._complete and self._received <= self._max_bytes:
                await self._chunk()

    async def _chunk(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect()
        chunk: bytes = message.get("body", b"")
        self._received += len(chunk)
        self._complete = not message.get("more_body", False)
        return chunk

    def _require_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise Refusal(413, "body_too_large", f"a body may have {self._max_bytes} bytes")


def _length(headers: Mapping[str, str]) -> int:
    """Content-Length; 0 where there is none. So long a number that int() would refuse it is too large in any case."""
    text = headers.get("content-length", "")
    return int(text[:20]) if text.isdecimal() else 0
