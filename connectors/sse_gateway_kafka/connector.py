"""What the two modes have in common: one consumer, the flow of its records, and checks of the brokers and the topics."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Self

import anyio
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError

from sse_gateway.connector import Connector, EndOfStream, Message, OffsetExpired, SourceUnavailable

from .client import ask, on_metadata, translated
from .config import KafkaConfig
from .message import Publisher, read
from .survey import LATEST, Survey, bounds, moment, open_consumer, survey

Positions = Mapping[str, int] | None
"""Offsets by the name of a partition."""

# The length of one wait for records. It decides how soon the silence of a broker or a change of the topics is noticed.
_TURN_MS = 500

# Two looks that are at most this many seconds apart count as one wait. A look follows every turn of half a second.
_AWAY = 1.5


class ModeConnector(Connector[KafkaConfig]):
    """Reads in one of the modes. Each attempt to connect has a feed of its own."""

    Config = KafkaConfig

    def __init__(self, config: KafkaConfig, *, name: str) -> None:
        super().__init__(config, name=name)
        self._feed: Feed | None = None
        self._publisher = Publisher(config)
        self._stack = AsyncExitStack()
        self._waiting_since: float | None = None

    async def __aenter__(self) -> Self:
        wanted = moment(self.config.start, now=time.time())
        if wanted == LATEST and self._waiting_since is not None:
            wanted = (
                self._waiting_since
            )  # "latest" means the first attempt, also if the brokers or the topic came later
        self._waiting_since = self._waiting_since or time.time()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._publisher.close)
            consumer, found = await stack.enter_async_context(open_consumer(self.config))
            feed = self._make_feed(consumer, found, wanted)
            stack.push_async_callback(feed.leave)
            await feed.begin()
            self._feed, self.epoch, self._stack = feed, found.epoch, stack.pop_all()
        self._waiting_since = None
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._feed = None
        await self._stack.aclose()

    @abstractmethod
    def _make_feed(self, consumer: AIOKafkaConsumer, found: Survey, moment: float) -> Feed:
        """The feed of one attempt to connect. Where nothing else says so, reading begins at `moment`."""

    async def receive(self) -> Sequence[Message]:
        return await self._reading().receive()

    async def ack(self, message: Message) -> None:
        await self._reading().ack(message.receipt)

    async def check(self) -> None:
        await self._reading().look()

    def offsets(self) -> Mapping[str, int]:
        return {} if self._feed is None else dict(self._feed.offsets)

    async def publish(self, message: Message) -> None:
        """Write `message` to the one topic of the source; returns when it is replicated."""
        self._reading()
        await self._publisher.send(message)

    def _reading(self) -> Feed:
        if self._feed is None:
            raise SourceUnavailable("not connected")
        return self._feed


class Feed(ABC):
    """Reads with one consumer that has started. What the modes do differently is in its subclasses: who decides which
    partitions are read, from where, and what an acknowledgement does."""

    def __init__(
        self, config: KafkaConfig, consumer: AIOKafkaConsumer, survey: Survey, *, moment: float, stop: Positions = None
    ) -> None:
        self.offsets: dict[str, int] = {}
        """The next offset of each partition, by its name."""
        self._config = config
        self._consumer = consumer
        self._survey = survey
        self._moment = moment
        self._stop = stop
        self._pulse = Pulse(consumer, config.timeout)
        self._taken: dict[TopicPartition, list[Any]] = {}
        self._receipt = 0
        self._updates = 0
        self._seen = 0

    @abstractmethod
    async def join(self) -> None:
        """Take the partitions and go to where reading begins. The consumer has started."""

    @abstractmethod
    async def follow(self, survey: Survey) -> None:
        """Read the partitions of the new survey."""

    @abstractmethod
    async def reached(self) -> dict[TopicPartition, int]:
        """The next offset of the partitions where it may move without a message."""

    async def skip(self, offsets: dict[TopicPartition, int]) -> None:
        """Go on at these offsets: what is before them no longer exists."""
        return None

    def delivered(self, receipt: int, record: Any) -> None:
        """The record is returned as a message with this receipt; receipts rise."""
        return None

    async def ack(self, receipt: int) -> None:
        """What was returned up to this receipt is in the log."""
        return None

    async def idle(self) -> None:
        """Nothing came for a while."""
        return None

    async def leave(self) -> None:
        """The consumer is about to be closed."""
        return None

    async def begin(self) -> None:
        """Go to where reading begins, and notice when the topics change."""
        await self.join()
        self._advance(await self.reached())
        on_metadata(self._consumer, self._on_metadata)

    async def receive(self) -> Sequence[Message]:
        """The next batch, or none if only offsets moved. Cancelled, it keeps what it has taken for the next call."""
        if self._stop is not None and all(offset >= self._stop[name] for name, offset in self.offsets.items()):
            raise EndOfStream("the replay is complete")
        before = dict(self.offsets)
        while True:
            if not self._taken:
                await self._take()
            if self._updates != self._seen or not self._taken.keys() <= self._survey.names.keys():
                await self.look()
            reached = await self.reached()
            batch = self._give()  # no await from here on, so a cancelled call loses nothing
            self._advance(reached)
            if batch or self.offsets != before:
                return batch
            self._raise_if_silent()
            await self.idle()

    async def look(self) -> None:
        """Look the topics up and follow them.

        Raises:
            SourceUnavailable: no broker answers, a topic is gone, or one was recreated.
        """
        updates = self._updates
        with translated("topics"):
            found = await survey(self._config, partial(ask, self._consumer))
        if found.epoch != self._survey.epoch:
            raise SourceUnavailable(f"{', '.join(sorted(found.topics))}: deleted and recreated")
        await self.follow(found)
        recreated = found.recreated(self._survey)
        self._taken = {partition: records for partition, records in self._taken.items() if partition not in recreated}
        self._survey, self._seen = found, updates
        self.offsets = {name: self.offsets[name] for name in found.names.values() if name in self.offsets}

    def _on_metadata(self, cluster: object) -> None:
        self._updates += 1

    async def _take(self) -> None:
        with translated("kafka"):
            try:
                self._taken = await self._consumer.getmany(timeout_ms=_TURN_MS, max_records=self._config.batch)
            except OffsetOutOfRangeError as error:
                await self._recover(*error.args)
            except NoOffsetForPartitionError:
                pass  # the group has just assigned the partition, and its first offset is being looked up

    async def _recover(self, asked: Mapping[TopicPartition, int]) -> None:
        """The brokers do not hold these offsets, or did not for a moment."""
        await self.look()
        asked = {partition: offset for partition, offset in asked.items() if partition in self._survey.names}
        held = await bounds(self._consumer, asked)
        for partition, offset in asked.items():
            # So it is for a moment after a change of leader. If it stays so, the leader has lost records, and their
            # offsets will be given to other records.
            if offset > held[partition][1]:
                raise SourceUnavailable(
                    f"{partition.topic}-{partition.partition} ends at {held[partition][1]}, but was read up to {offset}:"
                    " if this lasts, records were lost or the topic was recreated; a new `epoch` starts over"
                )
        expired = {partition: held[partition][0] for partition, offset in asked.items() if offset < held[partition][0]}
        if expired:
            await self.skip(expired)
            earliest = {self._survey.names[partition]: first for partition, first in expired.items()}
            raise OffsetExpired({**self.offsets, **earliest})

    def _give(self) -> list[Message]:
        taken, self._taken = self._taken, {}
        batch = []
        for partition, records in taken.items():
            name = self._survey.names.get(partition)
            if name is None:  # its topic was deleted meanwhile
                continue
            end = self._stop[name] if self._stop else records[-1].offset + 1
            for record in records:
                if record.offset < end:
                    self._receipt += 1
                    self.delivered(self._receipt, record)
                    batch.append(read(record, name, self._receipt))
            self.offsets[name] = min(records[-1].offset + 1, end)
        return batch

    def _advance(self, reached: Mapping[TopicPartition, int]) -> None:
        for partition, offset in reached.items():
            name = self._survey.names.get(partition)
            if name is not None:
                self.offsets[name] = min(offset, self._stop[name]) if self._stop else offset

    def _raise_if_silent(self) -> None:
        silent = self._pulse.silent(self._consumer.assignment(), anyio.current_time())
        if silent:
            named = ", ".join(f"{partition.topic}-{partition.partition}" for partition in sorted(silent))
            raise SourceUnavailable(f"no answer about {named} for {self._config.timeout:g} s")


class Pulse:
    """Whether the brokers still answer. While a broker is away, aiokafka retries without telling, and every batch is empty.

    Holds for each partition when a fetch was last seen to be answered. A broker answers a fetch within `fetch_wait`, also
    when it has no records. Times are the loop's."""

    def __init__(self, consumer: AIOKafkaConsumer, patience: float) -> None:
        self._consumer = consumer
        self._patience = patience
        self._seen: dict[Any, tuple[int | None, float]] = {}
        self._looked = float("-inf")

    def silent(self, partitions: Iterable[Any], now: float) -> list[Any]:
        """The partitions whose fetches were not answered in `patience` seconds of waiting.

        aiokafka fetches nothing while nobody receives, so the time before the last look counts only if that was recent.
        """
        waited = now - self._looked < max(self._patience / 2, _AWAY)
        self._looked = now
        silent = []
        for partition in partitions:
            answered = self._consumer.last_poll_timestamp(partition)
            before, since = self._seen.get(partition, (None, now))
            if answered != before or not waited or partition not in self._seen:
                self._seen[partition] = (answered, now)
            elif now - since > self._patience:
                silent.append(partition)
        return silent
