"""What time does to clients: timeouts, buffers, heartbeats, lifetimes, farewells."""

from __future__ import annotations

import anyio
import pytest

from ..golden.public import ids, public
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


async def test_a_write_that_takes_too_long_ends_the_client() -> None:
    """No farewell reaches it; its socket is to be dropped; its request ends in order."""
    async with stage(send_timeout="5s") as scene:
        await block(scene)
        assert await scene.pass_time(5) == []
        assert await scene.pass_time(0.1) == [("127.0.0.1", 5000)]
        await until(lambda: scene.fanout.clients == 0)
        assert scene.count("send_timeouts_total") == 1
        assert scene.count("clients_closed_total", route="/r", reason="timeout") == 1


@pytest.mark.parametrize("limit", [{"events": 10, "bytes": "1MiB"}, {"events": 1000, "bytes": "200B"}])
async def test_a_client_beyond_its_buffer_is_sent_away_to_resume(limit: dict[str, object]) -> None:
    """With a farewell, when it reads again: nothing that it was behind, and the id to come back with."""
    async with stage(client_buffer=limit, retry="1s") as scene:
        wire = await block(scene)
        scene.publish("a", *map(str, range(1, 11)))
        await scene.pass_time(0.1)
        kept = scene.count("evictions_total", reason="slow")
        scene.publish("a", *map(str, range(11, 20)))
        await scene.pass_time(0.1)
        assert (kept if limit["events"] == 10 else 0, scene.count("evictions_total", reason="slow")) == (0, 1)
        wire.release()
        await until(lambda: not scene.blocked)
        await scene.fanout.flush()
        assert wire.ended
        farewell = wire.events()[-1]
        assert (farewell.type, farewell.data) == ("gateway.bye", '{"reason":"slow"}')
        assert wire.data() == ["0"]
        again = await scene.open("a", id=farewell.id)
        assert again.data() == [str(number) for number in range(1, 20)]


async def test_a_client_that_resumes_may_be_far_behind() -> None:
    """The buffer bounds those that fall behind, not those that come back late."""
    async with stage(client_buffer={"events": 5, "bytes": "1KiB"}) as scene:
        first = await scene.open("a")
        scene.publish("a", *["x" * 40_000 for _ in range(20)])
        wire = Wire("future")
        scene.start("a", wire=wire, id=first.events()[0].id)
        await until(lambda: len(wire.messages) == 2)
        wire.stuck = True
        await scene.fanout.flush()
        await scene.pass_time(0.1)
        assert scene.count("lag_events") > 5
        assert scene.count("evictions_total", reason="slow") == 0


async def test_a_quiet_group_gets_a_heartbeat() -> None:
    """A comment while nothing moved; a new id once its cursor has moved without an event for it."""
    async with stage(heartbeat="15s") as scene:
        wire = await scene.open("a")
        await scene.pass_time(14)
        assert wire.types() == ["gateway.at"]
        await scene.pass_time(1)
        assert wire.body.endswith(b"\n:\n\n")
        assert scene.count("flushes_total") == scene.count("delivery_latency_seconds_count") == 0
        scene.publish("other", "1")
        await scene.pass_time(15)
        assert wire.types() == ["gateway.at", "gateway.at"]
        assert wire.events()[0].id != wire.events()[1].id


async def test_events_put_a_heartbeat_off() -> None:
    """Pings come after silence only, and joining clients do not put them off."""
    async with stage(heartbeat="15s") as scene:
        wire = await scene.open("a")
        await scene.pass_time(10)
        scene.publish("a", "1")
        await scene.pass_time(0)
        writes = len(wire.messages)
        await scene.pass_time(10)
        await scene.open("a")
        assert len(wire.messages) == writes
        await scene.pass_time(5)
        assert len(wire.messages) == writes + 1


async def test_a_lifetime_ends_in_a_farewell() -> None:
    """A tenth sooner or later, so that those who came together part."""
    async with stage(lifetime="100s") as scene:
        wires = [await scene.open("a") for _ in range(50)]
        await scene.pass_time(89)
        assert not any(wire.ended for wire in wires)
        await scene.pass_time(11)
        assert 0 < sum(wire.ended for wire in wires) < 50
        await scene.pass_time(11)
        assert all(wire.events()[-1].data == '{"reason":"lifetime"}' for wire in wires)
        await until(lambda: scene.fanout.clients == 0)


async def test_what_this_replica_has_not_reached_is_waited_for_and_then_reset() -> None:
    """Another replica may be ahead: five seconds, with nothing repeated; then live from now."""
    async with stage(heartbeat="2s") as scene:
        scene.publish("a", "0")
        ahead = (await scene.open("a")).events()[0].id[:-1] + "3"
        wire = await scene.open("a", id=ahead)
        scene.publish("a", "1", "2")
        await scene.pass_time(3)
        assert wire.data() == []
        assert wire.types() == ["gateway.at", "gateway.resumed"]
        scene.publish("a", "3")
        await scene.pass_time(3)
        assert wire.data() == ["3"]
        late = await scene.open("a", id=ahead[:-1] + "z")
        await scene.pass_time(5.1)
        assert late.types()[-1] == "gateway.reset"
        assert late.events()[-1].data == '{"source":"s","reason":"ahead"}'
        scene.publish("a", "4")
        await scene.pass_time(0)
        assert late.data() == ["4"]


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


async def test_who_comes_during_a_drain_is_sent_away_too() -> None:
    """Its request was on the way when the door was closed, and its own lifetime says nothing here."""
    async with stage(lifetime="1h") as scene:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: scene.fanout.drain(spread=1, retry=4))
            await until(lambda: bool(scene.fanout._flushed))
            await scene.fanout.flush()
        wire = await scene.open("a")
        await scene.pass_time(0.1)
        assert wire.ended and wire.events()[-1].data == '{"reason":"drain"}'
        await until(lambda: scene.fanout.clients == 0)


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


async def test_a_client_that_waits_for_this_replica_gets_heartbeats_too() -> None:
    """Its connection is as silent as that of others, for up to five seconds after its opening."""
    async with public('[limits]\nheartbeat = "2s"') as scene:
        start = ids(await scene.ask("/events/a"))[0]
        wire = await scene.ask("/events/a", id=start.replace("-0", "-3"))
        opening = wire.body
        await scene.pass_time(2)
        assert wire.body == opening
        await scene.pass_time(0.1)
        assert wire.body == opening + b":\n\n"
        await scene.pass_time(2)
        assert wire.body == opening + b":\n\n"
        await scene.pass_time(0.1)
        assert wire.body == opening + b":\n\n:\n\n"
