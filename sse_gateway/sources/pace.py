"""The pace of a source: it never outruns the flush, and never holds the event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

if TYPE_CHECKING:
    from ..config import BufferConfig
    from ..core.hub import Hub
    from ..core.log import Bounds

__all__ = ["Pace"]

_TURN_EVENTS = 256
_TURN_BYTES = 262_144
# one turn of the loop, about 2 ms; without it, 2,000 events between two flushes made fast clients lag on a log of 1,000


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
