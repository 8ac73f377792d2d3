"""Silence of either side: pings to a client that is sent nothing, and `send_timeout` for one that takes nothing."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from itertools import pairwise
from time import monotonic
from typing import Any

import anyio
import pytest
from starlette.background import BackgroundTask

from sse_gateway.sse import EventSourceResponse, SendTimeoutError
from sse_gateway.sse.servers import timed_out

from .wire import Wire, begun, forever, serve, serving, slowly, some

pytestmark = pytest.mark.anyio


async def pinged(response: EventSourceResponse, count: int) -> Wire:
    """A client that was sent so many messages."""
    wire = Wire()
    async with serving(response, wire):
        await wire.until(lambda: len(wire.chunks) >= count)
    return wire


async def test_a_silent_stream_gets_a_comment_each_interval() -> None:
    began = monotonic()
    wire = await pinged(EventSourceResponse(forever(), ping=0.05), 3)
    assert monotonic() - began >= 0.14  # three of 50 ms, less what a timer of whole milliseconds may round off
    assert wire.events() == []
    assert [comment[:7] for comment in wire.parser.comments] == ["ping - "] * 3
    assert wire.chunks[0].endswith(b"\r\n\r\n")


async def test_none_comes_while_events_do() -> None:
    """Unless the machine is so busy that an event comes too late."""
    times = [monotonic()]

    async def busy() -> AsyncIterator[str]:
        while times[-1] - times[0] < 0.3:
            yield "x"
            await anyio.sleep(0.01)
            times.append(monotonic())

    wire = await serve(EventSourceResponse(busy(), ping=0.1))
    late = [gap for before, after in pairwise(times) if (gap := after - before) > 0.09]
    assert len(wire.parser.comments) <= len(late)


@pytest.mark.parametrize("ping", [0, float("nan"), float("inf")])
async def test_an_interval_of_nothing_is_never(ping: float) -> None:
    async with begun(EventSourceResponse(forever("x"), ping=ping), wire := Wire()):
        await anyio.sleep(0.05)
    assert len(wire.chunks) == 1


async def test_an_exception_of_the_factory_ends_the_stream_and_leaves_as_it_is() -> None:
    def factory() -> Any:
        raise LookupError("mine")

    closed = []

    async def content() -> AsyncIterator[str]:
        try:
            await anyio.sleep_forever()
            yield ""
        finally:
            closed.append(1)

    wire = Wire()
    async with serving(EventSourceResponse(content(), ping=0.01, ping_message_factory=factory), wire) as running:
        with pytest.raises(LookupError, match="mine"):
            await running.done()
    assert closed == [1]


async def test_pings_and_events_never_overlap() -> None:
    async def content() -> AsyncIterator[str]:
        for number in range(40):
            yield str(number)
            await anyio.sleep(0.001 * (number % 7))

    wire = await serve(slowly(EventSourceResponse(content(), ping=0.001)))
    assert wire.data() == [str(number) for number in range(40)]
    assert wire.parser.comments


async def test_the_interval_may_be_changed_while_the_stream_runs() -> None:
    wire, response = Wire(), EventSourceResponse(forever(), ping=0.01)
    async with begun(response, wire):
        response.ping_interval = 0
        await anyio.sleep(0.03)
        sent = len(wire.chunks)
        await anyio.sleep(0.05)
        assert len(wire.chunks) == sent


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


@pytest.mark.parametrize(
    ("taken", "timeout"), [(0, 0.02), (2, 0.02), (1, None)], ids=["the head", "the end", "an event without a timeout"]
)
async def test_what_has_no_timeout_waits_for_a_slow_client(taken: int, timeout: float | None) -> None:
    wire = Wire(takes=taken)
    async with serving(EventSourceResponse(some("x"), send_timeout=timeout), wire) as running:
        await wire.sending()
        await anyio.sleep(0.06)
        wire.take()
        await running.done()
    assert (wire.data(), wire.ended) == (["x"], True)


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
