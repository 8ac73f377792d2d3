"""The application of the public server: streams, the connectors' own routes, the try page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..config import Config
from ..connector import EXCEPTION_HANDLERS, Problem, problem
from ..delivery.client import StreamRequest
from ..metrics import Metrics
from ..sse import ConnectionLimiter, EventSourceResponse, last_event_id
from ..sse.stream import Broadcast
from ..sse.wire import EVENT_STREAM, NDJSON
from .admission import TrustedProxies, headers, put_off
from .page import page_route
from .request import StreamRoute, accepts

_FORMATS = {each.media_type: each for each in (EVENT_STREAM, NDJSON)}


class Streams(Protocol):
    """The fan-out, as far as a request needs it."""

    def feed(self, request: StreamRequest) -> Broadcast:
        """What the response to `request` is fed by."""
        ...


class Gate(Protocol):
    """The stage of the drain, as far as a request needs it."""

    @property
    def draining(self) -> bool:
        """Whether whoever comes now is turned away."""


class PublicApp:
    """A stream is answered without middleware, so that the fan-out calls `send` as the server made it. Starlette, with its
    middleware, answers everything else, and wrong methods on the path of a stream too."""

    def __init__(
        self, config: Config, streams: Streams, gate: Gate, metrics: Metrics, mounted: Sequence[BaseRoute] = ()
    ) -> None:
        self.gate = gate
        self.limiter = ConnectionLimiter(config.limits.clients, max_per_address=config.limits.clients_per_address)
        self._streams = streams
        self._metrics = metrics
        self._limits, self._drain = config.limits, config.drain
        self._proxies = TrustedProxies(config.server.trusted_proxies)
        self._routes = [StreamRoute(route, max_channels=config.limits.channels) for route in config.routes]
        for route in config.routes:
            metrics.clients.labels(route.path)
            metrics.clients_opened.labels(route.path)
        page = [page_route(config, mounted)] if config.server.try_page else []
        self._rest = _rest([*mounted, *page], self._routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        await self._find(scope)(scope, receive, send)

    def _find(self, scope: Scope) -> ASGIApp:
        """Who answers a request."""
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            for route in self._routes:
                if (parameters := route.match(scope["path"])) is not None:
                    try:
                        request = _read(route, parameters, scope)
                    except Problem as error:
                        return problem(error, path=scope["path"])
                    place = _Place(self, route, scope, self._proxies.client(scope))
                    return EventSourceResponse(
                        self._streams.feed(request), headers=headers(request.format), limiter=place
                    )
        return self._rest

    def put_off(self, reason: str, route: StreamRoute, scope: Scope) -> Response:
        """The answer to a client that can't be served now."""
        self._metrics.clients_refused.labels(reason).inc()
        return put_off(
            reason,
            accept=Headers(scope=scope).get("accept", ""),
            status_only=route.busy == "status",
            retry=self._drain.retry if reason == "draining" else self._limits.retry,
            path=scope["path"],
        )


class _Place:
    """The limiter of one stream."""

    __slots__ = ("_address", "_app", "_reason", "_route", "_scope")

    def __init__(self, app: PublicApp, route: StreamRoute, scope: Scope, address: str) -> None:
        self._app = app
        self._route = route
        self._scope = scope
        self._address = address
        self._reason = ""

    def enter(self) -> bool:
        self._reason = "draining" if self._app.gate.draining else self._app.limiter.admit(self._address) or ""
        return not self._reason

    def leave(self) -> None:
        self._app.limiter.leave(self._address)

    def refusal(self) -> Response:
        return self._app.put_off(self._reason, self._route, self._scope)


def _read(route: StreamRoute, parameters: dict[str, str], scope: Scope) -> StreamRequest:
    connection = HTTPConnection(scope)
    media_type = accepts(", ".join(connection.headers.getlist("accept")), list(_FORMATS))
    if media_type is None:
        raise Problem(406, f"this is served as {' or '.join(_FORMATS)}")
    return StreamRequest(
        channels=route.channels(parameters, connection.query_params),
        format=_FORMATS[media_type],
        route=route.path,
        last_event_id=last_event_id(connection, max_length=None),  # the core answers a long one with a reset
    )


def _rest(routes: Sequence[BaseRoute], streams: Sequence[StreamRoute]) -> Starlette:
    # Streams stand here for their 405 only: their GET and HEAD never come so far.
    refusals = [Route(path, _never, methods=["GET"]) for path in dict.fromkeys(route.path for route in streams)]
    app = Starlette(routes=[*routes, *refusals], exception_handlers=EXCEPTION_HANDLERS)
    app.router.redirect_slashes = False  # a reconnecting EventSource is not to be sent elsewhere
    return app


async def _never(request: Request) -> Response:
    raise Problem(404)
