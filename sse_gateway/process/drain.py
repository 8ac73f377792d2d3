"""The staged shutdown: nobody who was promised an event loses it, and everybody is gone in time."""

from __future__ import annotations

import faulthandler
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import anyio

from ..config import DrainConfig
from ..metrics import DrainStage, Metrics

logger = logging.getLogger(__name__)

_WATCHDOG = 2.0
"""Seconds after `drain.timeout` at which the process ends even if its loop is stuck."""


class Gate:
    """One for the gateway. The drain moves it; it never goes back."""

    def __init__(self, metrics: Metrics) -> None:
        self.stage = DrainStage.RUNNING
        self._metrics = metrics

    def enter(self, stage: DrainStage) -> None:
        """The next stage begins."""
        self.stage = stage
        self._metrics.drain_stage.set(stage)

    @property
    def unready(self) -> bool:
        """Whether balancers are to send new clients elsewhere."""
        return self.stage > DrainStage.RUNNING

    @property
    def draining(self) -> bool:
        """Whether whoever still gets here is put off. Not yet while readiness is 503: the balancer may not have seen it."""
        return self.stage >= DrainStage.CLOSING


class Stoppable(Protocol):
    """A source."""

    async def stop(self) -> None:
        """Receive no more, acknowledge what was published, disconnect."""


class Clients(Protocol):
    """The fan-out."""

    @property
    def clients(self) -> int:
        """Open streams."""

    async def flushed(self) -> None:
        """Wait until what was published is with the clients."""

    async def drain(self, *, spread: float, retry: float) -> None:
        """Say farewell to every client and wait until all are gone."""

    def abort_all(self) -> None:
        """Drop the clients that are left."""


class Listener(Protocol):
    """The public server."""

    closed: anyio.Event

    def stop(self) -> None:
        """Accept no more."""


@dataclass(frozen=True, kw_only=True)
class Drain:
    """The order of it. Each stage has a deadline, so that one that hangs can't eat the time of those after it: what
    `timeout` leaves beside `delay` and `spread` is shared by the four waits that have no length of their own."""

    config: DrainConfig
    gate: Gate
    listener: Listener
    clients: Clients
    fleeting: Iterable[Stoppable]
    """Sources that can't be replayed, webhooks among them: they stop before the first farewell, so that all they took is
    still delivered."""
    replayable: Iterable[Stoppable]

    async def run(self) -> None:
        """All stages, in less than `drain.timeout`."""
        faulthandler.dump_traceback_later(self.config.timeout + _WATCHDOG, exit=True)
        start = anyio.current_time()
        slack = (self.config.timeout - self.config.delay - self.config.spread) / 5
        closing = start + self.config.delay
        farewells = closing + self.config.spread + 2 * slack
        await self._unready()
        await self._close(closing + slack)
        await self._farewell(farewells)
        await self._sources(farewells + slack)
        await self._done(farewells + 2 * slack)

    def _enter(self, stage: DrainStage) -> None:
        self.gate.enter(stage)
        logger.info("drain", extra={"stage": stage.name.lower(), "clients": self.clients.clients})

    async def _unready(self) -> None:
        self._enter(DrainStage.UNREADY)
        await anyio.sleep(self.config.delay)

    async def _close(self, deadline: float) -> None:
        self._enter(DrainStage.CLOSING)
        self.listener.stop()
        with anyio.CancelScope(deadline=deadline):
            await _stop(self.fleeting)
            await self.clients.flushed()

    async def _farewell(self, deadline: float) -> None:
        self._enter(DrainStage.FAREWELLS)
        with anyio.CancelScope(deadline=deadline):
            await self.clients.drain(spread=self.config.spread, retry=self.config.retry)
        if self.clients.clients:
            logger.warning("clients did not take the farewell", extra={"clients": self.clients.clients})
            self.clients.abort_all()

    async def _sources(self, deadline: float) -> None:
        self._enter(DrainStage.SOURCES)
        with anyio.CancelScope(deadline=deadline):
            await _stop(self.replayable)

    async def _done(self, deadline: float) -> None:
        with anyio.CancelScope(deadline=deadline):
            await self.listener.closed.wait()
        self._enter(DrainStage.DONE)


async def _stop(sources: Iterable[Stoppable]) -> None:
    async with anyio.create_task_group() as group:
        for source in sources:
            group.start_soon(source.stop)
