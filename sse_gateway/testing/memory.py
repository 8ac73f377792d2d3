"""`MemoryConnector` and its `MemoryUpstream`: partitions with a history in memory, and every fault that a supervisor has to
handle."""

from __future__ import annotations

import time
import zlib
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Literal, Self

import anyio
import anyio.lowlevel
from pydantic import Field

from ..connector import Connector, ConnectorConfig, EndOfStream, Message, OffsetExpired, SourceUnavailable


@dataclass(eq=False, slots=True)
class Line:
    """One connection to a `MemoryUpstream`. `lost` says why it was lost, or is None."""

    lines: set[Line] = field(repr=False)
    lost: str | None = None

    def close(self) -> None:
        """Close the connection."""
        self.lines.discard(self)


@dataclass(slots=True)
class _Partition:
    floor: int = 0
    next: int = 0
    messages: list[Message] = field(default_factory=list)

    def index(self, offset: int) -> int:
        return bisect_left(self.messages, offset, key=_offset)


class MemoryUpstream:
    """A broker in memory. Tests put messages into it and make it fail. `MemoryConnector` reads it."""

    refusing: str | None = None
    """Why connections are refused, or None to accept them."""
    unwell: str | None = None
    """Why `check()` fails, or None to let it pass."""
    finished: bool = False
    """Whether the stream ends after the last message. Set by `finish()`."""
    attempts: int = 0
    """The number of attempts to connect."""

    def __init__(self, partitions: Sequence[str] = ("",), *, epoch: str = "first") -> None:
        self.epoch = epoch
        self.lines: set[Line] = set()
        self.acked: dict[str, dict[str, int]] = {}
        self._partitions = {name: _Partition() for name in partitions}
        self._changed = anyio.Event()

    def put(
        self,
        body: bytes,
        *,
        partition: str = "",
        key: str = "",
        headers: Mapping[str, str] | None = None,
        id: str | None = None,
        timestamp: float | None = None,
    ) -> Message:
        """Append a message to a partition, which is added if it does not exist. Returns the message with its offset. The
        default `timestamp` is now."""
        history = self._partitions.setdefault(partition, _Partition())
        message = Message(
            body=body,
            key=key,
            headers=headers or {},
            partition=partition,
            offset=history.next,
            id=id,
            timestamp=time.time() if timestamp is None else timestamp,
        )
        history.messages.append(message)
        history.next += 1
        self._wake()
        return message

    def skip(self, count: int, *, partition: str = "") -> None:
        """Use up `count` offsets without a message, as control records and compaction do."""
        self._partitions[partition].next += count
        self._wake()

    def trim(self, floor: Mapping[str, int]) -> None:
        """Delete the messages below `floor`, as retention does."""
        for name, offset in floor.items():
            history = self._partitions[name]
            del history.messages[: history.index(offset)]
            history.floor = max(history.floor, offset)
        self._wake()

    def recreate(self, epoch: str) -> None:
        """Delete and recreate everything under another epoch: offsets begin at 0 again, and every line is lost."""
        self.epoch = epoch
        self._partitions = {name: _Partition() for name in self._partitions}
        self.acked.clear()
        self.cut("recreated")

    def cut(self, reason: str = "the line was cut") -> None:
        """Lose every open line. New ones are accepted."""
        for line in self.lines:
            line.lost = reason
        self._wake()

    def finish(self) -> None:
        """End the stream after the last message."""
        self.finished = True
        self._wake()

    def reachable(self) -> None:
        """Raise SourceUnavailable while connections are refused."""
        if self.refusing is not None:
            raise SourceUnavailable(self.refusing)

    async def connect(self) -> Line:
        """Open a line. Raises SourceUnavailable while connections are refused."""
        self.attempts += 1
        self._wake()
        await anyio.lowlevel.checkpoint()
        self.reachable()
        line = Line(self.lines)
        self.lines.add(line)
        self._wake()
        return line

    def bounds(self) -> dict[str, tuple[int, int]]:
        """The earliest offset and the next one of each partition."""
        return {name: (history.floor, history.next) for name, history in self._partitions.items()}

    def offsets_at(self, timestamp: float) -> dict[str, int]:
        """The first offset at or after `timestamp` of each partition."""
        return {name: _at(history, timestamp) for name, history in self._partitions.items()}

    def resume(self, reader: str, *, latest: bool) -> dict[str, int]:
        """Where `reader` continues: after what it acknowledged or, if it is new, at one end of the history."""
        ends = {name: end if latest else floor for name, (floor, end) in self.bounds().items()}
        acked = self.acked.setdefault(reader, ends)
        return {name: max(acked.get(name, 0), floor) for name, (floor, _) in self.bounds().items()}

    def require(self, wanted: Mapping[str, int]) -> None:
        """Raise OffsetExpired if a wanted offset is below the history."""
        earliest = {name: floor for name, (floor, _) in self.bounds().items()}
        if any(offset < earliest[name] for name, offset in wanted.items() if name in earliest):
            raise OffsetExpired(earliest)

    def read(
        self, start: Mapping[str, int], stop: Mapping[str, int] | None, most: int
    ) -> tuple[list[Message], dict[str, int]]:
        """Up to `most` messages from `start` and below `stop`, partition after partition, and the next offsets of the
        reader."""
        found: list[Message] = []
        after: dict[str, int] = {}
        for name, history in self._partitions.items():
            end = history.next if stop is None else stop.get(name, 0)
            rest = history.messages[history.index(start.get(name, 0)) : history.index(end)]
            taken = rest[: most - len(found)]
            after[name] = _offset(rest[len(taken)]) if len(taken) < len(rest) else end
            found += taken
        return found, after

    async def changed(self) -> None:
        """Wait until something happens to the upstream."""
        await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


class MemoryConfig(ConnectorConfig):
    """How a `MemoryConnector` reads."""

    start: Literal["earliest", "latest"] = "latest"
    """Where the first connection begins. Later ones begin after the last acknowledged message."""
    batch: int = Field(default=100, ge=1)
    """Maximum number of messages of one receive(); Kafka clients take 100 to 500."""


class MemoryConnector(Connector[MemoryConfig]):
    """Reads a `MemoryUpstream`. It is Replayable and Publishable. The next entry receives again what was not acknowledged.

    A replay is a connector of the same class. Its acknowledgements have no effect.
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
        """A connector that reads from `start`, without end or up to `stop`."""
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
        """Append `message` to the partition of its key."""
        self._connected()
        partitions = sorted(self.upstream.bounds())
        chosen = partitions[zlib.crc32(message.key.encode()) % len(partitions)]
        self.upstream.put(message.body, partition=chosen, key=message.key, headers=message.headers, id=message.id)


def _receipted(message: Message, reached: dict[str, int]) -> Message:
    reached[message.partition] = (message.offset or 0) + 1
    return replace(message, receipt=dict(reached))


def _offset(message: Message) -> int:
    assert message.offset is not None
    return message.offset


def _at(history: _Partition, timestamp: float) -> int:
    later = (_offset(message) for message in history.messages if (message.timestamp or 0) >= timestamp)
    return next(later, history.next)
