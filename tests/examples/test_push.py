"""A function as content."""

from __future__ import annotations

from sse_gateway.testing import EventStreamReader

from ..sse.servers import Server


async def test_tasks_write_side_by_side_and_the_stream_ends_with_the_function(server: Server) -> None:
    async with EventStreamReader(f"{server.url}/events") as stream:
        events = await stream.receive_rest()
    for name in ("quick", "slow"):
        assert [event.data for event in events if event.type == name] == ["0", "1", "2"]
    assert (events[-1].type, events[-1].data) == ("end", "both have ended")
    await server.logged("closed: finished")


async def test_the_function_is_cancelled_when_the_client_leaves(server: Server) -> None:
    async with EventStreamReader(f"{server.url}/events") as stream:
        await stream.receive()
    await server.logged("closed: client")
    assert "Traceback" not in server.log
