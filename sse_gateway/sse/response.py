"""`EventSourceResponse`: events as a response of any ASGI application."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from inspect import isawaitable
from typing import Any, Literal

import anyio
from starlette.background import BackgroundTask
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from .content import Content, ContentStream, Feed, Reading, read
from .event import Event, ensure_bytes
from .iterated import Iterated
from .servers import timed_out
from .stream import Broadcast, CloseReason, Limiter, Stream, head, jittered, serve
from .wire import DEFAULT_SEPARATOR, encode_fields, require_separator

logger = logging.getLogger(__name__)

_RETRY = 3000
"""Milliseconds after which a client returns after a farewell, if the response has no `retry`. It is what browsers do."""

_DENIED = frozenset({"http.response.start", "http.response.body"})
_shared = lru_cache(maxsize=128)(lambda header: header)
"""Returns the first header that was equal to the argument. Responses share equal headers, which saves 400 bytes each."""


class EventSourceResponse(Response):
    """Sends the events of an iterable or a function until that ends, the client disconnects or the server stops."""

    DEFAULT_PING_INTERVAL = 15
    """Seconds. Proxies close connections that are silent for 30 to 60 seconds."""
    DEFAULT_SEPARATOR = DEFAULT_SEPARATOR
    DEFAULT_CLEANUP_TIMEOUT = 30.0

    def __init__(
        self,
        content: ContentStream | Feed | Broadcast,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = "text/event-stream",
        background: BackgroundTask | None = None,
        ping: int | float | None = None,
        sep: str | None = None,
        ping_message_factory: Callable[[], Content] | None = None,
        data_sender_callable: Callable[[], Awaitable[None]] | None = None,
        send_timeout: float | None = None,
        client_close_handler_callable: Callable[[Message], Awaitable[None]] | None = None,
        shutdown_event: anyio.Event | None = None,
        shutdown_grace_period: float = 0,
        cleanup_timeout: float | None = DEFAULT_CLEANUP_TIMEOUT,
        *,
        wait_for_first: bool = False,
        opening: str | None = None,
        retry: int | None = None,
        on_close: Callable[[CloseReason], Awaitable[None] | None] | None = None,
        on_shutdown: Literal["close", "finish", "farewell"] = "close",
        farewell: Content | None = None,
        lifetime: float | None = None,
        limiter: Limiter | None = None,
    ) -> None:
        """The parameters up to `cleanup_timeout` are those of sse-starlette, with the same defaults.

        Args:
            content: An async or synchronous iterable of events, or an async function, which is given a `PushConnection`.
                Synchronous iterables run in worker threads. Content that can't be read raises TypeError when the response is
                sent. The content is closed exactly once. Or a `Broadcast`, which writes to many streams; the parameters from
                `ping` to `lifetime` do not apply to it.
            headers: Added to the response's own. `Connection` and `X-Accel-Buffering` can't be overridden.
            ping: Seconds of silence after which a comment is sent. 0: never.
            sep: What ends a line: "\\r\\n" (default), "\\r" or "\\n".
            ping_message_factory: Returns a ping, which may be anything that a stream may yield.
            data_sender_callable: An async function that runs beside the stream and is cancelled with it.
            send_timeout: Seconds that a client may take for one event or ping. After that its connection is reset and
                `SendTimeoutError` is raised.
            client_close_handler_callable: Called with the disconnect message when the client disconnects, after the content
                has ended.
            shutdown_event: Set when the server stops.
            shutdown_grace_period: Seconds that the content then has to end by itself.
            cleanup_timeout: Seconds for the content to close, and for the callbacks at the end. None: any time.
            wait_for_first: Send the headers with the first event, so that an exception of the content before it can still
                decide the status.
            opening: A comment that is sent at once.
            retry: Milliseconds after which a client reconnects. It is sent at once.
            on_close: Called with the reason after every end.
            on_shutdown: When the server stops, "close" ends the content after the grace period, "finish" lets it run to its
                end, and "farewell" ends it at a random moment of the grace period with a last event.
            farewell: That event, anything that a stream may yield as a dict or event object. It gets a random `retry` from
                `retry` (3000 by default) to twice as much, so that clients don't all reconnect at once.
            lifetime: Seconds after which the stream ends, less up to a tenth at random.
            limiter: Refuses the stream with 503 when too many are open.

        Raises:
            TypeError: `ping` is not a number, or `farewell` is not an event.
            ValueError: `ping`, `shutdown_grace_period`, `cleanup_timeout` or `lifetime` is negative, or `sep` is not a line
                ending.
        """
        require_separator(sep)
        self.sep = sep or self.DEFAULT_SEPARATOR
        self.body_iterator, self.feed, self.broadcast = read(content)
        self.status_code = status_code
        self.media_type = self.media_type if media_type is None else media_type
        self.background = background
        self.ping_interval = self.DEFAULT_PING_INTERVAL if ping is None else ping
        self.ping_message_factory = ping_message_factory
        self.data_sender_callable = data_sender_callable
        self.send_timeout = send_timeout
        self.client_close_handler_callable = client_close_handler_callable
        self.shutdown_event = shutdown_event
        self.shutdown_grace_period = shutdown_grace_period
        self.cleanup_timeout = cleanup_timeout
        self.wait_for_first = wait_for_first
        self.on_close = on_close
        self.on_shutdown = on_shutdown
        self.farewell = farewell
        self.lifetime = lifetime
        self.limiter = limiter
        self.active = True
        """Whether the stream has not ended yet."""
        silent = opening is None and retry is None
        self.opening = b"" if silent else Event(comment=opening, retry=retry).encode(self.sep)
        self._retry = _RETRY if retry is None else retry
        for name in ("shutdown_grace_period", "cleanup_timeout", "lifetime"):
            if (getattr(self, name) or 0) < 0:
                raise ValueError(f"{name} must be >= 0")
        self.make_farewell()  # raises now, and not when the server stops, if it can't be encoded
        self.init_headers(stream_headers(headers, connection=self.broadcast is None))
        self.raw_headers = [_shared(header) for header in self.raw_headers]

    @property
    def ping_interval(self) -> float:
        """Seconds of silence before a ping. 0: never."""
        return self._ping_interval

    @ping_interval.setter
    def ping_interval(self, value: float) -> None:
        if not isinstance(value, int | float):
            raise TypeError("ping interval must be int or float")
        if value < 0:
            raise ValueError("ping interval must be >= 0 (0 disables ping)")
        self._ping_interval = value

    def enable_compression(self, force: bool = False) -> None:
        """Not supported, because a compressor would delay events."""
        raise NotImplementedError("Compression is not supported for SSE streams.")

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        """Answer one request. A response can be sent only once. The second time its stream is empty."""
        is_head = scope["type"] == "http" and scope["method"].upper() == "HEAD"
        if self.broadcast is None or self.background is not None or is_head:
            return self._answer(scope, receive, send, is_head)
        # not in `_answer`, which would keep the response (0.6 KB) in memory while the stream is open
        return serve(self._head(scope), scope, receive, send, self.broadcast, self.limiter)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, is_head: bool) -> None:
        if scope["type"] == "websocket":
            send = _deny(send)
        if is_head:
            await self._answer_head(scope, send)
        elif self.broadcast is not None:
            await serve(self._head(scope), scope, receive, send, self.broadcast, self.limiter)
        elif self.limiter is None or self.limiter.enter():
            try:
                await Iterated(self, self._head(scope), scope, receive, send).run()
            finally:
                if self.limiter is not None:
                    self.limiter.leave()
        else:
            await self._close()
            await self.limiter.refusal()(scope, receive, send)
            return
        if self.background is not None:
            await self.background()

    def make_ping(self) -> bytes:
        """A ping in its wire form."""
        if self.ping_message_factory is not None:
            return ensure_bytes(self.ping_message_factory(), self.sep)
        return encode_fields(comment=f"ping - {datetime.now(UTC)}", sep=self.sep)

    def make_farewell(self) -> bytes:
        """The last event when the server stops, in its wire form. Empty if none is sent."""
        if self.on_shutdown != "farewell":
            return b""
        retry = f"retry: {round(jittered(self._retry))}{self.sep}".encode()
        return retry + (self.sep.encode() if self.farewell is None else ensure_bytes(self.farewell, self.sep))

    async def call_back(self, reason: CloseReason, disconnect: Message | None) -> None:
        """The stream has ended. Call the callbacks."""
        with anyio.move_on_after(self.cleanup_timeout, shield=True) as patience:
            try:
                if reason == "client" and disconnect is not None and self.client_close_handler_callable is not None:
                    await self.client_close_handler_callable(disconnect)
            finally:
                outcome = self.on_close and self.on_close(reason)
                if isawaitable(outcome):
                    await outcome
        if patience.cancelled_caught:
            logger.warning("The callback of a stream's end was cancelled after %s seconds", self.cleanup_timeout)

    def _head(self, scope: Scope) -> Message:
        return head(self.status_code, self.raw_headers, scope)

    async def _answer_head(self, scope: Scope, send: Send) -> None:
        stream = Stream(self._head(scope), scope, send)
        try:
            for step in (stream.start, stream.end):
                with anyio.move_on_after(self.send_timeout) as patience:
                    await step()
                if patience.cancel_called:
                    raise timed_out(self.send_timeout)
        finally:
            await self._close()

    async def _close(self) -> None:
        """Close content that was not read."""
        self.active = False
        await Reading(self.body_iterator, self.cleanup_timeout).close(cancelled=False, shield=True)


def stream_headers(headers: Mapping[str, str] | None, *, connection: bool = False) -> MutableHeaders:
    """The headers of a stream without its content type: `headers`, and those that keep proxies from storing or buffering it.
    `connection` adds `Connection: keep-alive`, which is the default of HTTP/1.1 anyway."""
    merged = MutableHeaders()
    merged.update(headers or {})
    merged.setdefault("Cache-Control", "no-store")
    if connection:
        merged["Connection"] = "keep-alive"
    merged["X-Accel-Buffering"] = "no"  # nginx
    return merged


def _deny(send: Send) -> Send:
    """A `send` that denies a websocket's request with an HTTP response (ASGI's `websocket.http.response`)."""

    async def send_denial(message: Message) -> None:
        await send({**message, "type": "websocket." + message["type"]} if message["type"] in _DENIED else message)

    return send_denial
