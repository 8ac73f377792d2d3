"""A bound on open streams, and on how long each may last.

    python examples/connection_limit.py
    curl -iN http://127.0.0.1:8000/events       # in three terminals

You see the third refused with 503 and Retry-After, until one of the others ends. Each ends by itself after a minute at most;
browsers come back, so that after a deployment they are soon spread evenly over all servers.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from sse_gateway import ConnectionLimiter, EventSourceResponse

limiter = ConnectionLimiter(max_connections=2, retry_after=10)


async def clock() -> AsyncIterator[str]:
    while True:
        yield f"{limiter.open} of {limiter.max_connections} streams are open"
        await anyio.sleep(1)


async def events(request: Request) -> EventSourceResponse:
    return EventSourceResponse(clock(), limiter=limiter, lifetime=60)


app = Starlette(routes=[Route("/events", events)])

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
