"""The same events from a generator, a memory channel and a function that writes: who waits for whom, and how each ends.

    python examples/demonstrations/channels_and_generators.py

Each stream is read once to its end and once left after its first event. You see the same three events, and what each kind of
content is told when its client leaves. A generator is asked for an event when the last one was taken. A channel has a producer
of its own, which runs ahead as far as the buffer goes, and can have many. A function gets the connection, so any task may write.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial

import anyio
import httpx
from anyio.streams.memory import MemoryObjectSendStream
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from local_client import events_of
from local_server import serving
from sse_gateway import Event, EventSourceResponse, PushConnection

endings: list[tuple[str, str]] = []


@contextmanager
def noted(name: str) -> Iterator[None]:
    how = "came to its end"
    try:
        yield
    except asyncio.CancelledError:
        how = "was cancelled"
        raise
    finally:
        print(f"  {name}: {how}")
        endings.append((name, how))


async def generate() -> AsyncIterator[Event]:
    with noted("generator"):
        for number in range(3):
            yield Event(number)
            await anyio.sleep(0.1)


async def produce(channel: MemoryObjectSendStream[Event]) -> None:
    with noted("channel"):
        async with channel:
            for number in range(3):
                await channel.send(Event(number))
                await anyio.sleep(0.1)


async def write(connection: PushConnection) -> None:
    with noted("function"):
        for number in range(3):
            await connection.send(Event(number))
            await anyio.sleep(0.1)


async def generator(request: Request) -> EventSourceResponse:
    return EventSourceResponse(generate())


async def channel(request: Request) -> EventSourceResponse:
    send, receive = anyio.create_memory_object_stream[Event](10)
    return EventSourceResponse(receive, data_sender_callable=partial(produce, send))


async def function(request: Request) -> EventSourceResponse:
    return EventSourceResponse(write)


STREAMS = [generator, channel, function]


async def main() -> None:
    app = Starlette(routes=[Route(f"/{stream.__name__}", stream) for stream in STREAMS])
    async with serving(app) as url, httpx.AsyncClient(base_url=url) as client:
        for stream in STREAMS:
            print(f"{stream.__name__}:")
            async with client.stream("GET", f"/{stream.__name__}") as response:
                data = [event["data"] async for event in events_of(response)]
            print(f"  the client has read {data}")
            assert data == ["0", "1", "2"]
            async with client.stream("GET", f"/{stream.__name__}") as response:
                print(f"  the client has read {await anext(events_of(response))}, and leaves")
            with anyio.fail_after(1):
                while endings[-1] != (stream.__name__, "was cancelled"):
                    await anyio.sleep(0.01)
    assert len(endings) == 6


if __name__ == "__main__":
    asyncio.run(main())
