"""Mode "stream": each replica reads the whole stream, from any offset, as often as needed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.abc import DeliveredMessage

from sse_gateway.connector import EndOfStream, Message, OffsetExpired, SourceUnavailable

from .amqp import translated
from .config import Offset, RabbitMQConfig
from .connector import ModeConnector
from .consumer import Consumer
from .message import OFFSET, offset_of, read

_PARTITION = ""  # a stream is one partition

_PATIENCE = 5.0
"""Seconds for which a message that was read may be missing. After a failover the broker may serve a replica that is behind.
The gateway holds an id that is ahead of its log for as long."""

_BATCH = 65535  # the largest prefetch; the broker writes up to 32768 messages as one batch

_LATEST = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())  # the last year of Python's datetime


class StreamConnector(ModeConnector):
    """Reads a stream. Its offsets rise but have holes, because what native clients store about themselves takes offsets too."""

    def __init__(
        self,
        config: RabbitMQConfig,
        *,
        name: str,
        history: _History | None = None,
        start: Mapping[str, int] | None = None,
        stop: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(config, name=name)
        self._stream = config.stream or ""
        self._history = history or _History(config.epoch or f"{config.address.vhost}/{self._stream}")
        self._start = start
        self._stop = None if stop is None else stop.get(_PARTITION, 0)
        self._next = 0
        self._life = self._history.life
        self._handed: Message | None = None
        self._log: _StreamLog

    async def _consume(self, connection: AbstractConnection) -> Consumer:
        consumer = await Consumer.open(connection, prefetch=self.config.prefetch)
        await consumer.ensure_queue(self._stream, self.config.declare, **{"x-queue-type": "stream"})
        self._log = _StreamLog(connection, self._stream)
        await self._history.verify(self._log)
        self._next = await self._begin(self._log)
        self._life, self.epoch, self._handed = self._history.life, self._history.epoch, None
        await consumer.consume(self._stream, {OFFSET: self._next})
        return consumer

    async def _begin(self, log: _StreamLog) -> int:
        earliest = await log.earliest()
        if self._start is None:
            return await self._configured(log, earliest)
        if (
            self._life != self._history.life
        ):  # `_start` belongs to the history before, which the caller sees by the epoch
            return earliest
        wanted = self._start.get(_PARTITION, earliest)
        if not await log.holds(wanted, earliest):
            raise OffsetExpired({_PARTITION: earliest})
        return wanted

    async def _configured(self, log: _StreamLog, earliest: int) -> int:
        start = self.config.start
        if start == "first":
            return earliest
        if isinstance(start, int):
            if start >= earliest and not await log.holds(start, earliest):
                raise SourceUnavailable(f"start = {start} is after the end of the stream")
            return max(start, earliest)
        last = await log.last()
        if last is not None:
            self._history.note(last, life=self._history.life)
        found = None if start == "next" else await log.at(start)
        return offset_of(found) if found is not None else _after(last)

    async def receive(self) -> Sequence[Message]:
        # Asking for more settles what was returned before. In a stream that only makes room for more.
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
        if earliest > self._next:  # the broker dropped messages before they were read
            raise OffsetExpired({_PARTITION: earliest})
        self._next = first

    def _take(self) -> list[Message]:
        # up to the stop, or to the next hole, which is examined before anything after it
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

    def offsets(self) -> Mapping[str, int]:
        return {_PARTITION: self._next}

    def replay(self, start: Mapping[str, int], stop: Mapping[str, int] | None = None) -> StreamConnector:
        """A connector of the same stream, from `start` on."""
        replay = StreamConnector(self.config, name=self.name, history=self._history, start=start, stop=stop)
        replay.tally = self.tally
        return replay

    async def bounds(self) -> Mapping[str, tuple[int, int]]:
        """The earliest offset that is held, and the one after the last message."""
        async with self._connected() as connection:
            log = _StreamLog(connection, self._stream)
            return {_PARTITION: (await log.earliest(), _after(await log.last()))}

    async def offsets_at(self, timestamp: float) -> Mapping[str, int]:
        """An offset at or before the first message since `timestamp`: the broker only knows the times of its batches."""
        moment = datetime.fromtimestamp(min(max(int(timestamp), 0), _LATEST), UTC)  # the broker takes whole seconds
        async with self._connected() as connection:
            log = _StreamLog(connection, self._stream)
            last = await log.last()
            found = await log.at(moment)
            return {_PARTITION: offset_of(found) if found is not None else _after(last)}


def _after(message: Message | None) -> int:
    return 0 if message is None else offset_of(message) + 1


class _History:
    """Whether a stream is still the one that was read before.

    A broker does not tell when a stream was created. So the last message that was read is remembered, and compared after
    each connection. If its offset holds another message, or none, the stream was deleted and recreated. Its offsets begin at
    0 again, under another epoch.

    All connectors of one source share it, replays among them.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._last: Message | None = None
        self._missing: float | None = None
        self.life = 0
        """How often the stream was found recreated."""

    @property
    def epoch(self) -> str:
        """The same on all replicas that saw the stream recreated equally often."""
        return f"{self._name}~{self.life}" if self.life else self._name

    def note(self, message: Message, *, life: int) -> None:
        """`message` was read while `life` had this value."""
        if life == self.life and (self._last is None or offset_of(message) > offset_of(self._last)):
            self._last = replace(message, receipt=None)

    async def verify(self, log: _StreamLog) -> None:
        """Compare the last message with what the stream holds now.

        Raises:
            SourceUnavailable: the stream ends before it; some seconds later it will be clear why.
        """
        if self._last is None:
            return
        found = await log.at(offset_of(self._last))
        if found is None:
            self._miss(offset_of(self._last))
        elif found.offset == self._last.offset and replace(found, receipt=None) != self._last:
            self._renew()
        else:  # the stream still holds it, or has dropped it as old
            self._missing = None

    def _miss(self, offset: int) -> None:
        now = time.monotonic()
        self._missing = self._missing or now
        if now - self._missing < _PATIENCE:
            raise SourceUnavailable(
                f"the stream ends before offset {offset}, which was read: it was recreated, or a replica is behind"
            )
        self._renew()

    def _renew(self) -> None:
        self.life += 1
        self._last = self._missing = None


class _StreamLog:
    """Answers requests about a stream by reading a little of it, on a channel of its own, in some milliseconds. The broker's
    own counts lag by seconds, and it does not answer a request beyond either end of the stream."""

    def __init__(self, connection: AbstractConnection, stream: str) -> None:
        self._connection = connection
        self._stream = stream
        self._channel: AbstractChannel | None = None

    async def earliest(self) -> int:
        """The offset of the first message that the stream holds; 0 if it is empty."""
        first = await self.at("first")
        return 0 if first is None else offset_of(first)

    async def holds(self, offset: int, earliest: int) -> bool:
        """Whether `offset` is neither before the history nor after its end, where the broker would never answer."""
        return offset == earliest or (offset > earliest and await self.at(offset - 1) is not None)

    async def last(self) -> Message | None:
        """The last message; None if the stream is empty."""
        found = await self._look("last", _BATCH)
        return read(found[-1]) if found else None

    async def at(self, offset: Offset) -> Message | None:
        """The first message at or after `offset`; None if there is none yet. A time finds the batch that contains it."""
        found = await self._look(offset, 1)
        return read(found[0]) if found else None

    async def _look(self, offset: Offset, most: int) -> list[DeliveredMessage]:
        # The object does not hold the channel while it is in use: the library closes it if a request is cancelled.
        channel, self._channel = self._channel or await self._connection.channel(publisher_confirms=False), None
        underlay = await channel.get_underlay_channel()
        found: list[DeliveredMessage] = []

        async def find(delivered: DeliveredMessage) -> None:
            found.append(delivered)

        async def ignore(delivered: DeliveredMessage) -> None:
            return None

        await underlay.basic_qos(prefetch_count=most)
        first = await underlay.basic_consume(self._stream, find, arguments={OFFSET: offset})
        # Silence does not prove that there is no message. But to attach a second consumer, the broker's channel asks the process of
        # the stream, after it told it of the first consumer. So that answer comes after all that the first one gets.
        second = await underlay.basic_consume(self._stream, ignore, arguments={OFFSET: "next"})
        await underlay.basic_qos(prefetch_count=most)
        for consumer in (first, second):
            await underlay.basic_cancel(consumer.consumer_tag or "")
        await underlay.basic_ack(0, multiple=True)  # everything delivered
        self._channel = channel
        return found
