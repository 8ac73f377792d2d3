"""What a client learns of errors: before the stream, in the middle of it, and of a bug.

    python examples/error_handling.py
    curl -i http://127.0.0.1:8000/prices/TULIP    # 404: the generator found out before its first event
    curl -N http://127.0.0.1:8000/prices/SALT     # five prices, then an event that says what failed, and the end
    curl -N http://127.0.0.1:8000/prices/GOLD     # a price, then a bug: the connection is cut, the server has the traceback

You see three answers, and at the server why each stream was closed.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route

from sse_gateway import CloseReason, Event, EventSourceResponse


class ExchangeDown(Exception):
    """The exchange gives no more prices."""


async def exchange(symbol: str) -> AsyncIterator[int]:
    """A source that fails, as real ones do."""
    for price in range(5):
        yield 100 // (1 - price) if symbol == "GOLD" else 100 + price
        await anyio.sleep(0.2)
    raise ExchangeDown("the exchange has closed the line")


async def prices(symbol: str) -> AsyncIterator[Event]:
    if symbol not in ("GOLD", "SALT"):
        raise HTTPException(404, f"No such symbol: {symbol}")
    try:
        async for price in exchange(symbol):
            yield Event({"symbol": symbol, "price": price})
    except ExchangeDown as error:
        # Not called "error": an EventSource has its own by that name. It comes back after `retry` milliseconds.
        yield Event({"message": str(error)}, event="failed", retry=10_000)


def closed(reason: CloseReason) -> None:
    print(f"closed: {reason}")


async def events(request: Request) -> EventSourceResponse:
    # wait_for_first: the headers wait for the first event, so what is raised before it still decides the status
    return EventSourceResponse(prices(request.path_params["symbol"]), wait_for_first=True, on_close=closed)


app = Starlette(routes=[Route("/prices/{symbol}", events)])

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
