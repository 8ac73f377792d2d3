"""What is done with a request before its meaning counts: the refusals, and the body within its bounds of size and time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import anyio
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from sse_gateway.connector import Problem

from .config import WebhookConfig

_RETRY_AFTER = "5"
"""Seconds, as Svix waits before its first retry. By then a load balancer no longer uses a draining replica."""


class Refusal(Problem):
    """The answer is `status` with `detail`, and the request is counted as `kind`. The text never holds a secret."""

    def __init__(self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)
        self.kind = kind


def malformed(detail: str) -> Refusal:
    """400: the body is not what its content type says."""
    return Refusal(400, "malformed", detail)


def unauthorized(kind: str, detail: str, scheme: str = "Signature") -> Refusal:
    """401. RFC 9110 requires a challenge with it; `scheme` names what was expected."""
    return Refusal(401, kind, detail, {"www-authenticate": scheme})


def busy(kind: str, detail: str) -> Refusal:
    """503: the same request can succeed a little later, here or on another replica."""
    return Refusal(503, kind, detail, {"retry-after": _RETRY_AFTER})


@dataclass(slots=True)
class Pending:
    """How many bodies, and how many of their bytes, are being read or wait to be appended. `[pending]` bounds both, so
    neither many slow uploads nor a stalled log can fill the memory."""

    bodies: int = 0
    bytes: int = 0


class Body:
    """The body of one request. It must arrive within `body_timeout` from now."""

    def __init__(self, config: WebhookConfig, pending: Pending, receive: Receive, headers: Mapping[str, str]) -> None:
        self._max_bytes = config.max_body
        self._timeout = config.body_timeout
        self._limits = config.pending
        self._pending = pending
        self._receive = receive
        # the sender holds the body back until it gets `100 Continue`
        self._awaited = "expect" in headers
        length = headers.get("content-length", "")
        # cut, because int() refuses very long numbers; what is cut is too large in any case
        self._declared = int(length[:20]) if length.isdecimal() else 0
        self._deadline = anyio.current_time() + self._timeout
        self._charged = 0
        self._received = 0
        self._complete = False

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Count as pending, for as long as the context lasts. Its end releases what was charged.

        Raises:
            Refusal: no more bodies are allowed.
        """
        if self._pending.bodies >= self._limits.bodies:
            raise busy("pending_bodies", "too many bodies wait to be appended; try again later")
        self._pending.bodies += 1
        try:
            yield
        finally:
            self._pending.bodies -= 1
            self._pending.bytes -= self._charged

    async def read(self) -> bytes:
        """All of it. Its bytes are charged as they arrive.

        Raises:
            Refusal: it is too large (413), too slow (408), or there is no room (503).
            ClientDisconnect: the sender disconnected before its end.
        """
        self._require_size(self._declared)
        self._require_room(self._declared)
        body = bytearray()  # not a list of chunks: a sender may make each of them one byte
        try:
            with anyio.fail_after(self._deadline - anyio.current_time()):
                while not self._complete:
                    chunk = await self._chunk()
                    self._require_size(self._received)
                    self.charge(len(chunk))
                    body += chunk
        except TimeoutError:
            raise Refusal(408, "body_timeout", f"the body took longer than {self._timeout:g} s") from None
        return bytes(body)

    def charge(self, size: int) -> None:
        """Count `size` bytes more as pending.

        Raises:
            Refusal: there is no room for them.
        """
        self._require_room(size)
        self._charged += size
        self._pending.bytes += size

    async def discard(self) -> None:
        """Read the rest of a refused body. Many senders read the answer only after they have written everything; if the
        connection were closed before, they would see a reset and no answer. A body that is too large, or that the sender
        holds back, is not waited for."""
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

    def _require_room(self, size: int) -> None:
        if self._pending.bytes + size > self._limits.bytes:
            raise busy("pending_bytes", "too many bytes wait to be appended; try again later")

    def _require_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise Refusal(413, "body_too_large", f"a body may have {self._max_bytes} bytes")
