"""One stream from its start to its end: what ends it, and what its content and its callbacks see."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from anyio.abc import ObjectSendStream
from starlette.background import BackgroundTask

from sse_gateway.sse import EventSourceResponse
from sse_gateway.sse.stream import CloseReason

from .wire import Closing, Notes, Wire, begun, forever, serve, serving, some

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("moment", ["waiting", "sending"])
async def test_a_disconnect_cancels_a_generator_which_may_wait_for_its_cleanup(moment: str) -> None:
    notes, wire, ran = Notes("x", "y"), Wire(takes=2 if moment == "sending" else None), []
    response = EventSourceResponse(notes.generate(), background=BackgroundTask(lambda: ran.append(1)))
    async with serving(response, wire) as running:
        await (wire.sending() if moment == "sending" else notes.waiting.wait())
        await running.leave()
    assert notes.seen == ["cancelled", "waited", "finally"]
    assert (wire.data(), wire.ended, ran) == (["x"] if moment == "sending" else ["x", "y"], False, [1])


async def test_a_generator_that_keeps_the_cancellation_to_itself_is_ended_at_its_next_event() -> None:
    wire, seen = Wire(), []

    async def stubborn() -> AsyncIterator[str]:
        yield "x"
        try:
            await anyio.sleep_forever()
        except asyncio.CancelledError:
            seen.append("swallowed")
        try:
            yield "y"
        finally:
            seen.append("finally")

    async with begun(EventSourceResponse(stubborn()), wire) as running:
        await asyncio.sleep(0.01)
        await running.leave()
        assert running.task.cancelling() == 0
    assert (seen, wire.data()) == (["swallowed", "finally"], ["x"])


async def test_a_tight_generator_lets_others_run_and_ends_when_its_client_has_gone() -> None:
    wire, count = Wire(), 0

    async def tight() -> AsyncIterator[bytes]:
        nonlocal count
        while True:
            count += 1
            yield b""

    async with serving(EventSourceResponse(tight()), wire) as running:
        await wire.asked.wait()
        await running.leave()
    assert count < 1_000_000


async def test_a_request_whose_messages_never_wait_does_not_starve_its_stream() -> None:
    wire, asked = Wire(), 0

    async def receive() -> Any:
        nonlocal asked
        asked += 1
        return {"type": "http.request"} if asked < 10_000 else await wire.receive()

    await EventSourceResponse(some("x", "y"))(wire.scope, receive, wire.send)
    assert (wire.data(), asked < 10_000) == (["x", "y"], True)


async def test_an_exception_of_the_content_leaves_as_it_is_and_cuts_the_stream() -> None:
    wire, ran, reasons = Wire(), list[int](), list[str]()

    async def broken() -> AsyncIterator[Any]:
        yield "x"
        raise LookupError("mine") from KeyError("cause")

    response = EventSourceResponse(broken(), background=BackgroundTask(lambda: ran.append(1)), on_close=reasons.append)
    with pytest.raises(LookupError, match="mine") as caught:
        await serve(response, wire)
    assert isinstance(caught.value.__cause__, KeyError)
    assert (wire.ended, ran, reasons) == (False, [], ["error"])


async def test_a_sender_runs_beside_the_stream_and_its_return_does_not_end_it() -> None:
    send, receive = anyio.create_memory_object_stream[str](1)

    async def produce() -> None:
        async with send:
            for number in range(3):
                await send.send(str(number))

    wire = await serve(EventSourceResponse(receive, data_sender_callable=produce))
    assert (wire.data(), wire.ended) == (["0", "1", "2"], True)


@pytest.mark.parametrize("moment", ["waiting", "sending"])
async def test_a_sender_is_cancelled_with_the_stream_and_sees_no_broken_channel(moment: str) -> None:
    send, receive = anyio.create_memory_object_stream[str](0)
    seen: list[str] = []
    wire = Wire(takes=2 if moment == "sending" else None)
    async with serving(
        EventSourceResponse(receive, data_sender_callable=lambda: produce(send, seen, moment)), wire
    ) as running:
        await (wire.sending() if moment == "sending" else wire.until(lambda: wire.chunks))
        await wire.asked.wait()
        await running.leave()
    assert seen == ["CancelledError"]
    assert receive.statistics().open_receive_streams == 0


async def test_nor_does_it_where_a_generator_closes_the_channel_and_then_waits() -> None:
    send, receive = anyio.create_memory_object_stream[str](0)
    wire, seen = Wire(), list[str]()

    async def generate() -> AsyncIterator[str]:
        try:
            async with receive:
                yield await receive.receive()
                await anyio.sleep_forever()
        finally:
            await asyncio.sleep(0.01)

    response = EventSourceResponse(generate(), data_sender_callable=lambda: produce(send, seen, "sending"))
    async with begun(response, wire) as running:
        await wire.asked.wait()
        await running.leave()
    assert seen == ["CancelledError"]


async def produce(send: ObjectSendStream[str], seen: list[str], moment: str) -> None:
    try:
        await send.send("x")
        while moment == "sending":
            await send.send("y")
        await anyio.sleep_forever()
    except BaseException as error:
        seen.append(type(error).__name__)
        raise
    finally:
        await send.aclose()


async def test_an_exception_of_the_sender_ends_the_stream_and_leaves_as_it_is() -> None:
    content = Closing("x")

    async def fail() -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await serve(EventSourceResponse(content, data_sender_callable=fail))
    assert content.closed == 1


async def test_the_close_handler_is_called_with_the_message_after_the_content_has_ended() -> None:
    notes, wire, order = Notes("x"), Wire(), []

    async def handler(message: Any) -> None:
        order.append((message["type"], notes.seen[-1]))

    async with serving(EventSourceResponse(notes.generate(), client_close_handler_callable=handler), wire) as running:
        await notes.waiting.wait()
        await running.leave()
    assert order == [("http.disconnect", "finally")]


async def test_the_reason_is_told_also_where_the_close_handler_fails() -> None:
    wire, reasons = Wire(), list[str]()

    async def handler(message: Any) -> None:
        raise LookupError("mine")

    response = EventSourceResponse(forever("x"), client_close_handler_callable=handler, on_close=reasons.append)
    async with serving(response, wire) as running:
        await wire.asked.wait()
        wire.leave()
        with pytest.raises(LookupError, match="mine"):
            await running.done()
    assert reasons == ["client"]


async def test_the_close_handler_is_not_called_after_a_normal_end() -> None:
    async def handler(message: Any) -> None:
        raise AssertionError("it was called")

    await serve(EventSourceResponse(some("x"), client_close_handler_callable=handler))


async def test_on_close_may_be_async_and_is_cut_off_when_it_takes_too_long(caplog: pytest.LogCaptureFixture) -> None:
    reasons: list[CloseReason] = []

    async def on_close(reason: CloseReason) -> None:
        reasons.append(reason)
        await anyio.sleep_forever()

    await serve(EventSourceResponse(some("x"), on_close=on_close, cleanup_timeout=0.02))
    assert reasons == ["finished"]
    assert [record.levelname for record in caplog.records if record.levelno >= logging.WARNING] == ["WARNING"]


async def test_the_payload_is_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wire = Wire()
    async with serving(EventSourceResponse(forever("secret"), ping=0.01), wire) as running:
        await wire.until(lambda: len(wire.chunks) > 2)
        await running.leave()
    assert "secret" not in caplog.text
    assert "http.disconnect" in caplog.text
