"""Pings come after silence only, through the same writer, and are not events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import anyio
import pytest

from sse_gateway.sse import EventSourceResponse, ServerSentEvent

from .wire import Wire, forever, serving

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


async def test_pings_have_the_separator_of_the_response() -> None:
    wire = await pinged(EventSourceResponse(forever(), ping=0.01, sep="\n"), 1)
    assert wire.chunks[0].endswith(b"\n\n")
    assert b"\r" not in wire.chunks[0]


async def test_the_factory_makes_them() -> None:
    def factory() -> ServerSentEvent:
        return ServerSentEvent(comment="mine")

    wire = await pinged(EventSourceResponse(forever(), ping=0.01, ping_message_factory=factory, sep="\n"), 2)
    assert wire.chunks[:2] == [b": mine\n\n"] * 2


async def test_none_comes_while_events_do() -> None:
    async def busy() -> AsyncIterator[str]:
        for _ in range(20):
            yield "x"
            await anyio.sleep(0.01)

    wire = Wire()
    async with serving(EventSourceResponse(busy(), ping=0.1), wire) as running:
        await running.done()
    assert wire.parser.comments == []


@pytest.mark.parametrize("ping", [0, float("nan"), float("inf")])
async def test_an_interval_of_nothing_is_never(ping: float) -> None:
    wire = Wire()
    async with serving(EventSourceResponse(forever("x"), ping=ping), wire):
        await wire.until(lambda: wire.chunks)
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
    wire = Wire()

    async def send(message: Any) -> None:
        await asyncio.sleep(0.002)
        await wire.send(message)
        await asyncio.sleep(0.002)

    sending = 0

    async def watched(message: Any) -> None:
        nonlocal sending
        assert sending == 0
        sending += 1
        await send(message)
        sending -= 1

    async def content() -> AsyncIterator[str]:
        for number in range(40):
            yield str(number)
            await anyio.sleep(0.001 * (number % 7))

    with anyio.fail_after(10):
        await EventSourceResponse(content(), ping=0.001)(wire.scope, wire.receive, watched)
    assert wire.data() == [str(number) for number in range(40)]
    assert wire.parser.comments


async def test_the_interval_may_be_changed_while_the_stream_runs() -> None:
    wire, response = Wire(), EventSourceResponse(forever(), ping=0.01)
    async with serving(response, wire):
        await wire.until(lambda: wire.chunks)
        response.ping_interval = 0
        await anyio.sleep(0.03)
        sent = len(wire.chunks)
        await anyio.sleep(0.05)
        assert len(wire.chunks) == sent
