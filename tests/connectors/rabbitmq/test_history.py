"""Mode "stream": a stream that is deleted, made anew, or behind."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest

from sse_gateway.connector import OffsetExpired, SourceUnavailable
from sse_gateway_rabbitmq import stream as mode
from tests.connectors.reading import entered, read

from .upstream import TRIMMED, Upstream, bodies, stream_reader


async def test_a_stream_that_was_deleted_is_noticed(upstream: Upstream) -> None:
    stream = await upstream.stream()
    async with stream_reader(upstream.url, stream) as source:
        await upstream.delete(stream)
        with anyio.fail_after(30), pytest.raises(SourceUnavailable, match="the queue was deleted"):
            await source.receive()
    with pytest.raises(SourceUnavailable, match=f"NOT_FOUND - no queue '{stream}'"):
        await source.__aenter__()


@pytest.mark.parametrize("count", [0, 1, 5, 12])
async def test_a_stream_that_was_made_anew_is_another_epoch(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Whether it is shorter by now than what was read of the old one, or longer."""
    monkeypatch.setattr(mode, "_PATIENCE", 0.2)
    stream = await upstream.stream()
    tail = stream_reader(upstream.url, stream, start="first")
    await upstream.publish(bodies(5, "old"), key=stream)
    async with tail:
        await read(tail, 5)
        old, positions = tail.epoch, dict(tail.offsets())
    await upstream.delete(stream)
    await upstream.stream(name=stream)
    await upstream.publish(bodies(count, "new"), key=stream)
    async with entered(tail.replay(positions)) as replay:
        assert replay.epoch != old
        epoch = replay.epoch
    async with tail.replay({}) as replay:
        assert (replay.epoch, replay.offsets()) == (epoch, {"": 0})
        await upstream.publish([b"last"], key=stream)
        received = await read(replay, count + 1)
    assert [message.body for message in received] == [*bodies(count, "new"), b"last"]


async def test_a_stream_that_is_behind_what_was_read_is_waited_for(upstream: Upstream) -> None:
    """After a failover a replica may serve us that does not have everything yet: no reason to read all again."""
    stream = await upstream.stream()
    tail = stream_reader(upstream.url, stream, start="first")
    await upstream.publish(bodies(3), key=stream)
    async with tail:
        received = await read(tail, 3)
        epoch = tail.epoch
    tail._history.note(replace(received[-1], offset=5), life=0)  # as if more had been read elsewhere
    with pytest.raises(SourceUnavailable, match="ends before offset 5, which was read"):
        await tail.replay({"": 6}).__aenter__()
    tail._history._last = replace(received[-1], receipt=None)
    async with tail.replay({"": 3}) as replay:
        assert replay.epoch == epoch


async def test_a_trimmed_stream_is_still_the_same(upstream: Upstream) -> None:
    """The message that was remembered is gone, and nothing speaks for another stream."""
    stream = await upstream.stream(TRIMMED)
    tail = stream_reader(upstream.url, stream, start="first")
    await upstream.publish(bodies(3), key=stream)
    async with tail:
        await read(tail, 3)
        epoch = tail.epoch
    await upstream.trim(stream, 5)
    with pytest.raises(OffsetExpired):
        await tail.replay({"": 3}).__aenter__()
    async with tail.replay({}) as replay:
        assert replay.epoch == epoch


async def test_the_epoch_names_stream_and_virtual_host_unless_it_is_configured(upstream: Upstream) -> None:
    stream = await upstream.stream()
    async with stream_reader(upstream.url, stream) as source:
        assert source.epoch == f"{source.config.address.vhost}/{stream}"
    async with stream_reader(upstream.url, stream, epoch="2026") as source:
        assert source.epoch == "2026"
