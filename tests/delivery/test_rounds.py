"""The rounds of the fan-out's own task: how long it waits between two, and whom it passes over in one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, MutableMapping
from functools import partial
from typing import Any

import anyio
import pytest

from ..golden.public import Public, public
from .wire import Wire, until

pytestmark = pytest.mark.anyio


async def test_while_clients_block_a_round_waits_for_more_to_come_together() -> None:
    """After eight rounds in which half of the clients blocked the window has its full 50 ms."""
    async with public(clock=asyncio.get_running_loop().time) as scene:
        quick = await scene.ask("/events/a")
        for number in range(8):
            blocked = await scene.ask("/events/a", wire=Wire("future"))
            blocked.stuck = True
            await send(scene, quick, str(number))
        began = scene.clock()
        await send(scene, quick, "the next")
        assert scene.clock() - began >= 0.03  # 45 ms, less what a timer may round off


async def send(scene: Public, wire: Wire, data: str) -> None:
    """Publish one event and wait for its round, without hurrying it."""
    scene.publish("a", data)
    await until(lambda: wire.data()[-1:] == [data])
    await asyncio.sleep(0)  # the end of the round


class Usher(Wire):
    """Shows another one the door as soon as it gets an event."""

    other: Wire

    def send(self, message: MutableMapping[str, Any]) -> Awaitable[None]:
        if b"data: " in message.get("body", b""):
            self.other.leave()
        return super().send(message)


async def test_who_leaves_between_two_slices_of_a_round_is_passed_over() -> None:
    """A broadcast to 1,500 takes several turns of the loop. After `http.disconnect` nothing may be sent."""
    async with public() as scene:
        usher = Usher()
        first = await scene.ask("/events/a", wire=usher)
        wires = [Wire() for _ in range(1500)]
        async with anyio.create_task_group() as tasks:
            for wire in wires:
                tasks.start_soon(partial(scene.ask, "/events/a", wire=wire))
        usher.other = wires[-1]
        scene.publish("a", "one")
        await scene.settle()
        assert first.data() == wires[-2].data() == ["one"]
        assert wires[-1].data() == []
