"""Load: many clients at once, each of which gets every event.

    python examples/demonstrations/many_clients.py         # 200 clients
    python examples/demonstrations/many_clients.py 400     # as many as you have descriptors for, two each

Clients and server share one process and one core, so the figures are a floor and not a measurement; `docs/engine.md` has those.
You see how many events a second went out, what the engine counts meanwhile, and that nothing is left at the end.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from time import monotonic
from urllib.parse import urlsplit

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from local_server import serving
from sse_gateway import Event, EventSourceResponse
from sse_gateway.sse import statistics

EVENTS = 50
LIST = [Event({"number": number}, id=number) for number in range(EVENTS)]  # made once, encoded once
go = anyio.Event()


async def numbers() -> AsyncIterator[Event]:
    await go.wait()
    for event in LIST:
        yield event


async def stream(request: Request) -> EventSourceResponse:
    return EventSourceResponse(numbers())


async def read(port: int, received: list[int]) -> None:
    """A client that costs less than the server: HTTP/1.0 has no framing to take apart."""
    async with await anyio.connect_tcp("127.0.0.1", port) as connection:
        await connection.send(b"GET / HTTP/1.0\r\n\r\n")
        answer = b"".join([chunk async for chunk in connection])
    received += map(int, re.findall(rb"^id: (\d+)\r$", answer, re.MULTILINE))


async def main(clients: int) -> None:
    received: list[list[int]] = [[] for _ in range(clients)]
    async with serving(Starlette(routes=[Route("/", stream)])) as url:
        async with anyio.create_task_group() as tasks:
            for numbers_of_one in received:
                tasks.start_soon(read, urlsplit(url).port or 80, numbers_of_one)
            while statistics().open < clients:
                await anyio.sleep(0.01)
            print(f"{statistics().open} streams are open")
            began = monotonic()
            go.set()
        lasted = monotonic() - began
    done = statistics()
    print(f"{done.events} events, {done.bytes} bytes in {lasted:.2f} s: {done.events / lasted:.0f} events a second")
    print(f"{done.open} streams are open, and so many were closed: {dict(done.closed)}")
    assert all(numbers == list(range(EVENTS)) for numbers in received)
    assert done.closed == {"finished": clients} and done.open == 0


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
