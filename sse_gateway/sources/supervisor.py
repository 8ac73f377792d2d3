"""One source, for ever: connect, receive, publish, acknowledge, and back off when the line is lost."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import anyio

from ..connector import Connector, EndOfStream, Message, OffsetExpired, Rejectable, SourceUnavailable
from .backoff import Backoff
from .intake import Intake
from .pace import Pace
from .seam import Seam
from .state import SourceState, Status
from .timing import Timing

if TYPE_CHECKING:
    from ..config import BufferConfig, SourceConfig
    from ..core.hub import Hub
    from ..core.log import Log
    from ..metrics import Metrics

__all__ = ["Supervisor"]

logger = logging.getLogger("sse_gateway.sources")

_LINES: dict[Status, tuple[int, str]] = {
    "connecting": (logging.INFO, "source is connecting"),
    "up": (logging.INFO, "source is up"),
    "down": (logging.WARNING, "source is down"),
    "finished": (logging.INFO, "source is finished"),
    "stopped": (logging.INFO, "source is stopped"),
}


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
        with self._waiting(self._timing.quiet) as scope:
            batch = await connector.receive()
        if scope.cancelled_caught:
            await self._check(connector)
        else:
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
