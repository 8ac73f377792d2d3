"""A function as content: it is given the connection and writes to it, and so may any task that it starts.

    python examples/push.py
    curl -N http://127.0.0.1:8000/events

You see two clocks at once, three beats of each, in the order in which they wrote. The stream ends when the function returns. If
you stop curl before that, the function is cancelled with all its tasks, and the server prints why.
"""

from __future__ import annotations

import os

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from sse_gateway import CloseReason, Event, EventSourceResponse, PushConnection


async def beat(connection: PushConnection, name: str, seconds: float) -> None:
    for number in range(3):
        await connection.send(Event(number, event=name))
        await anyio.sleep(seconds)


async def feed(connection: PushConnection) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(beat, connection, "quick", 0.2)
        tasks.start_soon(beat, connection, "slow", 0.5)
    await connection.send(Event("both have ended", event="end"))


def closed(reason: CloseReason) -> None:
    print(f"closed: {reason}")


async def events(request: Request) -> EventSourceResponse:
    return EventSourceResponse(feed, on_close=closed)


app = Starlette(routes=[Route("/events", events)])

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
