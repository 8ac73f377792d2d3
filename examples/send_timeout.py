"""A client that reads nothing: its stream ends after `send_timeout`, and its connection is really gone.

    python examples/send_timeout.py
    curl -sN http://127.0.0.1:8000/events | sleep 30    # nobody reads what curl writes, so curl stops reading, too
    curl -sN http://127.0.0.1:8000/events | head -c 200

You see the first dropped after two seconds: the server prints the reason, its log has one line and no traceback, and the
kernel shows no connection any longer (`ss -tn sport = :8000`). The second leaves by itself. A third kind vanishes without a
word (Wi-Fi off), so that small events just pile up in the kernel: `drop_frozen_clients` tells the kernel how long it may wait.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from functools import cache

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from sse_gateway import CloseReason, EventSourceResponse
from sse_gateway.sse import drop_frozen_clients


async def large_events() -> AsyncIterator[dict[str, str]]:
    try:
        while True:
            yield {"data": "x" * 65_536}
            await anyio.sleep(0.01)
    finally:
        print("finally")


def closed(reason: CloseReason) -> None:
    print(f"closed: {reason}")


@cache
def tell_the_kernel() -> None:
    """Once, at the first request, because the server listens only after the application has started."""
    print(f"listening sockets that were told: {drop_frozen_clients(after=30)}")


async def events(request: Request) -> EventSourceResponse:
    tell_the_kernel()
    return EventSourceResponse(large_events(), send_timeout=2, on_close=closed)


app = Starlette(routes=[Route("/events", events)])

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
