"""A client leaves in the middle: what the server's side sees, and how soon.

    python examples/demonstrations/client_disconnect.py

Three streams are left after their first event. One waits for ever, one sends all the time, one asks
`request.is_disconnected()`, which none needs to. You see that each is told at once, runs its `finally` and is closed with the
reason `client`. Cleanup belongs into `finally`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

import anyio
import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from local_server import serving
from sse_gateway import CloseReason, EventSourceResponse

left = 0.0
closed: dict[str, CloseReason] = {}


async def waiting(request: Request) -> AsyncIterator[str]:
    yield "now I wait"
    await anyio.sleep_forever()


async def busy(request: Request) -> AsyncIterator[str]:
    while True:
        yield "as much as you can read"
        await anyio.sleep(0.001)


async def asking(request: Request) -> AsyncIterator[str]:
    while not await request.is_disconnected():
        yield "are you there?"
        await anyio.sleep(0.1)


async def watched(name: str, events: AsyncIterator[str]) -> AsyncIterator[str]:
    try:
        async for event in events:
            yield event
    finally:
        print(f"  {name}: finally, {monotonic() - left:.3f} s after the client left")


async def stream(request: Request) -> EventSourceResponse:
    name: str = request.path_params["name"]
    contents = {"waiting": waiting, "busy": busy, "asking": asking}
    return EventSourceResponse(watched(name, contents[name](request)), on_close=lambda why: closed.update({name: why}))


async def leave_after_one_event(url: str) -> None:
    global left
    async with httpx.AsyncClient() as client, client.stream("GET", url) as response:
        async for line in response.aiter_lines():
            print(f"  the client has read {line!r}, and leaves")
            break
        left = monotonic()


async def main() -> None:
    async with serving(Starlette(routes=[Route("/{name}", stream)])) as url:
        for name in ("waiting", "busy", "asking"):
            print(f"{name}:")
            await leave_after_one_event(f"{url}/{name}")
            with anyio.fail_after(1):
                while name not in closed:
                    await anyio.sleep(0.01)
            print(f"  {name}: closed, because of: {closed[name]}")
    assert set(closed.values()) == {"client"}


if __name__ == "__main__":
    asyncio.run(main())
