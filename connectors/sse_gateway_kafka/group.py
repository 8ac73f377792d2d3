"""Mode `group`: the partitions that the consumer group assigns, from the offsets that it committed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import anyio
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, RebalanceInProgressError

from sse_gateway.connector import SourceUnavailable

from .client import GOODBYE, assignment, committed, cut_coordination, translated
from .config import KafkaConfig
from .connector import Feed, ModeConnector
from .survey import EARLIEST, Survey, offsets_at

# Seconds. A group waits for a killed member until its session ends (10 s), for others until they have finished a batch.
_JOIN = 25.0

# Seconds. A commit takes milliseconds, and the wait for one can't be cancelled.
_ANSWER = 5.0

# Seconds in which the request of a commit notices that its connection is gone.
_BREATH = 0.2

# A commit came after a rebalance: the member that has the partitions now gets the messages again.
_REBALANCED = (CommitFailedError, IllegalStateError, RebalanceInProgressError)


class GroupConnector(ModeConnector):
    """Reads what the consumer group assigns; the offsets are kept by the group."""

    def _make_feed(self, consumer: AIOKafkaConsumer, found: Survey, moment: float) -> Feed:
        # After the first entry the group has an offset in all that existed. A partition without one is new.
        return Membership(self.config, consumer, found, moment=EARLIEST if self.epoch else moment)


class Membership(Feed, ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """One member of the group. What was acknowledged is committed every `commit_interval`, when partitions are revoked, and
    at the end. If a commit fails, messages are delivered again, to this or to another member."""

    def __init__(self, config: KafkaConfig, consumer: AIOKafkaConsumer, survey: Survey, *, moment: float) -> None:
        super().__init__(config, consumer, survey, moment=moment)
        self._ready = anyio.Event()
        self._trouble: SourceUnavailable | None = None
        self._begun: dict[TopicPartition, int] = {}
        self._given: deque[tuple[int, TopicPartition, int]] = deque()
        self._acked: dict[TopicPartition, int] = {}
        self._committed_at = anyio.current_time()

    async def join(self) -> None:
        pattern = self._config.pattern
        if pattern is None:
            self._consumer.subscribe(topics=self._survey.topics, listener=self)
        else:  # aiokafka matches a pattern with the beginning of a name
            self._consumer.subscribe(pattern=rf"(?:{pattern})\Z", listener=self)
        with translated(f"group {self._config.group}"), anyio.fail_after(_JOIN):
            await assignment(self._consumer)
            await self._ready.wait()
        self._raise_trouble()

    async def follow(self, survey: Survey) -> None:
        """The group notices by itself that partitions come or go, but not that a topic was recreated in between."""
        if recreated := survey.recreated(self._survey):
            raise SourceUnavailable(f"{', '.join(sorted({p.topic for p in recreated}))}: deleted and recreated")

    async def reached(self) -> dict[TopicPartition, int]:
        begun, self._begun = self._begun, {}
        return begun

    async def skip(self, offsets: dict[TopicPartition, int]) -> None:
        self._acked |= offsets
        await self._commit(self._config.timeout)

    def delivered(self, receipt: int, record: Any) -> None:
        self._given.append((receipt, TopicPartition(record.topic, record.partition), record.offset))

    async def ack(self, receipt: int) -> None:
        while self._given and self._given[0][0] <= receipt:
            _, partition, offset = self._given.popleft()
            self._acked[partition] = offset + 1
        await self.idle()

    async def idle(self) -> None:
        self._raise_trouble()
        if self._acked and anyio.current_time() - self._committed_at >= self._config.commit_interval:
            await self._commit(min(self._config.timeout, _ANSWER))

    async def leave(self) -> None:
        if self._acked:
            await self._commit(GOODBYE)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Called by aiokafka before other members get the partitions."""
        await self.leave()
        self._given.clear()
        self._acked.clear()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called by aiokafka with the partitions of this member. aiokafka only logs what is raised here."""
        try:
            with translated(f"group {self._config.group}"):
                await self._begin(list(assigned))
        except SourceUnavailable as trouble:
            self._trouble = trouble
        self._ready.set()

    async def _begin(self, assigned: list[TopicPartition]) -> None:
        """Choose the first offset of each partition, and commit the new ones at once, so that they are known next time.

        A partition with a committed offset begins there. One without begins at `start`; at its earliest offset if other
        partitions of its topic have a committed offset, because it is new then, or if its own is of a deleted topic."""
        found = await committed(self._consumer, assigned)
        kept = {p: place.offset for p, place in found.items() if place.metadata in ("", self._identity(p))}
        known = {partition.topic for partition in found}
        fresh = [partition for partition in assigned if partition not in kept]
        new = [partition for partition in fresh if partition.topic in known]
        first = [partition for partition in fresh if partition.topic not in known]
        begin = {
            **await offsets_at(self._consumer, new, EARLIEST),
            **await offsets_at(self._consumer, first, self._moment),
        }
        for partition, offset in begin.items():
            self._consumer.seek(partition, offset)
        if begin:
            await self._consumer.commit(self._named(begin))
        self._begun = {**kept, **begin}
        if assigned:
            self._moment = EARLIEST  # a partition that has no offset after this is new

    def _named(self, offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, tuple[int, str]]:
        """Offsets with the identity of their topics as metadata, because brokers accept them for a recreated topic too."""
        return {partition: (offset, self._identity(partition)) for partition, offset in offsets.items()}

    def _identity(self, partition: TopicPartition) -> str:
        return self._survey.identities.get(partition.topic, "")

    async def _commit(self, within: float) -> None:
        """Commit what is acknowledged. If the commit is not answered `within` seconds, the line is lost.

        aiokafka shields the request of a commit, so a cancelled one goes on, and its error is seen by nobody. Here it ends
        in time by itself, or because its connection is cut.
        """
        self._committed_at = anyio.current_time()
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as tasks:
                done = anyio.Event()
                tasks.start_soon(self._send, done)
                with anyio.move_on_after(within):
                    await done.wait()
                if not done.is_set():
                    self._trouble = SourceUnavailable(f"group {self._config.group}: a commit was not answered")
                    cut_coordination(self._consumer)
                    with anyio.move_on_after(_BREATH):
                        await done.wait()
                    tasks.cancel_scope.cancel()

    async def _send(self, done: anyio.Event) -> None:
        ours = self._consumer.assignment()
        offsets = {partition: offset for partition, offset in self._acked.items() if partition in ours}
        try:
            with translated(f"group {self._config.group}"):
                if offsets:
                    await self._consumer.commit(self._named(offsets))
        except SourceUnavailable as error:
            if not isinstance(error.__cause__, _REBALANCED):
                self._trouble = error
        self._acked = {p: offset for p, offset in self._acked.items() if p in ours and offset > offsets.get(p, -1)}
        done.set()

    def _raise_trouble(self) -> None:
        if self._trouble is not None:
            raise self._trouble
