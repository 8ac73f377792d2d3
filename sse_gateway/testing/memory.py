"""`MemoryConnector`: an upstream that lives in the test, with the faults of real ones, for tests without a broker."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Literal, Self

from pydantic import Field

from ..connector import Connector, ConnectorConfig, EndOfStream, Message, OffsetExpired, SourceUnavailable
from .upstream import Line, MemoryUpstream

__all__ = ["MemoryConfig", "MemoryConnector"]


class MemoryConfig(ConnectorConfig):
    """How a `MemoryConnector` reads."""

    start: Literal["earliest", "latest"] = Field(
        default="latest", description="where the first connection begins; later ones begin after the last acknowledged"
    )
    batch: int = Field(default=100, ge=1, description="most messages of one receive(); Kafka clients take 100 to 500")


class MemoryConnector(Connector[MemoryConfig]):
    """Reads a `MemoryUpstream`. Replayable and publishable; what was not acknowledged comes again on the next entry.

    A replay is a connector of the same class: it begins where it was told to and acknowledges nothing.
    """

    Config = MemoryConfig

    def __init__(
        self,
        config: MemoryConfig,
        *,
        name: str,
        upstream: MemoryUpstream,
        start: Mapping[str, int] | None = None,
        stop: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(config, name=name)
        self.upstream = upstream
        self._start = start
        self._stop = stop
        self._line: Line | None = None
        self._next: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        line = await self.upstream.connect()
        try:
            self._next = self._first()
        except OffsetExpired:
            line.close()
            raise
        self._line = line
        self.epoch = self.upstream.epoch
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def _first(self) -> dict[str, int]:
        bounds = self.upstream.bounds()
        if self._start is None:
            return self.upstream.resume(self.name, latest=self.config.start == "latest")
        first = {partition: self._start.get(partition, earliest) for partition, (earliest, _) in bounds.items()}
        self.upstream.require(first)
        return first

    async def receive(self) -> Sequence[Message]:
        while True:
            self._connected()
            if self._stop is not None and all(self._next.get(p, 0) >= stop for p, stop in self._stop.items()):
                raise EndOfStream(f"{self.name}: the replay is complete")
            self.upstream.require(self._next)
            found, after = self.upstream.read(self._next, self._stop, self.config.batch)
            if after != self._next:
                reached, self._next = self._next, after
                return [_receipted(message, reached) for message in found]
            if self.upstream.finished:
                raise EndOfStream(f"{self.name}: the upstream is finished")
            await self.upstream.changed()

    async def ack(self, message: Message) -> None:
        self._connected()
        if self._start is None:
            self.upstream.acked[self.name] = message.receipt

    async def check(self) -> None:
        self._connected()
        if self.upstream.unwell is not None:
            raise SourceUnavailable(self.upstream.unwell)

    def offsets(self) -> Mapping[str, int]:
        return dict(self._next)

    def _connected(self) -> None:
        if self._line is None:
            raise SourceUnavailable("not connected")
        if self._line.lost is not None:
            raise SourceUnavailable(self._line.lost)

    def replay(self, start: Mapping[str, int], stop: Mapping[str, int] | None = None) -> Connector[Any]:
        """A connector that reads from `start`, for ever or up to `stop`."""
        return MemoryConnector(self.config, name=self.name, upstream=self.upstream, start=start, stop=stop)

    async def bounds(self) -> Mapping[str, tuple[int, int]]:
        """The earliest and the next offset of each partition."""
        self.upstream.reachable()
        return self.upstream.bounds()

    async def offsets_at(self, timestamp: float) -> Mapping[str, int]:
        """The first offset at or after `timestamp` of each partition."""
        self.upstream.reachable()
        return self.upstream.offsets_at(timestamp)

    async def publish(self, message: Message) -> None:
        """Append `message` to the partition that its key chooses."""
        self._connected()
        partitions = sorted(self.upstream.bounds())
        chosen = partitions[zlib.crc32(message.key.encode()) % len(partitions)]
        self.upstream.put(message.body, partition=chosen, key=message.key, headers=message.headers, id=message.id)


def _receipted(message: Message, reached: dict[str, int]) -> Message:
    reached[message.partition] = (message.offset or 0) + 1
    return replace(message, receipt=dict(reached))
