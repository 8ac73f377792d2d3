"""Mode `group`: the partitions that the consumer group gives us, from what it committed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import anyio
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, RebalanceInProgressError

from sse_gateway.connector import SourceUnavailable

from .client import GOODBYE, assignment, committed, cut_coordination
from .config import KafkaConfig
from .connector import ModeConnector, Place
from .errors import translated
from .survey import EARLIEST, Survey, offsets_at

# A member that was killed is waited for until its session ends (10 s), and every other until it has finished its batch.
_JOIN = 25.0

# A commit is a matter of milliseconds, and nobody can end the wait for one.
_ANSWER = 5.0

# How long the request of a commit takes to notice that its connection is gone.
_BREATH = 0.2

# A commit that comes after the group has dealt its partitions anew: whoever has them now gets the messages again.
_DEALT_ANEW = (CommitFailedError, IllegalStateError, RebalanceInProgressError)


class GroupConnector(ModeConnector):
    """Reads what the consumer group gives it; the group keeps its place."""

    def _place(self, consumer: AIOKafkaConsumer, found: Survey) -> Place:
        # entered before, the group has a place in all that was there: where it has none is new, or was made anew
        return Membership(self.config, consumer, found, moment=EARLIEST if self.epoch else self._moment())


class Membership(Place, ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """One member of the group. What was acknowledged is committed every `commit_interval`, when partitions are taken
    from us, and at the end; a commit that fails means that messages come again, to us or to another member."""

    def __init__(self, config: KafkaConfig, consumer: AIOKafkaConsumer, survey: Survey, *, moment: float) -> None:
        super().__init__(consumer, survey, moment=moment)
        self._config = config
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
        else:  # aiokafka looks whether a name begins with the pattern
            self._consumer.subscribe(pattern=rf"(?:{pattern})\Z", listener=self)
        with translated(f"group {self._config.group}"), anyio.fail_after(_JOIN):
            await assignment(self._consumer)
            await self._ready.wait()
        self._raise_trouble()

    async def follow(self, survey: Survey) -> None:
        """Partitions that come or go the group notices by itself, but not a topic that was made anew in between."""
        if anew := survey.anew(self._survey):
            raise SourceUnavailable(f"{', '.join(sorted({p.topic for p in anew}))}: deleted and made anew")
        self._survey = survey

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
        """Called by aiokafka before others get our partitions."""
        await self.leave()
        self._given.clear()
        self._acked.clear()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called by aiokafka with the partitions that are ours now. It only logs what is raised here."""
        try:
            with translated(f"group {self._config.group}"):
                await self._begin(list(assigned))
        except SourceUnavailable as trouble:
            self._trouble = trouble
        self._ready.set()

    async def _begin(self, assigned: list[TopicPartition]) -> None:
        """A partition without a commit begins at `start`; at its own start if others of its topic have one, for then
        it is new, or if it has one of a topic that was deleted. Its place is committed at once, so that this can be told
        the next time too."""
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
            self._moment = EARLIEST  # from now on, what has no commit has come while we were here

    def _named(self, offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, tuple[int, str]]:
        """With the identity of their topics as metadata: brokers take them by name, also into a topic that was made anew."""
        return {partition: (offset, self._identity(partition)) for partition, offset in offsets.items()}

    def _identity(self, partition: TopicPartition) -> str:
        return self._survey.identities.get(partition.topic, "")

    async def _commit(self, within: float) -> None:
        """Commit what is acknowledged; what is not answered `within` seconds is a lost line.

        aiokafka shields the request of a commit, so that a cancelled one lives on and fails where nobody looks. Here it
        ends in time by itself, or because its connection is cut.
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
            if not isinstance(error.__cause__, _DEALT_ANEW):
                self._trouble = error
        self._acked = {p: offset for p, offset in self._acked.items() if p in ours and offset > offsets.get(p, -1)}
        done.set()

    def _raise_trouble(self) -> None:
        if self._trouble is not None:
            raise self._trouble
