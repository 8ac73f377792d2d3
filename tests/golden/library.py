"""Scenes with an `EventSourceResponse` in an application of somebody's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import anyio.lowlevel

from sse_gateway.sse import (
    ConnectionLimiter,
    Event,
    EventSourceResponse,
    JSONServerSentEvent,
    PushConnection,
    ServerSentEvent,
    begin_shutdown,
    stop_reconnecting,
    watch_shutdown,
)

from ..sse.wire import Wire, forever, serve, serving, some
from .transcript import Transcript

CONTENT: tuple[Any, ...] = (
    "text",
    "two\nlines",
    b"bytes as they are\n\n",
    7,
    {"data": "a dict", "event": "greeting", "id": 1, "retry": 1000, "comment": "c"},
    ServerSentEvent("an event", event="greeting", id="1", retry=1000, comment="two\nlines"),
    ServerSentEvent("with its own separator", sep="\r"),
    JSONServerSentEvent({"name": "ü", "list": [1, None]}),
    Event("strict", event="greeting", id="1", retry=1000, comment="c"),
)


async def responses() -> str:
    """Heads, events and ends of responses of every kind."""
    record = Transcript()

    async def push(connection: PushConnection) -> None:
        for item in CONTENT:
            await connection.send(item)

    async def answer(title: str, response: EventSourceResponse, **scope: Any) -> None:
        wire = await serve(response, Wire(**scope))
        record.messages(title, wire.messages)

    await answer("an async iterable", EventSourceResponse(some(*CONTENT)))
    await answer("a synchronous iterable", EventSourceResponse(list(CONTENT)))
    await answer("a function that pushes", EventSourceResponse(push))
    for sep in ("\r", "\n"):
        await answer(f"the separator {sep!r}", EventSourceResponse(some(*CONTENT), sep=sep))
    await answer("nothing", EventSourceResponse(some()))
    await answer("an opening", EventSourceResponse(some("x"), opening="two\nlines", retry=2000))
    await answer("no event before the head", EventSourceResponse(some("x"), wait_for_first=True))
    headers = {"Cache-Control": "no-cache", "Connection": "close", "X-Accel-Buffering": "yes", "X-Own": "1"}
    await answer("headers of its own", EventSourceResponse(some("x"), 201, headers))
    await answer("a media type of its own", EventSourceResponse(some("x"), media_type="text/plain"))
    await answer("HTTP/2", EventSourceResponse(some("x")), http_version="2")
    await answer("HEAD", EventSourceResponse(some("x"), opening="o"), method="HEAD")
    await answer("HEAD over HTTP/2", EventSourceResponse(some("x")), method="HEAD", http_version="2")
    await answer("a websocket is denied", EventSourceResponse(some("x")), type="websocket")
    limiter = ConnectionLimiter(0, retry_after=7)
    await answer("a limiter refuses", EventSourceResponse(some("x"), limiter=limiter))
    await answer("a limiter refuses a websocket", EventSourceResponse(some("x"), limiter=limiter), type="websocket")
    wire = await serve(stop_reconnecting())
    record.messages("an EventSource is ended for good", wire.messages)
    return str(record)


async def pings() -> str:
    """What keeps a silent stream alive."""
    record = Transcript()

    async def ping(title: str, response: EventSourceResponse) -> None:
        wire = Wire()
        async with serving(response, wire):
            await wire.until(lambda: len(wire.messages) >= 3)
        record.messages(f"a ping {title}", wire.messages[:3])

    await ping("by default", EventSourceResponse(forever("x"), ping=0.01))
    await ping("with another separator", EventSourceResponse(forever("x"), ping=0.01, sep="\n"))
    own = EventSourceResponse(forever("x"), ping=0.01, ping_message_factory=lambda: {"comment": "mine"})
    await ping("of a factory", own)
    return str(record)


async def ends() -> str:
    """What is sent last, for each reason that ends a stream."""
    record = Transcript()

    async def end(title: str, response: EventSourceResponse, act: Callable[[], None] | None = None) -> None:
        watch_shutdown()
        wire = Wire()
        async with serving(response, wire) as running:
            if act is not None:
                await wire.until(lambda: b"data: x" in wire.body)
                act()
            with suppress(ZeroDivisionError):
                await running.done()
        record.messages(title, wire.messages)

    await end("the server stops", EventSourceResponse(forever("x")), begin_shutdown)
    farewell = EventSourceResponse(forever("x"), on_shutdown="farewell")
    await end("the server stops, with a farewell", farewell, begin_shutdown)
    farewell = EventSourceResponse(
        forever("x"), on_shutdown="farewell", retry=1000, farewell={"event": "bye", "data": "now"}, sep="\n"
    )
    await end("the server stops, with a farewell of its own", farewell, begin_shutdown)
    await end("its lifetime is over", EventSourceResponse(forever("x"), lifetime=0.01))
    await end("the content fails", EventSourceResponse(failing("x")))
    await end("the content fails before its first event", EventSourceResponse(failing()))
    await end("the content fails before the head", EventSourceResponse(failing(), wait_for_first=True))
    wire = Wire()
    async with serving(EventSourceResponse(forever("x")), wire) as running:
        await wire.until(lambda: b"data: x" in wire.body)
        wire.leave()
        await running.done()
    record.messages("the client leaves", wire.messages)
    watch_shutdown()
    return str(record)


async def failing(*items: Any) -> AsyncIterator[Any]:
    """These items, and then an error."""
    for item in items:
        yield item
    await anyio.lowlevel.checkpoint()
    raise ZeroDivisionError


SCENES: dict[str, Callable[[], Awaitable[str]]] = {
    "library.responses": responses,
    "library.pings": pings,
    "library.ends": ends,
}
