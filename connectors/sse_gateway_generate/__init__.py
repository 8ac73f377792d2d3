"""The `generate` connector: makes events at a rate, for trying out, demonstrations and load tests."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Literal, Self

import anyio
from pydantic import Field

from sse_gateway.connector import Connector, ConnectorConfig, EndOfStream, Message, Size, SourceUnavailable

__all__ = ["GenerateConfig", "GenerateConnector"]

_BATCH = 256
# as many as the gateway publishes in one turn of its loop
_TICK = 0.001
# seconds: uvloop counts in milliseconds, so a shorter wait would return at once
_MAX_DEBT = 1.0
# seconds of events that are made up for after a stall, so that a machine that slept for an hour sends no flood


class GenerateConfig(ConnectorConfig):
    """What the `generate` connector makes, and how fast."""

    rate: float = Field(default=1.0, gt=0, le=1_000_000)
    """Events per second, on average over bursts."""
    burst: int = Field(default=1, ge=1, le=100_000)
    """Events that come at once. `rate` stays the average."""
    count: int | None = Field(default=None, ge=1)
    """The number of events after which the source ends; without it, it never ends."""
    keys: int = Field(default=1, ge=1, le=1_000_000)
    """The number of keys that the events take in turn, "0", "1" and so on, for channels by {key}."""
    type: str = Field(default="tick", min_length=1)
    """The header "type" of each message, for event = "{headers.type}"."""
    format: Literal["json", "timing"] = "json"
    """json: seq, key, time and monotonic_ns. timing: "t=NANOSECONDS s=SEQ", by CLOCK_MONOTONIC, for load generators."""
    size: Size | None = Field(default=None, le=1_048_576)
    """Bytes to which a shorter body is padded; without it, no body is padded."""


class GenerateConnector(Connector[GenerateConfig]):
    """Makes messages by the event loop's clock. Each is due at a fixed time after the entry, so the rate does not drift, and
    what is due at once comes in one batch. Their numbers begin at 1 and continue after another entry."""

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
        self._body = _json_body if config.format == "json" else _timing_body
        self._headers = {"type": config.type}
        self._seq = 0
        self._sent = 0
        self._start: float | None = None

    async def __aenter__(self) -> Self:
        self._start, self._sent = self._clock(), 0
        return self

    async def __aexit__(self, *exception: object) -> None:
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
        """How many are due now. The first burst is due at once, the n-th n * burst / rate seconds later."""
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


def _json_body(seq: int, key: str, size: int) -> bytes:
    """A JSON object with the number, the key, the wall clock and CLOCK_MONOTONIC; padded by a member `pad`."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = f'{{"seq":{seq},"key":"{key}","time":"{now}","monotonic_ns":{time.monotonic_ns()}}}'
    missing = size - len(body) - len(',"pad":""')
    return (f'{body[:-1]},"pad":"{"x" * missing}"}}' if missing >= 0 else body).encode()


def _timing_body(seq: int, key: str, size: int) -> bytes:
    """`t=NANOSECONDS s=SEQ `, padded with x at its end."""
    return f"t={time.monotonic_ns()} s={seq} ".ljust(size, "x").encode()
