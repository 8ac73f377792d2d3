"""A hub with a fan-out whose flushes and clock the test drives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

import anyio
from anyio.abc import TaskGroup

from sse_gateway.config import LimitsConfig
from sse_gateway.core import Bounds, Event, Hub
from sse_gateway.delivery.client import Client, StreamRequest
from sse_gateway.delivery.fanout import Fanout
from sse_gateway.metrics import Metrics
from sse_gateway.sse import Connection, EventSourceResponse
from sse_gateway.sse.wire import EVENT_STREAM, Format

from .wire import Wire, until

BOUNDS = Bounds(max_events=10_000, max_bytes=2**24, max_age=600)


class Scene:
    """A hub, a source with one partition, and a fan-out. `clock` in place of the one that the test moves."""

    def __init__(
        self,
        tasks: TaskGroup,
        limits: LimitsConfig,
        bounds: Bounds,
        clock: Callable[[], float] | None,
        source: str = "s",
        matches: Callable[[str], bool] = lambda name: True,
    ) -> None:
        self.now = 1000.0
        self.clock = clock or (lambda: self.now)
        self.hub = Hub(process="p")
        self.log = self.hub.add(source, bounds, matches)
        self.hub.begin(self.log, "e", {"0": 0})
        self.metrics = Metrics()
        self.fanout = Fanout(self.hub, limits, self.metrics, clock=self.clock)
        self.tasks = tasks

    def publish(self, channel: str, *data: str, type: str = "") -> None:
        """Events that follow each other without a gap."""
        for each in data:
            self.hub.publish(self.log, Event(channel, each.encode(), type), now=self.clock(), part="0")

    def count(self, name: str, **labels: str) -> float:
        """A metric, without the prefix that all share."""
        self.fanout.tally.settle()
        return self.metrics.registry.get_sample_value(f"sse_gateway_{name}", labels) or 0


class Stage(Scene):
    """Its source can produce any channel."""

    def __init__(self, tasks: TaskGroup, limits: LimitsConfig, *rest: Any) -> None:
        super().__init__(tasks, limits, *rest)
        self.reset: list[tuple[str, int] | None] = []

    async def open(
        self, *channels: str, wire: Wire | None = None, id: str | None = None, format: Format = EVENT_STREAM
    ) -> Wire:
        """A client of these channels, which has had its opening."""
        wire = await self.meet(*channels, wire=wire, id=id, format=format)
        await self.fanout.flush()
        return wire

    async def meet(
        self, *channels: str, wire: Wire | None = None, id: str | None = None, format: Format = EVENT_STREAM
    ) -> Wire:
        """The same, where the fan-out runs by itself."""
        wire = wire or Wire()
        self.start(*channels, wire=wire, id=id, format=format)
        await until(lambda: len(wire.messages) >= 2)
        return wire

    def start(self, *channels: str, wire: Wire, id: str | None = None, format: Format = EVENT_STREAM) -> None:
        """The same, but its opening is still to come."""
        request = StreamRequest(channels=channels, format=format, route="/r", last_event_id=id)
        scope = {"type": "http", "method": "GET", "client": ("127.0.0.1", "5000")}
        self.tasks.start_soon(EventSourceResponse(self.fanout.feed(request)), scope, wire.receive, wire.send)

    async def pass_time(self, seconds: float) -> list[tuple[str, int] | None]:
        """Let the clock go on and flush, with what is due. Returns the peers whose connections are reset."""
        self.now = round(self.now + seconds, 3)
        self.hub.expire(self.now)  # as the sources do
        before = len(self.reset)
        await self.fanout.flush()
        return self.reset[before:]

    @property
    def lagging(self) -> int:
        """How many clients do not stand with their group."""
        return self.fanout.roster.lagging

    @property
    def blocked(self) -> list[Client]:
        """The clients with a pending write."""
        return [client for client in self.fanout.roster.clients if client.connection.pending]


@asynccontextmanager
async def requests(seconds: float = 20) -> AsyncIterator[TaskGroup]:
    """The tasks of requests, which end with the test. It fails after `seconds` of the loop."""
    done = False
    with anyio.fail_after(seconds):
        async with anyio.create_task_group() as tasks:
            yield tasks
            done = True
            tasks.cancel_scope.cancel()
        assert done, "a request was cancelled from within, and with it the test"


@asynccontextmanager
async def stage(
    bounds: Bounds = BOUNDS, *, clock: Callable[[], float] | None = None, seconds: float = 20, **limits: Any
) -> AsyncIterator[Stage]:
    """A stage, and the end of all its clients."""
    async with requests(seconds) as tasks:
        stage = Stage(tasks, LimitsConfig(**limits), bounds, clock)
        with patch.object(Connection, "reset", lambda connection: stage.reset.append(connection.peer)):
            yield stage
