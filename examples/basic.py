"""The smallest stream: the time, once a second.

    python examples/basic.py
    curl -N http://127.0.0.1:8000/events

You see an event a second. A browser at http://127.0.0.1:8000/ shows the same, and comes back when you stop the server and start
it again. Ctrl-C ends open streams in order, and then the server.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import datetime

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from sse_gateway import EventSourceResponse

PAGE = """<!doctype html><title>The time</title><h1>...</h1><script>
new EventSource("/events").onmessage = event => document.querySelector("h1").textContent = event.data
</script>"""


async def clock() -> AsyncIterator[dict[str, str]]:
    while True:
        yield {"data": f"{datetime.now():%H:%M:%S}"}
        await anyio.sleep(1)


async def events(request: Request) -> EventSourceResponse:
    return EventSourceResponse(clock(), retry=1000)  # milliseconds in which a browser comes back


async def page(request: Request) -> HTMLResponse:
    return HTMLResponse(PAGE)


app = Starlette(routes=[Route("/", page), Route("/events", events)])

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
