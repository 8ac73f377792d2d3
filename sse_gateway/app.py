"""The composition root: it makes the parts of a gateway and connects them."""

from __future__ import annotations

import asyncio
import gc
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Any

import anyio
import uvloop
from starlette.applications import Starlette

from . import logs
from .admin import Readiness, admin_app
from .config import Config, SourceConfig
from .connector import Connector, Mountable, Replayable
from .core import Bounds, Hub
from .delivery.fanout import Fanout
from .metrics import Gate, Metrics, Scrape
from .process import sockets
from .process.drain import Drain, handle_signals, leave
from .process.granian import Server
from .public.app import PublicApp
from .sources.discovery import connectors
from .sources.intake import expire_logs
from .sources.supervisor import Supervisor

logger = logging.getLogger(__name__)

_DESCRIPTORS = 2048
"""File descriptors besides those of the clients: for other requests, upstreams and files."""
_GC_THRESHOLDS = (100_000, 50, 50)
"""Measured: a full collection with 10,000 clients blocks the loop for 80 ms. It finds nothing, since clients make no cycles."""


def serve(config: Config) -> None:
    """Run a gateway until a signal or an unexpected error. Then drain it and end the process, with 1 after such an error.

    Raises:
        ConfigError: a port is in use, or a connector can't be imported.
    """
    sockets.open_standard_streams()
    logs.configure(config.logs)
    classes = connectors(source.connector for source in config.sources.values())
    timeout = config.limits.send_timeout
    public = sockets.listen(config.server.host, config.server.port, section="server", send_timeout=timeout)
    admin = sockets.listen(config.admin.host, config.admin.port, section="admin", send_timeout=timeout)
    wanted = config.limits.clients + _DESCRIPTORS
    if (allowed := sockets.raise_descriptor_limit(wanted)) < wanted:
        logger.warning("the limit of open files is below limits.clients", extra={"limit": allowed, "wanted": wanted})
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        gateway = Gateway(config, classes, public, admin, clock=runner.get_loop().time)
        runner.run(gateway.run())


class Gateway:
    """One gateway with all its parts. It is made before the loop runs, because it reads a file."""

    def __init__(
        self,
        config: Config,
        classes: Mapping[str, type[Connector[Any]]],
        public: socket.socket,
        admin: socket.socket,
        *,
        clock: Callable[[], float],
    ) -> None:
        self.config = config
        self.clock = clock
        self.metrics = Metrics()
        self.metrics.add_process_collectors()
        self.gate = Gate(self.metrics)
        self.hub = Hub(process=secrets.token_hex(8))
        self.fanout = Fanout(self.hub, config.limits, self.metrics, clock=clock)
        self.connectors = {
            name: classes[source.connector].build(source.options, name) for name, source in config.sources.items()
        }
        self.supervisors = {name: self._supervisor(source) for name, source in config.sources.items()}
        self.public = Server(self._public_app(), public, clients=config.limits.clients)
        self.admin = Server(self._admin_app(), admin)
        self._ending = anyio.Event()
        self._code = 0

    async def run(self) -> None:
        """Serve until a signal or an unexpected error, drain, and end the process."""
        async with anyio.create_task_group() as group:
            for name, run in self._parts():
                group.start_soon(self._guard, name, run)
            handle_signals(asyncio.get_running_loop(), self._signalled)
            page = {"page": self.public.url} if self.config.server.try_page else {}
            logger.info("serving", extra={"public": self.public.url, "admin": self.admin.url, **page})
            _calm_gc()
            await self._ending.wait()
            await self._guard("drain", self._drain().run)
            # Not after the group: granian waits for every connection, also for a peer that never reads.
            leave(self._code)

    def _supervisor(self, source: SourceConfig) -> Supervisor:
        bounds = Bounds(source.log.max_events, source.log.max_bytes, source.log.max_age)
        return Supervisor(
            source,
            self.connectors[source.name],
            self.hub,
            self.hub.add(source.name, bounds, source.channel.matches),
            self.metrics,
            flushed=self.fanout.flushed,
            buffer=self.config.limits.client_buffer,
        )

    def _public_app(self) -> PublicApp:
        mountable = [connector for connector in self.connectors.values() if isinstance(connector, Mountable)]
        mounted = [route for connector in mountable for route in connector.routes()]
        return PublicApp(self.config, self.fanout, self.gate, self.metrics, mounted)

    def _admin_app(self) -> Starlette:
        states = {name: supervisor.state for name, supervisor in self.supervisors.items()}
        required = frozenset(name for name, source in self.config.sources.items() if source.required)
        tallies = {name: each.tally for name, each in self.connectors.items()}
        scrape = Scrape(self.hub.logs, tallies, settle=self.fanout.tally.settle)
        self.metrics.registry.register(scrape)
        return admin_app(Readiness(self.gate, states, required, self.clock), self.metrics, scrape)

    def _drain(self) -> Drain:
        replayable = {name for name, connector in self.connectors.items() if isinstance(connector, Replayable)}
        return Drain(
            config=self.config.drain,
            gate=self.gate,
            listener=self.public,
            clients=self.fanout,
            fleeting=[each for name, each in self.supervisors.items() if name not in replayable],
            replayable=[each for name, each in self.supervisors.items() if name in replayable],
        )

    def _parts(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        yield "public server", self.public.run
        yield "admin server", self.admin.run
        yield "fan-out", self.fanout.run
        yield "retention", partial(expire_logs, self.hub, clock=self.clock)
        for name, supervisor in self.supervisors.items():
            yield f"source {name}", supervisor.run

    async def _guard(self, part: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run a part. An exception that leaves it is unexpected: the other parts drain the clients, then the process exits
        with 1."""
        try:
            await run()
        except Exception:  # the last handler for errors of any kind
            logger.critical("unexpected error, shutting down", exc_info=True, extra={"part": part})
            self._code = 1
            self._ending.set()

    def _signalled(self, name: str) -> None:
        logger.info("draining, a second signal exits immediately", extra={"signal": name})
        self._ending.set()


def _calm_gc() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
