"""Clients that don't keep up lose their connection, and its socket, in time; the others miss nothing."""

from __future__ import annotations

from pathlib import Path

import anyio

from .gateway import complete, curl, running, until
from .slow_client import SlowClient

CONFIG = """
[limits]
send_timeout = "3s"
client_buffer = { bytes = "16MiB" }
[sources.heavy]
channel = "heavy"
max_event = "1MB"
[sources.heavy.generate]
rate = 5.0
size = "500KB"
[[routes]]
path = "/events/heavy"
channels = ["heavy"]
"""
LATE = 10
"""Seconds beyond `send_timeout`."""


async def test_a_client_that_stops_reading_is_gone_in_time_and_the_others_miss_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, CONFIG) as gateway, anyio.create_task_group() as group:
        reader = curl(group, f"{gateway.public}/events/heavy")
        await until(lambda: b"\ndata: " in reader.output)
        with SlowClient(gateway, "/events/heavy") as deaf:
            while await gateway.metric("sse_gateway_clients_lagging") == 0:
                pass
            assert deaf.connected
            with anyio.fail_after(3 + LATE):
                await until(lambda: not deaf.connected)
            assert await gateway.metric("sse_gateway_clients") == 1
        group.cancel_scope.cancel()

    assert complete(reader.output)


async def test_a_client_that_reads_a_little_now_and_then_loses_its_socket_too(tmp_path: Path) -> None:
    """Its window opens in time for the kernel, which then never drops it; a write takes longer than it may all the same."""
    async with running(tmp_path, CONFIG) as gateway:
        with SlowClient(gateway, "/events/heavy", window=65536) as trickle:
            while await gateway.metric("sse_gateway_send_timeouts_total") == 0:
                await trickle.read()
            with anyio.fail_after(LATE):
                while trickle.connected:
                    await trickle.read()
            assert await gateway.metric("sse_gateway_clients") == 0
