"""A response that is written to: by the function that was given its connection, and by other tasks."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import anyio
import pytest

from sse_gateway.sse import EventSourceResponse, PushConnection

from .wire import Wire, serve, serving, slowly

pytestmark = pytest.mark.anyio


async def test_a_partial_and_an_object_may_be_such_a_function() -> None:
    async def feed(text: str, connection: PushConnection) -> None:
        await connection.send(text)

    class Feed:
        async def __call__(self, connection: PushConnection) -> None:
            await connection.send("object")

    assert (await serve(EventSourceResponse(partial(feed, "partial")))).data() == ["partial"]
    assert (await serve(EventSourceResponse(Feed()))).data() == ["object"]


class Hub:
    """Connections that others write to."""

    def __init__(self) -> None:
        self.connections: list[PushConnection] = []
        self.joined = asyncio.Event()

    async def feed(self, connection: PushConnection) -> None:
        self.connections.append(connection)
        self.joined.set()
        try:
            await connection.wait_closed()
        finally:
            self.connections.remove(connection)


async def test_other_tasks_write_to_it_in_the_order_of_their_calls() -> None:
    hub, wire = Hub(), Wire()
    async with serving(EventSourceResponse(hub.feed, ping=0.001), wire) as running:
        await hub.joined.wait()
        async with anyio.create_task_group() as group:
            for number in range(50):
                group.start_soon(hub.connections[0].send, str(number))
        assert wire.data() == [str(number) for number in range(50)]
        await running.leave()
    assert (wire.overlaps, hub.connections) == (0, [])


async def test_the_function_itself_keeps_that_order_too() -> None:
    async def feed(connection: PushConnection) -> None:
        called = asyncio.Event()

        async def beside() -> None:
            called.set()
            await connection.send("1")

        async with anyio.create_task_group() as group:
            group.start_soon(beside)
            await called.wait()
            await connection.send("2")

    assert (await serve(EventSourceResponse(feed))).data() == ["1", "2"]


async def test_the_head_and_the_opening_come_before_what_several_tasks_push_first() -> None:
    async def feed(connection: PushConnection) -> None:
        async with anyio.create_task_group() as group:
            for number in range(3):
                group.start_soon(connection.send, str(number))

    wire = await serve(slowly(EventSourceResponse(feed, wait_for_first=True, opening="hello")))
    assert wire.start["status"] == 200
    assert wire.chunks[0] == b": hello\r\n\r\n"
    assert wire.data() == ["0", "1", "2"]


async def test_a_writer_whose_client_leaves_is_told() -> None:
    hub, wire = Hub(), Wire(takes=2)
    async with serving(EventSourceResponse(hub.feed), wire) as running:
        await hub.joined.wait()
        [connection] = hub.connections
        await connection.send("x")
        second = asyncio.get_running_loop().create_task(connection.send("y"))
        third = asyncio.get_running_loop().create_task(connection.send("z"))
        await wire.sending()
        await running.leave()
        for task in (second, third):
            with pytest.raises(anyio.ClosedResourceError):
                await task
    assert (connection.closed, connection.reason) == (True, "client")
    with pytest.raises(anyio.ClosedResourceError):
        await connection.send("late")
    await connection.wait_closed()


async def test_a_writer_whose_turn_comes_when_the_stream_is_ending_is_told() -> None:
    hub, wire, reasons = Hub(), Wire(takes=1), list[str]()
    async with serving(EventSourceResponse(hub.feed, on_close=reasons.append), wire) as running:
        await hub.joined.wait()
        writers = [asyncio.get_running_loop().create_task(hub.connections[0].send(text)) for text in "xy"]
        await wire.sending()
        wire.take()
        hub.connections[0].close()
        await running.done()
        outcomes = await asyncio.gather(*writers, return_exceptions=True)
    assert (wire.ended, reasons, type(outcomes[1])) == (True, ["evicted"], anyio.ClosedResourceError)


async def test_a_writer_is_told_as_soon_as_the_stream_has_failed() -> None:
    hub, wire, loop, outcomes = Hub(), Wire(), asyncio.get_running_loop(), list[BaseException]()

    def write() -> None:
        try:
            hub.connections[0].send("x").send(None)
        except (anyio.ClosedResourceError, RuntimeError) as error:
            outcomes.append(error)

    def fail() -> Any:
        loop.call_soon(loop.call_soon, write)  # between the end of the task that pings and the next turn of the content
        raise LookupError("mine")

    async with serving(EventSourceResponse(hub.feed, ping=0.01, ping_message_factory=fail), wire) as running:
        with pytest.raises(LookupError, match="mine"):
            await running.done()
    assert [type(outcome) for outcome in outcomes] == [anyio.ClosedResourceError]


async def test_a_writer_that_gives_up_leaves_the_event_whole() -> None:
    hub, wire = Hub(), Wire(takes=1)
    async with serving(EventSourceResponse(hub.feed), wire) as running:
        await hub.joined.wait()
        with anyio.move_on_after(0.02):
            await hub.connections[0].send("x")
        wire.take()
        await hub.connections[0].send("y")
        await running.leave()
    assert wire.data() == ["x", "y"]


async def wait_to_be_closed(connection: PushConnection) -> None:
    asyncio.get_running_loop().call_soon(connection.close)
    with pytest.raises(asyncio.CancelledError):
        await connection.wait_closed()
    raise asyncio.CancelledError


async def close_and_wait(connection: PushConnection) -> None:
    connection.close()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.sleep(0)
    raise asyncio.CancelledError


async def close_and_return(connection: PushConnection) -> None:
    connection.close()


@pytest.mark.parametrize("feed", [wait_to_be_closed, close_and_wait, close_and_return], ids=lambda feed: feed.__name__)
async def test_it_can_be_closed_from_outside_or_by_itself_and_ends_in_order(feed: Any) -> None:
    reasons: list[str] = []
    async with serving(EventSourceResponse(feed, on_close=reasons.append), wire := Wire()) as running:
        await running.done()
        assert running.task.cancelling() == 0
    assert (wire.ended, reasons) == (True, ["evicted"])


async def test_an_error_of_the_server_goes_to_the_writer() -> None:
    hub, wire = Hub(), Wire()
    async with serving(EventSourceResponse(hub.feed), wire):
        await hub.joined.wait()
        wire.broken = OSError("broken pipe")
        with pytest.raises(OSError, match="broken pipe"):
            await hub.connections[0].send("x")


async def test_an_event_that_can_not_be_encoded_is_the_writers_fault_alone() -> None:
    hub, wire = Hub(), Wire()
    bad: Any = {"dato": 1}
    async with serving(EventSourceResponse(hub.feed), wire) as running:
        await hub.joined.wait()
        with pytest.raises(TypeError, match="dato"):
            await hub.connections[0].send(bad)
        await hub.connections[0].send("x")
        await running.leave()
    assert wire.data() == ["x"]
