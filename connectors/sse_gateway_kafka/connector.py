"""The connector itself: it puts the parts together, in one of the two modes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, ClassVar, Self, cast

from aiokafka import AIOKafkaConsumer

from sse_gateway.connector import Connector, Message
from sse_gateway.errors import SourceUnavailable

from .assignment import Assignment, Span
from .config import KafkaConfig
from .consumer import open_consumer
from .feed import Feed
from .membership import Membership
from .offsets import bounds, offsets_at
from .place import Place
from .publisher import Publisher
from .start import EARLIEST, LATEST, moment
from .survey import Survey

__all__ = ["KafkaConnector"]


class KafkaConnector(Connector[KafkaConfig]):
    """Reads topics, and publishes to one: making one makes the class of the mode that is configured.

    A class for each, because the modes differ in what they can do: what a group shares out can't be read again.
    """

    Config = KafkaConfig
    _modes: ClassVar[dict[str, type[KafkaConnector]]] = {}

    def __init_subclass__(cls, *, mode: str, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        KafkaConnector._modes[mode] = cls

    def __new__(cls, config: KafkaConfig, **arguments: Any) -> Self:
        return cast("Self", super().__new__(cls._modes[config.mode]))

    def __init__(self, config: KafkaConfig, *, name: str) -> None:
        super().__init__(config, name=name)
        self._feed: Feed | None = None
        self._publisher = Publisher(config)
        self._stack = AsyncExitStack()
        self._waiting_since: float | None = None

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

    def positions(self) -> Mapping[str, int]:
        return {} if self._feed is None else dict(self._feed.positions)

    async def publish(self, message: Message) -> None:
        """Write `message` to the one topic of the source; returns when it is replicated."""
        self._reading()
        await self._publisher.send(message)

    @property
    def _group(self) -> str | None:
        return None

    @property
    def _stop(self) -> Mapping[str, int] | None:
        return None

    def _place(self, consumer: AIOKafkaConsumer, found: Survey) -> Place:
        raise NotImplementedError("each mode has its own")

    async def _open(self, stack: AsyncExitStack) -> Feed:
        stack.push_async_callback(self._publisher.close)
        consumer, found = await stack.enter_async_context(open_consumer(self.config, group=self._group))
        place = self._place(consumer, found)
        stack.push_async_callback(place.leave)
        feed = Feed(self.config, consumer, found, place, self._stop)
        await feed.begin()
        self.epoch = found.epoch
        return feed

    def _moment(self) -> float:
        wanted = moment(self.config.start, now=time.time())
        # latest means from the first attempt on, also if the brokers or the topic came later
        return self._waiting_since if wanted == LATEST and self._waiting_since is not None else wanted

    def _reading(self) -> Feed:
        if self._feed is None:
            raise SourceUnavailable("not connected")
        return self._feed


class AssignConnector(KafkaConnector, mode="assign"):
    """Reads every partition. A replay is a connector of the same class, with a span to read."""

    def __init__(self, config: KafkaConfig, *, name: str, span: Span | None = None) -> None:
        super().__init__(config, name=name)
        self._span = span

    def replay(self, start: Mapping[str, int], stop: Mapping[str, int] | None = None) -> Connector[Any]:
        """A connector that reads from `start`, for ever or up to `stop`."""
        return AssignConnector(self.config, name=self.name, span=Span(dict(start), stop))

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

    @property
    def _stop(self) -> Mapping[str, int] | None:
        return self._span.stop if self._span else None

    def _place(self, consumer: AIOKafkaConsumer, found: Survey) -> Place:
        return Assignment(consumer, found, self.tally, moment=self._moment(), span=self._span)


class GroupConnector(KafkaConnector, mode="group"):
    """Reads what the consumer group gives it; the group keeps its place."""

    @property
    def _group(self) -> str | None:
        return self.config.group

    def _place(self, consumer: AIOKafkaConsumer, found: Survey) -> Place:
        # entered before, the group has a place in all that was there: where it has none is new, or was made anew
        return Membership(self.config, consumer, found, moment=EARLIEST if self.epoch else self._moment())
