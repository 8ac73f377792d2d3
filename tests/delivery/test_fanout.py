"""The fan-out: who gets what, in what order, and what it costs."""

from __future__ import annotations

import pytest

from .stage import stage
from .wire import Wire, until

pytestmark = pytest.mark.anyio


async def test_a_stream_does_not_wait_for_the_body_of_its_request() -> None:
    """Whoever announces one and never sends it is a client like others: counted, and seen to leave."""
    async with stage() as scene:
        wire = Wire()
        wire.body_comes = False
        await scene.open("a", wire=wire)
        assert scene.fanout.clients == 1
        wire.leave()
        await until(lambda: scene.fanout.clients == 0)


async def test_one_encoding_one_join_and_one_message_for_all_at_one_place() -> None:
    """A fixed script: 1,000 clients of one channel, a burst of ten, then one event."""
    async with stage() as scene:
        wires = [await scene.open("a") for _ in range(1000)]
        before = scene.count("sends_total")
        scene.publish("a", *map(str, range(10)))
        await scene.fanout.flush()
        scene.publish("a", "10")
        await scene.fanout.flush()
        assert scene.count("encodings_total") == 11
        assert scene.count("joins_total") == 2
        assert scene.count("sends_total") - before == 2000
        assert scene.count("deliveries_total") == 11_000
        assert scene.count("flushes_total") == 2
        assert all(wire.messages[-1] is wires[0].messages[-1] for wire in wires)
        assert all(wire.data() == [str(number) for number in range(11)] for wire in wires)


async def test_a_join_is_at_most_64_kib() -> None:
    """What a blocked client can pin; the rest follows with the next flush."""
    async with stage(max_id="16B") as scene:
        wire = await scene.open("a")
        scene.publish("a", *["x" * 30_000] * 5)
        while len(wire.data()) < 5:
            await scene.fanout.flush()
        assert all(len(message.get("body", b"")) <= 65536 + 1024 for message in wire.messages)
        assert len(wire.data()) == 5


async def test_a_client_that_leaves_is_forgotten() -> None:
    """Also while it is blocked: nothing of it stays."""
    async with stage() as scene:
        ready, blocked = await scene.open("a"), await scene.open("a", wire=Wire("future"))
        blocked.stuck = True
        scene.publish("a", "0")
        await scene.fanout.flush()
        ready.leave()
        blocked.leave()
        await until(lambda: scene.fanout.clients == 0)
        await scene.fanout.flush()
        assert not scene.hub.subscriptions
        assert not scene.lagging
        assert scene.count("clients", route="/r") == 0
        assert scene.count("clients_closed_total", route="/r", reason="client") == 2
