"""Random lives of streams, whose wire stays in order and which leave nothing, and what an idle one costs."""

from __future__ import annotations

import asyncio
import gc
import random
import tracemalloc
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest

from sse_gateway.sse import (
    ConnectionLimiter,
    EventSourceResponse,
    PushConnection,
    SendTimeoutError,
    begin_shutdown,
    statistics,
    watch_shutdown,
)

from .wire import Wire, forever, slowly

pytestmark = pytest.mark.anyio

BEARABLE = SendTimeoutError | anyio.ClosedResourceError | ExceptionGroup | None
"""What may leave a stream whose client takes nothing, or which closes itself while it is written to."""


class Lives:
    """Streams with options and content at random, and what happens to them."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.limiter = ConnectionLimiter(1000)
        self.reasons: list[str] = []

    def content(self) -> Any:
        count, waits, closes = self.chance.randrange(6), self.chance.random() < 0.3, self.chance.random() < 0.3

        async def generate() -> AsyncIterator[int]:
            for number in range(count):
                yield number
                await asyncio.sleep(self.chance.random() * 0.01)
            if waits:
                await anyio.sleep_forever()

        async def feed(connection: PushConnection) -> None:
            async with anyio.create_task_group() as group:
                for number in range(count):
                    group.start_soon(connection.send, number)
            if waits:
                await connection.wait_closed()
            if closes:
                connection.close()

        return self.chance.choice([generate(), feed])

    def response(self) -> EventSourceResponse:
        choice = self.chance.choice
        return EventSourceResponse(
            self.content(),
            ping=choice([0, 0.003]),
            send_timeout=choice([None, 0.02]),
            lifetime=choice([None, 0.02]),
            wait_for_first=choice([False, True]),
            opening=choice([None, "hello"]),
            on_shutdown=choice(["close", "finish", "farewell"]),
            shutdown_grace_period=choice([0, 0.02]),
            on_close=self.reasons.append,
            limiter=self.limiter,
        )

    async def live(self) -> Wire:
        """One of them, from its start until it has ended."""
        wire, response = Wire(takes=self.chance.choice([None, None, 1, 2, 3, 5])), self.response()
        app = self.chance.choice([response, slowly(response)])
        task = asyncio.get_running_loop().create_task(app(wire.scope, wire.receive, wire.send))
        await asyncio.sleep(self.chance.random() * 0.05)
        befalls: list[Callable[[], object]] = [wire.leave, wire.take, task.cancel, begin_shutdown, lambda: None]
        self.chance.choice(befalls)()
        await asyncio.sleep(0.03)
        wire.take()
        await asyncio.sleep(0.03)
        wire.leave()
        await asyncio.wait([task], timeout=5)
        assert task.done()
        if not task.cancelled():
            assert isinstance(task.exception(), BEARABLE), task.exception()
        return wire


def in_order(wire: Wire) -> bool:
    """Whether there is one head before everything, and at most one end after it."""
    heads = [message["type"] == "http.response.start" for message in wire.messages]
    ends = [message.get("more_body") is False for message in wire.messages]
    return wire.overlaps == 0 and not any(heads[1:]) and not any(ends[:-1]) and heads[:1] in ([], [True])


@pytest.mark.parametrize("seed", range(3))
async def test_the_wire_stays_in_order_and_nothing_is_left(seed: int) -> None:
    lives, before, tasks = Lives(seed), statistics().open, asyncio.all_tasks()
    for _ in range(5):
        wires = await asyncio.gather(*(lives.live() for _ in range(50)))
        watch_shutdown()
        assert [wire.messages for wire in wires if not in_order(wire)] == []
    assert (len(lives.reasons), lives.limiter.open, statistics().open) == (250, 0, before)
    assert asyncio.all_tasks() == tasks


IDLE_BYTES = 14 * 1024
"""Of one idle connection with this test's part of it, 9 KiB on Python 3.11 and 12 while coverage is measured; the library
behind the document holds 26."""


async def idle_stream() -> None:
    """As a server has it that needs nothing of its own."""

    async def receive() -> Any:
        await asyncio.sleep(3600)

    async def send(message: Any) -> None:
        pass

    await EventSourceResponse(forever())({"type": "http", "method": "GET", "headers": []}, receive, send)


async def test_an_idle_stream_holds_few_bytes_and_two_tasks() -> None:
    """Open streams and waiting bytes can be asked for."""
    count, before = 200, statistics()
    others = asyncio.all_tasks()
    gc.collect()
    tracemalloc.start()
    for _ in range(count):
        asyncio.get_running_loop().create_task(idle_stream())
    while len(asyncio.all_tasks() - others) < 2 * count:
        await asyncio.sleep(0)
    await asyncio.sleep(0.1)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    tasks = asyncio.all_tasks() - others
    assert (len(tasks), statistics().open - before.open, statistics().queued_bytes) == (2 * count, count, 0)
    assert held / count < IDLE_BYTES
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
