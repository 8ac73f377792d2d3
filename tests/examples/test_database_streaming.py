"""Rows of a database."""

from __future__ import annotations

import httpx

from sse_gateway.testing import EventStreamReader

from ..sse.servers import Server


async def test_the_session_is_closed_once(server: Server) -> None:
    """When the client leaves, and after the last row."""
    async with EventStreamReader(f"{server.url}/orders") as stream:
        assert (await stream.receive()).data == '{"item":"item 1"}'
        assert server.log.count("session opened") == 1
        assert "session closed" not in server.log
    await server.logged("session closed")

    async with EventStreamReader(f"{server.url}/orders", last_event_id="195") as stream:
        events = await stream.receive_rest()
    await server.logged("session closed", times=2)
    assert [event.id for event in events] == ["196", "197", "198", "199", "200"]
    assert server.log.count("session opened") == server.log.count("session closed") == 2
    assert "Traceback" not in server.log


async def test_who_has_all_rows_is_told_not_to_come_back(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.get("/orders", headers={"Last-Event-ID": "200"})).status_code == 204
    assert "session opened" not in server.log
