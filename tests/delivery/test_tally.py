"""What the fan-out counts, as an operator reads it: by clients and writes, once a flush."""

from __future__ import annotations

import pytest

from sse_gateway.core import Bounds

from .stage import stage
from .wire import Wire

pytestmark = pytest.mark.anyio


async def test_bytes_are_those_of_the_bodies_after_the_opening() -> None:
    async with stage() as scene:
        wires = [await scene.open("a") for _ in range(3)]
        opening = len(wires[0].body)
        scene.publish("a", "1", "2")
        await scene.fanout.flush()
        assert scene.count("sent_bytes_total") == 3 * (len(wires[0].body) - opening) > 0


async def test_the_latency_is_that_of_the_oldest_event_of_a_flush() -> None:
    """From its arrival to its write; one observation a flush, whatever the number of clients and events."""
    async with stage() as scene:
        for _ in range(5):
            await scene.open("a")
        scene.publish("a", "1")
        scene.now += 0.25
        scene.publish("a", "2")
        scene.now += 0.25
        await scene.fanout.flush()
        assert scene.count("delivery_latency_seconds_count") == 1
        assert scene.count("delivery_latency_seconds_sum") == 0.5


async def test_the_lag_is_that_of_the_slowest_client() -> None:
    async with stage() as scene:
        wires = [await scene.open("a", wire=Wire("future")) for _ in range(2)]
        for wire in wires:
            wire.stuck = True
            scene.publish("a", "12345678")
            await scene.fanout.flush()
        scene.publish("a", "12345678")
        await scene.pass_time(0.1)
        assert scene.count("clients_lagging") == 2
        assert (scene.count("lag_events"), scene.count("lag_bytes")) == (2, 2 * (8 + 16))
        assert scene.count("flush_window_seconds") == scene.fanout.window > 0


async def test_clients_are_counted_by_route_and_resumes_by_what_came_of_them() -> None:
    async with stage(Bounds(2, 10**6, 600)) as scene:
        old = (await scene.open("a")).events()[0].id
        scene.publish("a", "1", "2", "3")
        newer = (await scene.open("b")).events()[0].id
        for id in (newer, old, "2.other", "latest"):
            await scene.open("a", id=id)
        outcomes = {outcome: scene.count("resumes_total", outcome=outcome) for outcome in ("log", "gap", "reset")}
        assert outcomes == {"log": 2, "gap": 1, "reset": 1}
        assert scene.count("clients_opened_total", route="/r") == scene.count("clients", route="/r") == 6


async def test_a_gap_that_a_client_is_told_of_as_it_comes_back_counts_too() -> None:
    async with stage(Bounds(2, 10**6, 600)) as scene:
        old = (await scene.open("b")).events()[0].id
        scene.publish("a", "1", "2", "3")
        again = await scene.open("a", id=old)

        assert again.types()[:2] == ["gateway.at", "gateway.gap"]
        assert scene.count("gaps_total", reason="evicted") == 1
