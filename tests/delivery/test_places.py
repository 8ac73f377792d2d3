"""Where clients stand that asked for the same channels, and what they share for it."""

from __future__ import annotations

import pytest

from ..core.source import count_calls
from ..golden.public import Public, ids, public

pytestmark = pytest.mark.anyio


async def test_a_client_begins_where_the_gateway_stands_now_and_not_where_others_were_last_written_to() -> None:
    """Events of other channels move nobody on until the next heartbeat; a newcomer's id is not to lie behind them."""
    async with public() as scene:
        assert ids(await scene.ask("/events/a"))[0].endswith("_0-0")
        scene.publish("b", "one", "two")
        await scene.settle()
        assert ids(await scene.ask("/events/a"))[0].endswith("_0-2")


async def test_a_client_that_waits_for_this_replica_waits_no_longer_than_it_has_to() -> None:
    """What it has seen elsewhere is reached by events of other channels too, which nobody writes to its group."""
    async with public() as scene:
        start = ids(await scene.ask("/events/a"))[0]
        wire = await scene.ask("/events/a", id=start.replace("-0", "-3"))
        scene.publish("b", "one", "two")
        await scene.pass_time(0.2)
        assert scene.count("clients_lagging") == 1
        scene.publish("b", "three")
        await scene.settle()
        await scene.pass_time(0.2)
        assert scene.count("clients_lagging") == 0
        scene.publish("a", "four")
        await scene.settle()
        assert wire.data() == ["four"]


async def test_an_event_that_is_in_wire_form_is_not_put_into_it_again() -> None:
    """A hundred events cost their second reader, of other channels of the same source, a fraction of the calls that they
    cost the first."""
    alone, both = await calls_of_a_round("x"), await calls_of_a_round("x", "y")
    assert both - alone < alone / 2


async def calls_of_a_round(*others: str) -> int:
    """What it costs to send a burst to a client for each of these channels, which has another in common."""
    async with public() as scene:
        wires = [await scene.ask(f"/many?topic=all&topic={other}") for other in others]
        data = [str(number) for number in range(100)]
        scene.publish("many.all", *data)
        calls = count_calls(lambda: run_through(scene))
        assert all(wire.data() == data for wire in wires)
        return calls


def run_through(scene: Public) -> None:
    """One round, which is small enough for one turn of the loop."""
    with pytest.raises(StopIteration):
        scene.fanout.flush().send(None)
