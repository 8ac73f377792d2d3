"""Mode "stream": reading on, and reading again."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import anyio
import pytest

from sse_gateway.connector import EndOfStream, OffsetExpired, SourceUnavailable
from tests.connectors.reading import read

from .upstream import TRIMMED, Upstream, bodies, stream_reader


async def test_a_replay_from_behind_the_end_is_refused(upstream: Upstream) -> None:
    stream = await upstream.stream()
    await upstream.publish(bodies(3), key=stream)
    source = stream_reader(upstream.url, stream)
    with pytest.raises(OffsetExpired) as expired:
        await source.replay({"": 4}).__aenter__()
    assert expired.value.earliest == {"": 0}
    async with source.replay({"": 3}) as replay:
        assert replay.offsets() == {"": 3}


async def test_a_replay_from_below_what_is_held_is_expired(upstream: Upstream, trimmed: str) -> None:
    """The broker would begin at the first message that it has, and say nothing."""
    source = stream_reader(upstream.url, trimmed)
    earliest = (await source.bounds())[""][0]
    assert earliest > 0
    for start in (0, earliest - 1):
        with pytest.raises(OffsetExpired) as expired:
            await source.replay({"": start}).__aenter__()
        assert expired.value.earliest == {"": earliest}
    async with source.replay({"": earliest}) as replay:
        with anyio.fail_after(30):
            assert (await replay.receive())[0].offset == earliest


async def test_what_is_dropped_before_a_slow_reader_had_it_is_expired(upstream: Upstream) -> None:
    stream = await upstream.stream(TRIMMED)
    await upstream.publish([b"%1000d" % number for number in range(3)], key=stream)
    async with stream_reader(upstream.url, stream, start="first", prefetch=1) as source:
        assert (await source.receive())[0].offset == 0
        await upstream.trim(stream, 20)
        with pytest.raises(OffsetExpired) as expired:
            await read(source, 200)
    assert expired.value.earliest[""] > source.offsets()[""]


async def test_offsets_without_a_message_are_passed_over(upstream: Upstream) -> None:
    """Native clients store their own offsets in the stream, which takes up others."""
    stream = await upstream.stream()
    await upstream.publish(bodies(10), key=stream)
    async with stream_reader(upstream.url, stream, start=5) as source:
        source._next = 3  # as if nothing were at 3 and 4
        received = await read(source, 5)
        assert [message.offset for message in received] == [5, 6, 7, 8, 9]
        assert source.offsets() == {"": 10}


async def test_a_receive_that_is_cancelled_while_it_looks_at_a_hole_loses_nothing(upstream: Upstream) -> None:
    stream = await upstream.stream()
    await upstream.publish(bodies(10), key=stream)
    async with stream_reader(upstream.url, stream, start=5) as source:
        source._next = 3
        for milliseconds in range(20):
            with anyio.move_on_after(milliseconds / 4000):
                assert (await source.receive())[0].offset == 5
                break
        else:
            with anyio.fail_after(30):
                assert (await source.receive())[0].offset == 5


async def test_a_replay_reads_far_beyond_prefetch_without_an_acknowledgement(upstream: Upstream) -> None:
    """To ask for more is to have dealt with what came before: a stream only needs to know that there is room."""
    stream = await upstream.stream()
    await upstream.publish(bodies(50), key=stream)
    received: list[bytes] = []
    async with stream_reader(upstream.url, stream, prefetch=3).replay({}, {"": 50}) as replay:
        with anyio.fail_after(10):
            while len(received) < 50:
                received += [message.body for message in await replay.receive()]
            with pytest.raises(EndOfStream):
                await replay.receive()
    assert received == bodies(50)


async def test_a_queue_that_is_no_stream_is_refused_and_keeps_its_messages(upstream: Upstream) -> None:
    queue = await upstream.queue()
    await upstream.publish([b"1", b"2"], key=queue)
    with pytest.raises(SourceUnavailable, match="invalid arg 'x-stream-offset' .* of queue type rabbit_classic_queue"):
        async with stream_reader(upstream.url, queue):
            pass
    assert [(message.body, message.redelivered) for message in await upstream.read(queue, 2)] == [
        (b"1", False),
        (b"2", False),
    ]


async def test_a_stream_is_made_where_that_is_configured(upstream: Upstream) -> None:
    stream = upstream.name("stream")
    declare = {"arguments": {"x-max-age": "1h"}}
    async with stream_reader(upstream.url, stream, declare=declare) as source:
        await upstream.publish([b"x"], key=stream)
        with anyio.fail_after(30):
            assert (await source.receive())[0].offset == 0


@pytest.mark.parametrize(
    ("start", "first"),
    [
        ("first", 0),
        (0, 0),
        (7, 7),
        ("10", 10),
        ("next", 10),
        ("last", 9),  # each message is confirmed, so each is a batch
        ("1h", 0),
        (datetime(2020, 1, 1, tzinfo=UTC), 0),
        (datetime(2100, 1, 1, tzinfo=UTC), 10),
    ],
)
async def test_it_begins_where_start_says(upstream: Upstream, start: object, first: int) -> None:
    stream = await upstream.stream()
    await upstream.publish(bodies(10), key=stream)
    async with stream_reader(upstream.url, stream, start=start) as source:
        assert source.offsets() == {"": first}
        await upstream.publish([b"10"], key=stream)
        received = await read(source, 11 - first)
    assert [(message.offset, message.body) for message in received] == list(enumerate(bodies(11)))[first:]


@pytest.mark.parametrize("start", ["first", "last", "next", 0, "1h"])
async def test_an_empty_stream_begins_at_zero(upstream: Upstream, start: object) -> None:
    stream = await upstream.stream()
    async with stream_reader(upstream.url, stream, start=start) as source:
        assert source.offsets() == {"": 0}
        assert await source.bounds() == {"": (0, 0)}
        await upstream.publish([b"x"], key=stream)
        with anyio.fail_after(30):
            assert (await source.receive())[0].offset == 0


async def test_a_start_behind_the_end_is_told(upstream: Upstream) -> None:
    """The broker would be silent, also about new messages."""
    stream = await upstream.stream()
    await upstream.publish(bodies(3), key=stream)
    with pytest.raises(SourceUnavailable, match="start = 4 is after the end"):
        async with stream_reader(upstream.url, stream, start=4):
            pass


async def test_a_configured_offset_below_what_is_held_begins_with_the_first(upstream: Upstream, trimmed: str) -> None:
    async with stream_reader(upstream.url, trimmed, start=1) as source:
        assert source.offsets() == {"": (await source.bounds())[""][0]}


async def test_offsets_at_a_time_lie_at_or_before_it(upstream: Upstream) -> None:
    stream = await upstream.stream()
    source = stream_reader(upstream.url, stream)
    assert await source.offsets_at(0) == {"": 0}
    await upstream.publish(bodies(3, "before"), key=stream)
    await anyio.sleep(1.1)  # the broker takes whole seconds
    between = time.time()
    await upstream.publish(bodies(3, "after"), key=stream)
    assert await source.offsets_at(between) in ({"": 3}, {"": 2})
    assert await source.offsets_at(between - 3600) == {"": 0}
    assert await source.offsets_at(1e15) == {"": 6}
