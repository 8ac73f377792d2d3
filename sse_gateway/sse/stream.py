"""The light core of every stream: a head, an opening, a client that may leave, and an end with a reason.

All of it happens in the request's own task. What feeds the stream adds what it needs: content that is iterated adds tasks and
timers, a fan-out adds nothing.
"""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal

from starlette.requests import HTTPConnection

from .limiter import Limiter
from .peer import Peer, peer_of
from .sink import AsgiSink, Message, Receive, Send, last_piece, piece

CloseReason = Literal["finished", "client", "shutdown", "timeout", "error", "evicted", "expired"]

_DISCONNECTS = frozenset({"http.disconnect", "websocket.disconnect"})
_SENT: Message = {}
_MAX_LENGTH = 4096
"""Characters. Browsers send back whatever they were given, 16,000 characters too; proxies often stop at 8 KiB of headers."""


class Broadcast(ABC):
    """A feed that writes to many streams from a task of its own."""

    __slots__ = ()

    @abstractmethod
    def begin(self, stream: Stream) -> bytes:
        """A stream begins. Returns its opening, which is sent behind the head."""

    @abstractmethod
    def ready(self, stream: Stream) -> None:
        """The head and the opening are sent. From now on the feed writes to `stream.sink`."""

    @abstractmethod
    def ended(self, stream: Stream) -> None:
        """The stream has ended, for `stream.sink.reason`."""


class Stream:
    """One stream: nothing is sent before its head or after its end."""

    __slots__ = ("_head", "disconnect", "ended", "opening", "sink", "started")

    def __init__(self, head: Message, scope: Mapping[str, Any], send: Send, opening: bytes = b"") -> None:
        """`opening` is sent behind the head, unless it is empty."""
        self.sink = AsgiSink(send, peer=peer_of(scope))
        self.disconnect: Message | None = None
        """The message that told that the client has gone."""
        self.started = False
        self.ended = False
        self._head = head
        self.opening = opening

    @property
    def peer(self) -> Peer | None:
        """The client."""
        return self.sink.peer

    async def start(self) -> None:
        """Send the head and the opening. No send timeout holds for the head."""
        head, self._head, self.started = self._head, _SENT, True
        opening, self.opening = self.opening, b""
        try:
            await self.sink.deliver(head, limited=False)
        except BaseException:
            self.ended = True  # whether the server has it can't be known, and nothing may come without it
            raise
        if opening:
            await self.send(opening)

    async def send(self, data: bytes) -> None:
        """Send a piece of the body, and wait until the server has taken it."""
        await self.sink.deliver(piece(data))

    async def listen(self, receive: Receive) -> None:
        """Wait until the client has gone."""
        while (message := await receive())["type"] not in _DISCONNECTS:
            self.asked()
            await asyncio.sleep(0)  # a `receive` need not wait for anything
        self.disconnect = message

    def asked(self) -> None:
        """A part of the request has come."""

    async def end(self, farewell: bytes = b"") -> None:
        """Send the last piece of the body, after the head if nothing was sent yet."""
        if not self.started:
            await self.start()
        self.ended = True
        await self.sink.deliver(last_piece(farewell))


async def serve(
    head: Message,
    scope: MutableMapping[str, Any],
    receive: Receive,
    send: Send,
    feed: Broadcast,
    limiter: Limiter | None,
) -> None:
    """The whole life of a stream that a fan-out feeds, if `limiter` has a place for it. Otherwise its refusal."""
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
    """The first message. HTTP/2 and later have no `Connection` header, and forbid it."""
    if str(scope.get("http_version", "1.1")) >= "2":
        headers = [(name, value) for name, value in headers if name != b"connection"]
    return {"type": "http.response.start", "status": status, "headers": headers}


def last_event_id(request: HTTPConnection, *, max_length: int | None = _MAX_LENGTH) -> str | None:
    """The id of the last event that the client has: the `Last-Event-ID` header, or without it the query parameter
    `last_event_id` or `lastEventId`, for clients that can't set a header.

    None where there is none, or where it is longer than `max_length` characters, and so not one that this server gave;
    None for `max_length` takes any length. It comes from the client, so treat it as any input.
    """
    header = request.headers.get("last-event-id")
    if header:  # its bytes are UTF-8, and were decoded as Latin-1
        value: str | None = header.encode("latin-1").decode(errors="replace")
    else:
        value = request.query_params.get("last_event_id") or request.query_params.get("lastEventId")
    return value if value and (max_length is None or len(value) <= max_length) else None


def jittered(duration: float) -> float:
    """Somewhere between once and twice as long, so that clients that left together don't come back together."""
    return duration * random.uniform(1, 2)
