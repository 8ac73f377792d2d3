"""Whatever content a response was given is closed on every way out, exactly once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
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
            async for item in self._items():
                yield item
        finally:
            self._close()

    def iterator(self) -> Any:
        content, items = self, self._items()

        class Iterator_:
            def __aiter__(self) -> Any:
                return self

            async def __anext__(self) -> str:
                return await anext(items)

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

    def end(self) -> None:
        if self.send is not None:
            self.send.close()

    async def _items(self) -> AsyncIterator[str]:
        yield "x"
        while not self.release.is_set():
            await asyncio.sleep(0.001)
        yield "y"


KINDS = ["generator", "iterator", "iterable", "channel", "sync_generator"]
WAYS: dict[str, tuple[Callable[[Wire, Content, Running], object], type[BaseException] | None]] = {
    "disconnect": (lambda wire, content, running: wire.leave(), None),
    "shutdown": (lambda wire, content, running: begin_shutdown(asyncio.get_running_loop()), None),
    "cancellation": (lambda wire, content, running: running.task.cancel(), asyncio.CancelledError),
    "end": (lambda wire, content, running: content.end(), None),
    "broken send": (lambda wire, content, running: wire.break_off(OSError("broken pipe")), OSError),
    "timeout": (lambda wire, content, running: None, SendTimeoutError),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
async def test_it_is_closed_once(kind: str, way: str) -> None:
    content, wire = Content(), Wire(takes=1 if way in ("broken send", "timeout") else None)
    act, error = WAYS[way]
    watch_shutdown()
    response = EventSourceResponse(getattr(content, kind)(), send_timeout=0.05 if way == "timeout" else None)
    async with serving(response, wire) as running:
        await (wire.sending() if wire.takes else wire.until(lambda: wire.chunks))
        act(wire, content, running)
        content.release.set()
        [outcome] = await asyncio.gather(running.done(), return_exceptions=True)
    content.end()
    assert (content.closed, type(outcome)) == (1, error or type(None))
    if way == "end":
        assert (wire.data(), wire.ended) == (["x"] if kind == "channel" else ["x", "y"], True)
    watch_shutdown()


async def test_content_of_a_client_that_was_never_there_is_closed() -> None:
    for kind in ("iterator", "iterable", "generator"):
        content, wire = Content(), Wire()
        wire.leave()
        async with serving(EventSourceResponse(getattr(content, kind)()), wire) as running:
            await running.done()
        assert not wire.ended
        assert content.closed == 1 or kind == "generator"  # which has nothing to close if it never ran


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
        await running.leave()
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
