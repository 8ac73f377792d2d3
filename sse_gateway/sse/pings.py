"""Pings: comments on a connection that is silent, so that proxies keep it and its loss is noticed."""

from __future__ import annotations

import asyncio
import math
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .stream import Stream

__all__ = ["Pings"]

_EARLY = 0.005
"""Seconds by which a timer may come before its time: uvloop's clock stands still within a turn of the loop."""


class Pings:
    """A timer while nothing is to be done, a task only while a ping is being sent."""

    __slots__ = ("_active", "_stream", "_timer")

    def __init__(self, stream: Stream) -> None:
        self._active = False
        self._stream = stream
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Ping from now on."""
        self._active = True
        self._arm(self._stream.response.ping_interval)

    def stop(self) -> None:
        """Begin no other ping."""
        self._active = False
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, delay: float) -> None:
        if self._active and 0 < delay < math.inf:
            self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        connection, interval = self._stream.connection, self._stream.response.ping_interval
        left = connection.since + interval - monotonic()
        self._stream.heed_server()
        if connection.pending or not self._stream.body.started:
            self._arm(interval)
        elif left > _EARLY:
            self._arm(left)
        else:
            self._stream.spawn(self._ping())

    async def _ping(self) -> None:
        chunk = self._stream.response.make_ping()
        if not (self._stream.connection.pending or self._stream.body.ended):
            self._stream.body.pings += 1
            await self._stream.body.send(chunk)
        self._arm(self._stream.response.ping_interval)
