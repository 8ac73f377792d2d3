"""The admin server: is it alive, is it ready, what does it count."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from anyio import to_thread
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..connector import EXCEPTION_HANDLERS
from ..metrics import DrainStage, Metrics, Scrape


class Gate(Protocol):
    """The stage of the drain, as far as readiness needs it."""

    @property
    def stage(self) -> DrainStage:
        """Where the drain is."""

    @property
    def unready(self) -> bool:
        """Whether balancers are to send new clients elsewhere."""


class SourceState(Protocol):
    """What a source tells about itself; its moments are on the clock that `Readiness` is given."""

    @property
    def status(self) -> str:
        """`connecting`, `up`, `down`, `finished` or `stopped`."""

    @property
    def since(self) -> float:
        """When `status` began."""

    @property
    def been_up(self) -> bool:
        """Whether it ever was up."""

    @property
    def last_error(self) -> str | None:
        """Why the last connection ended."""

    @property
    def last_message(self) -> float | None:
        """When the last message came."""


class Readiness:
    """Ready once every source was up once. A later outage is shown, and makes the gateway unready only where the source is
    `required`: without it a balancer would take all replicas out for one upstream's trouble. A drain always does."""

    def __init__(
        self, gate: Gate, sources: Mapping[str, SourceState], required: frozenset[str], clock: Callable[[], float]
    ) -> None:
        self._gate = gate
        self._sources = sources
        self._required = required
        self._clock = clock

    def report(self) -> dict[str, Any]:
        """What `/readyz` answers: `ready`, the `reasons` if it is not, the drain's `stage` and each of the `sources`."""
        reasons = [f"draining: {self._gate.stage.name.lower()}"] if self._gate.unready else []
        reasons += [reason for name in self._sources if (reason := self._reason(name))]
        return {
            "ready": not reasons,
            "reasons": reasons,
            "stage": self._gate.stage.name.lower(),
            "sources": {name: self._source(name) for name in self._sources},
        }

    def _reason(self, name: str) -> str | None:
        state = self._sources[name]
        if not state.been_up:
            return f"source {name} has not been up yet"
        if name in self._required and state.status in ("connecting", "down"):
            return f"source {name} is required and {state.status}"
        return None

    def _source(self, name: str) -> dict[str, Any]:
        state, now = self._sources[name], self._clock()
        report: dict[str, Any] = {"status": state.status, "seconds": round(now - state.since, 3)}
        report["required"] = name in self._required
        if state.last_error is not None:
            report["last_error"] = state.last_error
        if state.last_message is not None:
            report["last_message_seconds"] = round(now - state.last_message, 3)
        return report


def admin_app(readiness: Readiness, metrics: Metrics, scrape: Scrape) -> Starlette:
    """`/livez` (the loop turns: restart me if this does not answer), `/readyz` and `/metrics`."""

    async def livez(request: Request) -> Response:
        return _json({"alive": True}, 200)

    async def readyz(request: Request) -> Response:
        report = readiness.report()
        return _json(report, 200 if report["ready"] else 503)

    async def show_metrics(request: Request) -> Response:
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        scrape.take()
        # In a thread: the process collector reads /proc.
        body = await to_thread.run_sync(encode, metrics.registry)
        return Response(body, headers={"content-type": media_type, "cache-control": "no-store"})

    routes = [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", show_metrics)]
    app = Starlette(routes=routes, exception_handlers=EXCEPTION_HANDLERS)
    app.router.redirect_slashes = False
    return app


def _json(body: Mapping[str, Any], status: int) -> Response:
    return JSONResponse(body, status, headers={"cache-control": "no-store"})
