"""Streams that are told when the server stops, and have a few seconds to come to a good end.

    python examples/cooperative_shutdown.py
    curl -N http://127.0.0.1:8000/report     # finishes its page, and says where to go on
    curl -N http://127.0.0.1:8000/news       # is sent a farewell at a random moment, so that not all come back at once

With both open, press Ctrl-C in the server's terminal, or `kill` it. You see both streams end as HTTP says (curl exits with 0),
and the server exit within the three seconds of grace. It works alike on uvicorn and granian.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from sse_gateway import Event, EventSourceResponse

GRACE = 3


async def pages(stopping: anyio.Event) -> AsyncIterator[Event]:
    try:
        for page in itertools.count(1):
            yield Event(f"page {page}", id=page)
            with anyio.move_on_after(0.5):
                await stopping.wait()
            if stopping.is_set():
                yield Event({"next": page + 1}, event="paused", retry=1000)
                return
    finally:
        print("report: finally")


async def news() -> AsyncIterator[str]:
    try:
        yield "no news yet"
        await anyio.sleep_forever()
    finally:
        print("news: finally")


async def report_events(request: Request) -> EventSourceResponse:
    stopping = anyio.Event()
    return EventSourceResponse(pages(stopping), shutdown_event=stopping, shutdown_grace_period=GRACE)


async def news_events(request: Request) -> EventSourceResponse:
    farewell = Event("be right back", event="bye")
    return EventSourceResponse(news(), on_shutdown="farewell", farewell=farewell, shutdown_grace_period=GRACE)


app = Starlette(routes=[Route("/report", report_events), Route("/news", news_events)])

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
