"""Clients that are blocked or behind: how they catch up, and that nobody waits for them."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from sse_gateway.core import Bounds

from .stage import Stage, stage
from .wire import Wire, until

pytestmark = pytest.mark.anyio


async def test_a_blocked_client_lags_and_catches_up_in_one_write() -> None:
    """The others are not held up; what it missed comes joined, and it is ready again."""
    async with stage() as scene:
        slow, quick = await scene.open("a", wire=Wire("future")), await scene.open("a")
        slow.stuck = True
        for number in range(5):
            scene.publish("a", str(number))
            await scene.fanout.flush()
        assert quick.data() == ["0", "1", "2", "3", "4"]
        assert slow.data() == ["0"]
        assert scene.fanout.window > 0
        writes = len(slow.messages)
        slow.release()
        await until(lambda: not scene.blocked)
        await scene.fanout.flush()
        assert slow.data() == quick.data()
        assert len(slow.messages) == writes + 1
        assert not scene.lagging
        scene.publish("a", "5")
        await scene.fanout.flush()
        assert slow.messages[-1] is quick.messages[-1]
        assert not slow.overlaps


async def test_clients_blocked_at_one_place_share_the_join() -> None:
    """Ten that were blocked by one event get what follows as one message."""
    async with stage() as scene:
        wires = [await scene.open("a", wire=Wire("future")) for _ in range(10)]
        for wire in wires:
            wire.stuck = True
        scene.publish("a", "0")
        await scene.fanout.flush()
        scene.publish("a", "1", "2")
        await scene.fanout.flush()
        joins = scene.count("joins_total")
        for wire in wires:
            wire.release()
        await until(lambda: not scene.blocked)
        await scene.fanout.flush()
        assert scene.count("joins_total") == joins + 1
        assert all(wire.data() == ["0", "1", "2"] for wire in wires)


async def test_a_coroutine_that_waits_is_driven_to_its_end() -> None:
    """Servers other than granian: their `send` waits inside."""
    async with stage() as scene:
        wire = await scene.open("a", wire=Wire("coroutine"))
        wire.stuck = True
        scene.publish("a", "0")
        await scene.fanout.flush()
        scene.publish("a", "1")
        await scene.fanout.flush()
        assert wire.data() == ["0"]
        wire.release()
        await until(lambda: not scene.blocked)
        await scene.fanout.flush()
        assert wire.data() == ["0", "1"]


async def test_those_that_come_back_together_are_served_in_several_turns() -> None:
    """Each has a place of its own to read from, and the loop is not held until the last one has read."""
    async with stage() as scene:
        old = (await scene.open("a")).events()[0].id
        scene.publish("a", *map(str, range(500)))
        await scene.fanout.flush()
        wires = await come_back(scene, 20, old)
        await scene.fanout.flush()
        served = [len(wire.data()) for wire in wires]
        assert served[0] == 500 and served[-1] == 0
        while any(len(wire.data()) < 500 for wire in wires):
            await scene.fanout.flush()
        await scene.fanout.flush()
        assert not scene.lagging
        assert all(wire.data() == [str(number) for number in range(500)] for wire in wires)


async def test_those_that_miss_nothing_take_turns_too() -> None:
    """Looking at so many costs time, though none has anything to read."""
    async with stage() as scene:
        here = (await scene.open("a")).events()[0].id
        await come_back(scene, 600, here)
        await scene.fanout.flush()
        assert 0 < scene.lagging < 600
        await scene.fanout.flush()
        assert not scene.lagging


async def come_back(scene: Stage, count: int, id: str) -> list[Wire]:
    """Clients that resume, and come before the next flush."""
    wires = [Wire() for _ in range(count)]
    for wire in wires:
        scene.start("a", wire=wire, id=id)
    await until(lambda: all(len(wire.messages) == 2 for wire in wires))
    return wires


async def test_the_fan_out_gives_way_in_every_round() -> None:
    """Also while one client has far more to read than fits into a round."""
    async with stage() as scene:
        old = (await scene.open("a")).events()[0].id
        scene.publish("a", *["x" * 60_000 for _ in range(50)])
        await scene.fanout.flush()
        [wire] = await come_back(scene, 1, old)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(scene.fanout.run)
            turns = 0
            while len(wire.data()) < 50:
                turns += 1
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        assert turns > 50 / 8


async def test_a_client_that_waits_for_this_replica_joins_when_its_group_gets_there() -> None:
    """The group takes several flushes, and nothing is published that would make anybody look again."""
    async with stage() as scene:
        first = await scene.open("a")
        wire = await scene.open("a", id=first.events()[0].id[:-1] + "5")
        scene.publish("a", *["x" * 30_000] * 5)
        while len(first.data()) < 5:
            await scene.fanout.flush()
        await scene.fanout.flush()
        assert not scene.lagging
        scene.publish("a", "5")
        await scene.fanout.flush()
        assert wire.data() == ["5"]


async def test_whoever_is_behind_when_the_log_is_cut_is_told_of_the_gap_each() -> None:
    async with stage(Bounds(2, 10**6, 600)) as scene:
        wires = [await scene.open("a", wire=Wire("future")) for _ in range(3)]
        for wire in wires:
            wire.stuck = True
        scene.publish("a", "0")
        await scene.fanout.flush()
        scene.publish("a", "1", "2", "3", "4")
        for wire in wires:
            wire.release()
        await until(lambda: not scene.blocked)
        while scene.lagging:
            await scene.fanout.flush()
        assert all(wire.types() == ["gateway.at", "message", "gateway.gap", "message", "message"] for wire in wires)
        assert all(wire.data() == ["0", "3", "4"] for wire in wires)
        assert scene.count("gaps_total", reason="evicted") == 3


async def test_a_client_that_comes_while_all_others_are_blocked_gets_nothing_from_before_the_last_flush() -> None:
    async with stage() as scene:
        slow = await scene.open("a", wire=Wire("future"))
        slow.stuck = True
        for data in ("0", "1"):
            scene.publish("a", data)
            await scene.fanout.flush()
        scene.publish("a", "2")
        late = await scene.open("a")
        assert late.data() == ["2"]


async def test_a_client_that_has_read_for_a_whole_turn_waits_for_the_next() -> None:
    """One write of small events takes as long as a turn."""
    async with stage() as scene:
        first = await scene.open("a")
        old = first.events()[0].id
        scene.publish("a", *["x"] * 8000)
        while len(first.data()) < 8000:
            await scene.fanout.flush()
        [wire] = await come_back(scene, 1, old)
        await scene.fanout.flush()
        assert 2000 <= len(wire.data()) < 4000
