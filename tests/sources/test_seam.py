"""Over reconnects the log neither misses nor repeats what the upstream still has, and tells what it no longer has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import anyio
import anyio.lowlevel
import pytest

from sse_gateway.connector import Connector, Message
from sse_gateway.testing import ConnectorContract, MemoryConfig, MemoryConnector, MemoryUpstream

from .rig import ExchangeConnector, Orders, Rig, running


async def test_a_reconnect_goes_on_where_the_log_stands() -> None:
    """Also where the acknowledgement was lost with the line: nothing is missed, nothing comes twice."""
    rig = Rig(upstream=MemoryUpstream(["x", "y"]))
    async with running(rig):
        for number in range(6):
            rig.put(b"%d" % number, partition="xy"[number % 2])
            await rig.idle()
            rig.upstream.cut()
            rig.upstream.acked.clear()
            rig.put(b"%d away" % number, partition="x")
            await rig.published(2 * number + 2)
        assert rig.bodies() == [body for n in range(6) for body in (b"%d" % n, b"%d away" % n)]
    assert rig.count("source_failures_total") == 6
    assert not rig.log.breaks


async def test_history_that_expired_while_it_was_away_is_a_break(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    rig.hold_rests()
    rig.put(b"1")
    async with running(rig):
        await rig.idle()
        rig.upstream.cut()
        await rig.rested(1)
        rig.put(b"2", b"3", b"4")
        rig.upstream.trim({"": 3})
        rig.resting.release()
        await rig.rested(2)
        assert rig.state.last_error == "the upstream now begins at {'': 3}"
        rig.resting.release()
        await rig.published(2)
        assert rig.bodies() == [b"1", "expired", b"4"]
    assert rig.count("source_breaks_total", reason="expired") == 1
    told = [vars(record) for record in caplog.records if record.message == "source has a break"]
    assert [(fields["source"], fields["reason"]) for fields in told] == [("orders", "expired")]
    assert rig.log.offsets() == {"": 4}


async def test_history_that_expires_under_a_slow_reader_is_a_break() -> None:
    rig = Rig()
    async with running(rig):
        rig.put(b"1")
        await rig.idle()
        rig.put(b"2", b"3")
        rig.upstream.trim({"": 2})
        await rig.published(2)
    assert rig.bodies() == [b"1", "expired", b"3"]


async def test_another_epoch_is_read_from_its_start_and_resets_the_log() -> None:
    rig = Rig()
    rig.put(b"old 1", b"old 2", b"old 3")
    async with running(rig):
        await rig.idle()
        assert rig.bodies() == [b"old 1", b"old 2", b"old 3"]
        rig.upstream.recreate("second")
        rig.put(b"new 1", b"new 2")
        await rig.until(lambda: rig.log.epoch == "second")
        await rig.idle()
        assert rig.bodies() == ["epoch", b"new 1", b"new 2"]
        assert rig.log.offsets() == {"": 2}
        rig.upstream.cut()
        rig.put(b"new 3")
        await rig.published(6)
        assert rig.bodies() == [b"new 3"]
    assert rig.count("source_breaks_total", reason="epoch") == 1
    assert len(rig.rests) == 2


async def test_a_history_that_went_back_in_the_same_epoch_does_not_hold_the_source_up() -> None:
    """A broker that lost its last messages refuses the offset that the log wants next; the source goes on with what
    comes."""

    class Strict(Orders):
        """As Kafka, which refuses an offset beyond the end."""

        def replay(self, start: Mapping[str, int], stop: Mapping[str, int] | None = None) -> Connector[Any]:
            ends = {name: end for name, (_, end) in self.upstream.bounds().items()}
            beyond = any(offset > ends[name] for name, offset in start.items())
            return super().replay(dict.fromkeys(ends, -1) if beyond else start, stop)

    rig = Rig(connector=Strict)
    rig.put(b"1", b"2", b"3")
    async with running(rig):
        await rig.idle()
        epoch = rig.upstream.epoch
        rig.upstream.recreate(epoch)
        rig.put(b"1")
        await rig.rested(2)
        await rig.idle()
        assert rig.state.status == "up"
        rig.put(b"2", b"3", b"4")
        await rig.published(4)
    assert rig.bodies() == [b"1", b"2", b"3", b"4"]
    assert rig.count("source_breaks_total", reason="expired") == 1


async def test_an_expired_start_before_the_first_connection_is_a_failure_like_others() -> None:
    def late(upstream: MemoryUpstream) -> MemoryConnector:
        return MemoryConnector(MemoryConfig(), name="orders", upstream=upstream, start={"": 0})

    rig = Rig(connector=late)
    rig.put(b"1", b"2")
    rig.upstream.trim({"": 1})
    rig.hold_rests()
    async with running(rig):
        await rig.rested(1)
        assert (rig.state.status, rig.log.epoch) == ("down", None)
    assert rig.take() == []


async def test_partitions_that_are_new_after_a_reconnect_are_read_from_their_start() -> None:
    rig = Rig(upstream=MemoryUpstream(["x"]))
    rig.put(b"1", partition="x")
    async with running(rig):
        await rig.idle()
        rig.upstream.cut()
        rig.put(b"2", b"3", partition="y")
        await rig.published(3)
    assert rig.bodies() == [b"1", b"2", b"3"]


async def test_a_lossy_upstream_breaks_the_log_at_each_reconnect() -> None:
    rig = Rig(connector=ExchangeConnector)
    async with running(rig):
        await rig.up()
        for number in range(3):
            rig.put(b"%d" % number)
            await rig.idle()
            rig.hold_rests()
            rig.upstream.cut()
            await rig.rested(number + 1)
            rig.put(b"nobody is there")
            rig.resting.release()
            await rig.up()
        rig.put(b"3")
        await rig.idle()
    assert rig.bodies() == [b"0", "upstream", b"1", "upstream", b"2", "upstream", b"3"]
    assert rig.count("source_breaks_total", reason="upstream") == 3
    assert rig.log.epoch == "process-1"


async def test_offsets_that_were_passed_over_while_it_was_away_are_a_break() -> None:
    """A source that has offsets but cannot be replayed: a shared queue whose other reader took some."""

    class Plain(ExchangeConnector):
        lossy = False

        async def receive(self) -> Sequence[Message]:
            return await self._queue.receive()

        def positions(self) -> Mapping[str, int]:
            return self._queue.positions()

        async def __aenter__(self) -> Self:
            await super().__aenter__()
            self.epoch = self._queue.epoch
            return self

    rig = Rig(connector=Plain)
    rig.hold_rests()
    async with running(rig):
        await rig.up()
        rig.put(b"1")
        await rig.idle()
        rig.upstream.cut()
        await rig.rested(1)
        rig.put(b"2")
        rig.resting.release()
        await rig.up()
        rig.put(b"3")
        await rig.idle()
    assert rig.bodies() == [b"1", "upstream", b"3"]
    assert rig.count("source_breaks_total", reason="upstream") == 1


async def test_a_replay_counts_in_the_tally_of_its_source() -> None:
    class CountingReplay(MemoryConnector):
        async def receive(self) -> Sequence[Message]:
            batch = await super().receive()
            self.tally["received"] += len(batch)
            return batch

    class Counting(Orders):
        def replay(self, start: Mapping[str, int], stop: Mapping[str, int] | None = None) -> Connector[Any]:
            return CountingReplay(self.config, name=self.name, upstream=self.upstream, start=start)

    rig = Rig(connector=Counting)
    rig.put(b"1")
    async with running(rig):
        await rig.idle()
        rig.upstream.cut()
        rig.put(b"2", b"3")
        await rig.published(3)
    assert rig.connector.tally == {"received": 2}


class TestExchangeConnector(ConnectorContract):
    @pytest.fixture(autouse=True)
    def upstream(self) -> None:
        self.memory = MemoryUpstream()

    async def connector(self) -> Connector[Any]:
        return ExchangeConnector(self.memory)

    async def send(self, bodies: Sequence[bytes]) -> None:
        for body in bodies:
            self.memory.put(body)
            await anyio.lowlevel.checkpoint()

    async def break_line(self) -> None:
        self.memory.cut()

    async def unreachable(self) -> Connector[Any]:
        other = MemoryUpstream()
        other.refusing = "closed"
        return ExchangeConnector(other)
