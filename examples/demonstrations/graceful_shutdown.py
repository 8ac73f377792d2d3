"""A server is told to stop while four clients listen: each stream ends as it wants to, and the process exits by itself.

    python examples/demonstrations/graceful_shutdown.py

The script starts itself once more as the server, opens the streams and sends SIGTERM. You see, with the time since then, what
each client reads: `close` ends at once, `finish` comes to its own end, `cooperative` says where to go on, and `farewell` gets
a last event at a random moment of the grace. All of them end as HTTP says: a cut would be an error of the client.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from time import monotonic

import anyio
import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from sse_gateway import Event, EventSourceResponse

GRACE = 1


async def idle() -> AsyncIterator[str]:
    try:
        yield "open"
        await anyio.sleep_forever()
    finally:
        print("  server: finally", flush=True)


async def six_parts() -> AsyncIterator[str]:
    for part in range(1, 7):
        yield f"part {part} of 6"
        await anyio.sleep(0.2)


async def until(stopping: anyio.Event) -> AsyncIterator[Event]:
    yield Event("page 1")
    await stopping.wait()
    yield Event("go on at page 2", event="paused")


async def close(request: Request) -> EventSourceResponse:
    return EventSourceResponse(idle())


async def finish(request: Request) -> EventSourceResponse:
    return EventSourceResponse(six_parts(), on_shutdown="finish")


async def cooperative(request: Request) -> EventSourceResponse:
    stopping = anyio.Event()
    return EventSourceResponse(until(stopping), shutdown_event=stopping, shutdown_grace_period=GRACE)


async def farewell(request: Request) -> EventSourceResponse:
    last = Event("bye", event="farewell")
    return EventSourceResponse(idle(), on_shutdown="farewell", farewell=last, shutdown_grace_period=GRACE)


STREAMS = [close, finish, cooperative, farewell]


def serve(descriptor: int) -> None:
    app = Starlette(routes=[Route(f"/{stream.__name__}", stream) for stream in STREAMS])
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[socket.socket(fileno=descriptor)])


class Clock:
    """Seconds since the signal."""

    started = 0.0

    def __str__(self) -> str:
        return f"{monotonic() - self.started:.1f} s" if self.started else "before"


async def read(client: httpx.AsyncClient, name: str, clock: Clock, *, task_status: anyio.abc.TaskStatus[None]) -> None:
    async with client.stream("GET", f"/{name}") as response:
        lines = response.aiter_lines()
        print(f"  {clock}: {name} reads {await anext(lines)!r}")
        task_status.started()
        async for line in lines:
            if line:
                print(f"  {clock}: {name} reads {line!r}")
    print(f"  {clock}: {name} has ended in order")


async def main() -> None:
    clock = Clock()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        base_url, descriptor = f"http://127.0.0.1:{listener.getsockname()[1]}", listener.fileno()
        command = [sys.executable, __file__, str(descriptor)]
        process = await anyio.open_process(command, stdout=None, stderr=None, pass_fds=[descriptor])
    async with process, httpx.AsyncClient(base_url=base_url, timeout=60) as client:
        try:
            async with anyio.create_task_group() as clients:
                for stream in STREAMS:
                    await clients.start(read, client, stream.__name__, clock)
                print("SIGTERM")
                clock.started = monotonic()
                process.send_signal(signal.SIGTERM)
            with anyio.fail_after(60):  # it takes its time on a machine that is busy
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
    print(f"  {clock}: the server has exited")
    assert process.returncode == -signal.SIGTERM  # so uvicorn ends when it has done all its work


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(int(sys.argv[1]))
    else:
        asyncio.run(main())
