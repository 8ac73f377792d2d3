"""50,000 messages through each mode to one client: all come, in order, and the loop is not held for long by any of them."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from ..gateway import Gateway, running
from .client import Account, Client
from .report import Report
from .source import Access, Source, Upstreams, all_sources

MESSAGES = 50_000
SIZE = 200
TURN = 256
"""The most events that one turn of the loop may publish."""
BATCH = {"rabbitmq": 256, "kafka": 250}
"""The most messages that a connector may hand over at once; Kafka's is its option `batch`, of which there is always more."""
FILE = """
[limits]
client_buffer = { events = 100_000, bytes = "64MiB" }
[[routes]]
path = "/events/{name}"
channels = ["{path.name}"]
"""
LOG = 'log = { max_events = 100_000, max_bytes = "64MiB" }'

# Not measured by the coverage of the run, which would double what is measured here.
PROBED = ("env", "-u", "COVERAGE_PROCESS_CONFIG", sys.executable, str(Path(__file__).with_name("probed.py")))

# The client libraries alone, as they were measured on two busy cores before there was a gateway: messages a second, µs of CPU
# for each, longest and p99 wait in the loop (with 100 and with 500 messages in a batch; RabbitMQ's were not measured).
LIBRARY = {
    "exchange": ("6300-7500", "79-104", "-", "-"),
    "stream": ("4100-5000", "150", "-", "-"),
    "queue": ("6300-7500", "79-104", "-", "-"),
    "assign": ("140000-380000", "2-4", "11-36", "7-14"),
    "group": ("140000-380000", "2-4", "11-36", "7-14"),
}


@pytest.mark.parametrize("mode", LIBRARY)
async def test_fifty_thousand_messages(mode: str, tmp_path: Path, upstreams: Upstreams, report: Report) -> None:
    source = next(source for source in all_sources(upstreams) if source.name == mode)
    access = Access(f'url = "{upstreams.rabbitmq.url}"', f'servers = ["{upstreams.kafka.bootstrap}"]')
    await source.make()
    text = FILE + source.table(access, LOG)
    partitions = source.traffic.partitions
    bodies = [f"{number % partitions}.{number // partitions} ".ljust(SIZE, "x") for number in range(MESSAGES)]
    async with running(tmp_path, text, PROBED) as gateway, anyio.create_task_group() as tasks:
        with anyio.fail_after(180):
            client = Client(f"{gateway.public}/events/{mode}")
            tasks.start_soon(client.run)
            await client.until(lambda: client.last_event_id is not None)
            await probe(gateway)
            tasks.start_soon(source.traffic.flood, [body.encode() for body in bodies])
            await client.more(1)
            begun = anyio.current_time()
            await client.until(lambda: len(client.bodies) >= MESSAGES)
            seconds = anyio.current_time() - begun
            found = await probe(gateway)
        tasks.cancel_scope.cancel()
    write(report, source, seconds, found)
    held = [body.partition(" ")[0] for body in bodies]
    assert Account.of(held, client.bodies) == Account(lost=0, repeated=0, ordered=True)
    assert [event.type for event in client.events] == ["message"] * MESSAGES
    kind = source.label.split()[0]
    assert found["batch"] == BATCH[kind] if kind == "kafka" else found["batch"] <= BATCH[kind]
    assert found["turn"] <= TURN, "it yields between batches, or two of them would be in a turn"


async def probe(gateway: Gateway) -> dict[str, Any]:
    """What the gateway measured since it was last asked."""
    os.kill(gateway.process.pid, signal.SIGUSR1)
    known = [line for line in gateway.lines if line.get("message") == "probe"]
    while True:
        found = [line for line in gateway.lines if line.get("message") == "probe"]
        if len(found) > len(known):
            return found[-1]
        await gateway.news.wait()


def write(report: Report, source: Source, seconds: float, found: dict[str, Any]) -> None:
    """A row of the table."""
    measured = (
        f"{MESSAGES / seconds:.0f}",
        f"{found['cpu'] / MESSAGES * 1e6:.1f}",
        f"{found['longest'] * 1000:.1f}",
        f"{found['p99'] * 1000:.1f}",
    )
    names = ("messages/s", "CPU us/message", "longest wait in the loop, ms", "p99, ms")
    row = {name: f"{ours} ({alone})" for name, ours, alone in zip(names, measured, LIBRARY[source.name], strict=True)}
    row |= {"largest batch": found["batch"], "most in a turn": found["turn"]}
    report.add("50,000 messages of 200 bytes to one client (the client library alone)", {"source": source.label, **row})
