"""Mode "stream": each replica reads the whole stream, from wherever it wants, as often as it wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aio_pika.abc import AbstractConnection

from sse_gateway.connector import EndOfStream, Message, OffsetExpired, SourceUnavailable

from .config import RabbitMQConfig
from .connector import RabbitMQConnector
from .consumer import Consumer
from .declaration import ensure_queue
from .errors import translated
from .history import History
from .log import StreamLog
from .message import OFFSET, offset_of
from .offset import moment

__all__ = ["StreamConnector"]

_PARTITION = ""  # a stream is one partition


class StreamConnector(RabbitMQConnector, mode="stream"):
    """Its offsets rise but may leave some out: what native clients store about themselves takes offsets too."""

    def __init__(
        self,
        config: RabbitMQConfig,
        *,
        name: str,
        history: History | None = None,
        start: Mapping[str, int] | None = None,
        stop: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(config, name=name)
        self._stream = config.stream or ""
        self._history = history or History(config.epoch or f"{config.address.vhost}/{self._stream}")
        self._start = start
        self._stop = None if stop is None else stop.get(_PARTITION, 0)
        self._next = 0
        self._life = self._history.life
        self._handed: Message | None = None
        self._log: StreamLog

    async def _consume(self, connection: AbstractConnection) -> Consumer:
        consumer = await Consumer.open(connection, prefetch=self.config.prefetch)
        await ensure_queue(consumer.channel, self._stream, self.config.declare, fixed={"x-queue-type": "stream"})
        self._log = StreamLog(connection, self._stream)
        await self._history.verify(self._log.at)
        self._next = await self._begin(self._log)
        self._life, self.epoch, self._handed = self._history.life, self._history.epoch, None
        await consumer.consume(self._stream, {OFFSET: self._next})
        return consumer

    async def _begin(self, log: StreamLog) -> int:
        earliest = await log.earliest()
        if self._start is None:
            return await self._configured(log, earliest)
        if self._life != self._history.life:  # `_start` is of the life before: whoever wants it will see by the epoch
            return earliest
        wanted = self._start.get(_PARTITION, earliest)
        if not await _holds(log, wanted, earliest):
            raise OffsetExpired({_PARTITION: earliest})
        return wanted

    async def _configured(self, log: StreamLog, earliest: int) -> int:
        start = self.config.start
        if start == "first":
            return earliest
        if isinstance(start, int):
            if start >= earliest and not await _holds(log, start, earliest):
                raise SourceUnavailable(f"start = {start} lies behind the end of the stream")
            return max(start, earliest)
        last = await log.last()
        if last is not None:
            self._history.note(last, life=self._history.life)
        found = None if start == "next" else await log.at(start)
        return offset_of(found) if found is not None else _after(last)

    async def receive(self) -> Sequence[Message]:
        # What was handed out is settled by asking for more: in a stream that only makes room.
        if self._handed is not None:
            await self.consumer.settle(self._handed)
        while self._stop is None or self._next < self._stop:
            await self.consumer.arrival()
            await self._pass_over_holes()
            batch = self._take()
            if batch:
                return batch
        raise EndOfStream(f"{self.config.target} was read up to {self._stop}")

    async def ack(self, message: Message) -> None:
        return None

    async def _pass_over_holes(self) -> None:
        first = offset_of(self.consumer.messages[0])
        if first <= self._next:
            return
        with translated(f"cannot read {self.config.target}"):
            earliest = await self._log.earliest()
        if earliest > self._next:  # dropped by the broker before we had it
            raise OffsetExpired({_PARTITION: earliest})
        self._next = first

    def _take(self) -> list[Message]:
        # up to the next hole, which is looked at first, and up to the stop
        taken, rest = [], self.consumer.take()
        for message in rest:
            if offset_of(message) > self._next or self._next == self._stop:
                break
            taken.append(message)
            self._next = offset_of(message) + 1
        self.consumer.messages[:0] = rest[len(taken) :]
        if taken:
            self._handed = taken[-1]
            self._history.note(taken[-1], life=self._life)
        return taken

    def positions(self) -> Mapping[str, int]:
        return {_PARTITION: self._next}

    def replay(self, start: Mapping[str, int], stop: Mapping[str, int] | None = None) -> StreamConnector:
        """A connector of the same stream, from `start` on."""
        replay = StreamConnector(self.config, name=self.name, history=self._history, start=start, stop=stop)
        replay.tally = self.tally
        return replay

    async def bounds(self) -> Mapping[str, tuple[int, int]]:
        """The earliest offset that is held, and the one after the last message."""
        async with self._connected() as connection:
            log = StreamLog(connection, self._stream)
            return {_PARTITION: (await log.earliest(), _after(await log.last()))}

    async def offsets_at(self, timestamp: float) -> Mapping[str, int]:
        """An offset at or before the first message since `timestamp`: the broker knows the times of its batches only."""
        async with self._connected() as connection:
            log = StreamLog(connection, self._stream)
            last = await log.last()
            found = await log.at(moment(timestamp))
            return {_PARTITION: offset_of(found) if found is not None else _after(last)}


async def _holds(log: StreamLog, wanted: int, earliest: int) -> bool:
    # neither below the history nor beyond its end, where the broker would let us wait for ever
    return wanted == earliest or (wanted > earliest and await log.at(wanted - 1) is not None)


def _after(message: Message | None) -> int:
    return 0 if message is None else offset_of(message) + 1
