"""Streams that end badly: what leaves the call, and what the content sees first."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import anyio
import pytest
from starlette.background import BackgroundTask

from sse_gateway.sse import ConnectionLimiter, EventSourceResponse

from .contents import Closing, Notes
from .wire import Wire, serve, serving

pytestmark = pytest.mark.anyio


async def test_what_can_not_be_encoded_leaves_as_it_is_after_the_content_was_closed() -> None:
    content, wire, ran = Closing({"data": "x"}, {"dato": 1}), Wire(), []
    with pytest.raises(TypeError, match="dato"):
        await serve(EventSourceResponse(content, background=BackgroundTask(lambda: ran.append(1))), wire)
    assert (content.closed, wire.data(), wire.ended, ran) == (1, ["x"], False, [])


async def test_a_failure_of_the_cleanup_is_logged_and_the_first_exception_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    content = Closing({"dato": 1}, fails=OSError("disk"))
    with pytest.raises(TypeError, match="dato"):
        await serve(EventSourceResponse(content))
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert (record.levelname, record.name.startswith("sse_gateway.sse")) == ("ERROR", True)
    assert record.getMessage().startswith("Error closing body iterator")
    assert record.exc_info is not None


async def test_a_failure_to_close_content_that_nobody_reads_is_logged_and_the_answer_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    head = await serve(EventSourceResponse(Closing(fails=OSError("disk"))), Wire(method="HEAD"))
    refused = await serve(EventSourceResponse(Closing(fails=OSError("disk")), limiter=ConnectionLimiter(0)))
    assert (head.start["status"], refused.start["status"]) == (200, 503)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        "Error closing body iterator"
    ] * 2


async def test_an_error_of_send_leaves_as_it_is_after_the_content_was_closed() -> None:
    content, wire = Closing("x", "y"), Wire()
    response = EventSourceResponse(content)
    async with serving(response, wire) as running:
        wire.broken = OSError("broken pipe")
        with pytest.raises(OSError, match="broken pipe"):
            await running.done()
    assert content.closed == 1


@pytest.mark.parametrize("moment", ["waiting", "sending"])
async def test_a_cancellation_from_outside_goes_on_after_the_content_was_closed(moment: str) -> None:
    content, wire, reasons = Closing("x", "y"), Wire(takes=2 if moment == "sending" else None), list[str]()
    async with serving(EventSourceResponse(content, on_close=reasons.append), wire) as running:
        await (wire.sending() if moment == "sending" else content.waiting.wait())
        running.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running.done()
    assert (content.closed, wire.ended, reasons) == (1, False, ["error"])


async def test_a_cancel_scope_around_a_response_that_is_sending_lets_its_content_wait_for_its_cleanup() -> None:
    notes, wire = Notes("x", "y"), Wire(takes=2)
    async with anyio.create_task_group() as group:
        group.start_soon(EventSourceResponse(notes.generate()), wire.scope, wire.receive, wire.send)
        await wire.sending()
        group.cancel_scope.cancel()
    assert notes.seen == ["cancelled", "waited", "finally"]


async def test_a_cancel_scope_around_the_response_ends_it() -> None:
    notes = Notes("x")
    wire = Wire()
    with anyio.move_on_after(5) as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(EventSourceResponse(notes.generate()), wire.scope, wire.receive, wire.send)
            await notes.waiting.wait()
            group.cancel_scope.cancel()
    assert not scope.cancelled_caught
    assert notes.seen[0] == "cancelled"
    assert notes.seen[-1] == "finally"


@pytest.mark.parametrize("moment", ["waiting", "sending"])
async def test_a_cancellation_from_outside_cuts_the_cleanup_after_a_disconnect(moment: str) -> None:
    wire, cleaning, seen = Wire(takes=2 if moment == "sending" else None), asyncio.Event(), []

    async def slow() -> AsyncIterator[str]:
        try:
            yield "x"
            while moment == "sending":
                yield "y"
            await anyio.sleep_forever()
        finally:
            cleaning.set()
            try:
                await anyio.sleep_forever()
            finally:
                seen.append("finally")

    async with serving(EventSourceResponse(slow()), wire) as running:
        await wire.until(lambda: wire.chunks)
        await wire.asked.wait()
        wire.leave()
        await cleaning.wait()
        running.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running.done()
    assert seen == ["finally"]


async def test_a_cancellation_from_outside_is_not_lost_while_the_content_is_closed() -> None:
    wire, closing = Wire(), asyncio.Event()

    class Slow(Closing):
        async def aclose(self) -> None:
            closing.set()
            await anyio.sleep_forever()

    async with serving(EventSourceResponse(Slow({"dato": 1})), wire) as running:
        await closing.wait()
        running.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running.done()


async def test_cleanup_that_takes_too_long_is_cut_off_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    wire, seen = Wire(), []

    async def slow() -> AsyncIterator[str]:
        try:
            yield "x"
            await anyio.sleep_forever()
        finally:
            try:
                await anyio.sleep_forever()
            finally:
                try:
                    await anyio.sleep_forever()
                finally:
                    seen.append("finally")

    async with serving(EventSourceResponse(slow(), cleanup_timeout=0.02), wire) as running:
        await wire.until(lambda: wire.chunks)
        await asyncio.sleep(0.01)
        wire.leave()
        await running.done()
        assert running.task.cancelling() == 0
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert (record.levelname, "cleanup" in record.getMessage(), seen) == ("WARNING", True, ["finally"])


async def test_closing_that_takes_too_long_is_cut_off_and_the_first_exception_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Stuck(Closing):
        async def aclose(self) -> None:
            self.closed += 1
            await anyio.sleep_forever()

    content = Stuck({"dato": 1})
    with pytest.raises(TypeError, match="dato"):
        await serve(EventSourceResponse(content, cleanup_timeout=0.02))
    assert content.closed == 1
    assert [record.levelname for record in caplog.records if record.levelno >= logging.WARNING] == ["WARNING"]


async def test_an_exception_of_the_cleanup_after_a_disconnect_leaves_and_the_task_is_as_it_was() -> None:
    wire = Wire()

    async def failing() -> AsyncIterator[str]:
        try:
            yield "x"
            await anyio.sleep_forever()
        finally:
            raise LookupError("mine")

    async with serving(EventSourceResponse(failing()), wire) as running:
        await wire.until(lambda: wire.chunks)
        await wire.asked.wait()
        wire.leave()
        with pytest.raises(LookupError, match="mine"):
            await running.done()
        assert running.task.cancelling() == 0


async def test_cleanup_after_a_failure_beside_the_content_is_cut_off_too() -> None:
    seen: list[str] = []

    async def fail() -> None:
        await asyncio.sleep(0.01)
        raise LookupError("mine")

    async def slow() -> AsyncIterator[str]:
        try:
            await anyio.sleep_forever()
            yield "x"
        finally:
            try:
                await anyio.sleep_forever()
            finally:
                seen.append("finally")

    with pytest.raises(LookupError, match="mine"):
        await serve(EventSourceResponse(slow(), data_sender_callable=fail, cleanup_timeout=0.02))
    assert seen == ["finally"]


@pytest.mark.parametrize("moment", ["waiting", "sending"])
async def test_a_generator_sees_a_disconnect_as_cancelled_error(moment: str) -> None:
    cleaned: list[str] = []

    async def robust_stream() -> AsyncIterator[dict[str, str]]:
        try:
            for i in range(100):
                yield {"data": f"Item {i}"}
                if moment == "waiting":
                    await anyio.sleep_forever()
        except asyncio.CancelledError:
            cleaned.append("cleanup")
            raise

    wire = Wire(takes=2 if moment == "sending" else None)
    async with serving(EventSourceResponse(robust_stream()), wire) as running:
        await (wire.sending() if moment == "sending" else wire.asked.wait())
        await wire.until(lambda: wire.chunks)
        wire.leave()
        await running.done()
    assert cleaned == ["cleanup"]


async def test_a_generator_is_not_read_ahead() -> None:
    """It counts as many events as its client got, give or take the one that is on its way."""
    counted = []

    async def monitored_stream() -> AsyncIterator[dict[str, str]]:
        events_sent = 0
        try:
            while events_sent < 100:
                yield {"data": f"Event {events_sent}"}
                events_sent += 1
                await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            counted.append(events_sent)
            raise

    wire = Wire()
    async with serving(EventSourceResponse(monitored_stream()), wire) as running:
        await wire.until(lambda: len(wire.chunks) >= 7)
        wire.leave()
        await running.done()
    assert abs(counted[0] - len(wire.data())) <= 1
