"""Servers in threads, each with an event loop of its own, and loops one after another: streams work in all of them.

    python examples/demonstrations/threads_and_loops.py

Three threads serve and read at once; then one thread does so in three loops, one after another. You see all events in each:
loops share nothing, so nothing is "bound to a different event loop". At last a stream is open in each of three threads, and one
call of `begin_shutdown()` in the main thread ends them all. In threads it is needed: a signal reaches the main thread alone.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import anyio
import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from local_client import events_of
from local_server import serving
from sse_gateway import EventSourceResponse, begin_shutdown

THREADS = 3
all_open = threading.Barrier(THREADS + 1)
lines: list[str] = []


def say(text: str) -> None:
    print(f"  {threading.current_thread().name}: {text}")
    lines.append(text)


async def five() -> AsyncIterator[str]:
    for number in range(5):
        yield f"event {number}"
        await anyio.sleep(0.02)


async def endless() -> AsyncIterator[str]:
    yield "open"
    await anyio.sleep_forever()


async def stream_five(request: Request) -> EventSourceResponse:
    return EventSourceResponse(five())


async def stream_endless(request: Request) -> EventSourceResponse:
    return EventSourceResponse(endless())


def application() -> Starlette:
    return Starlette(routes=[Route("/five", stream_five), Route("/endless", stream_endless)])


async def read_five() -> None:
    async with serving(application()) as url, httpx.AsyncClient() as client:
        async with client.stream("GET", f"{url}/five") as response:
            say(f"{len([event async for event in events_of(response)])} events")


async def read_endless() -> None:
    async with serving(application()) as url, httpx.AsyncClient() as client:
        async with client.stream("GET", f"{url}/endless") as response:
            events = events_of(response)
            await anext(events)
            await asyncio.to_thread(all_open.wait)
            rest = [event async for event in events]
            say(f"ended in order, with {len(rest)} more events")


def main() -> None:
    print("threads with a loop each:")
    in_threads(lambda: asyncio.run(read_five()))
    print("loops one after another:")
    for _ in range(3):
        asyncio.run(read_five())
    print("one call ends the streams of all threads:")
    in_threads(lambda: asyncio.run(read_endless()), stop)
    assert lines == ["5 events"] * 6 + ["ended in order, with 0 more events"] * 3


def in_threads(target: Callable[[], None], meanwhile: Callable[[], None] = lambda: None) -> None:
    threads = [threading.Thread(target=target, name=f"thread {number}") for number in range(THREADS)]
    for thread in threads:
        thread.start()
    meanwhile()
    for thread in threads:
        thread.join()


def stop() -> None:
    all_open.wait(timeout=10)
    begin_shutdown()


if __name__ == "__main__":
    main()
