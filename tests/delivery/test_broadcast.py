"""One message to many: in slices, and with a window between flushes while clients block."""

from __future__ import annotations

from collections.abc import Awaitable, MutableMapping
from functools import partial
from typing import Any

import anyio
import pytest

from ..golden.public import public
from .stage import Stage, stage
from .wire import Wire, until

pytestmark = pytest.mark.anyio


async def test_a_broadcast_is_sliced_and_keeps_to_where_it_began() -> None:
    """2,000 clients take several turns; what is published meanwhile, and who joins meanwhile, are of the next round."""
    async with stage() as scene:
        wires = [await scene.open("a") for _ in range(2000)]
        scene.publish("a", "0")
        turns = 0
        flush = scene.fanout.flush().__await__()
        for _ in flush:
            turns += 1
            if turns == 1:
                scene.publish("a", "1")
                served = sum(wire.data() == ["0"] for wire in (wires[0], wires[-1]))
                assert served == 1
        assert turns >= 2
        assert all(wire.data() == ["0"] for wire in wires)
        await scene.fanout.flush()
        assert all(wire.data() == ["0", "1"] for wire in wires)


async def test_the_window_grows_to_50_ms_while_clients_block_and_goes_when_none_does() -> None:
    async with stage() as scene:
        quick = await scene.open("a")
        for _ in range(8):
            wire = await scene.open("a", wire=Wire("future"))
            wire.stuck = True
            scene.publish("a", "0")
            await scene.fanout.flush()
        assert scene.fanout.window == 0.05
        for _ in range(60):
            scene.publish("a", "0")
            await scene.fanout.flush()
        assert scene.fanout.window == 0
        assert len(quick.data()) == 68


async def test_many_groups_with_one_client_each_are_sliced_too() -> None:
    """What is read for a group is read in its turn, and nobody who comes meanwhile moves it on before."""
    async with stage() as scene:
        wires = await come(scene, 1100)
        while scene.lagging:
            await scene.fanout.flush()
        scene.publish("news", "0")
        late: list[Wire] = []
        for _ in scene.fanout.flush().__await__():
            late = late or await come(scene, 1100)
        assert late
        assert all(wire.data() == ["0"] for wire in wires)


async def come(scene: Stage, count: int) -> list[Wire]:
    """Clients of one channel that all share and another that each has alone."""
    wires = [Wire() for _ in range(count)]
    for number, wire in enumerate(wires):
        scene.start("news", f"own{number}", wire=wire)
    await until(lambda: all(len(wire.messages) == 2 for wire in wires))
    return wires


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
