"""What goes wrong with a cluster under traffic: nothing is lost or repeated, counted against what the topic holds."""

from __future__ import annotations

import anyio
import pytest

from sse_gateway.connector import Message, OffsetExpired, SourceUnavailable
from tests.brokers.proxy import Proxy
from tests.connectors.reading import lost, read

from .traffic import traffic
from .upstream import Upstream, connector


async def test_a_short_absence_is_lived_through(upstream: Upstream, proxy: Proxy) -> None:
    """Connections that are reset, shorter than `timeout`, are aiokafka's to mend: the same connector reads on."""
    topic = await upstream.create(partitions=3)
    source, received = connector(f"127.0.0.1:{proxy.port}", topics=[topic]), list[Message]()
    async with source, traffic(upstream.bootstrap, topic):
        for _ in range(3):
            received += await read(source, 30)
            proxy.cut()
        received += await read(source, 30)
        reached = sorted(source.offsets().items())
    found = sorted((message.partition, message.offset) for message in received)
    assert found == [(name, offset) for name, end in reached for offset in range(end)]


async def test_a_line_that_falls_silent_is_lost(upstream: Upstream, proxy: Proxy) -> None:
    """Half-open TCP: no packet comes and nobody hangs up. The silence itself is the sign, and leaving does not wait."""
    topic = await upstream.create(partitions=3)
    source = connector(f"127.0.0.1:{proxy.port}", topics=[topic], timeout="2s")
    async with source, traffic(upstream.bootstrap, topic):
        received = await read(source, 30)
        proxy.freeze()
        assert "no answer" in await lost(source, received)
        with pytest.raises(SourceUnavailable, match="no connection|no answer"):
            await source.check()
        with anyio.fail_after(6):  # what the supervisor gives it, and a bit
            await source.__aexit__(None, None, None)


async def test_a_trimmed_history_is_expired_and_says_where_to_go_on(upstream: Upstream) -> None:
    """Retention overtakes a reader: OffsetExpired names the first offset of that partition, and where the others
    stand."""
    topic = await upstream.create(partitions=2)
    await upstream.send(topic, [b"x" * 1000 for _ in range(200)], partition=0)
    await upstream.send(topic, [b"other"], partition=1)
    source = connector(upstream.bootstrap, topics=[topic], start="earliest", fetch_bytes="1KB", batch=1)
    async with source:
        await read(source, 5)
        await upstream.trim(topic, {0: 150})
        with pytest.raises(OffsetExpired) as expired:
            await read(source, 200)
        assert expired.value.earliest == {"0": 150, "1": source.offsets()["1"]}


async def test_a_topic_that_comes_late_is_read_from_its_start(upstream: Upstream) -> None:
    """`start = "latest"` means from the first attempt on: what is written before the topic is found is not lost."""
    topic = upstream.name()
    source = connector(upstream.bootstrap, topics=[topic])
    with pytest.raises(SourceUnavailable, match=f"topic {topic} does not exist"):
        await source.__aenter__()
    await upstream.create(topic)
    await upstream.send(topic, [b"early"])
    async with source:
        assert [message.body for message in await read(source, 1)] == [b"early"]


async def test_topics_of_a_pattern_come_and_go(upstream: Upstream) -> None:
    """A new topic is read from its start; one that is deleted is let go, and the others are read on, in the same
    epoch."""
    prefix = upstream.name()
    await upstream.create(f"{prefix}-a")
    source = connector(upstream.bootstrap, pattern=f"{prefix}-.*", refresh="300ms")
    async with source:
        epoch = source.epoch
        await upstream.create(f"{prefix}-b")
        await upstream.send(f"{prefix}-b", [b"b"])
        (message,) = await read(source, 1)
        assert (message.body, len(message.partition)) == (b"b", 6)
        await upstream.delete(f"{prefix}-a")
        with anyio.fail_after(20):
            while source.offsets().keys() != {message.partition}:
                await source.receive()
        await upstream.send(f"{prefix}-b", [b"c"])
        assert [found.body for found in await read(source, 1)] == [b"c"]
        await upstream.delete(f"{prefix}-b")
        await upstream.create(f"{prefix}-b")
        await upstream.send(f"{prefix}-b", [b"0", b"1", b"2"])
        again = await read(source, 3)
        assert [(found.body, found.offset) for found in again] == [(b"0", 0), (b"1", 1), (b"2", 2)]
        assert again[0].partition != message.partition
        assert (source.epoch, source.tally) == (epoch, {"partitions_added": 2, "partitions_gone": 2})


async def test_a_start_behind_the_end_waits_for_the_end(upstream: Upstream) -> None:
    """In the same epoch: a leader that has lost records, or is behind for a moment. Nothing is read that might be other
    than what was there, until the end has caught up."""
    topic = await upstream.create()
    await upstream.send(topic, [b"0", b"1"])
    source = connector(upstream.bootstrap, topics=[topic])
    async with source.replay({"0": 4}) as replay:
        with pytest.raises(SourceUnavailable, match="ends at 2, but was read up to 4"):
            await read(replay, 1)
    await upstream.send(topic, [b"2", b"3", b"4"])
    async with source.replay({"0": 4}) as replay:
        assert [message.body for message in await read(replay, 1)] == [b"4"]
