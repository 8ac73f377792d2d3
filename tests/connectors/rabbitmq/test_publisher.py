"""Publishing: confirmed, refused, and put off during an alarm."""

from __future__ import annotations

import anyio
import pytest

from sse_gateway.connector import Message, Publishable, SourceUnavailable
from tests.brokers.proxy import Proxy
from tests.brokers.rabbitmq import RabbitMQ
from tests.connectors.reading import read

from .upstream import Upstream, connector


async def test_a_message_for_which_there_is_no_queue_is_refused(upstream: Upstream) -> None:
    exchange = await upstream.exchange()
    async with connector(upstream.url, exchange=exchange, routing_keys=["a"]) as source:
        with pytest.raises(SourceUnavailable, match=r"no queue took the message \(.*NO_ROUTE"):
            await source.publish(Message(body=b"x", key="b"))
        await source.publish(Message(body=b"x", key="a"))


async def test_a_queue_that_is_full_refuses(upstream: Upstream) -> None:
    queue = await upstream.queue({"x-max-length": 1, "x-overflow": "reject-publish"})
    exchange = await upstream.exchange()
    async with upstream.channel() as channel:
        await (await channel.get_queue(queue)).bind(exchange, "k")
    async with connector(upstream.url, exchange=exchange, routing_keys=["other"]) as source:
        with pytest.raises(SourceUnavailable, match="the broker refused the message"):
            await _publish_often(source)


async def _publish_often(source: Publishable) -> None:
    for _ in range(50):  # the broker counts a little late
        await source.publish(Message(body=b"x", key="k"))


async def test_publishing_to_an_exchange_that_is_missing_is_told_and_can_be_mended(upstream: Upstream) -> None:
    exchange, other = await upstream.exchange(), upstream.name("exchange")
    async with connector(upstream.url, exchange=exchange, publish_exchange=other) as source:
        with pytest.raises(SourceUnavailable, match=f"NOT_FOUND - no exchange '{other}'"):
            await source.publish(Message(body=b"x", key="k"))
        async with upstream.channel() as channel:
            await channel.declare_exchange(other, "fanout", durable=True)
            await (await channel.get_queue(source._queue.name, ensure=False)).channel.close()
            queue = await upstream.queue()
        async with upstream.channel() as channel:
            await (await channel.get_queue(queue)).bind(other)
        await source.publish(Message(body=b"x", key="k"))
        assert [message.body for message in await upstream.read(queue, 1)] == [b"x"]


async def test_a_stream_keeps_the_key_where_messages_go_through_an_exchange(upstream: Upstream) -> None:
    stream, exchange = await upstream.stream(), await upstream.exchange()
    async with upstream.channel() as channel:
        await (await channel.get_queue(stream)).bind(exchange, "#")
    async with (
        connector(upstream.url, mode="stream", stream=stream, publish_exchange=exchange) as through,
        connector(upstream.url, mode="stream", stream=stream) as direct,
    ):
        await through.publish(Message(body=b"1", key="tenant.7"))
        await direct.publish(Message(body=b"2", key="tenant.7"))
        assert [message.key for message in await read(direct, 2)] == ["tenant.7", stream]


async def test_a_queue_is_published_to_by_its_name(upstream: Upstream) -> None:
    queue = await upstream.queue()
    async with connector(upstream.url, mode="queue", queue=queue, single_replica=True) as source:
        await source.publish(Message(body=b"x", key="ignored"))
        assert [message.key for message in await read(source, 1)] == [queue]


async def test_a_key_that_amqp_cannot_carry_is_refused(upstream: Upstream) -> None:
    async with connector(upstream.url, exchange=await upstream.exchange()) as source:
        with pytest.raises(SourceUnavailable, match="longer than 255 bytes"):
            await source.publish(Message(body=b"x", key="é" * 128))


async def test_publishing_goes_on_after_its_line_was_lost(upstream: Upstream, proxy: Proxy) -> None:
    queue = await upstream.queue()
    async with connector(proxy.url, mode="queue", queue=queue, single_replica=True) as source:
        await source.publish(Message(body=b"1"))
        proxy.cut()
        with anyio.fail_after(30):
            while True:
                try:
                    await source.publish(Message(body=b"2"))
                    break
                except SourceUnavailable:
                    await anyio.sleep(0.01)
        assert [message.body for message in await upstream.read(queue, 2)] == [b"1", b"2"]


async def test_messages_are_published_side_by_side(upstream: Upstream) -> None:
    queue = await upstream.queue()
    async with connector(upstream.url, mode="queue", queue=queue, single_replica=True) as source:
        async with anyio.create_task_group() as tasks:
            for number in range(200):
                tasks.start_soon(source.publish, Message(body=b"%d" % number))
        received = await read(source, 200)
    assert sorted(int(message.body) for message in received) == list(range(200))


async def test_outside_of_the_context_nothing_is_published(upstream: Upstream) -> None:
    source = connector(upstream.url, exchange="amq.topic")
    with pytest.raises(SourceUnavailable, match="not connected"):
        await source.publish(Message(body=b"x"))
    async with source:
        pass
    with pytest.raises(SourceUnavailable, match="not connected"):
        await source.publish(Message(body=b"x"))


async def test_an_alarm_of_the_broker_puts_publishing_off_and_nothing_else(own_rabbitmq: RabbitMQ) -> None:
    upstream = Upstream(own_rabbitmq.url)
    queue = await upstream.queue()
    options = {"mode": "queue", "queue": queue, "single_replica": True, "publish_timeout": "1s"}
    async with connector(own_rabbitmq.url, **options) as source:
        await source.publish(Message(body=b"before"))
        await anyio.to_thread.run_sync(own_rabbitmq.ctl, "set_vm_memory_high_watermark", "0.000001")
        try:
            with pytest.raises(SourceUnavailable, match="it has raised an alarm"), anyio.fail_after(10):
                await source.publish(Message(body=b"during"))
            with pytest.raises(SourceUnavailable, match="it has raised an alarm"), anyio.fail_after(0.5):
                await source.publish(Message(body=b"known by now"))
            with anyio.fail_after(30):
                assert await read(source, 1)
                await source.check()
        finally:
            await anyio.to_thread.run_sync(own_rabbitmq.ctl, "set_vm_memory_high_watermark", "absolute", "512MB")
        with anyio.fail_after(10):
            while True:
                try:
                    await source.publish(Message(body=b"after"))
                    break
                except SourceUnavailable:
                    await anyio.sleep(0.05)
    await upstream.close()
