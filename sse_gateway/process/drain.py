"""The end of the process: the signals that ask for it, the staged shutdown, and the exit."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn, Protocol

import anyio

from ..config import DrainConfig
from ..metrics import DrainStage, Gate

logger = logging.getLogger(__name__)

_WATCHDOG = 2.0
"""Seconds after `drain.timeout` at which the process ends even if its loop is stuck."""


def handle_signals(loop: AbstractEventLoop, begin: Callable[[str], None]) -> None:
    """On the first SIGTERM or SIGINT call `begin` with its name. On the second, end the process at once."""
    signals = (signal.SIGTERM, signal.SIGINT)

    def first(number: signal.Signals) -> None:
        for each in signals:
            loop.remove_signal_handler(each)
            signal.signal(each, second)  # not through the loop, which may be stuck
        begin(number.name)

    def second(number: int, frame: FrameType | None) -> None:
        os._exit(128 + number)

    for each in signals:
        loop.add_signal_handler(each, first, each)


def leave(code: int) -> NoReturn:
    """End the process now. The kernel closes the remaining connections. A normal exit of the interpreter would wait for the
    threads of granian."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class Stoppable(Protocol):
    """A source."""

    async def stop(self) -> None:
        """Receive no more, acknowledge what was published, disconnect."""


class Clients(Protocol):
    """The fan-out."""

    @property
    def clients(self) -> int:
        """The number of open streams."""

    async def flushed(self) -> None:
        """Wait until the clients have been sent what was published."""

    async def drain(self, *, spread: float, retry: float) -> None:
        """Send every client its farewell and wait until all streams have ended."""

    def abort_all(self) -> None:
        """Abort the remaining connections."""


class Listener(Protocol):
    """The public server."""

    closed: anyio.Event

    def stop(self) -> None:
        """Accept no more connections."""


@dataclass(frozen=True, kw_only=True)
class Drain:
    """The staged shutdown. Each stage has a deadline, so a stage that hangs does not take the time of those after it.
    `timeout` without `delay` and `spread` is shared by the four waits that have no setting of their own."""

    config: DrainConfig
    gate: Gate
    listener: Listener
    clients: Clients
    fleeting: Iterable[Stoppable]
    """The sources that cannot be replayed, such as webhooks. They stop before the first farewell, so that clients still
    receive everything that these sources have accepted."""
    replayable: Iterable[Stoppable]

    async def run(self) -> None:
        """Run all stages, in less than `drain.timeout`."""
        config = self.config
        faulthandler.dump_traceback_later(config.timeout + _WATCHDOG, exit=True)
        slack = (config.timeout - config.delay - config.spread) / 5
        closing = anyio.current_time() + config.delay
        farewells = closing + config.spread + 2 * slack

        self._enter(DrainStage.UNREADY)
        await anyio.sleep(config.delay)

        self._enter(DrainStage.CLOSING)
        self.listener.stop()
        with anyio.CancelScope(deadline=closing + slack):
            await _stop(self.fleeting)
            await self.clients.flushed()

        self._enter(DrainStage.FAREWELLS)
        with anyio.CancelScope(deadline=farewells):
            await self.clients.drain(spread=config.spread, retry=config.retry)
        if self.clients.clients:
            logger.warning(
                "aborting clients that did not receive the farewell", extra={"clients": self.clients.clients}
            )
            self.clients.abort_all()

        self._enter(DrainStage.SOURCES)
        with anyio.CancelScope(deadline=farewells + slack):
            await _stop(self.replayable)
        with anyio.CancelScope(deadline=farewells + 2 * slack):
            await self.listener.closed.wait()
        self._enter(DrainStage.DONE)

    def _enter(self, stage: DrainStage) -> None:
        self.gate.enter(stage)
        logger.info("drain", extra={"stage": stage.name.lower(), "clients": self.clients.clients})


async def _stop(sources: Iterable[Stoppable]) -> None:
    async with anyio.create_task_group() as group:
        for source in sources:
            group.start_soon(source.stop)
