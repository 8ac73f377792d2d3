"""Health, readiness and metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from starlette.applications import Starlette

from sse_gateway.admin import Readiness, admin_app
from sse_gateway.core import Bounds, Hub
from sse_gateway.metrics import DrainStage, Gate, Metrics, Scrape
from tests.public.asgi import request


@dataclass
class State:
    status: str = "up"
    since: float = 90.0
    been_up: bool = True
    last_error: str | None = None
    last_message: float | None = None


class Admin:
    def __init__(self, *, required: frozenset[str] = frozenset(), **sources: State) -> None:
        self.metrics = Metrics()
        self.metrics.add_process_collectors()
        self.gate = Gate(self.metrics)
        hub = Hub(process="p")
        hub.add("orders", Bounds(10, 1000, 60.0), lambda name: True)
        scrape = Scrape(hub.logs, {})
        self.metrics.registry.register(scrape)
        self.app: Starlette = admin_app(
            Readiness(self.gate, sources, required, clock=lambda: 100.0), self.metrics, scrape
        )

    async def ready(self) -> tuple[int, Any]:
        answer = await request(self.app, "GET", "/readyz")
        return answer.status, answer.json()


async def test_it_is_ready_when_every_source_was_up_once() -> None:
    admin = Admin(orders=State(last_message=99.5), audit=State("down", 70.0, last_error="connection refused"))

    assert await admin.ready() == (
        200,
        {
            "ready": True,
            "reasons": [],
            "stage": "running",
            "sources": {
                "orders": {"status": "up", "seconds": 10.0, "required": False, "last_message_seconds": 0.5},
                "audit": {"status": "down", "seconds": 30.0, "required": False, "last_error": "connection refused"},
            },
        },
    )


async def test_it_is_not_ready_before_every_source_was_up() -> None:
    status, report = await Admin(orders=State(), audit=State("connecting", been_up=False)).ready()

    assert status == 503
    assert report["reasons"] == ["source audit has not been up yet"]


@pytest.mark.parametrize("status", ["down", "connecting"])
async def test_a_required_source_that_is_away_makes_it_unready(status: str) -> None:
    code, report = await Admin(orders=State(status), required=frozenset({"orders"})).ready()

    assert (code, report["reasons"]) == (503, [f"source orders is required and {status}"])


@pytest.mark.parametrize("status", ["up", "finished"])
async def test_a_required_source_that_is_up_or_has_ended_does_not(status: str) -> None:
    code, _ = await Admin(orders=State(status), required=frozenset({"orders"})).ready()

    assert code == 200


async def test_a_drain_makes_it_unready_from_its_first_stage() -> None:
    admin = Admin(orders=State())
    admin.gate.enter(DrainStage.UNREADY)

    status, report = await admin.ready()

    assert (status, report["stage"], report["reasons"]) == (503, "unready", ["draining: unready"])


async def test_it_is_alive_while_the_loop_turns_also_in_a_drain() -> None:
    admin = Admin(orders=State("down", been_up=False))
    admin.gate.enter(DrainStage.FAREWELLS)

    answer = await request(admin.app, "GET", "/livez")

    assert (answer.status, answer.json()) == (200, {"alive": True})
    assert answer.headers["cache-control"] == "no-store"


async def test_metrics_come_as_prometheus_text_with_process_hub_and_drain() -> None:
    admin = Admin(orders=State())
    admin.gate.enter(DrainStage.CLOSING)

    answer = await request(admin.app, "GET", "/metrics")

    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert "sse_gateway_drain_stage 2.0" in lines
    assert 'sse_gateway_log_events{source="orders"} 0.0' in lines
    assert any(line.startswith("process_cpu_seconds_total") for line in lines)


async def test_metrics_come_as_openmetrics_for_whoever_accepts_it() -> None:
    answer = await request(
        Admin().app, "GET", "/metrics", {"accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
    )

    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


async def test_every_scrape_reads_the_hub_anew() -> None:
    admin = Admin()
    await request(admin.app, "GET", "/metrics")
    admin.metrics.flushes.inc()

    assert "sse_gateway_flushes_total 1.0" in (await request(admin.app, "GET", "/metrics")).text


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("POST", "/readyz", 405), ("GET", "/livez/", 404)]
)
async def test_other_paths_and_methods_are_problems(method: str, path: str, status: int) -> None:
    answer = await request(Admin().app, method, path)

    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
