"""A bound on open streams."""

from __future__ import annotations

import anyio
import httpx

from sse_gateway.testing import EventStreamReader

from ..sse.servers import Server


async def test_the_third_stream_is_refused_until_another_ends(server: Server) -> None:
    url = f"{server.url}/events"
    async with EventStreamReader(url) as first:
        await first.receive()
        async with EventStreamReader(url) as second, httpx.AsyncClient() as client:
            assert (await second.receive()).data == "2 of 2 streams are open"
            answer = await client.get(url)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        with anyio.fail_after(30):
            while True:
                async with EventStreamReader(url) as third:
                    if third.status == 200:
                        assert (await third.receive()).data == "2 of 2 streams are open"
                        break
