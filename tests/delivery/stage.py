"""A hub with a fan-out whose flushes and clock the test drives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.abc import TaskGroup

from sse_gateway.config import LimitsConfig
from sse_gateway.core import Bounds, Hub
from sse_gateway.delivery.fanout import Fanout
from sse_gateway.delivery.frames import EVENT_STREAM, Format
from sse_gateway.delivery.stream import StreamRequest
from sse_gateway.metrics import Metrics

from .wire import Wire, until

BOUNDS = Bounds(max_events=10_000, max_bytes=2**24, max_age=600)


class Stage:
    """One source "s" with one partition and any channel, unless a test adds more."""

    def __init__(self, tasks: TaskGroup, limits: dict[str, Any], bounds: Bounds) -> None:
        self.now = 1000.0
        self.hub = Hub(process="p")
        self.log = self.hub.add("s", bounds, lambda name: True)
        self.hub.begin(self.log, "e", {"0": 0})
        self.metrics = Metrics()
        self.fanout = Fanout(self.hub, LimitsConfig(**limits), self.metrics, clock=lambda: self.now)
        self._tasks = tasks

    async def open(
        self, *channels: str, wire: Wire | None = None, id: str | None = None, format: Format = EVENT_STREAM
    ) -> Wire:
        """A client of these channels, which has had its opening."""
        wire = wire or Wire()
        self.start(*channels, wire=wire, id=id, format=format)
        await until(lambda: len(wire.messages) >= 2)
        await self.fanout.flush()
        return wire

    def start(self, *channels: str, wire: Wire, id: str | None = None, format: Format = EVENT_STREAM) -> None:
        """The same, but its opening is still to come."""
        request = StreamRequest(channels=channels, format=format, route="/r", last_event_id=id)
        scope = {"type": "http", "client": ("127.0.0.1", "5000")}
        self._tasks.start_soon(self.fanout.serve, request, scope, wire.receive, wire.send)

    def publish(self, channel: str, *data: str, type: str = "") -> None:
        for each in data:
            offset = self.log.vector.next[0]
            self.hub.publish(self.log, channel, data=each.encode(), now=self.now, part="0", offset=offset, type=type)

    async def pass_time(self, seconds: float) -> list[tuple[str, int]]:
        """Let the clock go on, sweep and flush."""
        self.now += seconds
        self.hub.expire(self.now)  # as the sources do
        peers = self.fanout.sweep.run(self.now)
        await self.fanout.flush()
        return peers

    def count(self, name: str, **labels: str) -> float:
        """A metric, without the prefix that all share."""
        return self.metrics.registry.get_sample_value(f"sse_gateway_{name}", labels) or 0


@asynccontextmanager
async def stage(bounds: Bounds = BOUNDS, **limits: Any) -> AsyncIterator[Stage]:
    """A stage, and the end of all its clients."""
    done = False
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            yield Stage(tasks, limits, bounds)
            done = True
            tasks.cancel_scope.cancel()
        assert done, "a request was cancelled from within, and with it the test"
