"""The flow of a source's records: batch after batch, with an eye on the brokers and on the topics."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import anyio
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, NodeNotReadyError, NoOffsetForPartitionError, OffsetOutOfRangeError

from sse_gateway.connector import Message
from sse_gateway.errors import EndOfStream, OffsetExpired, SourceUnavailable

from .config import KafkaConfig
from .errors import translated
from .metadata import TopicsRequest
from .offsets import beyond, bounds
from .place import Place
from .pulse import Pulse
from .record import message
from .survey import Survey, survey

__all__ = ["Feed"]

# How long one wait for records is, and so how soon the silence of a broker or a change of the topics is noticed.
_TURN_MS = 500


class Feed:
    """Reads with one consumer that has started."""

    def __init__(
        self,
        config: KafkaConfig,
        consumer: AIOKafkaConsumer,
        found: Survey,
        place: Place,
        stop: Mapping[str, int] | None = None,
    ) -> None:
        self.positions: dict[str, int] = {}
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
        # aiokafka looks its topics up every `refresh`, and whenever a broker says that something is not as it was
        self._consumer._client.cluster.add_listener(self._on_metadata)

    async def receive(self) -> Sequence[Message]:
        """The next batch, or none if only positions moved. Cancelled, it keeps what it has taken for the next call."""
        self._raise_at_the_end()
        before = dict(self.positions)
        while True:
            if not self._taken:
                await self._take()
            if self._updates != self._seen or not self._taken.keys() <= self._survey.names.keys():
                await self.look()
            reached = await self._place.reached()
            batch = self._give()  # nothing waits from here on
            self._advance(reached)
            if batch or self.positions != before:
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
            found = await survey(self._config, self._ask)
        if found.epoch != self._survey.epoch:
            raise SourceUnavailable(f"{', '.join(sorted(found.topics))}: deleted and made anew")
        await self._place.follow(found)
        anew = found.anew(self._survey)
        self._taken = {partition: records for partition, records in self._taken.items() if partition not in anew}
        self._survey, self._seen = found, updates
        self.positions = {name: self.positions[name] for name in found.names.values() if name in self.positions}

    def _on_metadata(self, cluster: object) -> None:
        self._updates += 1

    async def _ask(self, request: TopicsRequest) -> Any:
        client = self._consumer._client
        error: KafkaError = NodeNotReadyError("no broker is known")
        brokers = list(client.cluster.brokers())
        for broker in random.sample(brokers, len(brokers)):
            try:
                return await client.send(broker.nodeId, request)
            except KafkaError as refusal:
                error = refusal
        raise error

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
            raise OffsetExpired({**self.positions, **earliest})

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
                    batch.append(message(record, name, self._receipt))
            self.positions[name] = min(records[-1].offset + 1, end)
        return batch

    def _advance(self, reached: Mapping[TopicPartition, int]) -> None:
        for partition, offset in reached.items():
            name = self._survey.names.get(partition)
            if name is not None:
                self.positions[name] = min(offset, self._stop[name]) if self._stop else offset

    def _raise_at_the_end(self) -> None:
        if self._stop is not None and all(offset >= self._stop[name] for name, offset in self.positions.items()):
            raise EndOfStream("the replay is complete")

    def _raise_if_silent(self) -> None:
        silent = self._pulse.silent(self._consumer.assignment(), anyio.current_time())
        if silent:
            named = ", ".join(f"{partition.topic}-{partition.partition}" for partition in sorted(silent))
            raise SourceUnavailable(f"no answer about {named} for {self._config.timeout:g} s")
