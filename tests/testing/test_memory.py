"""`MemoryConnector` passes the suites of every connector, and its upstream fails in the ways that tests ask for."""

from __future__ import annotations

import anyio
import pytest

from sse_gateway.connector import Message, Mountable, OffsetExpired, Replayable, SourceUnavailable
from sse_gateway.testing import MemoryConfig, MemoryConnector, MemoryUpstream, PublishableContract, ReplayableContract

from .broken import MemoryHooks


class TestMemoryConnector(MemoryHooks, ReplayableContract, PublishableContract):
    @pytest.fixture(autouse=True, params=[("",), ("a", "b", "c")], ids=["one-partition", "three-partitions"])
    def upstream(self, request: pytest.FixtureRequest) -> None:
        self.open(request.param)


@pytest.fixture
def upstream() -> MemoryUpstream:
    return MemoryUpstream()


def reading(upstream: MemoryUpstream, *, start: str = "earliest") -> MemoryConnector:
    return MemoryConnector(MemoryConfig.model_validate({"start": start}), name="memory", upstream=upstream)


def test_it_has_the_two_powers_of_a_log_and_no_routes(upstream: MemoryUpstream) -> None:
    assert isinstance(reading(upstream), Replayable)
    assert not isinstance(reading(upstream), Mountable)


async def test_it_begins_where_its_configuration_says(upstream: MemoryUpstream) -> None:
    upstream.put(b"old")
    async with MemoryConnector(MemoryConfig(start="latest"), name="late", upstream=upstream) as late:
        upstream.put(b"new")
        assert [message.body for message in await late.receive()] == [b"new"]
    async with MemoryConnector(MemoryConfig(start="earliest"), name="early", upstream=upstream) as early:
        assert [message.body for message in await early.receive()] == [b"old", b"new"]


async def test_receive_waits_for_a_message(upstream: MemoryUpstream) -> None:
    received: list[Message] = []

    async def receive() -> None:
        received.extend(await connector.receive())

    async with reading(upstream) as connector, anyio.create_task_group() as tasks:
        tasks.start_soon(receive)
        await anyio.wait_all_tasks_blocked()
        assert received == []
        sent = upstream.put(b"x", key="k", headers={"a": "b"}, id="7", timestamp=1.5)
    assert [(m.body, m.key, m.headers, m.id, m.timestamp, m.offset) for m in received] == [
        (b"x", "k", {"a": "b"}, "7", 1.5, sent.offset)
    ]


async def test_a_replay_acknowledges_nothing(upstream: MemoryUpstream) -> None:
    upstream.put(b"a")
    async with reading(upstream).replay({}) as replay:
        await replay.ack((await replay.receive())[-1])
    assert upstream.acked == {}


async def test_connections_are_refused_and_accepted_again(upstream: MemoryUpstream) -> None:
    connector = reading(upstream)
    upstream.refusing = "no such topic"
    with pytest.raises(SourceUnavailable, match="no such topic"):
        await connector.__aenter__()
    with pytest.raises(SourceUnavailable, match="no such topic"):
        await connector.bounds()
    with pytest.raises(SourceUnavailable, match="no such topic"):
        await connector.offsets_at(0)
    upstream.refusing = None
    async with connector:
        assert len(upstream.lines) == 1
    assert not upstream.lines
    assert upstream.attempts == 2


async def test_a_cut_line_is_lost_for_everything(upstream: MemoryUpstream) -> None:
    upstream.put(b"a")
    async with reading(upstream) as connector:
        (message,) = await connector.receive()
        upstream.cut("broker went away")
        for act in (connector.receive(), connector.ack(message), connector.check(), connector.publish(message)):
            with pytest.raises(SourceUnavailable, match="broker went away"):
                await act


async def test_an_upstream_that_is_unwell_fails_its_check_alone(upstream: MemoryUpstream) -> None:
    upstream.unwell = "no leader"
    upstream.put(b"a")
    async with reading(upstream) as connector:
        with pytest.raises(SourceUnavailable, match="no leader"):
            await connector.check()
        assert len(await connector.receive()) == 1


async def test_outside_the_context_nothing_works(upstream: MemoryUpstream) -> None:
    with pytest.raises(SourceUnavailable, match="not connected"):
        await reading(upstream).receive()


async def test_a_history_that_is_trimmed_under_the_reader_is_expired(upstream: MemoryUpstream) -> None:
    for _ in range(3):
        upstream.put(b"a")
    async with reading(upstream) as connector:
        upstream.trim({"": 2})
        with pytest.raises(OffsetExpired) as expired:
            await connector.receive()
    assert expired.value.earliest == {"": 2}


async def test_a_recreated_upstream_begins_anew_in_another_epoch(upstream: MemoryUpstream) -> None:
    connector = reading(upstream)
    upstream.put(b"a")
    async with connector:
        await connector.ack((await connector.receive())[-1])
        assert connector.epoch == "first"
        upstream.recreate("second")
        with pytest.raises(SourceUnavailable):
            await connector.receive()
    assert upstream.put(b"b").offset == 0
    async with connector:
        assert (connector.epoch, [m.body for m in await connector.receive()]) == ("second", [b"b"])


async def test_times_are_found_exactly() -> None:
    upstream = MemoryUpstream(["a", "b"])
    for partition, timestamp in (("a", 10.0), ("a", 20.0), ("b", 15.0)):
        upstream.put(b"", partition=partition, timestamp=timestamp)
    connector = reading(upstream)
    assert [await connector.offsets_at(time) for time in (5, 10, 10.5, 15.5, 21)] == [
        {"a": 0, "b": 0},
        {"a": 0, "b": 0},
        {"a": 1, "b": 0},
        {"a": 1, "b": 1},
        {"a": 2, "b": 1},
    ]
