"""The loop of the fan-out, on a clock of the test's: when it wakes, how long it waits, what it does in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from .clock import ClockLoop
from .stage import Stage, stage
from .wire import Wire, until

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, Callable[[], asyncio.AbstractEventLoop]]]:
    return "asyncio", {"loop_factory": ClockLoop}


@asynccontextmanager
async def running(**limits: Any) -> AsyncIterator[Stage]:
    """A stage whose fan-out runs by itself."""
    async with stage(clock=asyncio.get_running_loop().time, seconds=10**6, **limits) as scene:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(scene.fanout.run)
            yield scene
            tasks.cancel_scope.cancel()


async def pass_by(seconds: float) -> None:
    """Let the clock of the loop go on."""
    await asyncio.sleep(seconds)


async def wait(condition: Callable[[], bool]) -> float:
    """Let the clock go on until `condition` holds. Returns the seconds on the clock, to the hundredth."""
    begun = anyio.current_time()
    while not condition():
        await pass_by(0.01)
    return round(anyio.current_time() - begun, 2)


async def test_what_is_published_is_sent_at_once() -> None:
    """No time passes on the clock, for the first event and for one after a long silence."""
    async with running() as scene:
        wire = await scene.meet("a")
        for number in range(2):
            published = anyio.current_time()
            scene.publish("a", str(number))
            await until(lambda: len(wire.data()) > number)  # noqa: B023
            assert anyio.current_time() == published
            await pass_by(60)


async def test_what_is_published_in_one_turn_is_one_write() -> None:
    async with running() as scene:
        wire = await scene.meet("a")
        writes = len(wire.messages)
        scene.publish("a", "0", "1")
        scene.publish("a", "2")
        await until(lambda: len(wire.data()) == 3)
        assert len(wire.messages) == writes + 1


async def test_what_is_published_during_a_flush_is_sent_at_once_by_the_next() -> None:
    """Whoever wakes the fan-out while it is at work is not forgotten."""
    async with running() as scene:
        wire = await scene.meet("a", wire=Echo(scene))
        begun = anyio.current_time()
        scene.publish("a", "0")
        await until(lambda: wire.data() == ["0", "echo"])
        assert anyio.current_time() == begun


async def test_the_window_lies_between_flushes_while_clients_block() -> None:
    """An event that comes within it waits for its end, together with all others of that time; one that comes after it
    does not wait."""
    async with running() as scene:
        quick = await scene.meet("a")
        for _ in range(8):
            await block(scene)
        await pass_by(1)
        assert scene.fanout.window == 0.05

        scene.publish("a", "first")
        begun = anyio.current_time()
        await until(lambda: quick.data()[-1] == "first")
        assert anyio.current_time() == begun
        writes = len(quick.messages)
        scene.publish("a", "second")
        await pass_by(0.02)
        scene.publish("a", "third")
        assert await wait(lambda: quick.data()[-1] == "third") == 0.03
        assert len(quick.messages) == writes + 1


async def test_whoever_waits_for_the_flush_cuts_the_window_short() -> None:
    """A source that must not outrun the clients, and a drain."""
    async with running() as scene:
        quick = await scene.meet("a")
        await block(scene)
        assert scene.fanout.window > 0
        begun = anyio.current_time()
        scene.publish("a", "last")
        await pass_by(0)
        await scene.fanout.flushed()
        assert quick.data()[-1] == "last"
        assert anyio.current_time() == begun


async def test_a_silent_client_gets_a_heartbeat_in_time() -> None:
    """Nothing but the clock wakes the fan-out. An event puts the heartbeat off, a client that comes does not."""
    async with running(heartbeat="15s") as scene:
        wire = await scene.meet("a")
        assert 15 <= await wait(lambda: wire.body.endswith(b"\n:\n\n")) <= 15.1
        assert scene.count("flushes_total") == scene.count("delivery_latency_seconds_count") == 0
        await pass_by(10)
        scene.publish("a", "0")
        await pass_by(5)
        await scene.meet("a")
        assert 10 <= await wait(lambda: wire.body.endswith(b"0\n\n:\n\n")) <= 10.1


async def test_a_client_that_takes_nothing_is_dropped_in_time() -> None:
    """Its socket is handed to whoever resets sockets, and its request ends."""
    async with running(send_timeout="5s") as scene:
        await block(scene)
        assert 5 <= await wait(lambda: bool(scene.reset)) <= 5.11
        assert scene.reset == [("127.0.0.1", 5000)]
        await until(lambda: scene.fanout.clients == 0)
        assert scene.count("send_timeouts_total") == scene.count("evictions_total", reason="timeout") == 1


async def test_a_freed_client_reads_on_at_once() -> None:
    async with running() as scene:
        slow = await block(scene)
        await pass_by(1)
        scene.publish("a", "missed")
        await pass_by(1)
        begun = anyio.current_time()
        slow.release()
        await until(lambda: slow.data() == ["0", "missed"])
        assert anyio.current_time() == begun


async def test_a_drain_is_over_within_its_spread() -> None:
    """Each client has its farewell by then, at a time of its own."""
    async with running() as scene:
        wires = [await scene.meet("a") for _ in range(20)]
        left = set[int]()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: scene.fanout.drain(spread=3, retry=4))
            for _ in range(311):
                left.add(scene.fanout.clients)
                await pass_by(0.01)
            assert not scene.fanout.clients
        assert all(wire.events()[-1].data == '{"reason":"drain"}' for wire in wires)
        assert len(left) > 5


class Echo(Wire):
    """Publishes one more event when it gets the first one."""

    def __init__(self, scene: Stage) -> None:
        super().__init__()
        self.scene = scene

    def send(self, message: MutableMapping[str, Any]) -> Awaitable[None]:
        if b"data: 0" in message.get("body", b""):
            self.scene.publish("a", "echo")
        return super().send(message)


async def block(scene: Stage) -> Wire:
    """A client that has stopped to read."""
    wire = await scene.meet("a", wire=Wire("future"))
    await pass_by(1)  # it has joined the others
    wire.stuck = True
    scene.publish("a", "0")
    await wait(lambda: wire.data() == ["0"])
    return wire
