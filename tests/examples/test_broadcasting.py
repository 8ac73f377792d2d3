"""One message to many clients."""

from __future__ import annotations

from contextlib import AsyncExitStack

import anyio
import httpx

from sse_gateway.testing import EventStreamReader

from ..sse.servers import Server, frozen


async def publish(server: Server, text: str, clients: int | None = None) -> int:
    """Publish until so many clients are there to get it; how many got it."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        with anyio.fail_after(60):
            while True:
                answer = (await client.post("/messages", content=text)).text
                sent = int(answer.split()[2])
                if clients in (None, sent):
                    return sent


async def test_everybody_gets_every_message(server: Server) -> None:
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(EventStreamReader(f"{server.url}/events")) for _ in range(20)]
        await publish(server, "are all here?", clients=20)
        for number in range(10):
            assert await publish(server, f"message {number}") == 20
        for stream in streams:
            received = [(await stream.receive()).data]
            while received[-1] != "message 9":
                received.append((await stream.receive()).data)
            assert received[-10:] == [f"message {number}" for number in range(10)]
    assert await publish(server, "is anybody left?", clients=0) == 0


async def test_who_comes_back_gets_what_was_missed(server: Server) -> None:
    async with EventStreamReader(f"{server.url}/events") as stream:
        await publish(server, "first", clients=1)
        assert (await stream.receive()).data == "first"
    for text in ("second", "third"):
        await publish(server, text)
    async with EventStreamReader(f"{server.url}/events", last_event_id=stream.last_event_id) as stream:
        assert [(await stream.receive()).data for _ in range(2)] == ["second", "third"]


async def test_a_client_that_reads_nothing_holds_nobody(server: Server) -> None:
    async with EventStreamReader(f"{server.url}/events") as stream:
        await publish(server, "hello", clients=1)
        with frozen(server, "/events"):
            await publish(server, "hello", clients=2)
            while await publish(server, "x" * 1_000_000) == 2:  # until its queue is full, and it is dropped
                while (await stream.receive()).data == "hello":  # so that this one's never is
                    pass
        assert await publish(server, "hello") == 1
