"""A memory channel as content: a producer beside the stream, and a bounded buffer between them.

    python examples/memory_channels.py
    curl -N http://127.0.0.1:8000/events

You see ten items, of which the server prints each when it is made. The producer runs ahead of a slow client by ten items at
most. It ends the stream by closing the channel. If you stop curl before that, it is cancelled where it stands, and the server
prints that as well.
"""

from __future__ import annotations

import os
from functools import partial

import anyio
import uvicorn
from anyio.streams.memory import MemoryObjectSendStream
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from sse_gateway import Event, EventSourceResponse


async def produce(channel: MemoryObjectSendStream[Event]) -> None:
    try:
        async with channel:
            for number in range(10):
                print(f"made: {number}")
                await channel.send(Event(f"Item {number}", id=number))
                await anyio.sleep(0.2)
        print("producer: done")
    except anyio.get_cancelled_exc_class():
        print("producer: cancelled")
        raise


async def events(request: Request) -> EventSourceResponse:
    send_channel, receive_channel = anyio.create_memory_object_stream[Event](10)
    return EventSourceResponse(receive_channel, data_sender_callable=partial(produce, send_channel))


app = Starlette(routes=[Route("/events", events)])

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
