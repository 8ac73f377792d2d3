"""What befalls brokers under traffic, each fault once, with all the sources that it concerns in one gateway.

The table at the end of the run holds what came of it.
"""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from .report import Report
from .scene import opened
from .source import Exchange, Queue, Stream, Topic, Upstreams, all_sources

pytestmark = pytest.mark.xdist_group("faults")

# An exchange's queue goes with its line, which is the one loss that there may be.
LINE_LOST = {"exchange": "upstream"}


@pytest.mark.parametrize("broker", ["rabbitmq", "kafka"])
async def test_a_broker_that_is_killed_and_started_again(
    broker: str, tmp_path: Path, upstreams: Upstreams, report: Report
) -> None:
    node = upstreams.rabbitmq if broker == "rabbitmq" else upstreams.kafka
    sources = [source for source in all_sources(upstreams) if source.label.startswith(broker)]

    async def kill() -> None:
        node.kill()

    async with opened(tmp_path, sources, upstreams.access, report) as scene:
        breaks = LINE_LOST if broker == "rabbitmq" else {}
        await scene.suffer(
            "kill -9, started again", harm=kill, mend=lambda: to_thread.run_sync(node.start), breaks=breaks
        )


async def test_all_connections_closed(tmp_path: Path, upstreams: Upstreams, report: Report) -> None:
    """By RabbitMQ itself; Kafka has no word for it, so there the line resets them."""

    async def close() -> None:
        await to_thread.run_sync(upstreams.rabbitmq.close_connections)
        upstreams.kafka_line.cut()

    async with opened(tmp_path, all_sources(upstreams), upstreams.access, report) as scene:
        await scene.suffer("all connections closed", harm=close, breaks=LINE_LOST)


async def test_lines_that_are_half_open(tmp_path: Path, upstreams: Upstreams, report: Report) -> None:
    """Packets are dropped and nobody hangs up: the broker holds on to a reader that is gone, while the gateway comes back by
    another line."""

    async def forget() -> None:
        upstreams.rabbit_line.forget()
        upstreams.kafka_line.forget()

    async with opened(tmp_path, all_sources(upstreams), upstreams.access, report) as scene:
        await scene.suffer("half-open TCP", harm=forget, breaks=LINE_LOST)


async def test_queues_and_streams_deleted_and_made_again(tmp_path: Path, upstreams: Upstreams, report: Report) -> None:
    """Of an exchange it is the gateway's own queue, which nobody has to make again."""
    sources = [Exchange(upstreams), Stream(upstreams), Queue(upstreams)]

    async def delete() -> None:
        for source in sources:
            await source.delete()

    async def make() -> None:
        for source in sources:
            await source.make()

    async with opened(tmp_path, sources, upstreams.access, report) as scene:
        breaks = {source.name: source.remade for source in sources}
        await scene.suffer("queue or stream deleted, made again", harm=delete, mend=make, breaks=breaks)


async def test_topics_deleted_and_made_again(tmp_path: Path, upstreams: Upstreams, report: Report) -> None:
    sources = [Topic(upstreams, mode) for mode in ("assign", "group")]

    async def remake() -> None:
        for source in sources:
            await source.delete()
            await source.make()

    async with opened(tmp_path, sources, upstreams.access, report) as scene:
        breaks = {source.name: source.remade for source in sources}
        await scene.suffer("topic deleted, made again", harm=remake, breaks=breaks)


async def test_a_partition_that_is_added(tmp_path: Path, upstreams: Upstreams, report: Report) -> None:
    sources = [Topic(upstreams, mode) for mode in ("assign", "group")]

    async def extend() -> None:
        for source in sources:
            await upstreams.topics.extend(source.target, 4)
            source.traffic.partitions = 4

    async with opened(tmp_path, sources, upstreams.access, report) as scene:
        await scene.suffer("partition added", harm=extend, breaks={})


async def test_an_alarm_of_the_broker(tmp_path: Path, upstreams: Upstreams, report: Report) -> None:
    """RabbitMQ is out of memory and stops all who publish: reading goes on, and no line is lost."""
    sources = [Exchange(upstreams), Stream(upstreams), Queue(upstreams)]

    async def raise_alarm() -> None:
        await to_thread.run_sync(upstreams.rabbitmq.ctl, "set_vm_memory_high_watermark", "absolute", "1")
        with anyio.fail_after(60):
            for source in sources:
                await source.traffic.blocked()

    async def end_alarm() -> None:
        await to_thread.run_sync(upstreams.rabbitmq.ctl, "set_vm_memory_high_watermark", "absolute", "512MB")

    try:
        async with opened(tmp_path, sources, upstreams.access, report) as scene:
            await scene.suffer("alarm: out of memory", harm=raise_alarm, mend=end_alarm, silent=True, breaks={})
            assert scene.errors() == {}
    finally:
        await end_alarm()  # the node is also the next test's
