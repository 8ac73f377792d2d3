"""What the public application serves and refuses."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sse_gateway.delivery.client import StreamRequest
from sse_gateway.sse.wire import EVENT_STREAM

from .asgi import request
from .public import Gateway

pytestmark = pytest.mark.anyio


async def hook(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.path_params["name"])


async def test_a_stream_is_handed_to_the_fan_out_with_all_that_was_asked() -> None:
    gateway = Gateway()

    answer = await gateway.get("/events/orders/42", {"accept": "text/event-stream", "last-event-id": "1.abc"})

    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    assert gateway.served == [
        StreamRequest(
            channels=("orders.42", "news"), format=EVENT_STREAM, route="/events/orders/{id}", last_event_id="1.abc"
        )
    ]


async def test_the_fan_out_gets_send_as_the_server_made_it() -> None:
    """It calls it without a task; a middleware's wrapper would be a coroutine to be driven."""
    gateway = Gateway(hold=True)
    gone = anyio.Event()

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pass

    scope = {"type": "http", "method": "GET", "path": "/events/orders/1", "query_string": b"", "headers": []}
    async with anyio.create_task_group() as group:
        group.start_soon(gateway.app, {**scope, "client": None}, receive, send)
        await anyio.wait_all_tasks_blocked()
        assert [stream.sink.send for stream in gateway.streams] == [send]
        gone.set()


async def test_head_tells_what_get_would_begin_with_and_opens_nothing() -> None:
    gateway = Gateway()
    head = await request(gateway.app, "HEAD", "/events/orders/1")

    assert head == await gateway.get("/events/orders/1")
    assert head.headers["cache-control"] == "no-cache, no-store, no-transform"
    assert len(gateway.served) == 1


async def test_a_connector_s_routes_are_served_beside_the_streams() -> None:
    gateway = Gateway(mounted=[Route("/hooks/{name}", hook, methods=["POST"])])

    answer = await request(gateway.app, "POST", "/hooks/demo")

    assert (answer.status, answer.text) == (200, "demo")
    assert (await gateway.get("/hooks/demo")).status == 405


async def test_a_hook_may_have_the_path_of_a_stream() -> None:
    gateway = Gateway(mounted=[Route("/events/orders/{name}", hook, methods=["POST"])])

    assert (await request(gateway.app, "POST", "/events/orders/7")).text == "7"
    assert (await gateway.get("/events/orders/7")).headers["content-type"] == "text/event-stream"


async def test_a_route_is_shown_before_it_has_clients() -> None:
    registry = Gateway().metrics.registry

    for name in ("clients", "clients_opened_total"):
        assert registry.get_sample_value(f"sse_gateway_{name}", {"route": "/events/topics"}) == 0
