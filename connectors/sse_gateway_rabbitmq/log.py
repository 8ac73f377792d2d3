"""Questions about the log that a stream is, answered by reading a little of it."""

from __future__ import annotations

from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.abc import AbstractChannel as AbstractUnderlay
from aiormq.abc import DeliveredMessage

from sse_gateway.connector import Message

from .message import OFFSET, offset_of, read
from .offset import Offset

__all__ = ["StreamLog"]

_BATCH = 65535  # the most that can be on its way at once; the broker writes up to 32768 messages as one batch


class StreamLog:
    """A stream, as seen over one connection, on a channel of its own. A question takes some milliseconds; what the broker
    counts by itself lags by seconds, and beyond either end of the stream it answers with silence."""

    def __init__(self, connection: AbstractConnection, stream: str) -> None:
        self._connection = connection
        self._stream = stream
        self._channel: AbstractChannel | None = None

    async def earliest(self) -> int:
        """The offset of the first message that is held; 0 if there is none."""
        first = await self.at("first")
        return 0 if first is None else offset_of(first)

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
