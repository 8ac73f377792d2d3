"""Mode `group`: the group keeps the place, and deals the partitions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from aiokafka import TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError

from sse_gateway.connector import Connector, Message, OffsetExpired, SourceUnavailable
from sse_gateway_kafka import KafkaConfig
from sse_gateway_kafka.group import Membership
from sse_gateway_kafka.survey import EARLIEST, Survey
from tests.brokers.proxy import Proxy
from tests.connectors.reading import read, read_again

from .traffic import traffic
from .upstream import Upstream, connector


def member(upstream: Upstream, topic: str, *, port: int | None = None, **options: Any) -> Any:
    """One of the group's members, on its way through a port of its own if need be."""
    servers = upstream.bootstrap if port is None else f"127.0.0.1:{port}"
    group = {"mode": "group", "group": f"{topic}-readers", "single_replica": True, "refresh": "500ms"}
    return connector(servers, **{"topics": [topic], **group, **options})


def standing(messages: list[Message]) -> list[tuple[str, int | None]]:
    return sorted((message.partition, message.offset) for message in messages)


async def test_two_members_share_the_partitions(upstream: Upstream) -> None:
    """A second member takes some over while messages flow: together they get each message, once."""
    topic = await upstream.create(partitions=4)
    first, second = member(upstream, topic), member(upstream, topic)
    received: list[Message] = []

    async def read_on(source: Connector[Any]) -> None:
        while True:
            received.extend(await read(source, 1))

    async with first, traffic(upstream.bootstrap, topic), anyio.create_task_group() as tasks:
        received += await read(first, 20)
        tasks.start_soon(read_on, first)
        async with second:
            shared = await read(second, 20)
            tasks.cancel_scope.cancel()
    assert {message.partition for message in shared}
    assert not set(standing(received)) & set(standing(shared)), "no message went to both"


async def test_new_partitions_are_read_from_their_start(upstream: Upstream) -> None:
    """Those that come while nobody reads: the group has a place in the others, so they are new, whatever `start`
    says."""
    topic = await upstream.create(partitions=1)
    source = member(upstream, topic)
    async with source:
        pass
    await upstream.extend(topic, 2)
    await upstream.send(topic, [b"early"], partition=1)
    async with source:
        assert [message.body for message in await read(source, 1)] == [b"early"]


async def test_a_trimmed_history_is_expired_once(upstream: Upstream) -> None:
    """The group's place is gone: OffsetExpired says so, and the next entry begins at what there is."""
    topic = await upstream.create()
    source = member(upstream, topic)
    async with source:
        pass
    await upstream.send(topic, [b"trimmed", b"trimmed", b"kept"])
    await upstream.trim(topic, {0: 2})
    async with source:
        with pytest.raises(OffsetExpired) as expired:
            await read(source, 1)
    assert expired.value.earliest == {"0": 2}
    async with source:
        assert [message.body for message in await read(source, 1)] == [b"kept"]


async def test_a_commit_for_a_topic_that_was_deleted_is_none_for_its_successor(upstream: Upstream) -> None:
    """A broker takes it by name, so what is committed while the topic is made anew stands in the new one."""
    topic = await upstream.create()
    source = member(upstream, topic, commit_interval="1m")
    async with source:
        await upstream.send(topic, [b"old", b"old"])
        await read(source, 2)
        await upstream.delete(topic)
        await upstream.create(topic)
        await upstream.send(topic, [b"1", b"2", b"3"])
    received = await read_again(member(upstream, topic), 3)
    assert [message.body for message in received] == [b"1", b"2", b"3"]


async def test_a_topic_of_a_pattern_that_is_made_anew_is_read_from_its_start(upstream: Upstream) -> None:
    """Though the epoch stays, and neither aiokafka nor the group may have seen it missing."""
    topic = await upstream.create()
    source, received = member(upstream, topic, topics=(), pattern=topic), list[Message]()
    async with source:
        await upstream.send(topic, [b"old"])
        assert await read(source, 1)
    await upstream.delete(topic)
    await upstream.create(topic)
    await upstream.send(topic, [b"new"])
    received = await read_again(source, 1)
    assert [message.body for message in received] == [b"new"]


async def test_a_pattern_is_over_whole_names(upstream: Upstream) -> None:
    """As in mode `assign`, and unlike aiokafka's own."""
    topic = await upstream.create()
    longer = await upstream.create(f"{topic}-longer")
    source = member(upstream, topic, topics=(), pattern=topic)
    async with source:
        await upstream.send(longer, [b"not ours"])
        await upstream.send(topic, [b"ours"])
        assert [message.body for message in await read(source, 1)] == [b"ours"]


async def test_leaving_a_broker_that_is_away_does_not_wait(upstream: Upstream, proxy: Proxy) -> None:
    """What could not be committed comes again."""
    topic = await upstream.create()
    source = member(upstream, topic, commit_interval="1m", session="2s", port=proxy.port)
    async with source:
        await upstream.send(topic, [b"1"])
        assert await read(source, 1)
        proxy.freeze()
        with anyio.fail_after(6):
            await source.__aexit__(None, None, None)
    proxy.thaw()
    async with source:
        assert [message.body for message in await read(source, 1)] == [b"1"]


async def test_a_beginning_that_can_not_be_looked_up_is_a_lost_line() -> None:
    """aiokafka only logs what its listener raises: it comes out of the next receive."""

    class Coordinator:
        async def fetch_committed_offsets(self, partitions: list[TopicPartition]) -> object:
            raise GroupAuthorizationFailedError(partitions[0].topic)

    config = KafkaConfig(servers=("h:1",), topics=("t",), mode="group", group="g", single_replica=True)
    place = Membership(
        config,
        SimpleNamespace(_coordinator=Coordinator()),
        Survey("epoch", {TopicPartition("t", 0): "0"}),
        moment=EARLIEST,
    )
    await place.on_partitions_assigned([TopicPartition("t", 0)])
    with pytest.raises(SourceUnavailable, match="this user may not use the group"):
        await place.idle()
