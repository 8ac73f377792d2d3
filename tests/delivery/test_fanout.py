"""The fan-out: who gets what, in what order, and what it costs."""

from __future__ import annotations

import pytest

from sse_gateway.core import Bounds
from sse_gateway.sse.wire import NDJSON

from .stage import stage
from .wire import Answer, Wire, until

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("answer", ["done", "coroutine"])
async def test_every_client_gets_every_event_in_order(answer: Answer) -> None:
    """Two clients of one channel, one of another."""
    async with stage() as scene:
        first, second = await scene.open("a", wire=Wire(answer)), await scene.open("a", wire=Wire(answer))
        other = await scene.open("b", wire=Wire(answer))
        scene.publish("a", "1", "2")
        scene.publish("b", "3")
        await scene.fanout.flush()
        scene.publish("a", "4")
        await scene.fanout.flush()
        assert first.data() == second.data() == ["1", "2", "4"]
        assert other.data() == ["3"]


async def test_a_stream_opens_with_a_retry_and_an_id() -> None:
    """A client that has seen no event yet can come back."""
    async with stage(retry="2s") as scene:
        scene.publish("a", "before")
        wire = await scene.open("a")
        assert b"retry: " in wire.body
        (opening,) = wire.events()
        assert (opening.type, opening.data) == ("gateway.at", "")
        scene.publish("a", "missed")
        again = await scene.open("a", id=opening.id)
        assert again.types() == ["gateway.at", "gateway.resumed", "message"]
        assert again.data() == ["missed"]


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


async def test_a_thousand_channels_with_one_client_each() -> None:
    """Each event is encoded once and sent once, and nobody else hears of it."""
    async with stage() as scene:
        wires = {f"c{number}": await scene.open(f"c{number}") for number in range(1000)}
        before = scene.count("sends_total")
        for channel in wires:
            scene.publish(channel, channel)
        await scene.fanout.flush()
        assert scene.count("encodings_total") == scene.count("joins_total") == 1000
        assert scene.count("sends_total") - before == 1000
        assert all(wire.data() == [channel] for channel, wire in wires.items())


async def test_an_event_of_two_subscriptions_is_encoded_and_framed_once() -> None:
    """Ids depend on the set of sources, not on the set of channels."""
    async with stage() as scene:
        wires = [await scene.open("news", f"own{number}") for number in range(50)]
        scene.publish("news", "all")
        await scene.fanout.flush()
        assert scene.count("encodings_total") == 1
        assert len({wire.messages[-1]["body"] for wire in wires}) == 1


async def test_a_join_is_at_most_64_kib() -> None:
    """What a blocked client can pin; the rest follows with the next flush."""
    async with stage(max_id="16B") as scene:
        wire = await scene.open("a")
        scene.publish("a", *["x" * 30_000] * 5)
        while len(wire.data()) < 5:
            await scene.fanout.flush()
        assert all(len(message.get("body", b"")) <= 65536 + 1024 for message in wire.messages)
        assert len(wire.data()) == 5


async def test_a_long_id_is_sent_once_in_a_flush() -> None:
    """On its last event."""
    async with stage(max_id="4B") as scene:
        wire = await scene.open("a")
        scene.publish("a", "0", "1", "2")
        await scene.fanout.flush()
        opening, first, second, third = wire.events()
        assert opening.id == first.id == second.id != third.id


async def test_events_evicted_before_a_flush_are_a_gap_for_all() -> None:
    """A log too small for what came: it is said, and what is left follows."""
    async with stage(Bounds(2, 10**6, 600)) as scene:
        wire = await scene.open("a")
        scene.publish("a", "0", "1", "2", "3", "4")
        while "4" not in wire.data():
            await scene.fanout.flush()
        assert wire.types() == ["gateway.at", "gateway.gap", "message", "message"]
        assert wire.data() == ["3", "4"]
        assert scene.count("gaps_total", reason="evicted") == 1
        again = await scene.open("a", id=wire.events()[1].id)
        assert again.types() == ["gateway.at", "gateway.resumed", "message", "message"]


async def test_ndjson_is_one_object_a_line() -> None:
    """The same stream for programs."""
    async with stage() as scene:
        wire = await scene.open("a", wire=Wire(), format=NDJSON)
        scene.publish("a", 'say "hi"\nthere', type="greeting")
        await scene.fanout.flush()
        last = wire.body.decode().splitlines()[-1]
        assert '"event":"greeting","data":"say \\"hi\\"\\nthere"' in last
        assert last.startswith('{"id":"1.')


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
