"""What the public application serves and refuses."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sse_gateway.delivery.client import StreamRequest
from sse_gateway.sse.wire import EVENT_STREAM, NDJSON

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


@pytest.mark.parametrize(
    ("accept", "expected"), [("*/*", EVENT_STREAM), ("", EVENT_STREAM), ("application/x-ndjson", NDJSON)]
)
async def test_the_format_follows_the_accept_header(accept: str, expected: object) -> None:
    gateway = Gateway()
    await gateway.get("/events/orders/1", {"accept": accept})

    assert gateway.served[0].format is expected


@pytest.mark.parametrize(
    ("query", "header", "expected"),
    [
        ("", None, None),
        ("", "1.a", "1.a"),
        ("?last_event_id=1.b", "1.a", "1.a"),
        ("?last_event_id=1.b&lastEventId=1.c", None, "1.b"),
        ("?lastEventId=1.c", None, "1.c"),
        ("?last_event_id=", None, None),
        ("?last_event_id=earliest", "", "earliest"),
    ],
)
async def test_the_header_wins_over_the_query(query: str, header: str | None, expected: str | None) -> None:
    gateway = Gateway()
    await gateway.get(f"/events/orders/1{query}", {} if header is None else {"last-event-id": header})

    assert gateway.served[0].last_event_id == expected


@pytest.mark.parametrize(("raw", "expected"), [("ä☃", "ä☃"), ("plain", "plain")])
async def test_the_header_is_utf_8_as_browsers_send_it(raw: str, expected: str) -> None:
    gateway = Gateway()
    await gateway.get("/events/orders/1", {"last-event-id": raw})

    assert gateway.served[0].last_event_id == expected


@pytest.mark.parametrize(
    ("method", "url", "headers", "status", "detail"),
    [
        ("GET", "/nothing", {}, 404, None),
        ("GET", "/events/orders/1/", {}, 404, None),
        ("GET", "/", {}, 404, None),
        ("HEAD", "/nothing", {}, 404, None),
        ("POST", "/events/orders/1", {}, 405, None),
        ("OPTIONS", "/events/orders/1", {}, 405, None),
        (
            "GET",
            "/events/orders/a b",
            {},
            400,
            "'orders.a b' is no channel name: up to 200 letters, digits and ._:~@=+-",
        ),
        ("GET", "/events/topics", {}, 400, "missing query parameter topic"),
        (
            "GET",
            "/events/orders/1",
            {"accept": "text/html"},
            406,
            "this is served as text/event-stream or application/x-ndjson",
        ),
    ],
)
async def test_what_can_not_be_served_is_a_problem(
    method: str, url: str, headers: dict[str, str], status: int, detail: str | None
) -> None:
    gateway = Gateway()
    answer = await request(gateway.app, method, url, headers)

    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json().get("detail") == detail
    assert answer.json()["instance"] == url.partition("?")[0].replace(" ", "%20")
    assert not gateway.served


async def test_a_wrong_method_on_a_stream_names_the_right_ones() -> None:
    answer = await request(Gateway().app, "POST", "/events/orders/1")

    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


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
