"""Many clients over real sockets: each gets its events, in order, once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import anyio
import httpx

from sse_gateway.testing import EventStreamReader

from .gateway import Gateway, running

CLIENTS = 1000
EVENTS = 100
SOURCE = """
[sources.hooks]
channel = "{json.channel}"
data = "{json.number}"
log = { max_events = 200_000, max_bytes = "64MiB" }
[sources.hooks.webhook]
path = "/hooks"
[[routes]]
path = "/events/{name}"
channels = ["{path.name}"]
[limits]
client_buffer = { events = 100_000, bytes = "8MiB" }
"""


async def read(gateway: Gateway, channel: str, count: int, seen: list[list[str]]) -> None:
    """One client: what it got of its channel."""
    async with EventStreamReader(f"{gateway.public}/events/{channel}") as stream:
        data: list[str] = []
        seen.append(data)
        assert (await stream.receive()).type == "gateway.at"
        while len(data) < count:
            event = await stream.receive()
            assert event.type == "message"
            data.append(event.data)


async def post(gateway: Gateway, lines: Sequence[str]) -> None:
    """Many events, a few hundred in a body."""
    async with httpx.AsyncClient(base_url=gateway.public, headers={"content-type": "application/x-ndjson"}) as client:
        for first in range(0, len(lines), 250):
            answer = await client.post("/hooks", content="\n".join(lines[first : first + 250]))
            assert answer.is_success, answer.text


async def serve(tmp_path: Path, channels: Sequence[str], lines: Sequence[str], count: int) -> list[list[str]]:
    """One client for each of `channels`, all connected before the first of `lines` is posted."""
    seen: list[list[str]] = []
    async with running(tmp_path, SOURCE) as gateway, anyio.create_task_group() as clients:
        for channel in channels:
            clients.start_soon(read, gateway, channel, count, seen)
        while await gateway.metric("sse_gateway_clients") < len(channels):
            await anyio.sleep(0.05)
        await post(gateway, lines)
    return seen


async def test_a_thousand_clients_of_one_channel(tmp_path: Path) -> None:
    """100,000 deliveries, each client's in the order of publishing."""
    lines = [f'{{"channel":"all","number":{number}}}' for number in range(EVENTS)]
    seen = await serve(tmp_path, ["all"] * CLIENTS, lines, EVENTS)
    expected = [str(number) for number in range(EVENTS)]
    assert len(seen) == CLIENTS
    assert all(data == expected for data in seen)


async def test_a_thousand_channels_with_one_client_each(tmp_path: Path) -> None:
    """Ten events in each channel, mixed with everybody else's."""
    channels = [f"c{number}" for number in range(CLIENTS)]
    lines = [f'{{"channel":"{name}","number":"{name}-{number}"}}' for number in range(10) for name in channels]
    seen = await serve(tmp_path, channels, lines, 10)
    assert sorted(seen) == sorted([f"{name}-{number}" for number in range(10)] for name in channels)
