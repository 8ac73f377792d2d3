"""The way of a batch into the log: map each message, publish it, keep the pace."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..core import Event
from ..errors import Unmappable
from .mapping import REASONS, Mapped, Mapper
from .pace import Pace

if TYPE_CHECKING:
    from ..config import SourceConfig
    from ..connector import Message
    from ..core.hub import Hub
    from ..core.log import Log
    from ..metrics import Metrics

__all__ = ["Intake"]

logger = logging.getLogger("sse_gateway.sources")

_SUBSTITUTED = "substituted"


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
            event = self._mapper.map(message)
        except Unmappable as error:
            self._note(error.reason, str(error), message)
            refused.append(message)
            return len(message.body)
        if event.repaired:
            self._note(_SUBSTITUTED, "the body was no text of its kind, and became one as on_invalid says", message)
        self._append(event, message, now)
        return len(event.data)

    def _append(self, event: Mapped, message: Message, now: float) -> None:
        self._hub.publish(
            self._log,
            Event(event.channel, event.data, event.type, event.key, event.id),
            now=now,
            part=message.partition,
            offset=message.offset,
        )

    def _note(self, reason: str, detail: str, message: Message) -> None:
        self._unmappable.labels(self._source, reason).inc()
        if reason not in self._told:
            self._told.add(reason)
            where = {"partition": message.partition, "offset": message.offset} if message.offset is not None else {}
            logger.warning(
                "message cannot be mapped as it is; the next ones for this reason are only counted",
                extra={"source": self._source, "reason": reason, "detail": detail, **where},
            )
