"""One message to many clients, encoded once; who comes back gets what was missed.

    python examples/broadcasting.py
    curl -N http://127.0.0.1:8000/events                         # in several terminals
    curl -d 'hello' http://127.0.0.1:8000/messages               # in another one
    curl -N -H 'Last-Event-ID: 0' http://127.0.0.1:8000/events   # everything from the history first

You see the message in every terminal. Each client has a queue of its own, so one that reads slowly holds nobody. When its queue
is full, or it takes nothing for ten seconds, its stream ends, and its browser comes back with the id of the last event it has.
"""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import AsyncIterator
from time import time

import anyio
import uvicorn
from anyio.streams.memory import MemoryObjectSendStream
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sse_gateway import Event, EventSourceResponse, last_event_id

KEPT = 100


class Broadcast:
    """Gives what is published to all who listen: the same `Event` to each, which keeps its wire form."""

    def __init__(self) -> None:
        self._ids = itertools.count(int(time() * 1000))  # so that ids also grow when the server starts anew
        self._history: deque[tuple[int, Event]] = deque(maxlen=KEPT)
        self._queues: set[MemoryObjectSendStream[Event]] = set()

    def publish(self, text: str) -> int:
        """Returns how many clients get it."""
        number = next(self._ids)
        event = Event(text, id=number)
        self._history.append((number, event))
        for queue in tuple(self._queues):
            try:
                queue.send_nowait(event)
            except anyio.WouldBlock:  # too far behind
                self._queues.discard(queue)
                queue.close()
        return len(self._queues)

    async def listen(self, after: int | None) -> AsyncIterator[Event]:
        """What comes; before that, if it is known where the client stood, what it has missed."""
        queue, received = anyio.create_memory_object_stream[Event](KEPT)
        self._queues.add(queue)
        missed = [event for number, event in self._history if after is not None and number > after]
        try:
            for event in missed:
                yield event
            async for event in received:
                yield event
        finally:
            self._queues.discard(queue)
            queue.close()
            received.close()


broadcast = Broadcast()


async def events(request: Request) -> EventSourceResponse:
    last = last_event_id(request)
    after = int(last) if last and last.isdecimal() else None
    return EventSourceResponse(broadcast.listen(after), send_timeout=10)


async def publish(request: Request) -> PlainTextResponse:
    text = (await request.body()).decode(errors="replace")
    return PlainTextResponse(f"sent to {broadcast.publish(text)} clients\n")


app = Starlette(routes=[Route("/events", events), Route("/messages", publish, methods=["POST"])])

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
