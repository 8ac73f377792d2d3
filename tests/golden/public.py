"""A gateway without a server, on a clock of the test's: what an ASGI server and an operator see of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup

from sse_gateway.config import load
from sse_gateway.core import Bounds, Event, Hub
from sse_gateway.delivery.fanout import Fanout
from sse_gateway.metrics import Gate, Metrics
from sse_gateway.public.app import PublicApp

from ..delivery.wire import Wire, until
from ..public.asgi import scope

ROUTES = """
[[routes]]
path = "/events/{name}"
channels = ["{path.name}"]
[[routes]]
path = "/topics"
channels = ["topics.{query.topic}"]
busy = "status"
[[routes]]
path = "/many"
channels = ["many.{query.topic}"]
repeated = ["topic"]
"""
EVENT_STREAM = "text/event-stream"
NDJSON = "application/x-ndjson"
WIDE = Bounds(max_events=10_000, max_bytes=2**24, max_age=600)


class Public:
    """A gateway without a server. The channels a, b, both and many.* are of the source "orders", which has offsets; hook
    and both are of "hooks", which has none."""

    def __init__(self, tasks: TaskGroup, text: str, bounds: Bounds, clock: Callable[[], float] | None) -> None:
        self.now = 1000.0
        self.clock = clock or (lambda: self.now)
        config, self.metrics = load(ROUTES + text, {}, environ={}), Metrics()
        self.hub = Hub(process="p")
        self.orders = self.hub.add("orders", bounds, lambda name: name in ("a", "b", "both") or name[:5] == "many.")
        self.hooks = self.hub.add("hooks", bounds, ("hook", "both").__contains__)
        self.hub.begin(self.orders, "e", {"0": 0})
        self.hub.begin(self.hooks, "", {})
        self.fanout = Fanout(self.hub, config.limits, self.metrics, clock=self.clock)
        self.gate = Gate(self.metrics)
        self.app = PublicApp(config, self.fanout, self.gate, self.metrics)
        self.tasks = tasks

    async def ask(
        self,
        url: str,
        accept: str = EVENT_STREAM,
        *,
        method: str = "GET",
        id: str | None = None,
        client: str = "127.0.0.1",
        wire: Wire | None = None,
    ) -> Wire:
        """A client that has had a whole answer, or the opening of a stream and what followed it at once."""
        wire = wire or Wire()
        headers = {"accept": accept} | ({} if id is None else {"last-event-id": id})
        self.tasks.start_soon(self.app, scope(method, url, headers, client), wire.receive, wire.send)
        await until(lambda: len(wire.messages) >= 2)
        await self.settle()
        return wire

    async def settle(self) -> None:
        """Let every client that takes anything have all there is."""
        for _ in range(4):
            await self.fanout.flushed()

    async def pass_time(self, seconds: float) -> None:
        """Let the clock go on, and everything happen that is due by then."""
        self.now += seconds
        self.hub.expire(self.now)  # as the sources do
        await self.settle()

    def count(self, name: str, **labels: str) -> float:
        """A metric, without the prefix that all share."""
        self.fanout.tally.settle()
        return self.metrics.registry.get_sample_value(f"sse_gateway_{name}", labels) or 0

    def publish(self, channel: str, *data: str, type: str = "") -> None:
        """Events of "orders", which follow each other without a gap."""
        for each in data:
            self.hub.publish(self.orders, Event(channel, each.encode(), type), now=self.clock(), part="0")

    def call(self, channel: str, data: str, id: str | None = None) -> None:
        """An event of "hooks"; `id` is its sender's own."""
        self.hub.publish(self.hooks, Event(channel, data.encode(), id=id), now=self.clock())


def ids(wire: Wire) -> list[str]:
    """Every id that a client was sent, in either format."""
    texts = wire.body.decode().split("id: " if b"\nid: " in wire.body else '{"id":"')[1:]
    return [text.split("\n")[0].split('"')[0] for text in texts]


@asynccontextmanager
async def public(
    text: str = "", bounds: Bounds = WIDE, clock: Callable[[], float] | None = None
) -> AsyncIterator[Public]:
    """A gateway whose fan-out runs, and the end of all its clients. `clock` instead of the one that the test moves."""
    done = False
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            scene = Public(tasks, text, bounds, clock)
            tasks.start_soon(scene.fanout.run)
            yield scene
            done = True
            tasks.cancel_scope.cancel()
        assert done, "a request was cancelled from within, and with it the test"
