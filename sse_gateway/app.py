"""The composition root: from a configuration to a running gateway."""

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
from .admin.app import Readiness, admin_app
from .config import Config, SourceConfig
from .connector import Connector, Mountable, Replayable
from .core import Bounds, Hub
from .delivery.fanout import Fanout
from .metrics import Metrics, Scrape
from .process import sockets
from .process.drain import Drain, Gate
from .process.granian import Server
from .process.signals import handle_signals, leave, open_standard_streams
from .public.app import PublicApp
from .sources.discovery import connectors
from .sources.intake import expire_logs
from .sources.supervisor import Supervisor

logger = logging.getLogger(__name__)

_DESCRIPTORS = 2048
"""Beside the clients: other connections, the upstreams' and our own."""
_GC_THRESHOLDS = (100_000, 50, 50)
"""A full collection with 10,000 clients stops the loop for 80 ms (measured), and finds nothing: clients make no cycles."""


def serve(config: Config) -> None:
    """Run a gateway until a signal or a bug ends it, and the process with it: 0 after a drain, 1 after a bug.

    Raises:
        ConfigError: a port is taken, or a connector can't be imported.
    """
    open_standard_streams()
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
    """All parts of one gateway, put together. Made before the loop runs, because it reads a file."""

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
        """Serve until it is time to end, drain, and end the process."""
        async with anyio.create_task_group() as group:
            for name, run in self._parts():
                group.start_soon(self._guard, name, run)
            handle_signals(asyncio.get_running_loop(), self._signalled)
            page = {"page": self.public.url} if self.config.server.try_page else {}
            logger.info("serving", extra={"public": self.public.url, "admin": self.admin.url, **page})
            _calm_gc()
            await self._ending.wait()
            await self._guard("drain", self._drain().run)
            # Within the group: granian waits for every connection, and a peer that reads nothing never ends.
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
        """What escapes from a part is a bug. The others go on until everybody has had a farewell; then the exit code tells
        whoever runs us."""
        try:
            await run()
        except Exception:  # the one place that knows what to do with an error of any kind
            logger.critical("a bug: the gateway drains and exits with 1", exc_info=True, extra={"part": part})
            self._code = 1
            self._ending.set()

    def _signalled(self, name: str) -> None:
        logger.info("draining; a second signal ends at once", extra={"signal": name})
        self._ending.set()


def _calm_gc() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
