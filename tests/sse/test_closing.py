"""Whatever content a response was given is closed on every way out, exactly once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from sse_gateway.sse import EventSourceResponse, SendTimeoutError, begin_shutdown, watch_shutdown

from .wire import Running, Wire, serving

pytestmark = pytest.mark.anyio


class Content:
    """Makes content of each kind, and counts how often that was closed."""

    def __init__(self) -> None:
        self.closed = 0
        self.release = threading.Event()
        self.send: MemoryObjectSendStream[str] | None = None

    def _close(self) -> None:
        self.closed += 1

    async def generator(self) -> AsyncIterator[str]:
        try:
            yield "x"
            await self._wait()
            yield "y"
        finally:
            self._close()

    def iterator(self) -> Any:
        content = self

        class Iterator_:
            items = content._items()

            def __aiter__(self) -> Any:
                return self

            async def __anext__(self) -> str:
                return await anext(self.items)

            async def aclose(self) -> None:
                await asyncio.sleep(0)
                content._close()

        return Iterator_()

    def iterable(self) -> Any:
        """Not its own iterator, and closed by an old-fashioned method that is a coroutine function."""
        content = self

        class Iterable_:
            def __aiter__(self) -> Any:
                return content._items()

            async def close(self) -> None:
                content._close()

        return Iterable_()

    def channel(self) -> Any:
        content = self

        class Channel(MemoryObjectReceiveStream[str]):
            def close(self) -> None:
                content._close()
                super().close()

        self.send, receive = anyio.create_memory_object_stream[str](2)
        self.send.send_nowait("x")
        channel = Channel(receive._state)
        receive.close()
        return channel

    def sync_generator(self) -> Iterator[str]:
        try:
            yield "x"
            self.release.wait(10)
            yield "y"
        finally:
            self._close()

    async def _items(self) -> AsyncIterator[str]:
        yield "x"
        await self._wait()
        yield "y"

    async def _wait(self) -> None:
        while not self.release.is_set():
            await asyncio.sleep(0.001)


KINDS = ["generator", "iterator", "iterable", "channel", "sync_generator"]


async def disconnect(wire: Wire, content: Content, running: Running) -> None:
    await wire.until(lambda: wire.chunks)
    wire.leave()


async def shutdown(wire: Wire, content: Content, running: Running) -> None:
    await wire.until(lambda: wire.chunks)
    begin_shutdown(asyncio.get_running_loop())


async def cancellation(wire: Wire, content: Content, running: Running) -> None:
    await wire.until(lambda: wire.chunks)
    running.task.cancel()


async def end(wire: Wire, content: Content, running: Running) -> None:
    await wire.until(lambda: wire.chunks)
    if content.send is not None:
        content.send.close()


async def broken_send(wire: Wire, content: Content, running: Running) -> None:
    wire.break_off(OSError("broken pipe"))


async def timeout(wire: Wire, content: Content, running: Running) -> None:
    pass


WAYS = [disconnect, shutdown, cancellation, end, broken_send, timeout]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("kind", KINDS)
async def test_it_is_closed_once(kind: str, way: Callable[[Wire, Content, Running], Awaitable[None]]) -> None:
    content, wire = Content(), Wire(takes=1 if way in (broken_send, timeout) else None)
    watch_shutdown()
    response = EventSourceResponse(getattr(content, kind)(), send_timeout=0.05 if way is timeout else None)
    async with serving(response, wire) as running:
        if wire.takes:
            await wire.sending()
        await way(wire, content, running)
        content.release.set()
        outcome = await asyncio.gather(running.done(), return_exceptions=True)
    if content.send is not None:
        content.send.close()
    assert content.closed == 1
    expected: Any = {"cancellation": asyncio.CancelledError, "broken_send": OSError, "timeout": SendTimeoutError}.get(
        way.__name__
    )
    assert type(outcome[0]) is (expected or type(None))
    watch_shutdown()


async def test_content_of_a_client_that_was_never_there_is_closed() -> None:
    for kind in ("iterator", "iterable"):
        content, wire = Content(), Wire()
        wire.leave()
        async with serving(EventSourceResponse(getattr(content, kind)()), wire) as running:
            await running.done()
        assert content.closed == 1


async def test_a_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_text("one\ntwo\n")
    with path.open() as file:
        wire = Wire()
        async with serving(EventSourceResponse(line.strip() for line in file), wire) as running:
            await running.done()
        assert wire.data() == ["one", "two"]
        async with serving(EventSourceResponse(file), Wire()) as running:
            await running.done()
        assert file.closed


async def test_a_thread_that_still_reads_does_not_hold_the_request_but_its_content_is_closed() -> None:
    closed, wire, release, reading = threading.Event(), Wire(), threading.Event(), threading.Event()

    def slow() -> Iterator[str]:
        try:
            yield "x"
            reading.set()
            release.wait(10)
            yield "y"
        finally:
            closed.set()

    async with serving(EventSourceResponse(slow(), cleanup_timeout=0.05), wire) as running:
        await anyio.to_thread.run_sync(reading.wait, 5)
        wire.leave()
        await running.done()
    assert not closed.is_set()
    release.set()
    assert await anyio.to_thread.run_sync(closed.wait, 5)


async def test_nor_does_it_hold_a_cancel_scope_around_the_response() -> None:
    wire, release, reading = Wire(), threading.Event(), threading.Event()

    def slow() -> Iterator[str]:
        reading.set()
        release.wait(10)
        yield "x"

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(EventSourceResponse(slow(), cleanup_timeout=0.05), wire.scope, wire.receive, wire.send)
            await anyio.to_thread.run_sync(reading.wait, 5)
            group.cancel_scope.cancel()
    release.set()


async def test_blocked_synchronous_streams_leave_the_threads_of_the_application_alone() -> None:
    release, entered = threading.Event(), threading.Semaphore(0)

    def block() -> Iterator[str]:
        entered.release()
        release.wait(30)
        yield "x"

    async with anyio.create_task_group() as group:
        for _ in range(50):
            wire = Wire()
            group.start_soon(EventSourceResponse(block()), wire.scope, wire.receive, wire.send)
        try:
            with anyio.fail_after(5):
                for _ in range(40):
                    await anyio.to_thread.run_sync(entered.acquire, True, 5)
                assert await anyio.to_thread.run_sync(lambda: "free") == "free"
        finally:
            release.set()
