"""The tests of the optional capabilities: `ReplayableContract` for connectors whose history can be read again, and
`PublishableContract` for those that can publish the messages of another source."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, ClassVar

import anyio
import pytest

from ..connector import Connector, EndOfStream, Message, OffsetExpired, Publishable, Replayable
from .contract import ConnectorContract
from .hooks import bodies


def _standing(message: Message) -> tuple[str, int | None, bytes]:
    return message.partition, message.offset, message.body


class ReplayableContract(ConnectorContract):
    """`ConnectorContract`, and what `Replayable` promises: every message keeps its offset."""

    knows_times: ClassVar[bool] = True
    """False if the upstream of the tests can't look up a timestamp, although the connector can."""

    async def trim(self) -> None:
        """Make the upstream delete all its messages, so that the earliest offset of each partition is the next one."""
        raise NotImplementedError("trim() is not written for this upstream")

    async def replayable(self) -> Any:
        """The connector, which is Replayable."""
        connector = await self.connector()
        assert isinstance(connector, Replayable)
        return connector

    async def fill(self, count: int) -> list[Message]:
        """Send `count` messages and return them as a connector received them live."""
        async with await self.connector() as tail:
            return await self.exchange(tail, bodies("history", count))

    async def read(self, replay: Connector[Any]) -> list[Message]:
        """All messages of a replay with a stop."""
        received: list[Message] = []
        async with replay:
            with anyio.fail_after(self.patience):
                while True:
                    try:
                        received += await replay.receive()
                    except EndOfStream:
                        return received

    async def bounds(self) -> tuple[dict[str, int], dict[str, int]]:
        """The earliest and the next offset of each partition."""
        found: Mapping[str, tuple[int, int]] = await (await self.replayable()).bounds()
        return {name: first for name, (first, _) in found.items()}, {name: end for name, (_, end) in found.items()}

    async def test_bounds_lie_around_the_history(self) -> None:
        """bounds() works outside the context and covers every message. It has the partitions of offsets()."""
        sent = await self.fill(10)
        earliest, end = await self.bounds()
        assert all(earliest[message.partition] <= (message.offset or 0) < end[message.partition] for message in sent)
        async with await self.connector() as tail:
            assert dict(tail.offsets()).keys() == end.keys()

    async def test_a_replay_from_the_start_has_everything(self) -> None:
        """replay({}) reads every partition from its earliest, in the order and at the offsets of the first time."""
        sent = await self.fill(20)
        _, end = await self.bounds()
        again = await self.read((await self.replayable()).replay({}, end))
        again, sent = (sorted(messages, key=attrgetter("partition")) for messages in (again, sent))
        assert list(map(_standing, again)) == list(map(_standing, sent))

    async def test_a_replay_begins_and_stops_exactly(self) -> None:
        """`start` is the first offset that is received, `stop` the first that is not. Then the stream ends."""
        sent = await self.fill(30)
        middle, last = sent[9], sent[19]
        partition, start, stop = middle.partition, middle.offset or 0, (last.offset or 0) + 1
        if last.partition != partition:
            stop = start + 1
        earliest, end = await self.bounds()
        again = await self.read((await self.replayable()).replay({**end, partition: start}, {**end, partition: stop}))
        wanted = [message for message in sent if message.partition == partition]
        assert list(map(_standing, again)) == [
            _standing(message) for message in wanted if start <= (message.offset or 0) < stop
        ]

    async def test_a_replay_of_nothing_ends_at_once(self) -> None:
        """A replay that starts where it stops receives nothing and raises EndOfStream."""
        await self.fill(3)
        _, end = await self.bounds()
        assert await self.read((await self.replayable()).replay(end, end)) == []

    async def test_a_replay_from_where_a_tail_stood_misses_and_repeats_nothing(self) -> None:
        """replay(offsets()) continues after any batch, and a replay without a stop does not end."""
        sent = bodies("seam", 20)
        async with anyio.create_task_group() as tasks:
            async with await self.connector() as tail:
                tasks.start_soon(self.send, sent)
                received = await self.receive(tail, 5, ack=False)
                reached = dict(tail.offsets())
            async with (await self.replayable()).replay(reached) as replay:
                received += await self.receive(replay, len(sent) - len(received))
                self.compare(received, sent)
                await self.exchange(replay, bodies("live", 5))

    async def test_a_replay_is_of_the_same_epoch(self) -> None:
        """A replay has the same epoch as the connector that reads live."""
        await self.fill(1)
        async with await self.connector() as tail, (await self.replayable()).replay({}) as replay:
            assert replay.epoch == tail.epoch

    async def test_a_replay_and_a_tail_do_not_disturb_each_other(self) -> None:
        """Replays of a connector that is entered run beside it. Both receive everything."""
        old = await self.fill(10)
        tail, new = await self.replayable(), bodies("new", 10)
        _, end = await self.bounds()
        async with tail, tail.replay({}) as replay, anyio.create_task_group() as tasks:
            tasks.start_soon(self.send, new)
            live = await self.receive(tail, len(new))
            again = await self.receive(replay, len(old) + len(new))
            assert sorted(map(_standing, again)) == sorted(map(_standing, [*old, *live]))
            assert sorted(map(_standing, await self.read(tail.replay({}, end)))) == sorted(map(_standing, old))

    async def test_what_was_dropped_is_expired(self) -> None:
        """A start below the history raises OffsetExpired, from the entry or the first receive, with where the history
        begins."""
        if type(self).trim is ReplayableContract.trim:
            pytest.skip("trim() is not written for this upstream")
        sent = await self.fill(10)
        await self.trim()
        earliest, end = await self.bounds()
        assert earliest == end
        replay = (await self.replayable()).replay({message.partition: 0 for message in sent})
        with pytest.raises(OffsetExpired) as expired, anyio.fail_after(self.patience):
            async with replay:
                await replay.receive()
        assert expired.value.earliest == earliest

    async def test_times_are_found(self) -> None:
        """offsets_at() works outside the context. No message at or after the time is below it, and a time in the future
        is at the end."""
        if not self.knows_times:
            pytest.skip("the upstream of these tests can't look up a timestamp: knows_times is False")
        sent = await self.fill(10)
        connector, (earliest, end) = await self.replayable(), await self.bounds()
        assert await connector.offsets_at(0) == earliest
        assert await connector.offsets_at(4_102_444_800) == end  # the year 2100
        for message in sent:
            assert message.timestamp is not None
            found = await connector.offsets_at(message.timestamp)
            assert found[message.partition] <= (message.offset or 0)


class PublishableContract(ConnectorContract):
    """`ConnectorContract`, and what `Publishable` promises: what one replica publishes, every replica receives."""

    key: ClassVar[str] = "contract"
    """A key with which a message is received by the tested connector."""

    async def test_what_is_published_is_received(self) -> None:
        """Body, key, headers and id arrive as they were published, on the replica that published and on another."""
        message = Message(body=b'{"a":"\xc3\xa9"}', key=self.key, headers={"x-kind": "created"}, id="1-2")
        async with await self.connector() as first, await self.connector() as second:
            assert isinstance(first, Publishable)
            with anyio.fail_after(self.patience):
                await first.publish(message)
            for replica in (first, second):
                (received,) = await self.receive(replica, 1)
                assert (received.body, received.key, received.id) == (message.body, message.key, message.id)
                assert received.headers["x-kind"] == "created"

    async def test_publishing_keeps_the_order_of_a_key(self) -> None:
        """Messages of one key are received in the order in which they were published."""
        sent = [b'{"n":%d}' % number for number in range(20)]
        async with await self.connector() as connector:
            assert isinstance(connector, Publishable)
            with anyio.fail_after(self.patience):
                for body in sent:
                    await connector.publish(Message(body=body, key=self.key))
            assert [message.body for message in await self.receive(connector, len(sent))] == sent
