"""The supervisor of one source: connect, receive, publish, acknowledge, and wait before the next attempt."""

from __future__ import annotations

import logging
import math
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Self

import anyio

from ..config import BufferConfig, SourceConfig
from ..connector import Connector, EndOfStream, Message, OffsetExpired, Rejectable, SourceUnavailable
from ..core import Hub, Log
from ..metrics import Metrics
from .intake import Intake, Pace, Seam

logger = logging.getLogger("sse_gateway.sources")

Status = Literal["connecting", "up", "down", "finished", "stopped"]
"""`connecting` until the first attempt succeeds or fails, then `up` or `down`. `finished` and `stopped` are final."""

_FIRST = 0.5
"""Seconds: the first ceiling of the wait between attempts."""
_HEALTHY = 60.0
"""Seconds after which a connection resets the ceiling. After a shorter one the broker may just accept and close connections."""
_MOST_LOSSY = 5.0
"""Seconds: the highest ceiling of a lossy source, the interval of RabbitMQ clients (Java's network recovery interval, aio-pika's reconnect_interval)."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The longest waits for an upstream, in seconds."""

    enter: float = 30.0
    """For a connection. Clients of brokers give up a dead host after 10 to 30 s, and may then try another."""
    quiet: float = 10.0
    """For a message, before `check()` is called: some clients do not report an outage."""
    check: float = 10.0
    """For `check()`, and for an acknowledgement."""
    leave: float = 5.0
    """For a connection to close: a dead broker does not answer."""


@dataclass(slots=True)
class SourceState:
    """The state of a source, which only the supervisor changes. Times are in seconds on the clock of the event loop
    (`anyio.current_time()`)."""

    since: float
    """When `status` last changed."""
    status: Status = "connecting"
    last_error: str | None = None
    """Why the source is down, or was last down. It contains no secrets."""
    last_message: float | None = None
    been_up: bool = False
    """Whether the source was ever up. Readiness waits for that."""

    def change(self, status: Status, now: float, error: str | None = None) -> bool:
        """Set the status and, if the source is down, the reason. Returns whether one of them is new."""
        news = status != self.status or (error is not None and error != self.last_error)
        if status != self.status:
            self.status, self.since = status, now
        if error is not None:
            self.last_error = error
        self.been_up = self.been_up or status == "up"
        return news


class Backoff:
    """Exponential backoff with full jitter: a random time up to a ceiling that doubles with every attempt. The AWS
    Architecture Blog measured that it loads a recovering service least.
    """

    def __init__(self, *, most: float = 30.0, random: Callable[[], float] = random.random) -> None:
        """`most` is the highest ceiling, in seconds. `random` returns 0 to 1."""
        self._most = most
        self._random = random
        self._ceiling = _FIRST

    @classmethod
    def of(cls, connector: Connector[Any], *, random: Callable[[], float] = random.random) -> Self:
        """The backoff for `connector`. A lossy source loses what arrives while it waits, so it waits 5 s at most. Others
        lose nothing and wait up to 30 s, which spares the upstream."""
        return cls(most=_MOST_LOSSY, random=random) if connector.lossy else cls(random=random)

    def next(self, lasted: float) -> float:
        """Seconds to wait, after a connection that lasted so many seconds (0 if there was none)."""
        if lasted >= _HEALTHY:
            self._ceiling = _FIRST
        ceiling, self._ceiling = self._ceiling, min(self._ceiling * 2, self._most)
        return ceiling * self._random()


class _Stopped(Exception):
    """stop() was called during a wait."""


class Supervisor:
    """Runs one source, and is the only writer of its log. It keeps running whatever the upstream does. An exception that is
    not in the contract of connectors leaves `run`."""

    def __init__(
        self,
        source: SourceConfig,
        connector: Connector[Any],
        hub: Hub,
        log: Log,
        metrics: Metrics,
        *,
        flushed: Callable[[], Awaitable[None]],
        buffer: BufferConfig,
        backoff: Backoff | None = None,
        timing: Timing | None = None,
        clock: Callable[[], float] = anyio.current_time,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        """`flushed` returns when the clients have been sent what is published. `buffer` is `limits.client_buffer`."""
        self.name = source.name
        self.state = SourceState(since=0.0)
        self._hub = hub
        self._log = log
        self._up = metrics.source_up.labels(self.name)
        self._messages = metrics.source_messages.labels(self.name)
        self._failures = metrics.source_failures.labels(self.name)
        self._intake = Intake(source, hub, log, metrics, Pace(hub, log.bounds, buffer, flushed=flushed))
        self._seam = Seam(connector, hub, log, metrics)
        self._backoff = backoff or Backoff.of(connector)
        self._timing = timing or Timing()
        self._clock = clock
        self._sleep = sleep
        self._stopping = False
        self._ended = anyio.Event()
        self._wait: anyio.CancelScope | None = None

    async def run(self) -> None:
        """Run the source until it is finished or stopped.

        Raises:
            Exception: the connector raised an exception that is not in the contract.
        """
        self.state.since = self._clock()
        try:
            while True:
                try:
                    await self._connection()
                except (SourceUnavailable, OffsetExpired) as error:
                    if isinstance(error, OffsetExpired):
                        self._seam.expire(error)
                    await self._rest(error)
        except EndOfStream:
            self._change("finished")
        except _Stopped:
            self._change("stopped")
        finally:
            self._ended.set()

    async def stop(self) -> None:
        """Receive no more. The current batch is published and acknowledged. Then the connector is left, `run` returns, and
        so does this method."""
        self._stopping = True
        if self._wait is not None:
            self._wait.cancel()
        await self._ended.wait()

    async def _connection(self) -> None:
        async with self._entered(self._seam.next()) as connector:
            if not self._seam.begin(connector):
                return
            self._change("up")
            while True:
                await self._receive(connector)
                with self._waiting(self._timing.check, "no answer to a check"):
                    await connector.check()

    @asynccontextmanager
    async def _entered(self, connector: Connector[Any]) -> AsyncIterator[Connector[Any]]:
        with self._waiting(self._timing.enter, "no connection"):
            await connector.__aenter__()
        try:
            yield connector
        finally:
            with anyio.move_on_after(self._timing.leave, shield=True):
                await connector.__aexit__(*sys.exc_info())

    async def _receive(self, connector: Connector[Any]) -> None:
        """Take batches until none came for `timing.quiet` seconds. One scope bounds all these waits: a scope for each takes a
        tenth of the time of a message."""
        with self._waiting(self._timing.quiet) as scope:
            batch = await connector.receive()
            while not scope.cancel_called:
                self._wait, scope.deadline = None, math.inf
                await self._take(connector, batch)
                if self._stopping:
                    raise _Stopped
                self._wait, scope.deadline = scope, anyio.current_time() + self._timing.quiet
                batch = await connector.receive()
        if not scope.cancelled_caught:  # the batch came at the moment at which the time was over
            await self._take(connector, batch)

    async def _take(self, connector: Connector[Any], batch: Sequence[Message]) -> None:
        now = self._clock()
        refused = await self._intake.append(batch, now)
        self._hub.advance(self._log, connector.offsets())
        if not batch:
            return
        self.state.last_message = now
        self._messages.inc(len(batch))
        # stop() does not interrupt this: what is in the log is acknowledged
        with anyio.move_on_after(self._timing.check) as scope:
            if refused and isinstance(connector, Rejectable):
                for message in refused:
                    await connector.reject(message)
            await connector.ack(batch[-1])
        if scope.cancelled_caught:
            raise SourceUnavailable(f"no acknowledgement within {self._timing.check:g} s")

    async def _rest(self, error: SourceUnavailable | OffsetExpired) -> None:
        lasted = self._clock() - self.state.since if self.state.status == "up" else 0.0
        self._failures.inc()
        self._change("down", str(error) or type(error).__name__)
        with self._waiting(math.inf):
            await self._sleep(self._backoff.next(lasted))

    @contextmanager
    def _waiting(self, seconds: float, late: str = "") -> Iterator[anyio.CancelScope]:
        """A wait that ends after `seconds`, in SourceUnavailable if there are words for it, and by stop() in _Stopped."""
        with anyio.move_on_after(seconds) as scope:
            self._wait = scope
            if self._stopping:
                raise _Stopped
            try:
                yield scope
            finally:
                self._wait = None
        if self._stopping and scope.cancelled_caught:
            raise _Stopped
        if late and scope.cancelled_caught:
            raise SourceUnavailable(f"{late} within {seconds:g} s")

    def _change(self, status: Status, error: str | None = None) -> None:
        self._up.set(status == "up")
        if self.state.change(status, self._clock(), error):
            level = logging.WARNING if status == "down" else logging.INFO
            extra = {"source": self.name, **({"error": error} if error else {})}
            logger.log(level, "source is %s", status, extra=extra)
