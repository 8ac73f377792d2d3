"""Writing to a topic: what arrives, and what is said when it does not."""

from __future__ import annotations

import pytest

from sse_gateway.connector import Message, SourceUnavailable
from tests.brokers.proxy import Proxy
from tests.connectors.reading import read

from .upstream import Upstream, connector


async def test_all_of_a_message_arrives(upstream: Upstream) -> None:
    """Time, id and headers, and a deletion as a tombstone."""
    topic = await upstream.create(partitions=3)
    async with connector(upstream.bootstrap, topics=[topic]) as source:
        await source.publish(Message(body=b"b", key="k", headers={"a": "\u00e9"}, id="7", timestamp=1_700_000_000.5))
        await source.publish(Message(body=b"", key="k", deleted=True))
        message, tombstone = await read(source, 2)
    assert (message.body, message.key, message.id, message.timestamp) == (b"b", "k", "7", 1_700_000_000.5)
    assert message.headers["a"] == "\u00e9"
    assert (tombstone.deleted, tombstone.key) == (True, "k")


async def test_a_broker_that_does_not_answer_is_unavailable(upstream: Upstream, proxy: Proxy) -> None:
    """publish() returns when the replicas have the message, and raises when they do not say so in time."""
    topic = await upstream.create()
    async with connector(f"127.0.0.1:{proxy.port}", topics=[topic], timeout="2s") as source:
        await source.publish(Message(body=b"1"))
        proxy.freeze()
        with pytest.raises(SourceUnavailable, match="no answer"):
            await source.publish(Message(body=b"2"))
        proxy.thaw()


async def test_a_message_that_is_too_large_is_unavailable(upstream: Upstream) -> None:
    """The topic's own limit."""
    topic = await upstream.create(settings={"max.message.bytes": "1000"})
    async with connector(upstream.bootstrap, topics=[topic]) as source:
        with pytest.raises(SourceUnavailable, match="larger than the topic allows"):
            await source.publish(Message(body=b"x" * 2000))
        with pytest.raises(SourceUnavailable, match="larger"):
            await source.publish(Message(body=b"x" * 2_000_000))
        await source.publish(Message(body=b"x"))


async def test_it_takes_one_topic_to_publish_to(upstream: Upstream) -> None:
    """Several topics, or a pattern, have no place for a message."""
    topics = [await upstream.create(), await upstream.create()]
    async with connector(upstream.bootstrap, topics=topics) as source:
        with pytest.raises(SourceUnavailable, match="one topic"):
            await source.publish(Message(body=b"1"))


async def test_outside_of_the_context_nothing_is_published() -> None:
    """A source that is not connected says so."""
    with pytest.raises(SourceUnavailable, match="not connected"):
        await connector("127.0.0.1:1", topics=["t"]).publish(Message(body=b"1"))
