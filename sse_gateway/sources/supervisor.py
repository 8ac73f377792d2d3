"""One source, for as long as the gateway runs: connect, receive, publish, acknowledge, and back off when the line is lost."""

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
from .intake import Intake, Pace
from .seam import Seam

logger = logging.getLogger("sse_gateway.sources")

Status = Literal["connecting", "up", "down", "finished", "stopped"]
"""`connecting` until the first attempt has an answer, then `up` and `down`; a source never leaves the other two."""

_LINES: dict[Status, tuple[int, str]] = {
    "connecting": (logging.INFO, "source is connecting"),
    "up": (logging.INFO, "source is up"),
    "down": (logging.WARNING, "source is down"),
    "finished": (logging.INFO, "source is finished"),
    "stopped": (logging.INFO, "source is stopped"),
}


_MOST_LOSSY = 5.0
"""Seconds, as the clients of RabbitMQ try again (Java's network recovery interval, aio-pika's reconnect_interval)."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Bounds on the waits for an upstream, in seconds."""

    enter: float = 30.0
    """For a connection: clients of brokers give up a dead host after 10 to 30 s themselves, and may try another."""
    quiet: float = 10.0
    """For a message, before it asks the upstream if it is well: some clients tell nothing of an outage."""
    check: float = 10.0
    """For the answer to that, and to an acknowledgement."""
    leave: float = 5.0
    """For a connection to close, also when all is to end: a dead broker answers no goodbye."""


@dataclass(slots=True)
class SourceState:
    """Written by the supervisor alone. Times are those of the event loop's clock (`anyio.current_time()`), in
    seconds."""

    since: float
    """When `status` became what it is."""
    status: Status = "connecting"
    last_error: str | None = None
    """Why it is or was last down; never with secrets."""
    last_message: float | None = None
    been_up: bool = False
    """Whether it was ever up: what readiness waits for."""

    def change(self, status: Status, now: float, error: str | None = None) -> bool:
        """Take over a status and, when down, its reason. Returns whether either is news."""
        news = status != self.status or (error is not None and error != self.last_error)
        if status != self.status:
            self.status, self.since = status, now
        if error is not None:
            self.last_error = error
        self.been_up = self.been_up or status == "up"
        return news


class Backoff:
    """Exponential with full jitter, as the AWS Architecture Blog measured it to load a recovering service the least:
    any time between nothing and a ceiling that doubles with every attempt.
    """

    def __init__(
        self,
        *,
        first: float = 0.5,
        most: float = 30.0,
        healthy: float = 60.0,
        random: Callable[[], float] = random.random,
    ) -> None:
        """`first` and `most` are the lowest and the highest ceiling, in seconds. A connection that lasted `healthy`
        seconds begins anew: a shorter one may be a broker that accepts and throws out again. `random` gives 0 to 1."""
        self._first = first
        self._most = most
        self._healthy = healthy
        self._random = random
        self._ceiling = first

    @classmethod
    def of(cls, connector: Connector[Any], *, random: Callable[[], float] = random.random) -> Self:
        """For the attempts of `connector`. While a lossy one waits before an upstream that is back, all that comes is
        lost, so it waits 5 s at most; of the others nothing is lost but time, and 30 s spare an upstream that is not."""
        return cls(most=_MOST_LOSSY, random=random) if connector.lossy else cls(random=random)

    def next(self, lasted: float) -> float:
        """Seconds to wait, after a connection that lasted so many seconds (0 if there was none)."""
        if lasted >= self._healthy:
            self._ceiling = self._first
        ceiling, self._ceiling = self._ceiling, min(self._ceiling * 2, self._most)
        return ceiling * self._random()


class _Stopped(Exception):
    """stop() was called during a wait."""


class Supervisor:
    """Runs one source and alone fills its log. Whatever the upstream does, it goes on; an exception that the contract
    of connectors does not know is a bug, and leaves `run`."""

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
        """`flushed` returns when the clients were sent what is published; `buffer` is `limits.client_buffer`."""
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
        """Keep the source going until it is finished or stopped.

        Raises:
            Exception: whatever the connector raises that is not in the contract.
        """
        self.state.since = self._clock()
        try:
            while True:
                await self._attempt()
        except EndOfStream:
            self._change("finished")
        except _Stopped:
            self._change("stopped")
        finally:
            self._ended.set()

    async def stop(self) -> None:
        """Receive no more. What is being published is published to its end and acknowledged, then the connection is
        left and `run` returns; so does this."""
        self._stopping = True
        if self._wait is not None:
            self._wait.cancel()
        await self._ended.wait()

    async def _attempt(self) -> None:
        try:
            await self._connection()
        except SourceUnavailable as error:
            await self._rest(error)
        except OffsetExpired as error:
            self._seam.expire(error)
            await self._rest(error)

    async def _connection(self) -> None:
        async with self._entered(self._seam.next()) as connector:
            if not self._seam.begin(connector):
                return
            self._change("up")
            while True:
                await self._turn(connector)

    @asynccontextmanager
    async def _entered(self, connector: Connector[Any]) -> AsyncIterator[Connector[Any]]:
        with self._waiting(self._timing.enter) as scope:
            await connector.__aenter__()
        if scope.cancelled_caught:
            raise SourceUnavailable(f"no connection within {self._timing.enter:g} s")
        try:
            yield connector
        finally:
            with anyio.move_on_after(self._timing.leave, shield=True):
                await connector.__aexit__(*sys.exc_info())

    async def _turn(self, connector: Connector[Any]) -> None:
        """Take batches until none came for `timing.quiet` seconds, then ask whether the upstream is well. One scope bounds
        all these waits: a scope for each takes a tenth of the time of a message."""
        with self._waiting(self._timing.quiet) as scope:
            batch = await connector.receive()
            while not scope.cancel_called:
                self._wait, scope.deadline = None, math.inf
                await self._take(connector, batch)
                if self._stopping:
                    raise _Stopped
                self._wait, scope.deadline = scope, anyio.current_time() + self._timing.quiet
                batch = await connector.receive()
        if scope.cancelled_caught:
            await self._check(connector)
        else:  # the batch came at the moment at which the time was over
            await self._take(connector, batch)

    async def _take(self, connector: Connector[Any], batch: Sequence[Message]) -> None:
        now = self._clock()
        refused = await self._intake.append(batch, now)
        self._hub.advance(self._log, connector.offsets())
        if not batch:
            return
        self.state.last_message = now
        self._messages.inc(len(batch))
        with anyio.move_on_after(self._timing.check) as scope:  # not even stop() comes between the log and its ack
            if refused and isinstance(connector, Rejectable):
                for message in refused:
                    await connector.reject(message)
            await connector.ack(batch[-1])
        if scope.cancelled_caught:
            raise SourceUnavailable(f"no acknowledgement within {self._timing.check:g} s")

    async def _check(self, connector: Connector[Any]) -> None:
        with self._waiting(self._timing.check) as scope:
            await connector.check()
        if scope.cancelled_caught:
            raise SourceUnavailable(f"no answer to a check within {self._timing.check:g} s")

    async def _rest(self, error: SourceUnavailable | OffsetExpired) -> None:
        lasted = self._clock() - self.state.since if self.state.status == "up" else 0.0
        self._failures.inc()
        self._change("down", str(error) or type(error).__name__)
        with self._waiting(math.inf):
            await self._sleep(self._backoff.next(lasted))

    @contextmanager
    def _waiting(self, seconds: float) -> Iterator[anyio.CancelScope]:
        """A wait that ends after `seconds`, and by stop() in _Stopped."""
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

    def _change(self, status: Status, error: str | None = None) -> None:
        self._up.set(status == "up")
        if self.state.change(status, self._clock(), error):
            level, line = _LINES[status]
            logger.log(level, line, extra={"source": self.name, **({"error": error} if error else {})})
