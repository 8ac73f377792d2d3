"""The public application on two routes, with a stand-in for the fan-out."""

from __future__ import annotations

from typing import Any

import anyio
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from sse_gateway.config import Config, load
from sse_gateway.delivery.stream import StreamRequest, begin_stream
from sse_gateway.metrics import Metrics
from sse_gateway.process.drain import Gate
from sse_gateway.public.app import PublicApp

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
    """The application; `served` are the requests that came to the fan-out, which answers at once, or when `let_go`."""

    def __init__(self, text: str = "", mounted: list[BaseRoute] | None = None, *, hold: bool = False) -> None:
        self.metrics = Metrics()
        self.gate = Gate(self.metrics)
        self.served: list[StreamRequest] = []
        self.let_go = anyio.Event()
        if not hold:
            self.let_go.set()
        self.app = PublicApp(config(text), self, self.gate, self.metrics, mounted or [])

    async def serve(self, request: StreamRequest, scope: Scope, receive: Receive, send: Send) -> None:
        self.served.append(request)
        await self.let_go.wait()
        await send(begin_stream(request.format))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def get(self, url: str, headers: dict[str, str] | None = None, **kwargs: Any) -> Answer:
        return await request(self.app, "GET", url, headers, **kwargs)

    def refused(self, reason: str) -> float | None:
        return self.metrics.registry.get_sample_value("sse_gateway_clients_refused_total", {"reason": reason})
