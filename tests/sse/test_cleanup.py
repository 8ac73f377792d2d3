"""Streams that end badly: what leaves the call, and what the content sees first."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import anyio
import pytest
from starlette.background import BackgroundTask

from sse_gateway.sse import ConnectionLimiter, EventSourceResponse

from .wire import Closing, Notes, Wire, begun, serve, serving

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


@pytest.mark.parametrize("moment", ["waiting", "sending"])
async def test_a_cancellation_from_outside_goes_on_after_the_content_was_closed(moment: str) -> None:
    content, wire, reasons = Closing("x", "y"), Wire(takes=2 if moment == "sending" else None), list[str]()
    async with serving(EventSourceResponse(content, on_close=reasons.append), wire) as running:
        await (wire.sending() if moment == "sending" else content.waiting.wait())
        running.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running.done()
    assert (content.closed, wire.ended, reasons) == (1, False, ["error"])


@pytest.mark.parametrize("moment", ["waiting", "sending"])
async def test_a_cancel_scope_around_a_response_lets_its_content_wait_for_its_cleanup_only_while_it_sends(
    moment: str,
) -> None:
    notes, wire = Notes("x", "y"), Wire(takes=2 if moment == "sending" else None)
    async with anyio.create_task_group() as group:
        group.start_soon(EventSourceResponse(notes.generate()), wire.scope, wire.receive, wire.send)
        await (wire.sending() if moment == "sending" else notes.waiting.wait())
        group.cancel_scope.cancel()
    waited = ["waited"] if moment == "sending" else []
    assert notes.seen == ["cancelled", *waited, "finally"]


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

    async with begun(EventSourceResponse(slow()), wire) as running:
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

    async with begun(EventSourceResponse(slow(), cleanup_timeout=0.02), wire) as running:
        await asyncio.sleep(0.01)
        await running.leave()
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

    async with begun(EventSourceResponse(failing()), wire) as running:
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


async def test_a_generator_is_not_read_ahead() -> None:
    read, wire = 0, Wire(takes=3)

    async def content() -> AsyncIterator[int]:
        nonlocal read
        while True:
            read += 1
            yield read

    async with serving(EventSourceResponse(content()), wire):
        await wire.sending()
        await asyncio.sleep(0.02)
    assert (wire.data(), read) == (["1", "2"], 3)
