"""Mode "queue"."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from sse_gateway.connector import Message, SourceUnavailable
from tests.brokers.proxy import Proxy
from tests.connectors.reading import read

from .upstream import Upstream, bodies, connector, until


def reader(url: str, queue: str, **options: Any) -> Any:
    return connector(url, mode="queue", queue=queue, single_replica=True, **options)


@pytest.mark.parametrize("kind", ["classic", "quorum"])
async def test_unmappable_messages_are_dead_lettered_where_the_queue_says_so(upstream: Upstream, kind: str) -> None:
    failed = await upstream.queue()
    dead_letter = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": failed}
    queue = await upstream.queue({"x-queue-type": kind, **dead_letter})
    await upstream.publish([b"good", b"bad", b"good too"], key=queue)
    async with reader(upstream.url, queue) as source:
        with anyio.fail_after(10):
            received: list[Message] = []
            while len(received) < 3:
                received += await source.receive()
            await source.reject(received[1])
            await source.ack(received[2])
            (dead,) = await upstream.read(failed, 1)
    assert dead.body == b"bad"
    async with upstream.channel() as channel:
        assert (await channel.get_queue(queue)).declaration_result.message_count == 0


async def test_a_backlog_comes_in_batches_that_one_turn_of_the_loop_can_take(upstream: Upstream) -> None:
    queue = await upstream.queue()
    await upstream.publish(bodies(600), key=queue)
    async with reader(upstream.url, queue, prefetch=600) as source:
        await until(lambda: len(source.consumer.inbox) == 600)
        batches = [await source.receive() for _ in range(3)]
    assert [len(batch) for batch in batches] == [256, 256, 88]
    assert [message.body for batch in batches for message in batch] == bodies(600)


async def test_a_queue_that_is_missing_is_named(upstream: Upstream) -> None:
    with pytest.raises(SourceUnavailable, match="cannot read queue 'nowhere': NOT_FOUND - no queue 'nowhere'"):
        async with reader(upstream.url, "nowhere"):
            pass


async def test_a_queue_is_made_where_that_is_configured(upstream: Upstream) -> None:
    queue = upstream.name("queue")
    async with reader(upstream.url, queue, declare={"arguments": {"x-max-length": 5}}):
        pass
    with pytest.raises(SourceUnavailable, match="PRECONDITION_FAILED - inequivalent arg 'x-max-length'"):
        async with reader(upstream.url, queue, declare={}):
            pass


async def test_a_queue_that_was_deleted_is_noticed_and_its_successor_is_a_break(upstream: Upstream) -> None:
    """The broker only cancels the consumer: without the notice for that, the source would wait for ever."""
    queue = await upstream.queue()
    source = reader(upstream.url, queue)
    async with source:
        assert not source.lossy
        await upstream.delete(queue)
        with anyio.fail_after(30), pytest.raises(SourceUnavailable, match="the queue was deleted"):
            await source.receive()
    with pytest.raises(SourceUnavailable, match="no queue"):
        await source.__aenter__()
    await upstream.queue(name=queue)
    async with source:
        assert source.lossy
    async with source:
        assert not source.lossy


async def test_a_queue_that_was_missing_after_an_outage_is_a_break(upstream: Upstream, proxy: Proxy) -> None:
    queue = await upstream.queue()
    source = reader(proxy.url, queue)
    async with source:
        proxy.cut()
        with anyio.fail_after(30), pytest.raises(SourceUnavailable):
            await source.receive()
    await upstream.delete(queue)
    with pytest.raises(SourceUnavailable, match="no queue"):
        await source.__aenter__()
    await upstream.queue(name=queue)
    async with source:
        assert source.lossy


async def test_what_had_arrived_when_the_line_was_lost_comes_once(upstream: Upstream, proxy: Proxy) -> None:
    """It was not acknowledged, so the broker delivers it again: to hand it out too would repeat it."""
    queue = await upstream.queue()
    source = reader(proxy.url, queue)
    sent = [b"%d" % number for number in range(20)]
    async with source:
        await upstream.publish(sent, key=queue)
        await source.check()
        assert len(source.consumer.inbox) == 20
        proxy.cut()
        await until(lambda: source.consumer.inbox.lost)
        with anyio.fail_after(30):
            assert await source.receive() == []
            with pytest.raises(SourceUnavailable):
                await source.receive()
    async with source:
        assert [message.body for message in await read(source, 20)] == sent


async def test_messages_of_a_deleted_queue_that_had_arrived_are_received(upstream: Upstream) -> None:
    """They come from nowhere else again."""
    queue = await upstream.queue()
    async with reader(upstream.url, queue) as source:
        await upstream.publish([b"1", b"2"], key=queue)
        await source.check()
        await upstream.delete(queue)
        await until(lambda: source.consumer.cancelled)
        assert [message.body for message in await read(source, 2)] == [b"1", b"2"]


async def test_leaving_right_after_an_acknowledgement_does_not_undo_it(upstream: Upstream) -> None:
    queue = await upstream.queue()
    source, sent = reader(upstream.url, queue), [b"%d" % number for number in range(50)]
    await upstream.publish(sent, key=queue)
    received: list[bytes] = []
    while len(received) < len(sent):
        async with source:
            with anyio.fail_after(30):
                batch = await source.receive()
                await source.ack(batch[min(4, len(batch) - 1)])
                received += [message.body for message in batch[:5]]
    assert received == sent
