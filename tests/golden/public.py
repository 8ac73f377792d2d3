"""A gateway without a server, on a clock of the test's: what an ASGI server and an operator see of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio.abc import TaskGroup

from sse_gateway.config import load
from sse_gateway.core import Bounds, Event
from sse_gateway.metrics import Gate
from sse_gateway.public.app import PublicApp

from ..delivery.stage import BOUNDS, Scene, requests
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


class Public(Scene):
    """A gateway without a server. The channels a, b, both and many.* are of the source "orders", which has offsets; hook
    and both are of "hooks", which has none."""

    def __init__(self, tasks: TaskGroup, text: str, bounds: Bounds) -> None:
        config = load(ROUTES + text, {}, environ={})
        super().__init__(
            tasks, config.limits, bounds, None, "orders", lambda name: name in ("a", "b", "both") or name[:5] == "many."
        )
        self.hooks = self.hub.add("hooks", bounds, ("hook", "both").__contains__)
        self.hub.begin(self.hooks, "", {})
        self.gate = Gate(self.metrics)
        self.app = PublicApp(config, self.fanout, self.gate, self.metrics)

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

    def call(self, channel: str, data: str, id: str | None = None) -> None:
        """An event of "hooks"; `id` is its sender's own."""
        self.hub.publish(self.hooks, Event(channel, data.encode(), id=id), now=self.clock())


def ids(wire: Wire) -> list[str]:
    """Every id that a client was sent, in either format."""
    texts = wire.body.decode().split("id: " if b"\nid: " in wire.body else '{"id":"')[1:]
    return [text.split("\n")[0].split('"')[0] for text in texts]


@asynccontextmanager
async def public(text: str = "", bounds: Bounds = BOUNDS) -> AsyncIterator[Public]:
    """A gateway whose fan-out runs, and the end of all its clients."""
    async with requests() as tasks:
        scene = Public(tasks, text, bounds)
        tasks.start_soon(scene.fanout.run)
        yield scene
