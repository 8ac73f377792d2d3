"""Rows of a database as they are read, in a FastAPI application.

    python examples/database_streaming.py
    curl -N http://127.0.0.1:8000/orders                          # stop it with Ctrl-C after a few rows
    curl -N -H 'Last-Event-ID: 195' http://127.0.0.1:8000/orders  # the rest
    curl -i -H 'Last-Event-ID: 200' http://127.0.0.1:8000/orders  # 204: nothing is left, don't come back

You see a row after another. The session is opened inside the generator, so that it lives as long as the stream; that of a
dependency is closed before the stream begins in many versions of FastAPI. The server prints that it was opened and, once, that
it was closed: at the last row, or when the client leaves. The generator is an ordinary one, so its rows are read in worker
threads. With an asynchronous driver it is an async generator with `async with AsyncSession() as session:` at the same place.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep

import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from sse_gateway import Event, EventSourceResponse, last_event_id, stop_reconnecting

ROWS = 200


def orders_after(database: Path, number: int) -> Iterator[Event]:
    session = sqlite3.connect(database, check_same_thread=False)  # one thread at a time, but not always the same
    print("session opened")
    try:
        rows = session.execute("SELECT number, item FROM orders WHERE number > ? ORDER BY number", [number])
        for found, item in rows:
            yield Event({"item": item}, id=found)
            sleep(0.05)  # so that you can watch
    finally:
        session.close()
        print("session closed")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    with TemporaryDirectory() as folder:
        app.state.database = Path(folder, "orders.sqlite")
        session = sqlite3.connect(app.state.database)
        with session:
            session.execute("CREATE TABLE orders (number INTEGER PRIMARY KEY, item TEXT)")
            session.executemany("INSERT INTO orders (item) VALUES (?)", [[f"item {n}"] for n in range(1, ROWS + 1)])
        session.close()
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/orders", response_model=None)
async def orders(request: Request) -> Response:
    last = last_event_id(request) or ""
    number = int(last) if last.isdecimal() else 0
    if number >= ROWS:
        return stop_reconnecting()
    return EventSourceResponse(orders_after(app.state.database, number))


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
