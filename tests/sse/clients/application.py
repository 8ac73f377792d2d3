"""What the clients of these tests read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from sse_gateway.sse import (
    Event,
    EventSourceResponse,
    JSONServerSentEvent,
    ServerSentEvent,
    ensure_bytes,
    last_event_id,
)

from .. import streams
from ..application import lifespan, say

SAMPLE: list[Any] = [
    {"data": "plain", "id": "1"},
    ServerSentEvent("two\nlines", event="update", id="2"),
    JSONServerSentEvent({"name": "Zoë 😀"}, id="3", comment="nobody sees this"),
    Event([1, {"a": None}], event="update", id="4", retry=200),
    {"data": " a space: and a colon", "id": "5"},
    {"data": "a\u2028b\x85c", "id": "6"},
    {"data": "x" * 100_000, "id": "7"},
]


async def sample(request: Request) -> Response:
    """All kinds of events with each `sep` that is asked for, then pings."""

    async def content() -> AsyncIterator[Any]:
        for sep in request.query_params.getlist("sep"):
            for item in SAMPLE:
                yield ensure_bytes(item, sep)
        await anyio.sleep_forever()

    return EventSourceResponse(content(), ping=0.05)


async def counted(request: Request) -> Response:
    """Numbers, from the one after the client's last; the stream ends after `each` of them, 0 for never."""
    last, each = last_event_id(request), int(request.query_params.get("each", 5))
    say(f"counted after {last}")

    async def content() -> AsyncIterator[Any]:
        number = start = int(last or -1) + 1
        while number != start + each or not each:
            yield {"data": number, "id": number}
            number += 1
            await anyio.sleep(0.01)

    return EventSourceResponse(content(), retry=200, ping=0.05)


async def unlucky(request: Request) -> Response:
    """Five numbers, and an answer that ends an EventSource for good, in turn."""
    request.app.state.asked = asked = getattr(request.app.state, "asked", 0) + 1
    return await counted(request) if asked % 2 else Response("no server behind the proxy", 502)


async def chance(request: Request) -> Response:
    """Random events, and one of type `end`."""

    async def content() -> AsyncIterator[Any]:
        for item, _ in streams.random_events(int(request.query_params["seed"]), int(request.query_params["count"])):
            yield item
        yield {"event": "end", "data": ""}
        await anyio.sleep_forever()

    return EventSourceResponse(content(), sep=request.query_params["sep"])


async def page(request: Request) -> Response:
    return HTMLResponse("<!doctype html><title>a page</title>")


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/", page),
        Route("/sample", sample),
        Route("/counted", counted),
        Route("/unlucky", unlucky),
        Route("/chance", chance),
    ],
)
