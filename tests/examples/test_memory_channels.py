"""A memory channel as content."""

from __future__ import annotations

from sse_gateway.testing import EventStreamReader

from ..sse.servers import Server


async def test_all_items_arrive_and_the_producer_ends_the_stream(server: Server) -> None:
    async with EventStreamReader(f"{server.url}/events") as stream:
        events = await stream.receive_rest()
    assert [event.data for event in events] == [f"Item {number}" for number in range(10)]
    assert "producer: done" in server.log


async def test_the_producer_is_cancelled_when_the_client_leaves(server: Server) -> None:
    async with EventStreamReader(f"{server.url}/events") as stream:
        await stream.receive()
    await server.logged("producer: cancelled")
    assert "made: 9" not in server.log
    assert "Traceback" not in server.log
