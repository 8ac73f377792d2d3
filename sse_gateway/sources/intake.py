"""The way of a batch into the log: map each message, publish it, keep the pace."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

import anyio
import anyio.lowlevel

from ..config import BufferConfig, SourceConfig
from ..connector import Message
from ..core import Bounds, Hub, Log
from ..errors import Unmappable
from ..metrics import Metrics
from .mapping import REASONS, Mapper

logger = logging.getLogger("sse_gateway.sources")

_SUBSTITUTED = "substituted"

_TURN_EVENTS = 256
_TURN_BYTES = 262_144
"""One turn of the loop, about 2 ms. Without it 2,000 events between two flushes made fast clients lag on a log of 1,000."""


_EXPIRY_INTERVAL = 0.1
"""Seconds: how much longer than `max_age` an event may be kept. A look that finds nothing costs 1 µs a log."""


class Pace:
    """Says after each message whether the source has to wait, and waits.

    What is published and not flushed stays below a quarter of the log's bounds and of `client_buffer`, so that no
    client lags for want of a flush.
    """

    def __init__(
        self, hub: Hub, bounds: Bounds, buffer: BufferConfig, *, flushed: Callable[[], Awaitable[None]]
    ) -> None:
        self._hub = hub
        self._flushed = flushed
        self._most_events = max(1, min(bounds.max_events, buffer.events) // 4)
        self._most_bytes = max(1, min(bounds.max_bytes, buffer.bytes) // 4)
        self._events = 0
        self._bytes = 0

    def count(self, size: int) -> bool:
        """One more message of `size` bytes was dealt with. Returns whether to wait before the next one."""
        self._events += 1
        self._bytes += size
        return self._ahead() or self._events >= _TURN_EVENTS or self._bytes >= _TURN_BYTES

    def _ahead(self) -> bool:
        return self._hub.unflushed_events >= self._most_events or self._hub.unflushed_bytes >= self._most_bytes

    async def wait(self) -> None:
        """Let others run; where the source is ahead of the clients, until they have been sent what it published."""
        self._events = self._bytes = 0
        if self._ahead():
            await self._flushed()
        else:
            await anyio.lowlevel.checkpoint()


class Intake:
    """Takes the messages of one source. One that cannot become an event is counted, told of once for each reason, and
    passed over."""

    def __init__(self, source: SourceConfig, hub: Hub, log: Log, metrics: Metrics, pace: Pace) -> None:
        self._source = source.name
        self._mapper = Mapper(source)
        self._hub = hub
        self._log = log
        self._unmappable = metrics.source_unmappable
        for reason in (*REASONS, _SUBSTITUTED):
            self._unmappable.labels(source.name, reason)
        self._pace = pace
        self._told: set[str] = set()

    async def append(self, batch: Sequence[Message], now: float) -> list[Message]:
        """Publish a batch that arrived at `now`, waiting in between where the clients can't follow. Returns the messages
        that cannot become events."""
        refused: list[Message] = []
        for message in batch:
            if self._pace.count(self._publish(message, now, refused)):
                await self._pace.wait()
        if not batch and self._pace.count(0):  # a source whose positions move may never wait itself
            await self._pace.wait()
        return refused

    def _publish(self, message: Message, now: float, refused: list[Message]) -> int:
        try:
            event, substituted = self._mapper.map(message)
        except Unmappable as error:
            self._note(error.reason, str(error), message)
            refused.append(message)
            return len(message.body)
        if substituted:
            self._note(_SUBSTITUTED, "the body was no text of its kind, and became one as on_invalid says", message)
        self._hub.publish(self._log, event, now=now, part=message.partition, offset=message.offset)
        return len(event.data)

    def _note(self, reason: str, detail: str, message: Message) -> None:
        self._unmappable.labels(self._source, reason).inc()
        if reason not in self._told:
            self._told.add(reason)
            where = {"partition": message.partition, "offset": message.offset} if message.offset is not None else {}
            logger.warning(
                "message cannot be mapped as it is; the next ones for this reason are only counted",
                extra={"source": self._source, "reason": reason, "detail": detail, **where},
            )


async def expire_logs(hub: Hub, *, clock: Callable[[], float]) -> None:
    """Evict what is older than the `max_age` of its log, for as long as the gateway runs. `clock` is that of the intake."""
    while True:
        hub.expire(clock())
        await anyio.sleep(_EXPIRY_INTERVAL)
