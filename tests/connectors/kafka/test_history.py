"""Transactions, control records, times: histories whose offsets are not one message each."""

from __future__ import annotations

import time

import anyio
import pytest
from anyio import to_thread
from confluent_kafka import Producer

from sse_gateway.connector import EndOfStream, Message
from tests.connectors.reading import read

from .upstream import Upstream, connector


def transactions(bootstrap: str, topic: str) -> None:
    """One that is committed, one that is aborted, one more that is committed."""
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": f"{topic}-writer", "log_level": 0})
    producer.init_transactions(30)
    for body, commit in ((b"first", True), (b"aborted", False), (b"second", True)):
        producer.begin_transaction()
        producer.produce(topic, body)
        producer.flush(30)
        if commit:
            producer.commit_transaction(30)
        else:
            producer.abort_transaction(30)


async def test_aborted_transactions_are_not_read(upstream: Upstream) -> None:
    """With `committed`, the default: and positions pass over what is no message, so that a replay comes to its end."""
    topic = await upstream.create()
    await to_thread.run_sync(transactions, upstream.bootstrap, topic)
    source = connector(upstream.bootstrap, topics=[topic], start="earliest")
    async with source:
        assert [message.body for message in await read(source, 2)] == [b"first", b"second"]
        with anyio.fail_after(10):
            while source.offsets() != {"0": 6}:  # three records, three marks of the ends of transactions
                await source.receive()
    replay, found = source.replay({}, {"0": 6}), list[Message]()
    async with replay:
        with pytest.raises(EndOfStream):
            found += await read(replay, 3)
    assert replay.offsets() == {}


async def test_uncommitted_records_can_be_asked_for(upstream: Upstream) -> None:
    """`committed = false` reads what is there."""
    topic = await upstream.create()
    await to_thread.run_sync(transactions, upstream.bootstrap, topic)
    async with connector(upstream.bootstrap, topics=[topic], start="earliest", committed=False) as source:
        assert [message.body for message in await read(source, 3)] == [b"first", b"aborted", b"second"]


@pytest.mark.parametrize("start", ["earliest", "30m", "2020-01-01T00:00:00Z", "latest"])
async def test_a_reader_begins_where_it_is_told_to(upstream: Upstream, start: str) -> None:
    """At the start, so long ago, at a time, or now."""
    topic = await upstream.create(settings={"retention.ms": "-1"})
    now = int(time.time() * 1000)
    for body, hours in ((b"old", 24 * 365 * 10), (b"day", 24), (b"recent", 0)):
        await upstream.send(topic, [body], timestamp=now - hours * 3_600_000)
    expected = {
        "earliest": [b"old", b"day", b"recent"],
        "2020-01-01T00:00:00Z": [b"day", b"recent"],
        "30m": [b"recent"],
        "latest": [],
    }
    async with connector(upstream.bootstrap, topics=[topic], start=start) as source:
        await upstream.send(topic, [b"new"])
        found = await read(source, len(expected[start]) + 1)
    assert [message.body for message in found] == [*expected[start], b"new"]


async def test_what_a_record_holds_becomes_a_message(upstream: Upstream) -> None:
    """Key, headers by lower-case name, time; bytes that are no text are replaced; a value that is missing deletes the
    key."""
    topic = await upstream.create()
    async with connector(upstream.bootstrap, topics=[topic]) as source:
        headers = {"Kind": b"created", "raw": b"\xff", "empty": None}
        await upstream.send(topic, [b"body"], key=b"k\xffy", headers=headers, timestamp=1_700_000_000_123)
        await upstream.send(topic, [None], key=b"gone")
        await upstream.send(topic, [None, b""])
        full, gone, neither, empty = await read(source, 4)
    assert (full.body, full.key, full.timestamp) == (b"body", "k\ufffdy", 1_700_000_000.123)
    assert full.headers == {"kind": "created", "raw": "\ufffd", "empty": ""}
    assert (gone.deleted, gone.key, gone.body) == (True, "gone", b"")
    assert not neither.deleted, "without a key there is nothing to delete"
    assert (empty.deleted, empty.body, empty.key) == (False, b"", "")


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_compressed_topics_are_read(upstream: Upstream, codec: str) -> None:
    """Every codec that producers use."""
    topic = await upstream.create(settings={"compression.type": codec})
    async with connector(upstream.bootstrap, topics=[topic]) as source:
        await upstream.send(topic, [b"x" * 10_000])
        assert [len(message.body) for message in await read(source, 1)] == [10_000]


async def test_a_message_larger_than_a_fetch_comes(upstream: Upstream) -> None:
    """`fetch_bytes` bounds an answer, not a message."""
    topic = await upstream.create(settings={"max.message.bytes": "2000000"})
    async with connector(upstream.bootstrap, topics=[topic], fetch_bytes="10KB") as source:
        await upstream.send(topic, [b"x" * 900_000])
        assert [len(message.body) for message in await read(source, 1)] == [900_000]
