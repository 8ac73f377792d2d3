"""When the server stops: streams end as they are told to, in their own event loop, and the state lasts no longer than that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

import anyio
import pytest
from starlette.background import BackgroundTask

from sse_gateway.sse import EventSourceResponse, begin_shutdown

from .wire import Wire, forever, serve, serving, slowly

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("afresh")]


async def test_an_idle_stream_ends_in_order_and_its_background_task_runs() -> None:
    wire, ran, reasons = Wire(), list[int](), list[str]()
    response = EventSourceResponse(
        forever("x"), background=BackgroundTask(lambda: ran.append(1)), on_close=reasons.append
    )
    async with serving(response, wire) as running:
        await wire.until(lambda: wire.chunks)
        begin_shutdown()
        await running.done()
    assert wire.chunks == [b"data: x\r\n\r\n", b""]
    assert (wire.ended, ran, reasons) == (True, [1], ["shutdown"])


async def test_a_stream_that_starts_later_ends_at_once() -> None:
    begin_shutdown()
    wire = await serve(EventSourceResponse(forever("x")))
    assert wire.ended


async def test_its_head_comes_first_where_middleware_waits_before_it_passes_messages_on() -> None:
    begin_shutdown()
    wire = await serve(slowly(EventSourceResponse(forever("x"))))
    assert [message["type"] for message in wire.messages] == ["http.response.start", "http.response.body"]
    assert wire.ended


async def test_a_stream_whose_head_is_not_taken_sends_nothing_else() -> None:
    wire = Wire(takes=0)
    async with serving(EventSourceResponse(forever("x")), wire) as running:
        await wire.sending()
        begin_shutdown()
        while not wire.cancelled:
            await asyncio.sleep(0)
        wire.take()
        await running.done()
    assert wire.messages == []


async def cooperative(event: anyio.Event) -> AsyncIterator[str]:
    yield "x"
    await event.wait()
    yield "farewell"


async def test_the_content_is_told_and_may_end_by_itself() -> None:
    event, wire, reasons = anyio.Event(), Wire(), list[str]()
    response = EventSourceResponse(
        cooperative(event), shutdown_event=event, shutdown_grace_period=5, on_close=reasons.append
    )
    async with serving(response, wire) as running:
        await wire.until(lambda: wire.chunks)
        begin_shutdown()
        await running.done()
    assert (wire.data(), wire.ended, reasons) == (["x", "farewell"], True, ["finished"])


async def test_content_that_does_not_is_ended_after_the_grace() -> None:
    event, wire = anyio.Event(), Wire()
    response = EventSourceResponse(forever("x"), shutdown_event=event, shutdown_grace_period=0.05)
    async with serving(response, wire) as running:
        await wire.until(lambda: wire.chunks)
        began = monotonic()
        begin_shutdown()
        await event.wait()
        await running.done()
    assert (wire.ended, monotonic() - began >= 0.04) == (True, True)


async def test_a_disconnect_that_the_stopping_server_makes_up_does_not_shorten_the_grace() -> None:
    event, wire = anyio.Event(), Wire()

    async def content() -> AsyncIterator[str]:
        yield "x"
        await event.wait()
        await anyio.sleep(0.05)
        yield "farewell"

    response = EventSourceResponse(content(), shutdown_event=event, shutdown_grace_period=5)
    async with serving(response, wire) as running:
        await wire.until(lambda: wire.chunks)
        begin_shutdown()
        await event.wait()
        wire.leave()
        await running.done()
    assert wire.data() == ["x", "farewell"]


async def test_finish_lets_content_come_to_its_end() -> None:
    event, wire = anyio.Event(), Wire()

    async def content() -> AsyncIterator[str]:
        for number in range(5):
            yield str(number)
            await anyio.sleep(0.01)

    async with serving(EventSourceResponse(content(), on_shutdown="finish", shutdown_event=event), wire) as running:
        await wire.until(lambda: wire.chunks)
        begin_shutdown()
        await running.done()
    assert (wire.data(), wire.ended, event.is_set()) == ([*"01234"], True, True)


async def test_a_farewell_has_a_retry_of_its_own_and_is_the_last_message() -> None:
    wire = Wire()
    response = EventSourceResponse(
        forever("x"), on_shutdown="farewell", farewell={"event": "bye", "data": "back soon"}, retry=500
    )
    async with serving(response, wire) as running:
        await wire.until(lambda: wire.data())
        begin_shutdown()
        await running.done()
    assert wire.events()[-1].type == "bye"
    assert wire.messages[-1]["more_body"] is False
    assert b"bye" in wire.messages[-1]["body"]
    assert wire.parser.retry is not None
    assert 500 <= wire.parser.retry <= 1000


async def test_farewells_are_spread_over_the_grace_with_different_retries() -> None:
    wires = [Wire() for _ in range(20)]
    ended: list[float] = []
    async with anyio.create_task_group() as group:
        for wire in wires:
            response = EventSourceResponse(
                forever("x"),
                on_shutdown="farewell",
                shutdown_grace_period=0.2,
                on_close=lambda _: ended.append(monotonic()),
            )
            group.start_soon(response, wire.scope, wire.receive, wire.send)
        for wire in wires:
            await wire.until(lambda wire=wire: wire.chunks)  # type: ignore[misc]
        begin_shutdown()
    assert max(ended) - min(ended) > 0.05
    assert len({wire.parser.retry for wire in wires}) > 10
    assert all(3000 <= (wire.parser.retry or 0) <= 6000 for wire in wires)


async def test_a_client_that_takes_nothing_does_not_hold_the_shutdown() -> None:
    wire = Wire(takes=2)
    async with serving(EventSourceResponse(forever("x", "y")), wire) as running:
        await wire.sending()
        began = monotonic()
        begin_shutdown()
        await running.done()
    assert monotonic() - began < 5
    assert not wire.ended
