"""What all streams have in common: a head, an opening, a client that may disconnect, an end with a reason, and a limit of how
many may be open.

Everything here runs in the request's own task. A stream with content of its own adds tasks and timers; a stream that a fan-out
writes to adds nothing.
"""

from __future__ import annotations

import asyncio
import random
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, Protocol

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response

from .peer import Peer, peer_of
from .sink import AsgiSink, Message, Receive, Send, last_piece, piece

CloseReason = Literal["finished", "client", "shutdown", "timeout", "error", "evicted", "expired"]

_DISCONNECTS = frozenset({"http.disconnect", "websocket.disconnect"})
_SENT: Message = {}
_MAX_LENGTH = 4096
"""Characters. Browsers send back an id of any length, even 16,000 characters, but many proxies limit headers to 8 KiB."""


class Broadcast(ABC):
    """Writes to many streams from a task of its own."""

    __slots__ = ()

    @abstractmethod
    def begin(self, stream: Stream) -> bytes:
        """A stream begins. Returns its opening, which is sent after the head."""

    @abstractmethod
    def ready(self, stream: Stream) -> None:
        """The head and the opening have been sent. From now on the broadcast may write to `stream.sink`."""

    @abstractmethod
    def ended(self, stream: Stream) -> None:
        """The stream has ended. `stream.sink.reason` is why."""


class Stream:
    """One stream. Nothing is sent before its head or after its end."""

    __slots__ = ("_head", "disconnect", "ended", "opening", "sink", "started")

    def __init__(self, head: Message, scope: Mapping[str, Any], send: Send, opening: bytes = b"") -> None:
        """`opening` is sent after the head, unless it is empty."""
        self.sink = AsgiSink(send, peer=peer_of(scope))
        self.disconnect: Message | None = None
        """The message by which the server reported that the client has disconnected."""
        self.started = False
        self.ended = False
        self._head = head
        self.opening = opening

    @property
    def peer(self) -> Peer | None:
        """The client."""
        return self.sink.peer

    async def start(self) -> None:
        """Send the head and the opening. No send timeout applies to the head."""
        head, self._head, self.started = self._head, _SENT, True
        opening, self.opening = self.opening, b""
        try:
            await self.sink.deliver(head, limited=False)
        except BaseException:
            self.ended = True  # nobody knows whether the server has the head, and nothing may be sent without it
            raise
        if opening:
            await self.send(opening)

    async def send(self, data: bytes) -> None:
        """Send a piece of the body, and wait until the server has taken it."""
        await self.sink.deliver(piece(data))

    async def listen(self, receive: Receive) -> None:
        """Wait until the client has disconnected."""
        while (message := await receive())["type"] not in _DISCONNECTS:
            self.asked()
            await asyncio.sleep(0)  # `receive` may return without waiting
        self.disconnect = message

    def asked(self) -> None:
        """A part of the request has arrived."""

    async def end(self, farewell: bytes = b"") -> None:
        """Send the last piece of the body, and the head first if it was not sent yet."""
        if not self.started:
            await self.start()
        self.ended = True
        await self.sink.deliver(last_piece(farewell))


class Limiter(Protocol):
    """Decides whether one stream may be open."""

    def enter(self) -> bool:
        """Take a place. Returns False if none is left."""

    def leave(self) -> None:
        """Give the place back."""

    def refusal(self) -> Response:
        """The response if no place is left."""


class ConnectionLimiter:
    """Limits the open streams of all event loops together: `EventSourceResponse(..., limiter=limiter)`.

    A request beyond the limit gets 503 with Retry-After. A browser's EventSource does not retry after that; its page has to.
    """

    def __init__(self, max_connections: int = 100, *, retry_after: int = 5, max_per_address: int | None = None) -> None:
        """`retry_after` is in seconds. `max_per_address` applies to calls of `admit` with an address."""
        self.max_connections = max_connections
        self.max_per_address = max_per_address
        self.retry_after = retry_after
        self.open = 0
        """How many streams are open."""
        self._addresses: Counter[str] = Counter()
        self._lock = threading.Lock()

    def admit(self, address: str = "") -> Literal["limit", "address"] | None:
        """Take a place, or return which limit is reached: `limit` (the total) or `address`. An empty address has no limit."""
        with self._lock:
            if self.open >= self.max_connections:
                return "limit"
            if self.max_per_address is not None and address:
                if self._addresses[address] >= self.max_per_address:
                    return "address"
                self._addresses[address] += 1
            self.open += 1
            return None

    def enter(self) -> bool:
        """Take a place. Returns False if none is left."""
        return self.admit() is None

    def leave(self, address: str = "") -> None:
        """Give the place back."""
        with self._lock:
            self.open -= 1
            if self.max_per_address is not None and address:
                self._addresses[address] -= 1
                if not self._addresses[address]:
                    del self._addresses[address]

    def refusal(self) -> Response:
        """The response if no place is left."""
        headers = {"Retry-After": str(self.retry_after), "Cache-Control": "no-store"}
        return PlainTextResponse("Too many open streams", 503, headers)


async def serve(
    head: Message,
    scope: MutableMapping[str, Any],
    receive: Receive,
    send: Send,
    feed: Broadcast,
    limiter: Limiter | None,
) -> None:
    """Run a stream that `feed` writes to, from its head to its end. If `limiter` has no place, send its refusal instead."""
    if limiter is not None and not limiter.enter():
        return await limiter.refusal()(scope, receive, send)
    try:
        stream = Stream(head, scope, send)
        del head  # an idle stream keeps nothing that it has sent
        stream.opening = feed.begin(stream)
        try:
            await stream.start()
            feed.ready(stream)
            await stream.listen(receive)
        except asyncio.CancelledError:
            if not stream.sink.absorb():
                raise
        finally:
            stream.sink.reason = stream.sink.reason or "client"
            feed.ended(stream)
    finally:
        if limiter is not None:
            limiter.leave()


def head(status: int, headers: list[tuple[bytes, bytes]], scope: Mapping[str, Any]) -> Message:
    """The first message. It has no `Connection` header in HTTP/2 and later, which forbid it."""
    if str(scope.get("http_version", "1.1")) >= "2":
        headers = [(name, value) for name, value in headers if name != b"connection"]
    return {"type": "http.response.start", "status": status, "headers": headers}


def last_event_id(request: HTTPConnection, *, max_length: int | None = _MAX_LENGTH) -> str | None:
    """The id of the last event that the client has received: the `Last-Event-ID` header, or without it the query parameter
    `last_event_id` or `lastEventId`, for clients that can't set a header.

    None if there is no id, or if it has more than `max_length` characters, and so did not come from this server. `max_length`
    may be None for any length. The id is input from the client and can't be trusted.
    """
    header = request.headers.get("last-event-id")
    if header:  # starlette decodes headers as Latin-1, but browsers send UTF-8
        value: str | None = header.encode("latin-1").decode(errors="replace")
    else:
        value = request.query_params.get("last_event_id") or request.query_params.get("lastEventId")
    return value if value and (max_length is None or len(value) <= max_length) else None


def stop_reconnecting() -> Response:
    """A 204 response, which tells an EventSource to stop reconnecting."""
    return Response(status_code=204)


def jittered(duration: float) -> float:
    """A random time from `duration` to twice as long, so that clients that left together don't return together."""
    return duration * random.uniform(1, 2)
