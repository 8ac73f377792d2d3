"""The application that the servers of these tests run. It prints what its generators see."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from time import sleep
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sse_gateway.sse import EventSourceResponse, begin_shutdown, statistics


def say(text: str) -> None:
    """Into the log of the server."""
    print(text, flush=True)  # noqa: T201


async def noted(name: str, items: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """These items, and what becomes of the generator that gives them."""
    try:
        async for item in items:
            yield item
    except asyncio.CancelledError:
        say(f"{name}: cancelled")
        raise
    finally:
        say(f"{name}: finally")


async def idle() -> AsyncIterator[str]:
    yield "first"
    await anyio.sleep_forever()


async def ticking() -> AsyncIterator[str]:
    number = 0
    while True:
        yield str(number)
        number += 1
        await anyio.sleep(0.01)


async def tight() -> AsyncIterator[str]:
    while True:
        yield "x"


async def large() -> AsyncIterator[str]:
    while True:
        yield "x" * 65536


async def once() -> AsyncIterator[str]:
    yield "x" * 8_000_000


async def polling(request: Request, count: int | None) -> AsyncIterator[str]:
    number = 0
    while number != count:
        if await request.is_disconnected():
            say("polling: disconnected")
            return
        yield str(number)
        number += 1
        await asyncio.sleep(0.001 if count else 0.01)


async def cooperative(event: anyio.Event, size: int) -> AsyncIterator[Any]:
    yield "first"
    if size:
        yield "x" * size
    await event.wait()
    yield {"event": "farewell", "data": "bye"}


def threaded() -> Iterator[str]:
    try:
        for number in range(1000):
            yield str(number)
            sleep(0.01)
    finally:
        say("threaded: finally")


def on_close(name: str) -> Any:
    return lambda reason: say(f"{name}: closed {reason}")


async def stream(request: Request) -> Response:
    """One of the generators above, by its name."""
    name = request.path_params["name"]
    contents: dict[str, Any] = {
        "idle": idle,
        "ticking": ticking,
        "tight": tight,
        "large": large,
        "once": once,
        "polling10": lambda: polling(request, 10),
        "polling": lambda: polling(request, None),
    }
    content = contents[name]()
    timeout = float(request.query_params.get("send_timeout", 0)) or None
    lifetime = float(request.query_params.get("lifetime", 0)) or None
    ping = float(request.query_params.get("ping", 15))
    return EventSourceResponse(
        noted(name, content), ping=ping, send_timeout=timeout, lifetime=lifetime, on_close=on_close(name)
    )


async def endpoint_cooperative(request: Request) -> Response:
    event = anyio.Event()
    content = noted("cooperative", cooperative(event, int(request.query_params.get("size", 0))))
    return EventSourceResponse(content, shutdown_event=event, shutdown_grace_period=3, on_close=on_close("cooperative"))


async def endpoint_farewell(request: Request) -> Response:
    return EventSourceResponse(
        noted("farewell", idle()), on_shutdown="farewell", farewell={"event": "bye"}, shutdown_grace_period=1
    )


async def endpoint_threaded(request: Request) -> Response:
    return EventSourceResponse(threaded())


async def endpoint_channel(request: Request) -> Response:
    send, receive = anyio.create_memory_object_stream[str](0)

    async def produce() -> None:
        try:
            async with send:
                while True:
                    await send.send("x")
                    await anyio.sleep(0.01)
        except BaseException as error:
            say(f"channel: {type(error).__name__}")
            raise

    return EventSourceResponse(receive, data_sender_callable=produce)


async def begin_now(request: Request) -> Response:
    begin_shutdown()
    return PlainTextResponse("begun")


async def ten_events(request: Request) -> Response:
    async def generate() -> AsyncIterator[dict[str, Any]]:
        for number in range(10):
            yield {"data": f"Event {number}"}
            await asyncio.sleep(0.01)

    return EventSourceResponse(generate())


async def counts(request: Request) -> Response:
    now = statistics()
    return JSONResponse(
        {"tasks": len(asyncio.all_tasks()), "blocked": now.blocked, "open": now.open, "bytes": now.bytes}
    )


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    say("lifespan: startup")
    yield
    say("lifespan: shutdown")


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/stream/{name}", stream),
        Route("/cooperative", endpoint_cooperative),
        Route("/farewell", endpoint_farewell),
        Route("/threaded", endpoint_threaded),
        Route("/channel", endpoint_channel),
        Route("/begin", begin_now),
        Route("/ten", ten_events),
        Route("/counts", counts),
    ],
)
