"""What the two modes have in common: one consumer, its flow of records, and an eye on the brokers and on the topics."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Any, Self

import anyio
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError

from sse_gateway.connector import Connector, EndOfStream, Message, OffsetExpired, SourceUnavailable

from .client import ask, on_metadata
from .config import KafkaConfig
from .errors import translated
from .message import Publisher, read
from .survey import LATEST, Survey, beyond, bounds, moment, open_consumer, survey

# How long one wait for records is, and so how soon the silence of a broker or a change of the topics is noticed.
_TURN_MS = 500

# Who looks every half second may be this late without having been away.
_AWAY = 1.5


class ModeConnector(Connector[KafkaConfig]):
    """Reads in one of the modes. Each attempt to connect has a feed of its own."""

    Config = KafkaConfig

    def __init__(self, config: KafkaConfig, *, name: str) -> None:
        super().__init__(config, name=name)
        self._feed: _Feed | None = None
        self._publisher = Publisher(config)
        self._stack = AsyncExitStack()
        self._waiting_since: float | None = None
        self._stop: Mapping[str, int] | None = None

    async def __aenter__(self) -> Self:
        begun = time.time()
        try:
            async with AsyncExitStack() as stack:
                self._feed = await self._open(stack)
                self._stack = stack.pop_all()
        finally:
            waited = begun if self._waiting_since is None else self._waiting_since
            self._waiting_since = waited if self._feed is None else None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._feed = None
        await self._stack.aclose()

    async def receive(self) -> Sequence[Message]:
        return await self._reading().receive()

    async def ack(self, message: Message) -> None:
        await self._reading().ack(message)

    async def check(self) -> None:
        await self._reading().look()

    def offsets(self) -> Mapping[str, int]:
        return {} if self._feed is None else dict(self._feed.offsets)

    async def publish(self, message: Message) -> None:
        """Write `message` to the one topic of the source; returns when it is replicated."""
        self._reading()
        await self._publisher.send(message)

    @abstractmethod
    def _place(self, consumer: AIOKafkaConsumer, found: Survey) -> Place:
        """Where this attempt stands, in the way of the mode."""

    async def _open(self, stack: AsyncExitStack) -> _Feed:
        stack.push_async_callback(self._publisher.close)
        consumer, found = await stack.enter_async_context(open_consumer(self.config))
        place = self._place(consumer, found)
        stack.push_async_callback(place.leave)
        feed = _Feed(self.config, consumer, found, place, self._stop)
        await feed.begin()
        self.epoch = found.epoch
        return feed

    def _moment(self) -> float:
        wanted = moment(self.config.start, now=time.time())
        # latest means from the first attempt on, also if the brokers or the topic came later
        return self._waiting_since if wanted == LATEST and self._waiting_since is not None else wanted

    def _reading(self) -> _Feed:
        if self._feed is None:
            raise SourceUnavailable("not connected")
        return self._feed


class Place(ABC):
    """What the two modes do differently: who says which partitions we read, from where, and what an acknowledgement is."""

    def __init__(self, consumer: AIOKafkaConsumer, survey: Survey, *, moment: float) -> None:
        self._consumer = consumer
        self._survey = survey
        self._moment = moment

    @abstractmethod
    async def join(self) -> None:
        """Take the partitions and go to where reading begins. The consumer has started."""

    @abstractmethod
    async def follow(self, survey: Survey) -> None:
        """The topics have other partitions than before."""

    @abstractmethod
    async def reached(self) -> dict[TopicPartition, int]:
        """The next offset of the partitions where it may move without a message."""

    async def skip(self, offsets: dict[TopicPartition, int]) -> None:
        """What lies below these offsets is no longer there: go on at them."""
        return None

    def delivered(self, receipt: int, record: Any) -> None:
        """The record is given out as a message with this receipt; receipts rise."""
        return None

    async def ack(self, receipt: int) -> None:
        """What was given out up to this receipt is in the log."""
        return None

    async def idle(self) -> None:
        """Nothing came for a while."""
        return None

    async def leave(self) -> None:
        """The consumer is about to be closed."""
        return None


class _Feed:
    """Reads with one consumer that has started."""

    def __init__(
        self,
        config: KafkaConfig,
        consumer: AIOKafkaConsumer,
        found: Survey,
        place: Place,
        stop: Mapping[str, int] | None,
    ) -> None:
        self.offsets: dict[str, int] = {}
        """The next offset of each partition, by its name."""
        self._config = config
        self._consumer = consumer
        self._survey = found
        self._place = place
        self._stop = stop
        self._pulse = Pulse(consumer, config.timeout)
        self._taken: dict[TopicPartition, list[Any]] = {}
        self._receipt = 0
        self._updates = 0
        self._seen = 0

    async def begin(self) -> None:
        """Take the place from which reading begins."""
        await self._place.join()
        self._advance(await self._place.reached())
        on_metadata(self._consumer, self._on_metadata)

    async def receive(self) -> Sequence[Message]:
        """The next batch, or none if only offsets moved. Cancelled, it keeps what it has taken for the next call."""
        self._raise_at_the_end()
        before = dict(self.offsets)
        while True:
            if not self._taken:
                await self._take()
            if self._updates != self._seen or not self._taken.keys() <= self._survey.names.keys():
                await self.look()
            reached = await self._place.reached()
            batch = self._give()  # nothing waits from here on
            self._advance(reached)
            if batch or self.offsets != before:
                return batch
            self._raise_if_silent()
            await self._place.idle()

    async def ack(self, message: Message) -> None:
        """`message` and all before it are in the log."""
        await self._place.ack(message.receipt)

    async def look(self) -> None:
        """Look the topics up and follow them.

        Raises:
            SourceUnavailable: no broker answers, a topic is gone, or one was made anew.
        """
        updates = self._updates
        with translated("topics"):
            found = await survey(self._config, partial(ask, self._consumer))
        if found.epoch != self._survey.epoch:
            raise SourceUnavailable(f"{', '.join(sorted(found.topics))}: deleted and made anew")
        await self._place.follow(found)
        anew = found.anew(self._survey)
        self._taken = {partition: records for partition, records in self._taken.items() if partition not in anew}
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
                pass  # a group has just given us the partition, and its beginning is being looked up

    async def _recover(self, asked: Mapping[TopicPartition, int]) -> None:
        """The brokers do not hold these offsets, or it was a moment's error."""
        await self.look()
        asked = {partition: offset for partition, offset in asked.items() if partition in self._survey.names}
        held = await bounds(self._consumer, asked)
        for partition, offset in asked.items():
            if offset > held[partition][1]:
                raise beyond(partition, offset, held[partition][1])
        expired = {partition: held[partition][0] for partition, offset in asked.items() if offset < held[partition][0]}
        if expired:
            await self._place.skip(expired)
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
                    self._place.delivered(self._receipt, record)
                    batch.append(read(record, name, self._receipt))
            self.offsets[name] = min(records[-1].offset + 1, end)
        return batch

    def _advance(self, reached: Mapping[TopicPartition, int]) -> None:
        for partition, offset in reached.items():
            name = self._survey.names.get(partition)
            if name is not None:
                self.offsets[name] = min(offset, self._stop[name]) if self._stop else offset

    def _raise_at_the_end(self) -> None:
        if self._stop is not None and all(offset >= self._stop[name] for name, offset in self.offsets.items()):
            raise EndOfStream("the replay is complete")

    def _raise_if_silent(self) -> None:
        silent = self._pulse.silent(self._consumer.assignment(), anyio.current_time())
        if silent:
            named = ", ".join(f"{partition.topic}-{partition.partition}" for partition in sorted(silent))
            raise SourceUnavailable(f"no answer about {named} for {self._config.timeout:g} s")


class Pulse:
    """Whether the brokers still answer. While one is away aiokafka tries again in silence, and every batch is empty.

    For each partition it holds when a fetch was last seen to be answered: a broker answers one at least every `fetch_wait`,
    also when it has nothing. Times are the loop's."""

    def __init__(self, consumer: AIOKafkaConsumer, patience: float) -> None:
        self._consumer = consumer
        self._patience = patience
        self._seen: dict[Any, tuple[int | None, float]] = {}
        self._looked = float("-inf")

    def silent(self, partitions: Iterable[Any], now: float) -> list[Any]:
        """The partitions whose fetches have not been answered for `patience` seconds that we waited for them.

        Nothing is fetched while nothing is received, so time before the last look counts only if that was a moment ago.
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
