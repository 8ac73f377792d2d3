"""Deliveries to one client: each waits for its turn, and for the server to take it."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest

from sse_gateway.sse import Connection

pytestmark = pytest.mark.anyio


class Freed:
    """Counts how often a connection said that it takes more."""

    def __init__(self) -> None:
        self.times = 0
        self.event = asyncio.Event()

    def __call__(self) -> None:
        self.times += 1
        self.event.set()


class Slow:
    """A `send` that takes a message when it is told to, and notes the order."""

    def __init__(self) -> None:
        self.begun: list[Any] = []
        self.taken: list[Any] = []
        self.gate = asyncio.Semaphore(0)

    async def __call__(self, message: Any) -> None:
        self.begun.append(message)
        await self.gate.acquire()
        self.taken.append(message)


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_deliveries_never_overlap_and_keep_their_order() -> None:
    send = Slow()
    subject = Connection(send)
    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(subject.deliver, {"n": number})
        for number in range(4):
            await turns()
            assert len(send.begun) == number + 1
            assert subject.pending
            send.gate.release()
    assert [message["n"] for message in send.taken] == [0, 1, 2, 3]
    assert not subject.pending


async def test_a_delivery_that_is_cancelled_when_its_turn_has_come_gives_it_on() -> None:
    taken, loop = [], asyncio.get_running_loop()

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        taken.append(message["n"])
        loop.call_soon(tasks[1].cancel)  # it runs after the turn was given, and before that task does

    subject = Connection(send)
    tasks = [loop.create_task(subject.deliver({"n": number})) for number in range(3)]
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert (taken, [type(outcome) for outcome in outcomes]) == (
        [0, 2],
        [type(None), asyncio.CancelledError, type(None)],
    )
    assert not subject.pending


async def test_a_delivery_that_is_cancelled_before_its_turn_is_passed_over() -> None:
    send, loop = Slow(), asyncio.get_running_loop()
    subject = Connection(send)
    tasks = [loop.create_task(subject.deliver({"n": number})) for number in range(3)]
    await turns()
    tasks[1].cancel()
    await turns()
    send.gate.release()
    send.gate.release()
    await asyncio.wait(tasks)
    assert [message["n"] for message in send.taken] == [0, 2]
    assert not subject.pending


async def test_a_failed_delivery_gives_its_turn_on() -> None:
    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        raise OSError("gone")

    subject = Connection(send)
    outcomes = await asyncio.gather(subject.deliver({}), subject.deliver({}), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [OSError, OSError]
    assert not subject.pending


async def test_a_delivery_that_takes_too_long_is_told_of_once() -> None:
    send, late = Slow(), Freed()
    subject = Connection(send)
    subject.limit(0.02, late)
    async with anyio.create_task_group() as group:
        group.start_soon(subject.deliver, {})
        with anyio.fail_after(5):
            await late.event.wait()
        send.gate.release()
    assert late.times == 1


async def test_one_timer_follows_deliveries_that_each_have_their_time() -> None:
    send, late = Slow(), Freed()
    subject = Connection(send)
    subject.limit(0.1, late)
    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(subject.deliver, {})
            await anyio.sleep(0.05)
            send.gate.release()
            await turns()
    assert late.times == 0
    subject.limit(None, None)


async def test_a_limit_that_was_lifted_tells_nobody() -> None:
    send, late = Slow(), Freed()
    subject = Connection(send)
    subject.limit(0.02, late)
    async with anyio.create_task_group() as group:
        group.start_soon(subject.deliver, {})
        await turns()
        subject.limit(None, None)
        await anyio.sleep(0.05)
        send.gate.release()
    assert late.times == 0
