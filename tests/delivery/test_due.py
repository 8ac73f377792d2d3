"""What time does to clients: timeouts, buffers, heartbeats, lifetimes, farewells."""

from __future__ import annotations

import anyio
import pytest

from .stage import Stage, stage
from .wire import Wire, until

pytestmark = pytest.mark.anyio


async def block(scene: Stage, channel: str = "a") -> Wire:
    """A client of `channel` that has stopped to read."""
    wire = await scene.open(channel, wire=Wire("future"))
    wire.stuck = True
    scene.publish(channel, "0")
    await scene.fanout.flush()
    return wire


async def test_a_client_beyond_its_buffer_is_sent_away_to_resume() -> None:
    """With a farewell, when it reads again: nothing that it was behind, and the id to come back with."""
    async with stage(client_buffer={"events": 10, "bytes": "1MiB"}) as scene:
        wire = await block(scene)
        for published, slow in ((range(1, 11), 0), (range(11, 20), 1)):
            scene.publish("a", *map(str, published))
            await scene.pass_time(0.1)
            assert scene.count("evictions_total", reason="slow") == slow
        wire.release()
        await until(lambda: not scene.blocked)
        await scene.fanout.flush()
        assert wire.ended
        assert wire.data() == ["0"]
        again = await scene.open("a", id=wire.events()[-1].id)
        assert again.data() == [str(number) for number in range(1, 20)]


async def test_a_drain_says_farewell_to_all() -> None:
    """Each gets what was published before; one that is behind gets that first; one that takes nothing is left over."""
    async with stage() as scene:
        wire, behind = await scene.open("a"), await block(scene)
        stuck = await block(scene)
        scene.publish("a", "last")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: scene.fanout.drain(spread=1, retry=4))
            await until(lambda: bool(scene.fanout._flushed))
            await scene.fanout.flush()
            await until(lambda: all(client.departure for client in scene.fanout.roster.clients))
            await scene.pass_time(1.2)
            assert wire.ended and wire.data()[-1] == "last"
            behind.release()
            await until(lambda: len(scene.blocked) == 1)
            await scene.fanout.flush()
            assert behind.ended and behind.data()[-1] == "last"
            assert behind.events()[-1].type == "gateway.bye"
            assert not stuck.ended
            scene.fanout.abort_all()
        assert scene.fanout.clients == 0


async def test_a_farewell_that_is_not_taken_ends_too() -> None:
    """Where the last write is the one that blocks, the timeout holds for it as well, and what comes meanwhile is no matter."""
    async with stage(send_timeout="5s", lifetime="10s", client_buffer={"events": 1, "bytes": "1MiB"}) as scene:
        wire = await scene.open("a", wire=Wire("future"))
        wire.stuck = True
        await scene.pass_time(11.2)
        assert wire.ended
        scene.publish("a", "0", "1", "2")
        await scene.pass_time(0.1)
        assert scene.count("evictions_total", reason="slow") == 0
        assert await scene.pass_time(5.1) == [("127.0.0.1", 5000)]
        await until(lambda: scene.fanout.clients == 0)
