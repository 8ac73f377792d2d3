"""Whether a stream is still the one that was read before."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from sse_gateway.connector import Message, SourceUnavailable

from .message import offset_of

__all__ = ["History"]

_PATIENCE = 5.0
"""Seconds that a message may be missing which was there before, as long as an id ahead of a log is held: after a
failover the broker may serve us from a replica that is behind."""


class History:
    """A broker tells of a stream neither when it was made nor whether it is another one than an hour ago. So the last
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

    async def verify(self, look: Callable[[int], Awaitable[Message | None]]) -> None:
        """Compare with what is there now. `look` gives the first message at or after an offset.

        Raises:
            SourceUnavailable: what was read is not there yet, or not any more; it will be clear in some seconds.
        """
        if self._mark is None:
            return
        found = await look(offset_of(self._mark))
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
