"""Where a source goes on after each connection, so that its log neither misses nor repeats what the upstream still
has."""

from __future__ import annotations

import logging
from typing import Any

from ..connector import Connector, OffsetExpired, Replayable
from ..core import Hub, Log
from ..metrics import Metrics

logger = logging.getLogger("sse_gateway.sources")


class Seam:
    """Between the log of a source and the connection that goes on filling it. What was lost there becomes a break."""

    def __init__(self, connector: Connector[Any], hub: Hub, log: Log, metrics: Metrics) -> None:
        self._connector = connector
        self._hub = hub
        self._log = log
        self._breaks = metrics.source_breaks
        self._anew = False

    def next(self) -> Connector[Any]:
        """What to enter next: the configured connector, or a replay from where the log stands."""
        if self._log.epoch is None or not isinstance(self._connector, Replayable):
            return self._connector
        replay = self._connector.replay({} if self._anew else self._log.offsets())
        replay.tally = self._connector.tally
        return replay

    def begin(self, connected: Connector[Any]) -> bool:
        """Go on in the log. False: the upstream has begun another history, so that its offsets don't fit where this
        connection began; leave it and enter `next()`, which reads that history from its start."""
        if connected is not self._connector and connected.epoch != self._log.epoch and not self._anew:
            self._anew = True
            return False
        self._anew = False
        seq, epoch = self._hub.seq, self._log.epoch
        self._hub.begin(self._log, connected.epoch, connected.offsets())
        if connected.lossy and self._log.counts and self._log.epoch == epoch:
            self._hub.lose(self._log, "upstream")  # with offsets the hub sees by itself what was passed over
        self._tell(seq)
        return True

    def expire(self, expired: OffsetExpired) -> None:
        """The upstream has dropped what the log wanted next: it goes on at the earliest that there is."""
        if self._log.epoch is None:
            return
        seq, before = self._hub.seq, self._log.offsets()
        self._hub.lose(self._log, "expired", expired.earliest)
        self._anew = self._log.offsets() == before  # it is not behind the upstream but ahead: no offset of it will do
        self._tell(seq)

    def _tell(self, seq: int) -> None:
        for item in self._log.breaks:
            if item.before.seq >= seq:
                self._breaks.labels(self._log.source, item.reason).inc()
                logger.warning("source has a break", extra={"source": self._log.source, "reason": item.reason})
