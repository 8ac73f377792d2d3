"""The log of a source: where a connection continues it, how a batch is published to it, and when its events expire."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio
import anyio.lowlevel

from ..config import BufferConfig, SourceConfig
from ..connector import Connector, Message, OffsetExpired, Replayable
from ..core import Bounds, Hub, Log
from ..errors import Unmappable
from ..metrics import Metrics
from .mapping import REASONS, Mapper

logger = logging.getLogger("sse_gateway.sources")

_SUBSTITUTED = "substituted"

_TURN_EVENTS = 256
_TURN_BYTES = 262_144
"""Events and bytes that are published in one turn of the loop, about 2 ms. Measured without it: 2,000 events between two
flushes of a log of 1,000 made fast clients lag."""
_EXPIRY_INTERVAL = 0.1
"""Seconds that an event may be kept beyond `max_age`. A check that finds nothing to evict takes 1 µs for each log."""


class Seam:
    """Where a source continues after each connection, so that its log neither misses nor repeats what the upstream still
    holds. What was lost becomes a break."""

    def __init__(self, connector: Connector[Any], hub: Hub, log: Log, metrics: Metrics) -> None:
        self._connector = connector
        self._hub = hub
        self._log = log
        self._breaks = metrics.source_breaks
        self._from_start = False

    def next(self) -> Connector[Any]:
        """The connector to enter next: the configured one, or a replay from where the log stands."""
        if self._log.epoch is None or not isinstance(self._connector, Replayable):
            return self._connector
        replay = self._connector.replay({} if self._from_start else self._log.offsets())
        replay.tally = self._connector.tally
        return replay

    def begin(self, connected: Connector[Any]) -> bool:
        """Continue the log with a connection. Returns False if the upstream was recreated, so that the offsets from which
        this replay started mean nothing. Then leave it and enter `next()`, which reads from the start."""
        if connected is not self._connector and connected.epoch != self._log.epoch and not self._from_start:
            self._from_start = True
            return False
        self._from_start = False
        seq, epoch = self._hub.seq, self._log.epoch
        self._hub.begin(self._log, connected.epoch, connected.offsets())
        if connected.lossy and self._log.counts and self._log.epoch == epoch:
            self._hub.lose(self._log, "upstream")  # with offsets, the hub sees what was skipped
        self._report(seq)
        return True

    def expire(self, expired: OffsetExpired) -> None:
        """The upstream no longer holds what the log wants next. The log continues at the earliest offset that it holds."""
        if self._log.epoch is None:
            return
        seq, before = self._hub.seq, self._log.offsets()
        self._hub.lose(self._log, "expired", expired.earliest)
        # If nothing was lost, the log is ahead of the upstream, and no offset of the log can be read.
        self._from_start = self._log.offsets() == before
        self._report(seq)

    def _report(self, seq: int) -> None:
        for item in self._log.breaks:
            if item.before.seq >= seq:
                self._breaks.labels(self._log.source, item.reason).inc()
                logger.warning("source has a break", extra={"source": self._log.source, "reason": item.reason})


class Pace:
    """Slows a source down, so that it never outruns the flush (docs/architecture.md, rule 17).

    What is published and not yet flushed stays below a quarter of the bounds of the log and of `client_buffer`.
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
        """Count a message of `size` bytes. Returns whether to `wait()` before the next one."""
        self._events += 1
        self._bytes += size
        return self._ahead() or self._events >= _TURN_EVENTS or self._bytes >= _TURN_BYTES

    def _ahead(self) -> bool:
        return self._hub.unflushed_events >= self._most_events or self._hub.unflushed_bytes >= self._most_bytes

    async def wait(self) -> None:
        """Let other tasks run. If the source is too far ahead of the clients, wait for a flush."""
        self._events = self._bytes = 0
        if self._ahead():
            await self._flushed()
        else:
            await anyio.lowlevel.checkpoint()


class Intake:
    """Maps and publishes the messages of one source. A message that cannot become an event is counted, and logged once for
    each reason."""

    def __init__(self, source: SourceConfig, hub: Hub, log: Log, metrics: Metrics, pace: Pace) -> None:
        self._source = source.name
        self._mapper = Mapper(source)
        self._hub = hub
        self._log = log
        self._unmappable = metrics.source_unmappable
        for reason in (*REASONS, _SUBSTITUTED):
            self._unmappable.labels(source.name, reason)
        self._pace = pace
        self._logged: set[str] = set()

    async def append(self, batch: Sequence[Message], now: float) -> list[Message]:
        """Publish a batch that arrived at `now`, at the pace of the clients. Returns the messages that cannot become
        events."""
        refused: list[Message] = []
        for message in batch:
            if self._pace.count(self._publish(message, now, refused)):
                await self._pace.wait()
        if not batch and self._pace.count(0):  # such a source may never wait by itself
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
            self._note(_SUBSTITUTED, "the body does not match encoding, and was replaced as on_invalid says", message)
        self._hub.publish(self._log, event, now=now, part=message.partition, offset=message.offset)
        return len(event.data)

    def _note(self, reason: str, detail: str, message: Message) -> None:
        self._unmappable.labels(self._source, reason).inc()
        if reason not in self._logged:
            self._logged.add(reason)
            where = {"partition": message.partition, "offset": message.offset} if message.offset is not None else {}
            logger.warning(
                "message cannot be mapped as it is, further ones for this reason are only counted",
                extra={"source": self._source, "reason": reason, "detail": detail, **where},
            )


async def expire_logs(hub: Hub, *, clock: Callable[[], float]) -> None:
    """Evict events that are older than the `max_age` of their log, as long as the gateway runs. `clock` is the clock of the
    supervisors."""
    while True:
        hub.expire(clock())
        await anyio.sleep(_EXPIRY_INTERVAL)
