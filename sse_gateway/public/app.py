"""The application of the public server: streams, the routes of the connectors, and the try page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..config import Config
from ..connector import EXCEPTION_HANDLERS, Problem, problem
from ..delivery.client import StreamRequest
from ..metrics import Gate, Metrics
from ..sse import ConnectionLimiter, EventSourceResponse, last_event_id
from ..sse.stream import Broadcast
from ..sse.wire import EVENT_STREAM, NDJSON
from .admission import TrustedProxies, headers, turn_away
from .page import page_route
from .request import StreamRoute, accepts

_FORMATS = {each.media_type: each for each in (EVENT_STREAM, NDJSON)}


class Streams(Protocol):
    """The part of the fan-out that a request needs."""

    def feed(self, request: StreamRequest) -> Broadcast:
        """The feed of the response to `request`."""


class PublicApp:
    """Answers streams without middleware, so that the fan-out calls the `send` of the server. A Starlette application
    answers everything else, including wrong methods on the path of a stream."""

    def __init__(
        self, config: Config, streams: Streams, gate: Gate, metrics: Metrics, mounted: Sequence[BaseRoute] = ()
    ) -> None:
        self.config = config
        self.gate = gate
        self.metrics = metrics
        self.limiter = ConnectionLimiter(config.limits.clients, max_per_address=config.limits.clients_per_address)
        self._streams = streams
        self._proxies = TrustedProxies(config.server.trusted_proxies)
        self._routes = [StreamRoute(route, max_channels=config.limits.channels) for route in config.routes]
        for route in config.routes:
            metrics.clients.labels(route.path)
            metrics.clients_opened.labels(route.path)
        page = [page_route(config, mounted)] if config.server.try_page else []
        # The paths of streams are here only to answer other methods with 405. `_find` has already taken GET and HEAD.
        paths = dict.fromkeys(route.path for route in config.routes)
        refusals = [Route(path, _never, methods=["GET"]) for path in paths]
        self._rest = Starlette(routes=[*mounted, *page, *refusals], exception_handlers=EXCEPTION_HANDLERS)
        self._rest.router.redirect_slashes = False  # a reconnecting EventSource must not be redirected

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._find(scope)(scope, receive, send)

    def _find(self, scope: Scope) -> ASGIApp:
        """The application that answers a request."""
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


class _Place:
    """Admits one stream, as the limiter of its response."""

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
        limits, drain = self._app.config.limits, self._app.config.drain
        self._app.metrics.clients_refused.labels(self._reason).inc()
        retry = drain.retry if self._reason == "draining" else limits.retry
        return turn_away(self._reason, self._scope, status_only=self._route.busy == "status", retry=retry)


def _read(route: StreamRoute, parameters: dict[str, str], scope: Scope) -> StreamRequest:
    connection = HTTPConnection(scope)
    media_type = accepts(", ".join(connection.headers.getlist("accept")), list(_FORMATS))
    if media_type is None:
        raise Problem(406, f"this is served as {' or '.join(_FORMATS)}")
    return StreamRequest(
        channels=route.channels(parameters, connection.query_params),
        format=_FORMATS[media_type],
        route=route.path,
        last_event_id=last_event_id(
            connection, max_length=None
        ),  # the core answers an id that is too long with a reset
    )


async def _never(request: Request) -> Response:
    raise Problem(404)
