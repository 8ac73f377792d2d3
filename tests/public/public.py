"""The public application on two routes, with a stand-in for the fan-out."""

from __future__ import annotations

from typing import Any

from starlette.routing import BaseRoute

from sse_gateway.config import Config, load
from sse_gateway.delivery.client import StreamRequest
from sse_gateway.metrics import Metrics
from sse_gateway.process.drain import Gate
from sse_gateway.public.app import PublicApp
from sse_gateway.sse.stream import Broadcast, Stream

from .asgi import Answer, request

ROUTES = """
[[routes]]
path = "/events/orders/{id}"
channels = ["orders.{path.id}", "news"]
[[routes]]
path = "/events/topics"
channels = ["topics.{query.topic}"]
busy = "status"
"""


def config(text: str = "") -> Config:
    return load(ROUTES + text, {}, environ={})


class Gateway:
    """The application. `served` are the requests that came to the fan-out, which ends their streams at once, or when it is to
    `let_go`."""

    def __init__(self, text: str = "", mounted: list[BaseRoute] | None = None, *, hold: bool = False) -> None:
        self.metrics = Metrics()
        self.gate = Gate(self.metrics)
        self.served: list[StreamRequest] = []
        self.streams: list[Stream] = []
        self.let_go = LetGo(self.streams)
        self.let_go.free = not hold
        self.app = PublicApp(config(text), self, self.gate, self.metrics, mounted or [])

    def feed(self, request: StreamRequest) -> Broadcast:
        return Feed(self, request)

    async def get(self, url: str, headers: dict[str, str] | None = None, **kwargs: Any) -> Answer:
        return await request(self.app, "GET", url, headers, **kwargs)

    def refused(self, reason: str) -> float | None:
        return self.metrics.registry.get_sample_value("sse_gateway_clients_refused_total", {"reason": reason})


class LetGo:
    """Whether streams end."""

    def __init__(self, streams: list[Stream]) -> None:
        self.free = False
        self._streams = streams

    def set(self) -> None:
        self.free = True
        for stream in self._streams:
            stream.sink.finish(b"", "drain")


class Feed(Broadcast):
    """What the fan-out does for one stream."""

    def __init__(self, gateway: Gateway, request: StreamRequest) -> None:
        self.gateway = gateway
        self.request = request

    def begin(self, stream: Stream) -> bytes:
        self.gateway.served.append(self.request)
        return b""

    def ready(self, stream: Stream) -> None:
        self.gateway.streams.append(stream)
        if self.gateway.let_go.free:
            stream.sink.finish(b"", "drain")

    def ended(self, stream: Stream) -> None:
        self.gateway.streams.remove(stream)
