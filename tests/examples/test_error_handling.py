"""What a client learns of errors."""

from __future__ import annotations

import anyio
import httpx
import pytest

from sse_gateway.testing import EventStreamReader

from ..sse.servers import Server


async def test_an_error_before_the_first_event_is_a_status(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.get("/prices/TULIP")
    assert (answer.status_code, answer.text) == (404, "No such symbol: TULIP")
    assert "Traceback" not in server.log


async def test_an_error_in_the_middle_is_an_event(server: Server) -> None:
    async with EventStreamReader(f"{server.url}/prices/SALT") as stream:
        events = await stream.receive_rest()
    assert [event.type for event in events] == ["message"] * 5 + ["failed"]
    assert events[-1].data == '{"message":"the exchange has closed the line"}'
    assert stream.parser.retry == 10_000
    await server.logged("closed: finished")


async def test_a_bug_cuts_the_connection(server: Server) -> None:
    async with EventStreamReader(f"{server.url}/prices/GOLD") as stream:
        assert (await stream.receive()).data == '{"symbol":"GOLD","price":100}'
        with pytest.raises(anyio.IncompleteRead):
            await stream.receive()
    await server.logged("closed: error")
    await server.logged("ZeroDivisionError")
