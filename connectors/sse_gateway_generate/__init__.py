"""The `generate` connector: events that come by themselves, at a rate, for trying out, demos and load."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

import anyio

from sse_gateway.connector import Connector, EndOfStream, Message, SourceUnavailable

from .bodies import json_body, timing_body
from .config import GenerateConfig

__all__ = ["GenerateConfig", "GenerateConnector"]

_BATCH = 256
# as many as the gateway publishes in one turn of its loop
_TICK = 0.001
# seconds: uvloop counts in milliseconds; to wait for less would be to turn in circles
_MAX_DEBT = 1.0
# seconds of events that are made up for after a stall; a machine that slept for an hour must not answer with a flood


class GenerateConnector(Connector[GenerateConfig]):
    """Makes messages by the event loop's clock: each is due at a fixed time from the entry on, so the rate does not
    drift, and what is due at once comes in one batch. Their numbers begin at 1 and go on over entries."""

    Config = GenerateConfig

    def __init__(
        self,
        config: GenerateConfig,
        *,
        name: str,
        clock: Callable[[], float] = anyio.current_time,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        super().__init__(config, name=name)
        self._clock = clock
        self._sleep = sleep
        self._body = json_body if config.format == "json" else timing_body
        self._headers = {"type": config.type}
        self._seq = 0
        self._sent = 0
        self._start: float | None = None

    async def __aenter__(self) -> Self:
        self._start, self._sent = self._clock(), 0
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._start = None

    async def check(self) -> None:
        self._entered()

    async def receive(self) -> Sequence[Message]:
        count = self.config.count
        while count is None or self._seq < count:
            due = min(self._due(), _BATCH, _BATCH if count is None else count - self._seq)
            if due:
                self._sent += due
                return [self._make() for _ in range(due)]
            await self._sleep(max(self._entered() + self._sent / self.config.rate - self._clock(), _TICK))
        raise EndOfStream(f"{self.name}: all {count} messages are made")

    def _due(self) -> int:
        """How many are to come now. The first burst is due at once, the n-th n * burst / rate seconds later."""
        late = self._clock() - self._entered()
        bursts = int(late * self.config.rate / self.config.burst) + 1
        due = bursts * self.config.burst - self._sent
        debt = int(_MAX_DEBT * self.config.rate) + self.config.burst
        if due > debt:
            self.tally["skipped"] += due - debt
            self._sent += due - debt
            due = debt
        return due

    def _entered(self) -> float:
        if self._start is None:
            raise SourceUnavailable("not connected")
        return self._start

    def _make(self) -> Message:
        self._seq += 1
        key = str(self._seq % self.config.keys)
        body = self._body(self._seq, key, self.config.size or 0)
        return Message(body=body, key=key, headers=self._headers, timestamp=time.time())
