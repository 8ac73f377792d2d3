"""What an `EventSourceResponse` is before it is sent, and what it sends that is no stream."""

from __future__ import annotations

import inspect
from typing import Any

import anyio
import pytest
from starlette.background import BackgroundTask

from sse_gateway.sse import EventSourceResponse, SendTimeoutError

from .wire import Untouched, Wire, forever, serve, serving, some

pytestmark = pytest.mark.anyio

DROP_IN = [
    ("content", inspect.Parameter.empty),
    ("status_code", 200),
    ("headers", None),
    ("media_type", "text/event-stream"),
    ("background", None),
    ("ping", None),
    ("sep", None),
    ("ping_message_factory", None),
    ("data_sender_callable", None),
    ("send_timeout", None),
    ("client_close_handler_callable", None),
    ("shutdown_event", None),
    ("shutdown_grace_period", 0),
    ("cleanup_timeout", 30.0),
]


def headers_of(response: EventSourceResponse) -> dict[str, str]:
    assert len(response.raw_headers) == len({name for name, _ in response.raw_headers})
    return {name.decode(): value.decode() for name, value in response.raw_headers}


def test_the_parameters_of_the_other_library_have_their_places_and_defaults() -> None:
    parameters = [*inspect.signature(EventSourceResponse).parameters.values()]
    assert [(parameter.name, parameter.default) for parameter in parameters[: len(DROP_IN)]] == DROP_IN
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters[len(DROP_IN) :])
    assert (EventSourceResponse.DEFAULT_PING_INTERVAL, EventSourceResponse.DEFAULT_SEPARATOR) == (15, "\r\n")
    assert EventSourceResponse.DEFAULT_CLEANUP_TIMEOUT == 30.0


def test_the_headers_are_complete_when_it_is_made() -> None:
    assert headers_of(EventSourceResponse(some())) == {
        "cache-control": "no-store",
        "connection": "keep-alive",
        "x-accel-buffering": "no",
        "content-type": "text/event-stream; charset=utf-8",
    }


def test_the_content_type_may_be_set_as_a_header_as_a_media_type_or_left_out() -> None:
    given = EventSourceResponse(some(), headers={"content-type": "text/event-stream"})
    assert headers_of(given)["content-type"] == "text/event-stream"
    assert (
        headers_of(EventSourceResponse(some(), media_type="text/plain"))["content-type"] == "text/plain; charset=utf-8"
    )
    assert "content-type" not in headers_of(EventSourceResponse(some(), media_type=None))


def test_cookies_can_be_set() -> None:
    response = EventSourceResponse(some())
    response.set_cookie("a", "b")
    assert headers_of(response)["set-cookie"].startswith("a=b")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sep": ""}, "sep must be one of"),
        ({"sep": "; "}, "sep must be one of"),
        ({"ping": -1}, "ping interval must be >= 0"),
        ({"shutdown_grace_period": -1}, "shutdown_grace_period must be >= 0"),
        ({"cleanup_timeout": -1}, "cleanup_timeout must be >= 0"),
        ({"lifetime": -1}, "lifetime must be >= 0"),
        ({"retry": -1}, "retry must be milliseconds"),
    ],
)
def test_a_value_that_can_not_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EventSourceResponse(some(), **options)


def test_a_farewell_that_is_no_event_is_refused() -> None:
    with pytest.raises(TypeError, match="dato"):
        EventSourceResponse(some(), on_shutdown="farewell", farewell={"dato": 1})


def test_the_ping_interval_is_a_number_of_seconds_that_may_be_changed() -> None:
    response = EventSourceResponse(some(), ping=10)
    assert response.ping_interval == 10
    response.ping_interval = 2.5
    assert response.ping_interval == 2.5
    assert EventSourceResponse(some()).ping_interval == 15
    with pytest.raises(TypeError, match="ping interval must be int or float"):
        response.ping_interval = "ten"  # type: ignore[assignment]
    with pytest.raises(ValueError, match="0 disables ping"):
        response.ping_interval = -42


def test_a_stream_can_not_be_compressed() -> None:
    with pytest.raises(NotImplementedError):
        EventSourceResponse(some()).enable_compression()


def test_async_content_is_kept_as_it_is() -> None:
    content = some()
    assert EventSourceResponse(content).body_iterator is content


@pytest.mark.parametrize("content", [0, some, object(), lambda: None])
async def test_content_that_can_not_be_read_fails_when_it_is_read(content: Any) -> None:
    wire = Wire()
    with pytest.raises(TypeError, match="not iterable"):
        await serve(EventSourceResponse(content), wire)
    assert wire.start["status"] == 200
    assert wire.chunks == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_any_method_may_stream(method: str) -> None:
    assert (await serve(EventSourceResponse(some("x")), Wire(method=method))).data() == ["x"]


async def test_a_response_serves_once() -> None:
    response = EventSourceResponse(some("x"))
    assert (await serve(response)).data() == ["x"]
    again = await serve(response)
    assert again.chunks == [b""]
    assert not response.active


@pytest.mark.parametrize("method", ["HEAD", "head"])
async def test_head_is_answered_with_the_same_headers_and_no_stream(method: str) -> None:
    content, ran = Untouched(), []

    async def sender() -> None:
        raise AssertionError("it was run")

    background = BackgroundTask(lambda: ran.append(1))
    response = EventSourceResponse(content, data_sender_callable=sender, background=background)
    wire = await serve(response, Wire(method=method))
    assert wire.messages == [
        {"type": "http.response.start", "status": 200, "headers": response.raw_headers},
        {"type": "http.response.body", "body": b"", "more_body": False},
    ]
    assert (ran, content.closed) == ([1], 1)


@pytest.mark.parametrize("taken", [0, 1])
async def test_both_messages_of_a_head_have_the_send_timeout(taken: int) -> None:
    wire, ran = Wire(method="HEAD"), []

    async def send(message: Any) -> None:
        wire.stuck = len(wire.messages) >= taken
        await wire.send(message)

    response = EventSourceResponse(some(), send_timeout=0.02, background=BackgroundTask(lambda: ran.append(1)))
    with pytest.raises(SendTimeoutError), anyio.fail_after(5):
        await response(wire.scope, wire.receive, send)
    assert (len(wire.messages), ran) == (taken, [])


async def test_a_websocket_that_goes_ends_the_stream() -> None:
    wire = Wire(type="websocket")

    async def receive() -> Any:
        await wire.receive()
        return {"type": "websocket.disconnect", "code": 1006}

    async def app(scope: Any, _: Any, send: Any) -> None:
        await EventSourceResponse(forever("x"))(scope, receive, send)

    async with serving(app, wire) as running:
        await running.done()
    assert not wire.ended


async def test_the_background_task_runs_after_the_end() -> None:
    wire = Wire()
    ended = []
    await serve(EventSourceResponse(some(), background=BackgroundTask(lambda: ended.append(wire.ended))), wire)
    assert ended == [True]
