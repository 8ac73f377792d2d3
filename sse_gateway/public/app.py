"""The application of the public server: streams, the connectors' own routes, the try page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from starlette.applications import Starlette
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from ..config import Config
from ..connector import EXCEPTION_HANDLERS, Problem, problem
from ..delivery.frames import EVENT_STREAM, NDJSON
from ..delivery.stream import StreamRequest, begin_stream
from ..metrics import Metrics
from .admission import Admission, TrustedProxies, put_off
from .page import page_route
from .request import StreamRoute, accepts

_FORMATS = {each.media_type: each for each in (EVENT_STREAM, NDJSON)}


class Streams(Protocol):
    """The fan-out, as far as a request needs it."""

    async def serve(self, request: StreamRequest, scope: Scope, receive: Receive, send: Send) -> None:
        """One client from the start of the response to its end."""


class Gate(Protocol):
    """The stage of the drain, as far as a request needs it."""

    @property
    def draining(self) -> bool:
        """Whether whoever comes now is turned away."""


class PublicApp:
    """Streams get `send` as the server made it, for the fan-out to call without a task; Starlette, with its middleware, has
    everything else, and the errors of a stream's path too."""

    def __init__(
        self, config: Config, streams: Streams, gate: Gate, metrics: Metrics, mounted: Sequence[BaseRoute] = ()
    ) -> None:
        self._streams = streams
        self._gate = gate
        self._metrics = metrics
        self._limits, self._drain = config.limits, config.drain
        self._admission = Admission(config.limits.clients, config.limits.clients_per_address)
        self._proxies = TrustedProxies(config.server.trusted_proxies)
        self._routes = [StreamRoute(route, max_channels=config.limits.channels) for route in config.routes]
        for route in config.routes:
            metrics.clients.labels(route.path)
            metrics.clients_opened.labels(route.path)
        page = [page_route(config, mounted)] if config.server.try_page else []
        self._rest = _rest([*mounted, *page], self._routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            for route in self._routes:
                if (parameters := route.match(scope["path"])) is not None:
                    return await self._answer(route, parameters, scope, receive, send)
        await self._rest(scope, receive, send)

    async def _answer(
        self, route: StreamRoute, parameters: dict[str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        try:
            request = _read(route, parameters, scope)
        except Problem as error:
            return await problem(error, path=scope["path"])(scope, receive, send)
        if scope["method"] == "HEAD":
            return await _head(request, send)
        address = self._proxies.client(scope)
        if reason := "draining" if self._gate.draining else self._admission.admit(address):
            return await self._put_off(reason, route, scope)(scope, receive, send)
        try:
            await self._streams.serve(request, scope, receive, send)
        finally:
            self._admission.leave(address)

    def _put_off(self, reason: str, route: StreamRoute, scope: Scope) -> Response:
        self._metrics.clients_refused.labels(reason).inc()
        return put_off(
            reason,
            accept=Headers(scope=scope).get("accept", ""),
            status_only=route.busy == "status",
            retry=self._drain.retry if reason == "draining" else self._limits.retry,
            path=scope["path"],
        )


def _read(route: StreamRoute, parameters: dict[str, str], scope: Scope) -> StreamRequest:
    headers, query = Headers(scope=scope), QueryParams(scope["query_string"])
    media_type = accepts(", ".join(headers.getlist("accept")), list(_FORMATS))
    if media_type is None:
        raise Problem(406, f"this is served as {' or '.join(_FORMATS)}")
    return StreamRequest(
        channels=route.channels(parameters, query),
        format=_FORMATS[media_type],
        route=route.path,
        last_event_id=_last_event_id(headers, query),
    )


def _last_event_id(headers: Headers, query: QueryParams) -> str | None:
    """The header wins: a browser sets it on each reconnection, while the query stays what the page once wrote."""
    if header := headers.get("last-event-id"):
        return header.encode("latin-1").decode("utf-8", "replace")  # as the HTML standard has it sent
    return query.get("last_event_id") or query.get("lastEventId") or None


async def _head(request: StreamRequest, send: Send) -> None:
    await send(begin_stream(request.format))
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _rest(routes: Sequence[BaseRoute], streams: Sequence[StreamRoute]) -> Starlette:
    # Streams stand here for their 405 only: their GET and HEAD never come so far.
    refusals = [Route(path, _never, methods=["GET"]) for path in dict.fromkeys(route.path for route in streams)]
    app = Starlette(routes=[*routes, *refusals], exception_handlers=EXCEPTION_HANDLERS)
    app.router.redirect_slashes = False  # a reconnecting EventSource is not to be sent elsewhere
    return app


async def _never(request: Request) -> Response:
    raise Problem(404)
