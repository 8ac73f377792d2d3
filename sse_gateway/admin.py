"""The application of the admin server: liveness, readiness and metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from anyio import to_thread
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .connector import EXCEPTION_HANDLERS
from .metrics import Gate, Metrics, Scrape

_HEADERS = {"cache-control": "no-store"}


class SourceState(Protocol):
    """The state of a source. Its times are on the clock that `Readiness` is given."""

    since: float
    """When `status` last changed."""
    been_up: bool
    """Whether the source was ever up."""
    last_error: str | None
    """Why the last connection ended."""
    last_message: float | None
    """When the last message arrived."""

    @property
    def status(self) -> str:
        """`connecting`, `up`, `down`, `finished` or `stopped`."""


class Readiness:
    """The gateway is ready once every source has been up once. A later outage makes it unready only if the source is
    `required`: otherwise a load balancer would remove all replicas because of one upstream. A drain makes it unready."""

    def __init__(
        self, gate: Gate, sources: Mapping[str, SourceState], required: frozenset[str], clock: Callable[[], float]
    ) -> None:
        self._gate = gate
        self._sources = sources
        self._required = required
        self._clock = clock

    def report(self) -> dict[str, Any]:
        """What `/readyz` answers: `ready`, the `reasons` if it is not, the drain's `stage` and each of the `sources`."""
        stage = self._gate.stage.name.lower()
        reasons = [f"draining: {stage}"] if self._gate.unready else []
        for name, state in self._sources.items():
            if not state.been_up:
                reasons.append(f"source {name} has not been up yet")
            elif name in self._required and state.status in ("connecting", "down"):
                reasons.append(f"source {name} is required and {state.status}")
        sources = {name: self._source(name, state) for name, state in self._sources.items()}
        return {"ready": not reasons, "reasons": reasons, "stage": stage, "sources": sources}

    def _source(self, name: str, state: SourceState) -> dict[str, Any]:
        now = self._clock()
        report: dict[str, Any] = {"status": state.status, "seconds": round(now - state.since, 3)}
        report["required"] = name in self._required
        if state.last_error is not None:
            report["last_error"] = state.last_error
        if state.last_message is not None:
            report["last_message_seconds"] = round(now - state.last_message, 3)
        return report


def admin_app(readiness: Readiness, metrics: Metrics, scrape: Scrape) -> Starlette:
    """`/livez` answers 200 while the event loop runs, `/readyz` 200 or 503, `/metrics` in the format of Prometheus."""

    async def livez(request: Request) -> Response:
        return JSONResponse({"alive": True}, headers=_HEADERS)

    async def readyz(request: Request) -> Response:
        report = readiness.report()
        return JSONResponse(report, 200 if report["ready"] else 503, _HEADERS)

    async def show_metrics(request: Request) -> Response:
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        scrape.take()
        # In a thread, because the process collector reads /proc.
        body = await to_thread.run_sync(encode, metrics.registry)
        return Response(body, headers={"content-type": media_type, **_HEADERS})

    routes = [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", show_metrics)]
    app = Starlette(routes=routes, exception_handlers=EXCEPTION_HANDLERS)
    app.router.redirect_slashes = False
    return app
