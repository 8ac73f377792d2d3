"""The response inside what people build around it: FastAPI, middleware, test clients, task groups of their own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import httpx
import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sse_gateway.sse import EventSourceResponse, begin_shutdown, watch_shutdown

from .wire import Wire, forever, serve, serving, some

pytestmark = pytest.mark.anyio


class Passing(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        return await call_next(request)


def app_with(content: Callable[[], Any], *middleware: Middleware, **options: Any) -> Starlette:
    async def endpoint(request: Request) -> Response:
        return EventSourceResponse(content(), **options)

    return Starlette(routes=[Route("/", endpoint, methods=["GET", "POST"])], middleware=middleware)


def http_wire(**scope: Any) -> Wire:
    return Wire(path="/", query_string=b"", **scope)


async def test_a_response_class_of_fastapi() -> None:
    app = FastAPI()

    @app.post("/", response_class=EventSourceResponse)
    async def events(body: dict[str, int], count: int = Depends(lambda: 2)) -> EventSourceResponse:
        return EventSourceResponse(some(*range(body["count"] * count)))

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        response = await client.post("/", json={"count": 1})
    assert response.text == "data: 0\r\n\r\ndata: 1\r\n\r\n"


async def test_middleware_of_starletles_own_kind_lets_disconnects_and_shutdowns_through() -> None:
    seen: list[str] = []

    async def content() -> AsyncIterator[str]:
        try:
            yield "x"
            await anyio.sleep_forever()
        finally:
            seen.append("finally")

    watch_shutdown()
    app = app_with(content, Middleware(Passing), ping=0.01)
    wire = http_wire()
    async with serving(app, wire) as running:
        await wire.until(lambda: len(wire.chunks) > 1)
        await running.leave()
    assert seen == ["finally"]
    wire = http_wire()
    async with serving(app, wire) as running:
        await wire.until(lambda: wire.data())
        begin_shutdown(asyncio.get_running_loop())
        await running.done()
    assert (wire.ended, seen) == (True, ["finally", "finally"])
    watch_shutdown()


async def test_that_middleware_gets_a_response_also_where_the_client_leaves_before_the_first_event() -> None:
    wire, reasons = http_wire(), list[str]()
    app = app_with(forever, Middleware(Passing), wait_for_first=True, on_close=reasons.append)
    async with serving(app, wire) as running:
        await wire.asked.wait()
        await running.leave()
    assert (wire.start["status"], reasons) == (200, ["client"])


async def test_compressing_middleware_leaves_it_alone_and_cors_adds_its_headers() -> None:
    app = app_with(
        lambda: some("x" * 5000), Middleware(GZipMiddleware), Middleware(CORSMiddleware, allow_origins=["*"])
    )
    headers = [(b"accept-encoding", b"gzip"), (b"origin", b"http://other")]
    wire = await serve(app, http_wire(headers=headers))
    assert wire.data() == ["x" * 5000]
    assert dict(wire.start["headers"])[b"access-control-allow-origin"] == b"*"


async def test_the_body_iterator_can_be_wrapped() -> None:
    async def shout(content: Any) -> AsyncIterator[str]:
        async for item in content:
            yield item.upper()

    response = EventSourceResponse(some("a"))
    response.body_iterator = shout(response.body_iterator)
    assert (await serve(response)).data() == ["A"]


@pytest.mark.parametrize("moment", ["waiting", "sending"])
async def test_a_generator_may_hold_a_task_group_open_around_its_events(
    moment: str, caplog: pytest.LogCaptureFixture
) -> None:
    """PEP 789 warns of it, but where the generator is read and closed in one task it works."""
    seen: list[str] = []

    async def beside() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            seen.append("beside")

    async def content() -> AsyncIterator[str]:
        async with anyio.create_task_group() as group:
            group.start_soon(beside)
            with anyio.fail_after(60):
                yield "x"
                yield "y"
                await anyio.sleep_forever()

    wire = Wire(takes=2 if moment == "sending" else None)
    async with serving(EventSourceResponse(content()), wire) as running:
        await (wire.sending() if moment == "sending" else wire.until(lambda: len(wire.chunks) == 2))
        await wire.asked.wait()
        await running.leave()
    assert (seen, [record for record in caplog.records if record.levelno >= logging.WARNING]) == (["beside"], [])


async def test_a_timeout_of_the_application_around_the_response_is_its_own() -> None:
    wire, response = Wire(), EventSourceResponse(forever("x"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await response(wire.scope, wire.receive, wire.send)


async def test_a_post_whose_body_was_read_streams() -> None:
    async def endpoint(request: Request) -> Response:
        return EventSourceResponse(some((await request.body()).decode()))

    async def receive() -> Any:
        if not wire.messages and not asked:
            asked.append(1)
            return {"type": "http.request", "body": b"hello", "more_body": False}
        await anyio.sleep_forever()

    asked: list[int] = []
    wire = http_wire(method="POST")
    app = Starlette(routes=[Route("/", endpoint, methods=["POST"])])
    with anyio.fail_after(5):
        await app(wire.scope, receive, wire.send)
    assert wire.data() == ["hello"]


async def test_context_variables_of_the_endpoint_reach_the_content() -> None:
    from contextvars import ContextVar

    user: ContextVar[str] = ContextVar("user")

    async def content() -> AsyncIterator[str]:
        yield user.get()

    async def endpoint(request: Request) -> Response:
        user.set("ada")
        return EventSourceResponse(content())

    wire = await serve(Starlette(routes=[Route("/", endpoint)]), http_wire())
    assert wire.data() == ["ada"]
