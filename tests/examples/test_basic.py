"""The smallest stream."""

from __future__ import annotations

import re

import httpx
import pytest

from sse_gateway.testing import EventStreamReader

from ..sse.servers import Server

pytestmark = pytest.mark.anyio


async def test_it_tells_the_time(server: Server) -> None:
    async with EventStreamReader(f"{server.url}/events") as stream:
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        for _ in range(2):
            assert re.fullmatch(r"\d\d:\d\d:\d\d", (await stream.receive()).data)


async def test_it_has_a_page_that_listens(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:
        assert 'new EventSource("/events")' in (await client.get("/")).text
