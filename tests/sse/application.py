"""The application that the servers of these tests run. It prints what its generators see."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from functools import partial
from time import sleep
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectSendStream
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


async def produce(send: MemoryObjectSendStream[str]) -> None:
    try:
        async with send:
            while True:
                await send.send("x")
                await anyio.sleep(0.01)
    except BaseException as error:
        say(f"channel: {type(error).__name__}")
        raise


async def stream(request: Request) -> Response:
    """One of the contents above, by its name."""
    name, query, event = request.path_params["name"], request.query_params, anyio.Event()
    send, receive = anyio.create_memory_object_stream[str](0)
    contents: dict[str, Any] = {
        "idle": idle,
        "ticking": ticking,
        "tight": tight,
        "large": large,
        "once": once,
        "polling10": lambda: polling(request, 10),
        "polling": lambda: polling(request, None),
        "cooperative": lambda: cooperative(event, int(query.get("size", 0))),
        "farewell": idle,
    }
    more: dict[str, dict[str, Any]] = {
        "cooperative": {"shutdown_event": event, "shutdown_grace_period": 3},
        "farewell": {"on_shutdown": "farewell", "farewell": {"event": "bye"}, "shutdown_grace_period": 1},
        "channel": {"data_sender_callable": partial(produce, send)},
    }
    others: dict[str, Any] = {"threaded": threaded, "channel": lambda: receive}
    return EventSourceResponse(
        noted(name, contents[name]()) if name in contents else others[name](),
        ping=float(query.get("ping", 15)),
        send_timeout=float(query.get("send_timeout", 0)) or None,
        lifetime=float(query.get("lifetime", 0)) or None,
        on_close=lambda reason: say(f"{name}: closed {reason}"),
        **more.get(name, {}),
    )


async def begin_now(request: Request) -> Response:
    begin_shutdown()
    return PlainTextResponse("begun")


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
        Route("/begin", begin_now),
        Route("/counts", counts),
    ],
)
