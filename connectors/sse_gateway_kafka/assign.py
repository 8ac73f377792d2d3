"""Mode `assign`: every partition, no group, no commits, explicit offsets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from sse_gateway.connector import Connector, OffsetExpired

from .config import KafkaConfig
from .connector import ModeConnector, Place
from .survey import EARLIEST, Survey, bounds, offsets_at, open_consumer


class AssignConnector(ModeConnector):
    """Reads every partition. A replay is a connector of the same class, with a start and perhaps a stop."""

    def __init__(
        self,
        config: KafkaConfig,
        *,
        name: str,
        start: Mapping[str, int] | None = None,
        stop: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(config, name=name)
        self._start = start
        self._stop = stop

    def replay(self, start: Mapping[str, int], stop: Mapping[str, int] | None = None) -> Connector[Any]:
        """A connector that reads from `start`, for ever or up to `stop`."""
        return AssignConnector(self.config, name=self.name, start=dict(start), stop=stop)

    async def bounds(self) -> Mapping[str, tuple[int, int]]:
        """The earliest and the next offset of each partition, over connections of its own."""
        async with open_consumer(self.config) as (consumer, found):
            held = await bounds(consumer, found.names)
        return {found.names[partition]: ends for partition, ends in held.items()}

    async def offsets_at(self, timestamp: float) -> Mapping[str, int]:
        """The first offset at or after `timestamp` of each partition, over connections of its own."""
        async with open_consumer(self.config) as (consumer, found):
            offsets = await offsets_at(consumer, found.names, max(timestamp, EARLIEST))
        return {found.names[partition]: offset for partition, offset in offsets.items()}

    def _place(self, consumer: AIOKafkaConsumer, found: Survey) -> Place:
        return _Assignment(consumer, found, self.tally, moment=self._moment(), start=self._start, stop=self._stop)


class _Assignment(Place):
    """All partitions of the survey; of a replay that ends, those that it was told to read."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        survey: Survey,
        tally: Counter[str],
        *,
        moment: float,
        start: Mapping[str, int] | None,
        stop: Mapping[str, int] | None,
    ) -> None:
        super().__init__(consumer, survey, moment=moment)
        self._tally = tally
        self._start = start
        self._stop = stop

    async def join(self) -> None:
        partitions = self._partitions(self._survey)
        self._consumer.assign(partitions)
        for partition, offset in (await self._first(partitions)).items():
            self._consumer.seek(partition, offset)

    async def follow(self, survey: Survey) -> None:
        """New partitions are read from their start, also those of a topic that was made anew. Those that are gone are
        let go."""
        old, now = self._survey, survey
        gone = {partition for partition in self._partitions(old) if now.names.get(partition) != old.names[partition]}
        new = {partition for partition in self._partitions(now) if old.names.get(partition) != now.names[partition]}
        if not gone and not new:
            return
        first = await offsets_at(self._consumer, new, EARLIEST)
        kept = set(self._partitions(now)) - new
        reached = {partition: await self._consumer.position(partition) for partition in kept}
        self._consumer.assign([*kept, *new])
        for partition, offset in {**reached, **first}.items():
            self._consumer.seek(partition, offset)
        self._survey = survey
        self._tally["partitions_added"] += len(new)
        self._tally["partitions_gone"] += len(gone)

    async def reached(self) -> dict[TopicPartition, int]:
        return {partition: await self._consumer.position(partition) for partition in self._consumer.assignment()}

    def _partitions(self, survey: Survey) -> list[TopicPartition]:
        return [partition for partition, name in survey.names.items() if self._stop is None or name in self._stop]

    async def _first(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        if self._start is None:
            return await offsets_at(self._consumer, partitions, self._moment)
        names, start = self._survey.names, self._start
        held = await offsets_at(self._consumer, partitions, EARLIEST)
        wanted = {partition: start.get(names[partition], first) for partition, first in held.items()}
        if any(offset < held[partition] for partition, offset in wanted.items()):
            raise OffsetExpired({names[partition]: max(wanted[partition], held[partition]) for partition in wanted})
        # Beyond the end is no matter here: `start` may belong to an epoch that is over, as the caller will see.
        return wanted
