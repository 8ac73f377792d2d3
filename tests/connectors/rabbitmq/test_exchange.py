"""Mode "exchange"."""

from __future__ import annotations

from typing import Any

import aiormq.exceptions
import anyio
import pytest

from sse_gateway.connector import Message, SourceUnavailable
from tests.connectors.reading import read

from .upstream import Upstream, connector


@pytest.mark.parametrize(
    ("type", "options", "wanted", "other"),
    [
        ("direct", {"routing_keys": ["a", "b"]}, {"key": "b"}, {"key": "c"}),
        ("topic", {"routing_keys": ["order.*"]}, {"key": "order.new"}, {"key": "order.new.eu"}),
        ("topic", {}, {"key": "any.thing"}, None),
        ("fanout", {}, {"key": "any.thing"}, None),
        ("headers", {"headers": {"kind": "new"}}, {"headers": {"kind": "new"}}, {"headers": {"kind": "old"}}),
        (
            "headers",
            {"headers": {"kind": "new", "size": 3}, "match": "any"},
            {"headers": {"size": 3}},
            {"headers": {"size": 4}},
        ),
    ],
)
async def test_what_is_bound_comes_and_nothing_else(
    upstream: Upstream, type: str, options: dict[str, Any], wanted: dict[str, Any], other: dict[str, Any] | None
) -> None:
    """Without keys a topic or fanout exchange gives everything."""
    exchange = await upstream.exchange(type)
    async with connector(upstream.url, exchange=exchange, **options) as source:
        if other is not None:
            await upstream.publish([b"other"], exchange=exchange, mandatory=False, **other)
        await upstream.publish([b"wanted"], exchange=exchange, **wanted)
        with anyio.fail_after(30):
            assert [message.body for message in await source.receive()] == [b"wanted"]


async def test_several_exchanges_come_through_one_queue(upstream: Upstream) -> None:
    orders, alerts = await upstream.exchange("topic"), await upstream.exchange("fanout")
    bindings = [{"exchange": orders, "routing_keys": ["new", "paid"]}, {"exchange": alerts}]
    async with connector(upstream.url, bindings=bindings) as source:
        await upstream.publish([b"1"], exchange=orders, key="new")
        await upstream.publish([b"2"], exchange=alerts)
        await upstream.publish([b"3"], exchange=orders, key="paid")
        received = await read(source, 3)
    assert [message.body for message in received] == [b"1", b"2", b"3"]
    assert [message.headers["amqp-exchange"] for message in received] == [orders, alerts, orders]


async def test_each_entry_has_a_queue_of_a_new_name_that_goes_with_it(upstream: Upstream) -> None:
    exchange = await upstream.exchange()
    source, names = connector(upstream.url, exchange=exchange), set()
    for _ in range(2):
        async with source:
            name = source._queue.name
            assert name.startswith("sse-gateway.orders.")
            async with upstream.channel() as channel:
                with pytest.raises(aiormq.exceptions.ChannelLockedResource):  # exclusive, so nobody else may look
                    await channel.get_queue(name)
        async with upstream.channel() as channel:
            with pytest.raises(aiormq.exceptions.ChannelNotFoundEntity):
                await channel.get_queue(name)
        names.add(name)
    assert len(names) == 2


async def test_an_exchange_that_is_missing_is_named(upstream: Upstream) -> None:
    with pytest.raises(SourceUnavailable, match="cannot read exchange 'nowhere': NOT_FOUND - no exchange 'nowhere'"):
        async with connector(upstream.url, exchange="nowhere"):
            pass


async def test_an_exchange_is_made_where_that_is_configured(upstream: Upstream) -> None:
    exchange = upstream.name("exchange")
    declare = {"type": "fanout", "arguments": {"x-test": "yes"}}
    async with connector(upstream.url, exchange=exchange, declare=declare) as source:
        await upstream.publish([b"x"], exchange=exchange)
        assert await read(source, 1)
    async with connector(upstream.url, exchange=exchange, declare=declare):
        pass
    with pytest.raises(SourceUnavailable, match="PRECONDITION_FAILED - inequivalent arg 'type'"):
        async with connector(upstream.url, exchange=exchange, declare={"type": "topic"}):
            pass


async def test_check_finds_an_exchange_that_was_deleted(upstream: Upstream) -> None:
    exchange = await upstream.exchange()
    async with connector(upstream.url, exchange=exchange) as source:
        await source.check()
        async with upstream.channel() as channel:
            await channel.exchange_delete(exchange)
        with pytest.raises(SourceUnavailable, match=f"exchange '{exchange}' can't be read: NOT_FOUND"):
            await source.check()


async def test_check_binds_anew_to_an_exchange_that_was_made_anew(upstream: Upstream) -> None:
    exchange = await upstream.exchange()
    async with connector(upstream.url, exchange=exchange) as source:
        async with upstream.channel() as channel:
            await channel.exchange_delete(exchange)
            await channel.declare_exchange(exchange, "topic", durable=True)
        await source.check()
        await upstream.publish([b"x"], exchange=exchange)
        assert await read(source, 1)


async def test_no_more_than_prefetch_is_on_its_way_until_it_is_acknowledged(upstream: Upstream) -> None:
    exchange = await upstream.exchange()
    async with connector(upstream.url, exchange=exchange, prefetch=10) as source:
        await upstream.publish([b"%d" % number for number in range(25)], exchange=exchange)
        await source.check()  # its answer comes after all that was delivered
        first = await source.receive()
        assert len(first) == 10
        await source.check()
        assert len(source.consumer.inbox) == 0
        await source.ack(first[-1])
        rest = await read(source, 15)
    assert [message.body for message in [*first, *rest]] == [b"%d" % number for number in range(25)]


async def test_what_was_rejected_is_dead_lettered_and_nothing_else(upstream: Upstream) -> None:
    exchange, failed = await upstream.exchange(), await upstream.queue()
    arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": failed}
    async with connector(upstream.url, exchange=exchange, queue_arguments=arguments) as source:
        await upstream.publish([b"0", b"1", b"2", b"3", b"4", b"5"], exchange=exchange, key="k")
        with anyio.fail_after(30):
            received: list[Message] = []
            while len(received) < 6:
                received += await source.receive()
            for number in (1, 2, 5):  # in the middle, two in a row, and the last of the batch
                await source.reject(received[number])
            await source.ack(received[-1])
            dead = await upstream.read(failed, 3)
            await source.check()  # the broker closes a channel on which it was told something wrong
    assert [message.body for message in dead] == [b"1", b"2", b"5"]


async def test_messages_that_came_before_the_line_was_lost_are_received(upstream: Upstream) -> None:
    """They are nowhere else any more: the queue went with the connection."""
    exchange = await upstream.exchange()
    async with connector(upstream.url, exchange=exchange) as source:
        await upstream.publish([b"1", b"2"], exchange=exchange)
        await source.check()
        await source.consumer.channel.close()
        with anyio.fail_after(30):
            assert [message.body for message in await read(source, 2)] == [b"1", b"2"]
            with pytest.raises(SourceUnavailable):
                await source.receive()
