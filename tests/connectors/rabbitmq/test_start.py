"""Mode "stream": where it begins."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import anyio
import pytest

from sse_gateway.connector import SourceUnavailable
from tests.connectors.reading import read

from .upstream import Upstream, bodies, stream_reader


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
    with pytest.raises(SourceUnavailable, match="start = 4 lies behind the end"):
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
