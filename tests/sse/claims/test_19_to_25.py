"""Claims 19 to 25: database sessions, disconnects, timeouts, headers, channels, content."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.streams.memory import MemoryObjectSendStream

from sse_gateway import EventSourceResponse, SendTimeoutError

from ..wire import Wire, forever, serve, serving, some
from .database import AsyncSession, stream_database_results, users

pytestmark = pytest.mark.anyio


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return users(tmp_path)


async def test_19_database_session_inside_the_generator(database: Path) -> None:
    session = AsyncSession(database)
    wire = await serve(EventSourceResponse(stream_database_results(session)))
    assert (wire.data(), session.closed) == (["Ada", "Grace", "Joan"], 1)


async def test_19_its_session_is_closed_once_when_the_client_leaves_in_the_middle(database: Path) -> None:
    session, wire = AsyncSession(database), Wire(takes=2)
    async with serving(EventSourceResponse(stream_database_results(session)), wire) as running:
        await wire.sending()
        wire.leave()
        await running.done()
    assert (wire.data(), session.closed) == (["Ada"], 1)


@pytest.mark.parametrize("moment", ["waiting", "sending"])
async def test_21_except_cancelled_error_on_disconnect(moment: str) -> None:
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


async def test_22_the_exception_surfaces() -> None:
    with pytest.raises(SendTimeoutError):
        await serve(EventSourceResponse(some("x"), send_timeout=0.05), Wire(takes=1))


async def test_23_custom_headers() -> None:
    wire = await serve(EventSourceResponse(some(), headers={"Cache-Control": "no-cache"}))
    names = [name for name, _ in wire.start["headers"]]
    assert (names.count(b"cache-control"), dict(wire.start["headers"])[b"cache-control"]) == (1, b"no-cache")
    assert {b"connection", b"x-accel-buffering", b"content-type"} <= {*names}


async def test_24_memory_channel_and_data_sender() -> None:
    done = []

    async def data_producer(send_channel: MemoryObjectSendStream[dict[str, str]]) -> None:
        async with send_channel:
            for i in range(10):
                await send_channel.send({"data": f"Item {i}"})
        done.append(1)

    send_channel, receive_channel = anyio.create_memory_object_stream[dict[str, str]](10)
    wire = await serve(EventSourceResponse(receive_channel, data_sender_callable=partial(data_producer, send_channel)))
    assert (wire.data(), done, wire.ended) == ([f"Item {number}" for number in range(10)], [1], True)


class Iterator:
    """An async iterator that is no generator."""

    def __init__(self) -> None:
        self.items = iter("abc")

    def __aiter__(self) -> Iterator:
        return self

    async def __anext__(self) -> str:
        for item in self.items:
            return item
        raise StopAsyncIteration


def channel() -> Any:
    send, receive = anyio.create_memory_object_stream[str](3)
    with send:
        for item in "abc":
            send.send_nowait(item)
    return receive


def generator() -> Any:
    yield from "abc"


CONTENTS = {
    "async generator": lambda: some(*"abc"),
    "async iterator": Iterator,
    "generator": generator,
    "list": lambda: [*"abc"],
    "memory channel": channel,
}


@pytest.mark.parametrize("kind", CONTENTS)
async def test_25_content(kind: str) -> None:
    assert (await serve(EventSourceResponse(CONTENTS[kind]()))).data() == [*"abc"]


async def test_25_content_that_waits() -> None:
    wire = Wire()
    async with serving(EventSourceResponse(forever("x")), wire):
        await wire.until(lambda: wire.chunks)
    assert wire.data() == ["x"]
