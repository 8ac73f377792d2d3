"""Claims 1 to 10: installation, frameworks, standards, threads and loops. The others of them need servers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.testclient import TestClient

from sse_gateway import EventSourceResponse, begin_shutdown

from .. import streams
from ..servers import ROOT
from ..wire import Wire, forever, serving

pytestmark = pytest.mark.anyio


async def generate_events() -> AsyncIterator[dict[str, Any]]:
    for i in range(10):
        yield {"data": f"Event {i}"}
        await asyncio.sleep(0)


TEN = b"".join(b"data: Event %d\r\n\r\n" % number for number in range(10))


def test_01_installs_with_pip(tmp_path: Path) -> None:
    """A wheel is built and installed; the engine is imported from there."""
    python = [sys.executable, "-m"]
    subprocess.run(
        [*python, "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)], cwd=ROOT, check=True, timeout=50
    )
    [wheel] = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    install = ["pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site), str(wheel)]
    subprocess.run([*python, *install], check=True, timeout=50)
    program = f"import sse_gateway.sse as sse; assert sse.__file__.startswith({str(site)!r}), sse.__file__"
    subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": str(site)}, cwd=tmp_path, check=True, timeout=50)
    assert (site / "sse_gateway" / "py.typed").exists()


def test_03_quick_start() -> None:
    async def endpoint(request: Request) -> EventSourceResponse:
        return EventSourceResponse(generate_events())

    response = TestClient(Starlette(routes=[Route("/events", endpoint)])).get("/events")
    assert (response.status_code, response.content) == (200, TEN)


def test_04_fastapi_support() -> None:
    app = FastAPI()

    @app.get("/events")
    async def events() -> EventSourceResponse:
        return EventSourceResponse(generate_events())

    response = TestClient(app).get("/events")
    assert (response.content, response.headers["content-type"]) == (TEN, "text/event-stream; charset=utf-8")


def test_05_standards_compliant() -> None:
    """The whole of it is in test_round_trip."""
    streams.fuzz(1000, seed=5)


def stream_five(results: list[list[str]]) -> None:
    async def five() -> AsyncIterator[str]:
        for number in range(5):
            yield str(number)
            await asyncio.sleep(0.001)

    async def run() -> None:
        wire = Wire()
        async with serving(EventSourceResponse(five()), wire) as running:
            await running.done()
        results.append(wire.data())

    asyncio.run(run())


def test_09_thread_safety() -> None:
    """Three threads, each with its own loop: all get their five events."""
    results: list[list[str]] = []
    threads = [threading.Thread(target=stream_five, args=[results]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert results == [[*"01234"]] * 3


def test_10_multi_loop() -> None:
    """Twenty loops one after another in one thread, some closed abruptly; the last notices the shutdown at once."""

    async def run(last: bool) -> bool:
        wire = Wire()
        async with serving(EventSourceResponse(forever("x")), wire) as running:
            await wire.until(lambda: wire.chunks)
            if last:
                began = monotonic()
                begin_shutdown()
                await running.done()
                assert monotonic() - began < 1
        return wire.ended

    for _ in range(19):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(run(last=False))
        loop.close()
    assert asyncio.run(run(last=True))
