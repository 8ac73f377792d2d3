"""Clients that take nothing: `send_timeout` covers events and pings, and its end is one line in the log."""

from __future__ import annotations

import logging
from typing import Any

import anyio
import pytest
from starlette.background import BackgroundTask

from sse_gateway.sse import EventSourceResponse, SendTimeoutError
from sse_gateway.sse.servers import timed_out

from .wire import Wire, forever, serve, serving, some

pytestmark = pytest.mark.anyio


async def test_an_event_that_is_not_taken_in_time_is_a_send_timeout_error(caplog: pytest.LogCaptureFixture) -> None:
    wire, ran, reasons = Wire(takes=2), list[int](), list[str]()
    response = EventSourceResponse(
        some("x", "y"), send_timeout=0.05, background=BackgroundTask(lambda: ran.append(1)), on_close=reasons.append
    )
    with pytest.raises(SendTimeoutError) as caught:
        await serve(response, wire)
    assert isinstance(caught.value, TimeoutError)
    assert (wire.data(), wire.ended, wire.cancelled, ran, reasons) == (["x"], False, 1, [], ["timeout"])
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.exc_info is None


async def test_a_ping_that_is_not_taken_in_time_is_one_too() -> None:
    wire = Wire(takes=2)
    with pytest.raises(SendTimeoutError):
        await serve(EventSourceResponse(forever("x"), send_timeout=0.05, ping=0.02), wire)
    assert (wire.data(), wire.overlaps) == (["x"], 0)


async def test_the_head_of_a_stream_has_no_timeout() -> None:
    wire = Wire(takes=0)
    async with serving(EventSourceResponse(some("x"), send_timeout=0.02), wire) as running:
        await wire.sending()
        await anyio.sleep(0.06)
        wire.take()
        await running.done()
    assert wire.data() == ["x"]


async def test_the_end_of_a_stream_has_no_timeout() -> None:
    wire = Wire(takes=2)
    async with serving(EventSourceResponse(some("x"), send_timeout=0.02), wire) as running:
        await wire.sending()
        await anyio.sleep(0.06)
        wire.take()
        await running.done()
    assert wire.ended


async def test_without_a_timeout_a_slow_client_is_waited_for() -> None:
    wire = Wire(takes=1)
    async with serving(EventSourceResponse(some("x")), wire) as running:
        await wire.sending()
        await anyio.sleep(0.1)
        wire.take()
        await running.done()
    assert wire.data() == ["x"]


async def test_each_event_has_the_whole_time() -> None:
    wire = Wire()

    async def send(message: Any) -> None:
        await anyio.sleep(0.1)
        await wire.send(message)

    with anyio.fail_after(10):
        await EventSourceResponse(some(*"abcdef"), send_timeout=0.5)(wire.scope, wire.receive, send)
    assert wire.data() == [*"abcdef"]


@pytest.mark.parametrize("name", ["uvicorn.error", "hypercorn.error"])
def test_servers_write_no_traceback_of_it_but_of_everything_else(
    name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger(name)
    for each in (logger, logging.getLogger(name.partition(".")[0])):  # as a server in this process may have left them
        monkeypatch.setattr(each, "propagate", True)
        monkeypatch.setattr(each, "disabled", False)
    for error in (timed_out(1), timed_out(2), LookupError("mine")):
        logger.error("Exception in ASGI application\n", exc_info=error)
        text = f"Application callable raised an exception\nTraceback\n{type(error).__name__}: {error}\n"
        logger.error(text)  # as granian does
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING", "ERROR", "ERROR"]
    assert "SendTimeoutError" not in caplog.text
