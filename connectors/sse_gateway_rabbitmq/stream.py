"""Mode "stream": each replica reads the whole stream, from wherever it wants, as often as it wants."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.abc import AbstractChannel as AbstractUnderlay
from aiormq.abc import DeliveredMessage

from sse_gateway.connector import EndOfStream, Message, OffsetExpired, SourceUnavailable

from .config import Offset, RabbitMQConfig
from .connector import ModeConnector
from .consumer import Consumer
from .errors import translated
from .message import OFFSET, offset_of, read

_PARTITION = ""  # a stream is one partition

_PATIENCE = 5.0
"""Seconds that a message may be missing which was there before, as long as an id ahead of a log is held: after a
failover the broker may serve us from a replica that is behind."""

_BATCH = 65535  # the most that can be on its way at once; the broker writes up to 32768 messages as one batch

_LATEST = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())  # within the years that Python knows


class StreamConnector(ModeConnector):
    """Its offsets rise but may leave some out: what native clients store about themselves takes offsets too."""

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
        if self._life != self._history.life:  # `_start` is of the life before: whoever wants it will see by the epoch
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
        """An offset at or before the first message since `timestamp`: the broker knows the times of its batches only."""
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

    A broker tells of a stream neither when it was made nor whether it is another one than an hour ago. So the last
    message that was read is remembered, and looked at again after each connection: if there is another one in its place,
    or none, the stream was deleted and made anew. Its offsets begin at 0 again, under another epoch.

    Shared by all connectors of one source, replays among them.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._mark: Message | None = None
        self._missing: float | None = None
        self.life = 0
        """How often the stream was found made anew."""

    @property
    def epoch(self) -> str:
        """The same on all replicas that saw the stream made anew as often."""
        return f"{self._name}~{self.life}" if self.life else self._name

    def note(self, message: Message, *, life: int) -> None:
        """`message` was read from the stream in its `life`."""
        if life == self.life and (self._mark is None or offset_of(message) > offset_of(self._mark)):
            self._mark = replace(message, receipt=None)

    async def verify(self, log: _StreamLog) -> None:
        """Compare with what is there now.

        Raises:
            SourceUnavailable: what was read is not there yet, or not any more; it will be clear in some seconds.
        """
        if self._mark is None:
            return
        found = await log.at(offset_of(self._mark))
        if found is None:
            self._miss(offset_of(self._mark))
        elif found.offset == self._mark.offset and replace(found, receipt=None) != self._mark:
            self._renew()
        else:  # it is there, or was dropped with the older part of the stream
            self._missing = None

    def _miss(self, offset: int) -> None:
        now = time.monotonic()
        self._missing = self._missing or now
        if now - self._missing < _PATIENCE:
            raise SourceUnavailable(
                f"the stream ends before offset {offset}, which was read: it was made anew, or a replica is behind"
            )
        self._renew()

    def _renew(self) -> None:
        self.life += 1
        self._mark = self._missing = None


class _StreamLog:
    """Questions about the log that a stream is, answered by reading a little of it, on a channel of its own. A question takes some milliseconds; what the broker
    counts by itself lags by seconds, and beyond either end of the stream it answers with silence."""

    def __init__(self, connection: AbstractConnection, stream: str) -> None:
        self._connection = connection
        self._stream = stream
        self._channel: AbstractChannel | None = None

    async def earliest(self) -> int:
        """The offset of the first message that is held; 0 if there is none."""
        first = await self.at("first")
        return 0 if first is None else offset_of(first)

    async def holds(self, offset: int, earliest: int) -> bool:
        """Whether `offset` lies neither below the history nor beyond its end, where the broker would let us wait for
        ever."""
        return offset == earliest or (offset > earliest and await self.at(offset - 1) is not None)

    async def last(self) -> Message | None:
        """The last message."""
        found = await self._look("last", _BATCH)
        return read(found[-1]) if found else None

    async def at(self, offset: Offset) -> Message | None:
        """The first message at or after `offset`; None if there is none so far. By time it is exact to a batch."""
        found = await self._look(offset, 1)
        return read(found[0]) if found else None

    async def _look(self, offset: Offset, most: int) -> list[DeliveredMessage]:
        # The channel is out of the object while it is in use: the library closes one on which a question was cut short.
        channel, self._channel = self._channel or await self._connection.channel(publisher_confirms=False), None
        found = await _delivered(await channel.get_underlay_channel(), self._stream, offset, most)
        self._channel = channel
        return found


async def _delivered(channel: AbstractUnderlay, stream: str, offset: Offset, most: int) -> list[DeliveredMessage]:
    found: list[DeliveredMessage] = []

    async def find(delivered: DeliveredMessage) -> None:
        found.append(delivered)

    async def ignore(delivered: DeliveredMessage) -> None:
        return None

    await channel.basic_qos(prefetch_count=most)
    first = await channel.basic_consume(stream, find, arguments={OFFSET: offset})
    # No message in time is no proof that there is none. But to attach a second reader the broker's channel asks the stream's
    # own process, behind the notice for the first: its answer comes after what the first was to get.
    second = await channel.basic_consume(stream, ignore, arguments={OFFSET: "next"})
    await channel.basic_qos(prefetch_count=most)
    for consumer in (first, second):
        await channel.basic_cancel(consumer.consumer_tag or "")
    await channel.basic_ack(0, multiple=True)  # all that came
    return found
