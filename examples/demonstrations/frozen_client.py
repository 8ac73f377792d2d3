"""A client that stops reading: it is found out, it costs the others nothing, and its connection is gone.

    python examples/demonstrations/frozen_client.py

One client reads nothing at all, another reads on. Without a limit the first would hold its generator and some megabytes for as
long as it likes: servers flush before they close. You see that its stream ends after `send_timeout`, that the other one has not
noticed, and that the frozen client finds its connection reset when it reads at last.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import AsyncIterator
from time import monotonic
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from local_server import serving
from sse_gateway import CloseReason, EventSourceResponse

SEND_TIMEOUT = 1
reasons: list[CloseReason] = []


async def large_events() -> AsyncIterator[str]:
    while True:
        yield "x" * 65_536
        await anyio.sleep(0.01)


async def stream(request: Request) -> EventSourceResponse:
    return EventSourceResponse(large_events(), send_timeout=SEND_TIMEOUT, on_close=reasons.append)


def freeze(url: str) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", urlsplit(url).port or 80), timeout=5)
    client.sendall(b"GET / HTTP/1.1\r\nHost: frozen\r\n\r\n")
    return client


def read_when_it_is_reset(client: socket.socket) -> str:
    waiting = select.poll()
    waiting.register(client, 0)  # for errors only
    waiting.poll(5000)
    received = 0
    try:
        while chunk := client.recv(65_536):
            received += len(chunk)
    except ConnectionResetError:
        return f"{received} bytes, then: connection reset"
    return f"{received} bytes, then the end"


async def main() -> None:
    async with serving(Starlette(routes=[Route("/", stream)])) as url, httpx.AsyncClient() as client:
        began, events = monotonic(), 0
        with freeze(url) as frozen:
            print("one client is frozen, the other one reads")
            async with client.stream("GET", url) as response:
                async for line in response.aiter_lines():
                    events += line.startswith("data:")
                    if reasons:
                        break
                print(f"  {monotonic() - began:.1f} s: the frozen one was closed, because of: {reasons[0]}")
                print(f"  {events} events have reached the other one meanwhile")
                outcome = await anyio.to_thread.run_sync(read_when_it_is_reset, frozen)
    print(f"  the frozen client reads at last: {outcome}")
    assert reasons[0] == "timeout"
    assert events > 10
    assert outcome.endswith("connection reset")


if __name__ == "__main__":
    asyncio.run(main())
